/**
 * Chaos: servers of all three kinds behind a fault proxy, under load, with faults, signals, floods and bad handlers by
 * chance. Ends with 0 if every promise was kept. Linux only: it reads /proc.
 *
 *   npm run chaos -- [--runtime node|deno|bun] [--kind tcp|http|ws] [--seconds 120] [--seed N]
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { dice } from "../support/dice.ts";
import { type RuntimeName, runtimeNames } from "../support/processes.ts";
import { type Kind, KINDS } from "./clients.ts";
import { playRound } from "./round.ts";

interface Options {
  readonly runtimes: readonly RuntimeName[];
  readonly kinds: readonly Kind[];
  readonly seconds: number;
  readonly seed: number;
}

const USAGE = "usage: npm run chaos -- [--runtime node|deno|bun] [--kind tcp|http|ws] [--seconds 120] [--seed N]";
const SECONDS = 120;

function readOptions(): Options {
  const strings = { type: "string" } as const;
  const { values } = parseArgs({ options: { runtime: strings, kind: strings, seconds: strings, seed: strings } });
  const runtimes = runtimeNames.filter((name) => values.runtime === undefined || name === values.runtime);
  const kinds = KINDS.filter((kind) => values.kind === undefined || kind === values.kind);
  const seconds = Number(values.seconds ?? SECONDS);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000));
  const right = runtimes.length > 0 && kinds.length > 0 && seconds > 0 && Number.isInteger(seed) && seed >= 0;
  if (!right) throw new Error(USAGE);
  return { runtimes, kinds, seconds, seed };
}

/** Plays rounds, each with a seed of its own, until the time is over and every pair had its turn. */
async function main({ runtimes, kinds, seconds, seed }: Options): Promise<number> {
  console.log(`seed ${seed}`);
  const until = performance.now() + seconds * 1000;
  const pairs = runtimes.flatMap((runtime) => kinds.map((kind) => ({ runtime, kind })));
  let problems = 0;
  for (let round = 0; round < pairs.length || performance.now() < until; round++) {
    const { runtime, kind } = pairs[round % pairs.length];
    const roll = dice(seed + round);
    const busy = roll(3) === 0 ? 4 : 0;
    const settings = { storm: 2000 + roll(4000), grace: 2000 + roll(3000), busy };
    const findings = await playRound({ runtime, kind, seed: seed + round, roll, ...settings });
    problems += findings.problems.length;
    const counts = Object.entries(findings.counts).map(([name, count]) => `${count} ${name}`).join(", ");
    console.log(
      `${runtime} ${kind}${busy > 0 ? `, ${busy} busy` : ""}, seed ${
        seed + round
      }: ${findings.problems.length} problems; ${counts}`,
    );
    for (const problem of findings.problems) console.log(`  ${problem}`);
  }
  console.log(problems === 0 ? "all promises kept" : `${problems} problems, repeat with --seed ${seed}`);
  return problems === 0 ? 0 : 1;
}

// Not all that a round has begun ends by itself: a handler's client may be stuck in its own wait.
process.exit(await main(readOptions()));
