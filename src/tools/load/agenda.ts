/**
 * Who has to be woken when: one heap instead of a timer each.
 *
 * @module
 */

/** Entries in the order of their time; those of one time in any order. */
export class Agenda<T> {
  /** A binary heap: no entry is earlier than the one at half its index. */
  readonly #times: number[] = [];
  readonly #items: T[] = [];

  /** Time of the first entry; `Infinity` if there is none. */
  get next(): number {
    return this.#times.length === 0 ? Infinity : this.#times[0];
  }

  /** Adds an entry. */
  add(time: number, item: T): void {
    let at = this.#times.length;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (this.#times[parent] <= time) break;
      this.#put(at, this.#times[parent], this.#items[parent]);
      at = parent;
    }
    this.#put(at, time, item);
  }

  /** Takes the first entry if its time has come, otherwise gives undefined. */
  take(now: number): T | undefined {
    if (this.next > now) return undefined;
    const first = this.#items[0];
    const time = this.#times.pop()!;
    const item = this.#items.pop()!;
    if (this.#times.length > 0) this.#sink(time, item);
    return first;
  }

  /** Forgets all entries. */
  clear(): void {
    this.#times.length = 0;
    this.#items.length = 0;
  }

  /** Finds the place of an entry, from the top down. */
  #sink(time: number, item: T): void {
    const { length } = this.#times;
    let at = 0;
    for (let child = 1; child < length; child = 2 * at + 1) {
      if (child + 1 < length && this.#times[child + 1] < this.#times[child]) child++;
      if (this.#times[child] >= time) break;
      this.#put(at, this.#times[child], this.#items[child]);
      at = child;
    }
    this.#put(at, time, item);
  }

  #put(at: number, time: number, item: T): void {
    this.#times[at] = time;
    this.#items[at] = item;
  }
}
