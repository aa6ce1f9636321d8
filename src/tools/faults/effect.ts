/**
 * What the faults that fell to one connection do to each of its directions.
 *
 * @module
 */
import { randomOf } from "./random.ts";
import type { Fault } from "./faults_api.ts";

/** Bytes that may still pass; one that is for both directions is shared by them. */
export interface Budget {
  left: number;
}

/** All that happens to the bytes of one direction. */
export interface Effect {
  latency: number;
  jitter: number;
  bytesPerSecond: number;
  /** The most that one write has, and the pause behind it in ms. */
  sliceBytes: number;
  sliceDelay: number;
  readonly resets: Budget[];
  resetChance: number;
  readonly stalls: Budget[];
  closeDelay: number;
  halfOpen: boolean;
  /** Nothing passes before this time on the clock. */
  closedUntil: number;
}

/** Both directions of one connection. */
export interface Effects {
  readonly up: Effect;
  readonly down: Effect;
  /** It is not connected at all. */
  readonly refused: boolean;
}

/** Numbers from here on tell the purposes of a connection's random numbers apart; those below are its directions'. */
const SHARES = 16;

/**
 * The faults that fall to the n-th connection.
 *
 * @param setAt When they were set, on the clock.
 */
export function effectsOf(faults: readonly Fault[], seed: number, connection: number, setAt: number): Effects {
  const up = noEffect();
  const down = noEffect();
  let refused = false;
  for (const [i, fault] of faults.entries()) {
    const { direction = "both", share = 1 } = fault;
    if (share < 1 && randomOf(seed, connection, SHARES + i)() >= share) continue;
    if (fault.kind === "refuse") refused = true;
    const budget = { left: "afterBytes" in fault ? fault.afterBytes ?? 0 : 0 };
    if (direction !== "down") addTo(up, fault, budget, setAt);
    if (direction !== "up") addTo(down, fault, budget, setAt);
  }
  return { up, down, refused };
}

/** Nothing goes wrong. */
export function noEffect(): Effect {
  return {
    latency: 0,
    jitter: 0,
    bytesPerSecond: Infinity,
    sliceBytes: Infinity,
    sliceDelay: 0,
    resets: [],
    resetChance: 0,
    stalls: [],
    closeDelay: 0,
    halfOpen: false,
    closedUntil: 0,
  };
}

/** Times add up, limits are as narrow as the narrowest. */
function addTo(effect: Effect, fault: Fault, budget: Budget, setAt: number): void {
  switch (fault.kind) {
    case "latency":
      effect.latency += fault.ms;
      effect.jitter += fault.jitter ?? 0;
      break;
    case "bandwidth":
      effect.bytesPerSecond = Math.min(effect.bytesPerSecond, fault.bytesPerSecond);
      break;
    case "slice":
      effect.sliceBytes = Math.min(effect.sliceBytes, fault.bytes);
      effect.sliceDelay = Math.max(effect.sliceDelay, fault.delay ?? 0);
      break;
    case "reset":
      if (fault.chance !== undefined) effect.resetChance = 1 - (1 - effect.resetChance) * (1 - fault.chance);
      if (fault.chance === undefined || fault.afterBytes !== undefined) effect.resets.push(budget);
      break;
    case "stall":
      effect.stalls.push(budget);
      break;
    case "slowClose":
      effect.closeDelay += fault.ms;
      break;
    case "halfOpen":
      effect.halfOpen = true;
      break;
    case "partition":
      effect.closedUntil = Math.max(effect.closedUntil, setAt + (fault.ms ?? Infinity));
  }
}
