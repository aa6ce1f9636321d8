/**
 * What is kept of one stream: its entries' slots in order, where it begins and ends, and the ids that it remembers.
 *
 * @module
 */
import type { ReadLimit, Retention, TrimReason } from "./log_api.ts";

/** Place of an entry: where it stands, how old it is and how large. What else it has is its log's affair. */
export interface Slot {
  /** Its place. */
  readonly offset: number;
  /** When it was taken, in ms since 1970. */
  readonly time: number;
  /** Bytes of its data. */
  readonly size: number;
}

/** Slots that a read has found. */
export interface Picked<S> {
  readonly slots: readonly S[];
  /** Nothing is kept behind them. */
  readonly complete: boolean;
}

/** Room at the head of a list that is not given back: below it copying costs more than it saves. */
const SLACK = 32;

const NOTHING: Retention = { size: 0, bytes: 0, age: 0 };

/** One stream. */
export class Kept<S extends Slot> {
  readonly name: string;
  /** Which life it is; another one begins where entries were lost. */
  epoch: string;
  /** Offset of the last entry that was appended. */
  top = 0;
  /** What is behind it is kept, or was removed. */
  floor = 0;
  /** Why what is before the floor is gone. */
  trimmedBy: TrimReason | null = null;
  /** As the last append has said. */
  keep: Retention = NOTHING;
  /** Bytes of data that are kept. */
  bytes = 0;
  #ids: Ids | null = null;
  /** By offset; those before the head have gone. */
  #slots: (S | undefined)[] = [];
  #head = 0;
  readonly #dropped: ((slot: S) => void) | null;

  /** @param dropped Hears of each slot that goes. */
  constructor(name: string, epoch: string, dropped: ((slot: S) => void) | null = null) {
    this.name = name;
    this.epoch = epoch;
    this.#dropped = dropped;
  }

  /** Entries that are kept. */
  get count(): number {
    return this.#slots.length - this.#head;
  }

  /** Nothing is kept, nor remembered, but the place of the next entry. */
  get isEmpty(): boolean {
    return this.count === 0 && (this.#ids === null || this.#ids.size === 0);
  }

  /** Ids that it remembers; null if there never was one. */
  get ids(): Ids | null {
    return this.#ids;
  }

  /** Takes the entry behind the top, and lets go what is too much by then. */
  push(slot: S, keep: Retention, now: number): void {
    // What was too old as it was said before is not kept longer because another age is said now.
    this.trim(now);
    this.top = slot.offset;
    this.keep = keep;
    this.add(slot);
    this.trim(now);
  }

  /** Puts a slot behind all others; the top stays. */
  add(slot: S): void {
    this.#slots.push(slot);
    this.bytes += slot.size;
  }

  /** Remembers an id. */
  remember(id: string, offset: number, until: number, now: number): void {
    this.#ids ??= new Ids();
    this.#ids.set(id, offset, until, now);
  }

  /** Where the entry with this id stands; 0 if it is not remembered. */
  find(id: string, now: number): number {
    return this.#ids === null ? 0 : this.#ids.find(id, now);
  }

  /** Lets go what is beyond retention now. */
  trim(now: number): void {
    const { size, bytes, age } = this.keep;
    while (this.count > size || (this.bytes > bytes && this.count > 0)) this.#drop("trimmed");
    while (this.count > 0 && now - this.#slots[this.#head]!.time > age) this.#drop("expired");
  }

  /** The same, and ids that are over: for streams that nobody writes to. */
  tidy(now: number): void {
    this.trim(now);
    this.#ids?.expire(now);
    if (this.#ids?.size === 0) this.#ids = null;
  }

  /** Sets where it begins, and why: what stands before that goes. */
  beginAt(floor: number, trimmedBy: TrimReason | null): void {
    while (this.count > 0 && this.#slots[this.#head]!.offset <= floor) this.#drop("trimmed");
    this.floor = floor;
    this.trimmedBy = trimmedBy;
  }

  /** Takes one slot out; null if it is not there. */
  remove(offset: number): S | null {
    const at = this.#indexOf(offset);
    const slot = this.#slots[at];
    if (slot === undefined || slot.offset !== offset) return null;
    if (at === this.#head) this.#advance();
    else this.#slots.splice(at, 1);
    this.#gone(slot);
    return slot;
  }

  /** The slot of an offset; null if it is not there. */
  at(offset: number): S | null {
    const slot = this.#slots[this.#indexOf(offset)];
    return slot?.offset === offset ? slot : null;
  }

  /** Slots behind an offset, as many as the limit allows, one at least. */
  pick(after: number, limit: ReadLimit): Picked<S> {
    const from = this.#indexOf(after + 1);
    let end = from;
    let bytes = 0;
    while (end < this.#slots.length && (end === from || end - from < limit.count)) {
      bytes += this.#slots[end]!.size;
      if (bytes > limit.bytes && end > from) break;
      end++;
    }
    return { slots: this.#slots.slice(from, end) as S[], complete: end === this.#slots.length };
  }

  /** All slots, in order. */
  all(): S[] {
    return this.#slots.slice(this.#head) as S[];
  }

  /** Index of the first slot at or behind an offset. Where nothing was removed it is found at once. */
  #indexOf(offset: number): number {
    if (this.count === 0) return this.#slots.length;
    const guess = this.#head + offset - this.#slots[this.#head]!.offset;
    if (guess <= this.#head) return this.#head;
    if (this.#slots[guess]?.offset === offset) return guess;
    let low = this.#head;
    let high = Math.min(guess, this.#slots.length);
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#slots[middle]!.offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #drop(reason: TrimReason): void {
    const slot = this.#slots[this.#head]!;
    this.floor = slot.offset;
    this.trimmedBy = reason;
    this.#advance();
    this.#gone(slot);
  }

  #gone(slot: S): void {
    this.bytes -= slot.size;
    this.#dropped?.(slot);
  }

  /** Gives the room at the head back once it is as large as the rest. */
  #advance(): void {
    this.#slots[this.#head++] = undefined;
    if (this.#head === this.#slots.length) {
      this.#slots.length = this.#head = 0;
    } else if (this.#head > SLACK && this.#head * 2 > this.#slots.length) {
      this.#slots.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

interface Remembered {
  readonly offset: number;
  readonly until: number;
}

/** Ids of one stream, and until when each counts. */
export class Ids {
  /** In the order in which they came. */
  readonly #ids: Map<string, Remembered> = new Map();
  #last = 0;
  /** One came that ends before another which came earlier: the oldest is not the first to go. */
  #isMixed = false;

  /** Ids that are remembered, some of which may be over. */
  get size(): number {
    return this.#ids.size;
  }

  /** Where the entry of an id stands; 0 if it is not remembered. */
  find(id: string, now: number): number {
    const found = this.#ids.get(id);
    return found === undefined || found.until <= now ? 0 : found.offset;
  }

  /** Remembers one, and forgets up to two that are over: so that none stay for long, and no call takes long. */
  set(id: string, offset: number, until: number, now: number): void {
    this.#ids.delete(id);
    this.#ids.set(id, { offset, until });
    if (until < this.#last) this.#isMixed = true;
    this.#last = until;
    let checks = 2;
    for (const [oldest, { until }] of this.#ids) {
      if (checks-- === 0 || until > now) break;
      this.#ids.delete(oldest);
    }
  }

  /** Forgets what is over; all of it, unless so many are to be looked at that it would take long. */
  expire(now: number): void {
    let checks = this.#isMixed ? Infinity : 1_000;
    for (const [id, { until }] of this.#ids) {
      if (until <= now) this.#ids.delete(id);
      else if (!this.#isMixed) return;
      if (--checks <= 0) return;
    }
  }

  /** Those that still count. */
  *entries(now: number): IterableIterator<[id: string, offset: number, until: number]> {
    for (const [id, { offset, until }] of this.#ids) if (until > now) yield [id, offset, until];
  }
}
