/**
 * How connections are spread over workers: the kernel gives a new one to whoever asks first, so that a burst of them
 * goes to one, and those that stay open stay with it.
 *
 * @module
 */
import { placesOf, type ServerState } from "../../parent.ts";

/** Connections that each worker has on an average, by where they came in; nothing of what one worker has alone. */
export function sharesOf(workers: readonly (readonly ServerState[])[]): Readonly<Record<string, number>> {
  const found = new Map<string, number[]>();
  for (const server of workers.flat()) {
    const place = placesOf(server);
    found.set(place, [...found.get(place) ?? [], server.active]);
  }
  const shared = [...found].filter(([, counts]) => counts.length > 1);
  return Object.fromEntries(shared.map(([place, counts]) => [place, average(counts)]));
}

function average(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0) / counts.length;
}
