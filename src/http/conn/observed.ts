/**
 * How observers are told of requests.
 *
 * @module
 */
import type { Observers } from "../../observers.ts";
import { runAround } from "../../run_around.ts";
import type { HttpObserver, ObservedRequest } from "../http_observer.ts";

type Heard = readonly HttpObserver[];

/** A request has begun. @param heard Those who hear of its end as well. */
export function tellBegin(request: ObservedRequest, heard: Heard, observers: Observers<HttpObserver>): void {
  for (const observer of heard) {
    if (observer.began === undefined) continue;
    try {
      observers.told(observer.began(request));
    } catch (error) {
      observers.failed(error);
    }
  }
}

/** A request is over. @param heard Those who have heard of its beginning: of them, those who have left hear no more. */
export function tellEnd(request: ObservedRequest, heard: Heard, observers: Observers<HttpObserver>): void {
  const { list } = observers;
  for (const observer of heard) {
    if (observer.ended === undefined || (list !== heard && !list?.includes(observer))) continue;
    try {
      observers.told(observer.ended(request));
    } catch (error) {
      observers.failed(error);
    }
  }
}

/** Whether one of them wants to be around handlers. */
export function surround(heard: Heard): boolean {
  // Asked for each request.
  for (const { around } of heard) if (around !== undefined) return true;
  return false;
}

/** Calls `run` with all that want to be around it, the first one outermost. @throws What `run` throws. */
export function runWithin<T>(
  request: ObservedRequest,
  heard: Heard,
  observers: Observers<HttpObserver>,
  run: () => T,
): T {
  const around = (observer: HttpObserver) =>
    observer.around === undefined ? null : (next: () => void) => observer.around!(request, next);
  return runAround(observers, heard, around, run);
}
