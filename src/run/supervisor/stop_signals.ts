/**
 * What tells a supervisor to stop, heard as `run()` hears it in a program.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { defaultAdapter } from "../../runtime.ts";
import { signalNames, SignalWatch } from "../../server/run/signals.ts";

export { signalExitCode } from "../../server/run/signals.ts";

/**
 * Hears SIGINT and SIGTERM. One that follows within 100 ms is the same wish: npm forwards what the terminal has sent to
 * the whole group.
 *
 * @param heard Gets the signal's name, and how many wishes there have been.
 * @returns Ends it.
 * @example
 * ```ts
 * const dispose = await onStopSignals((name) => void supervisor.stop(name));
 * ```
 */
export async function onStopSignals(heard: (name: string, count: number) => void): Promise<() => void> {
  const watch = new SignalWatch(await defaultAdapter(), signalNames(undefined), systemClock, heard);
  return () => watch.dispose();
}
