/**
 * Asks a server to stop, and sees it gone.
 *
 * @module
 */
import { constants } from "node:os";
import type { Expectation, StopResult } from "../../verify/mod.ts";
import type { Child, ChildExit } from "./child.ts";

/** What a stop needs to know. */
export interface StopOptions {
  /** Name of the signal. */
  readonly signal: string;
  /** Longest time from the last signal to the exit in ms. */
  readonly grace: number;
  readonly expectation: Expectation;
  /** Called just before each signal. */
  readonly signalled: () => void;
}

/** What a shell adds to a signal's number. */
const SIGNAL_CODE = 128;

/** Sends the signals that are due, and waits for the exit; a server that is still there then is killed. */
export async function stopServer(child: Child, options: StopOptions): Promise<StopResult> {
  const { signals, secondAfter, within } = options.expectation;
  let last = send(child, options);
  for (let sent = 1; sent < signals; sent++) {
    if (await child.exitWithin(secondAfter) === null) last = send(child, options);
  }
  const exit = await child.exitWithin(within ?? options.grace);
  if (exit !== null) return { took: exit.at - last, code: exit.code, signal: exit.signal };
  child.kill();
  return { took: null, code: null, signal: null };
}

function send(child: Child, { signal, signalled }: StopOptions): number {
  signalled();
  const now = performance.now();
  child.signal(signal);
  return now;
}

/** The same stop, with the exit of a server that did right if its code is one of `codes`. */
export function forgive(stop: StopResult, codes: readonly number[]): StopResult {
  const code = shellCode(stop);
  return code !== null && codes.includes(code) ? { ...stop, code: 0, signal: null } : stop;
}

/** The exit code as a shell gives it: 128 and the number of the signal that ended it. */
function shellCode({ code, signal }: Pick<ChildExit, "code" | "signal">): number | null {
  if (signal === null) return code;
  return SIGNAL_CODE + constants.signals[signal as NodeJS.Signals];
}
