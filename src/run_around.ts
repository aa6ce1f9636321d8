/**
 * Observers that are around what they observe, such as a handler: it runs in their async context.
 *
 * @module
 */
import type { Observers } from "./observers.ts";

/**
 * Calls `run` with all that want to be around it, the first one outermost. Whatever they do, it runs once, and what it
 * gives or throws is what its caller sees.
 *
 * @param around What an observer does around it; null for nothing.
 * @throws What `run` throws.
 */
export function runAround<T extends object, R>(
  observers: Observers<T>,
  list: readonly T[],
  around: (observer: T) => ((run: () => void) => void) | null,
  run: () => R,
): R {
  const outermost = list.reduceRight((next, observer) => {
    const wrap = around(observer);
    return wrap === null ? next : surrounded(observers, wrap, next);
  }, run);
  return outermost();
}

type Outcome<R> = { readonly value: R } | { readonly error: unknown };

function surrounded<T extends object, R>(
  observers: Observers<T>,
  wrap: (run: () => void) => void,
  run: () => R,
): () => R {
  return () => {
    let outcome: Outcome<R> | null = null;
    const once = (): void => {
      if (outcome !== null) return;
      try {
        outcome = { value: run() };
      } catch (error) {
        outcome = { error };
      }
    };
    try {
      observers.told(wrap(once));
    } catch (error) {
      observers.failed(error);
    }
    once();
    const settled = outcome as unknown as Outcome<R>;
    if ("error" in settled) throw settled.error;
    return settled.value;
  };
}
