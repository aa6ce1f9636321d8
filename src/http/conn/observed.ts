/**
 * How observers are told of requests.
 *
 * @module
 */
import type { Observers } from "../../observers.ts";
import type { HttpObserver, ObservedRequest } from "../http_observer.ts";

type Heard = readonly HttpObserver[];

/** A request has begun. @param heard Those who hear of its end as well. */
export function tellBegin(request: ObservedRequest, heard: Heard, observers: Observers<HttpObserver>): void {
  for (let i = 0; i < heard.length; i++) {
    if (heard[i].began === undefined) continue;
    try {
      heard[i].began!(request);
    } catch (error) {
      observers.failed(error);
    }
  }
}

/** A request is over. @param heard Those who have heard of its beginning: of them, those who have left hear no more. */
export function tellEnd(request: ObservedRequest, heard: Heard, observers: Observers<HttpObserver>): void {
  const { list } = observers;
  for (let i = 0; i < heard.length; i++) {
    const observer = heard[i];
    if (observer.ended === undefined || (list !== heard && !list?.includes(observer))) continue;
    try {
      observer.ended(request);
    } catch (error) {
      observers.failed(error);
    }
  }
}

/** Whether one of them wants to be around handlers. */
export function surround(heard: Heard): boolean {
  for (let i = 0; i < heard.length; i++) if (heard[i].around !== undefined) return true;
  return false;
}

/** Calls `run` with all that want to be around it, the first one outermost. @throws What `run` throws. */
export function runWithin<T>(
  request: ObservedRequest,
  heard: Heard,
  observers: Observers<HttpObserver>,
  run: () => T,
): T {
  let next = run;
  for (const observer of [...heard].reverse()) {
    if (observer.around !== undefined) next = surrounded(request, observer, next, observers);
  }
  return next();
}

/** Whatever an observer does, `run` runs once, and what it gives or throws is what its caller sees. */
function surrounded<T>(
  request: ObservedRequest,
  observer: HttpObserver,
  run: () => T,
  observers: Observers<HttpObserver>,
): () => T {
  return () => {
    let outcome: { readonly value: T } | { readonly error: unknown } | null = null;
    const once = (): void => {
      if (outcome !== null) return;
      try {
        outcome = { value: run() };
      } catch (error) {
        outcome = { error };
      }
    };
    try {
      observer.around!(request, once);
    } catch (error) {
      observers.failed(error);
    }
    once();
    const settled = outcome as unknown as { readonly value: T } | { readonly error: unknown };
    if ("error" in settled) throw settled.error;
    return settled.value;
  };
}
