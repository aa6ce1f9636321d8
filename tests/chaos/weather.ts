/** Faults by chance: every kind comes, in an order and with numbers that follow from the seed. */
import {
  type Fault,
  FAULT_KINDS,
  type FaultKind,
  type FaultProxy,
  type FaultScope,
} from "../../src/tools/faults/mod.ts";
import { pause } from "../support/http_loads.ts";

/** A number below its argument, whole. */
export type Dice = (below: number) => number;

const DIRECTIONS = ["up", "down", "both"] as const;

/** One fault of a kind. */
export function faultOf(kind: FaultKind, roll: Dice): Fault {
  const scope: FaultScope = { direction: DIRECTIONS[roll(3)], share: (1 + roll(4)) / 4 };
  switch (kind) {
    case "latency":
      return { kind, ms: roll(60), jitter: roll(30), ...scope };
    case "bandwidth":
      return { kind, bytesPerSecond: 1000 + roll(100_000), ...scope };
    case "slice":
      return { kind, bytes: 1 + roll(20), delay: roll(3), ...scope };
    case "reset":
      return roll(2) === 0 ? { kind, afterBytes: roll(2000), ...scope } : { kind, chance: roll(10) / 50, ...scope };
    case "stall":
      return { kind, afterBytes: roll(2000), ...scope };
    case "slowClose":
      return { kind, ms: roll(500), ...scope };
    case "partition":
      return { kind, ms: roll(300), ...scope };
    case "halfOpen":
    case "refuse":
      return { kind, ...scope };
  }
}

/** The kinds in an order of their own. */
export function shuffled(roll: Dice): FaultKind[] {
  const kinds = [...FAULT_KINDS];
  for (let i = kinds.length - 1; i > 0; i--) {
    const j = roll(i + 1);
    [kinds[i], kinds[j]] = [kinds[j], kinds[i]];
  }
  return kinds;
}

/** Every kind once in `ms` milliseconds, and a second one beside it half the time; ends with `end`. */
export async function storm(proxy: FaultProxy, ms: number, roll: Dice, end: readonly Fault[] = []): Promise<void> {
  const kinds = shuffled(roll);
  for (const kind of kinds) {
    const also = roll(2) === 0 ? [faultOf(kinds[roll(kinds.length)], roll)] : [];
    proxy.set([faultOf(kind, roll), ...also]);
    await pause(ms / kinds.length);
  }
  proxy.set(end);
}
