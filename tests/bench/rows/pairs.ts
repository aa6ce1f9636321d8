/**
 * Servers that are compared two by two.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import type { Bound } from "../bounds.ts";
import type { Work } from "../load/jobs.ts";
import { compareRates, type Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig, Server } from "../servers.ts";
import { sameWork } from "./turns.ts";

/** One of ours, another's, and what the ratio must be. */
export type Pair = readonly [ours: Server, against: Server, bound: Bound];

/** What all pairs have in common. */
export interface PairedWork {
  readonly row: string;
  readonly runtime: RuntimeName;
  readonly unit: string;
  readonly job: Work;
}

/** Measures each server once a round, however many pairs it is in; all are stopped afterwards. */
export async function comparePairs(
  rig: Rig,
  work: PairedWork,
  pairs: readonly Pair[],
  effort: Effort,
): Promise<Result[]> {
  const { job, ...about } = work;
  const servers = [...new Set(pairs.flatMap(([ours, against]) => [ours, against]))];
  const samples = await sameWork(rig, servers, job, effort);
  return pairs.map(([ours, against, bound]) => {
    const subject = { ...about, ours: ours.name, against: against.name, bound };
    return compareRates(subject, samples[servers.indexOf(ours)], samples[servers.indexOf(against)]);
  });
}
