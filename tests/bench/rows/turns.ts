/**
 * Servers that are measured in turns: A B C, A B C, …
 *
 * @module
 */
import type { Sample, Work } from "../load/jobs.ts";
import type { Effort } from "../rows.ts";
import type { Rig, Server } from "../servers.ts";

/** Time for a runtime to compile what is hot, in ms. */
const FIRST_WARM_UP = 1500;
/** Time for new connections to be in their stride, in ms. */
const WARM_UP = 150;

/** Work, and the server that does it. */
export interface Turn {
  readonly server: Server;
  readonly job: Work;
}

/** The samples of each turn, in the order given. */
export async function inTurns(rig: Rig, turns: readonly Turn[], effort: Effort): Promise<Sample[][]> {
  const samples: Sample[][] = turns.map(() => []);
  for (const turn of turns) await once(rig, turn, FIRST_WARM_UP, 100);
  for (let round = 0; round < effort.rounds; round++) {
    for (const [i, turn] of turns.entries()) {
      samples[i].push(await once(rig, turn, WARM_UP, effort.seconds * 1000));
    }
  }
  return samples;
}

function once(rig: Rig, { server, job }: Turn, warmUpMs: number, ms: number): Promise<Sample> {
  return rig.measure({ ...job, port: server.port, pid: server.program.pid, warmUpMs, ms });
}

/** The same work for several servers; they are stopped afterwards. */
export async function sameWork(
  rig: Rig,
  servers: readonly Server[],
  job: Work,
  effort: Effort,
): Promise<Sample[][]> {
  const samples = await inTurns(rig, servers.map((server) => ({ server, job })), effort);
  for (const server of servers) await rig.stop(server);
  return samples;
}
