/**
 * What this process has seen of each stream: so that entries which a failover has lost are missed, by the scripts.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { Place } from "./redis_text.ts";

/** So many streams are remembered; of more the oldest are forgotten, and their losses found by others only. */
const MOST = 100_000;

/** An idle stream is touched so many times before it would be forgotten. */
const TOUCHES = 4;

/** Places of streams as they were seen last. */
export class Sights {
  readonly #places = new Map<string, Place>();
  /** When a script has looked at each, which puts its end off. */
  readonly #touched = new Map<string, number>();
  /** The epoch in which each was put on the list of streams. */
  readonly #listed = new Map<string, string>();

  /** What was seen of a stream. */
  of(stream: string): Place | undefined {
    return this.#places.get(stream);
  }

  /** What a script needs to know of it. */
  args(stream: string): readonly string[] {
    const place = this.#places.get(stream);
    return place === undefined ? ["", "0", "-"] : [place.epoch, String(place.top), place.life];
  }

  /**
   * A script has found the stream at `place`, and has compared it with `before`. What was seen of another life meanwhile
   * stays: it has yet to be compared.
   */
  compared(stream: string, before: Place | undefined, place: Place): void {
    const now = this.#places.get(stream);
    if (now === before || now === undefined) this.#set(stream, place);
    else this.told(stream, place);
  }

  /** Something was told that nobody has compared: it counts if it goes on where this process was; else false. */
  told(stream: string, place: Place): boolean {
    const now = this.#places.get(stream);
    if (now === undefined || now.epoch !== place.epoch || now.life !== place.life) return false;
    if (place.top > now.top) this.#set(stream, place);
    return true;
  }

  /** A script has looked at it just now. */
  touched(stream: string): void {
    put(this.#touched, stream, systemClock.now());
  }

  /** No script has looked at it for so long that it may be forgotten, if that is after `idle` ms (0 for never). */
  isStale(stream: string, idle: number): boolean {
    return idle > 0 && systemClock.now() - (this.#touched.get(stream) ?? -Infinity) > idle / TOUCHES;
  }

  /** The epoch in which it was put on the list. */
  listed(stream: string): string | undefined {
    return this.#listed.get(stream);
  }

  /** It is on the list. */
  list(stream: string, epoch: string): void {
    put(this.#listed, stream, epoch);
  }

  /** The stream at `place` may have lost what was seen before. */
  doubts(before: Place | undefined, place: Place | null): boolean {
    if (place === null) return true;
    if (before === undefined || before.epoch !== place.epoch) return false;
    return place.top < before.top || place.life !== before.life;
  }

  #set(stream: string, place: Place): void {
    put(this.#places, stream, place);
  }
}

function put<T>(map: Map<string, T>, stream: string, value: T): void {
  map.set(stream, value);
  if (map.size > MOST) map.delete(map.keys().next().value!);
}
