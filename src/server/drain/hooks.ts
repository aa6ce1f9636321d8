/**
 * Shutdown hooks: in reverse order of registration, one after the other, each with its own timeout.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { HookResult } from "./report.ts";

/** Frees something when a drain has ended; `signal` aborts when its time is over. */
export type HookFunction = (signal: AbortSignal) => void | Promise<void>;

/** A named hook and its time. */
export interface Hook {
  readonly name: string;
  readonly run: HookFunction;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Runs all hooks; none stops the next by failing. */
export async function runHooks(hooks: readonly Hook[], clock: Clock): Promise<HookResult[]> {
  const results: HookResult[] = [];
  for (const hook of [...hooks].reverse()) results.push(await runHook(hook, clock));
  return results;
}

/** What the hooks need at the most, in ms. */
export function hooksBudget(hooks: readonly Hook[]): number {
  return hooks.reduce((sum, hook) => sum + hook.timeout, 0);
}

async function runHook(hook: Hook, clock: Clock): Promise<HookResult> {
  const began = clock.now();
  const controller = new AbortController();
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    cancel = clock.setTimer(() => {
      const error = new Error(`Hook ${hook.name} took longer than ${hook.timeout} ms`);
      reject(error);
      controller.abort(error);
    }, hook.timeout);
  });
  try {
    // An async wrapper turns a synchronous throw into a rejection.
    await Promise.race([(async () => await hook.run(controller.signal))(), late]);
    return { name: hook.name, ok: true, duration: clock.now() - began };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { name: hook.name, ok: false, duration: clock.now() - began, error: message };
  } finally {
    cancel();
  }
}
