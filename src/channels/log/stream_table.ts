/**
 * The streams of a log that has them in memory, and what becomes of those that nobody writes to any more.
 *
 * @module
 */
import { Kept, type Slot } from "./kept.ts";

/** Streams that are looked after with each append. */
const LOOKS = 2;

/** Streams by name. Unknown ones have the table's own epoch. */
export class StreamTable<S extends Slot> {
  /** Life of streams that are not known. */
  epoch: string;
  readonly #maxIdle: number;
  readonly #dropped: ((slot: S) => void) | null;
  readonly #streams: Map<string, Kept<S>> = new Map();
  /** Nothing of them is kept but their count; the first is the longest so. */
  readonly #idle: Set<Kept<S>> = new Set();
  #next: Iterator<Kept<S>> | null = null;

  /**
   * @param maxIdle Empty streams whose count is remembered.
   * @param dropped Hears of each slot that goes.
   */
  constructor(epoch: string, maxIdle: number, dropped: ((slot: S) => void) | null = null) {
    this.epoch = epoch;
    this.#maxIdle = maxIdle;
    this.#dropped = dropped;
  }

  /** How many are known. */
  get size(): number {
    return this.#streams.size;
  }

  /** Empty ones whose count is remembered. */
  get idle(): number {
    return this.#idle.size;
  }

  /** The stream of a name, if it is known. */
  get(name: string): Kept<S> | undefined {
    return this.#streams.get(name);
  }

  /** The stream of a name, which is not idle any more. */
  open(name: string): Kept<S> {
    const kept = this.#streams.get(name);
    if (kept === undefined) return this.put(this.create(name));
    if (this.#idle.size > 0) this.#idle.delete(kept);
    return kept;
  }

  /** A new stream, which is not in the table yet. */
  create(name: string, epoch: string = this.epoch): Kept<S> {
    return new Kept(name, epoch, this.#dropped);
  }

  /** Puts a stream in the place of the one of its name. */
  put(kept: Kept<S>): Kept<S> {
    this.delete(kept.name);
    this.#streams.set(kept.name, kept);
    return kept;
  }

  /** Forgets a stream. */
  delete(name: string): void {
    const kept = this.#streams.get(name);
    if (kept === undefined) return;
    this.#streams.delete(name);
    this.#idle.delete(kept);
  }

  /** Nobody follows it any more: one that was never written is as unknown as it was, or strangers could fill memory. */
  unfollowed(name: string): void {
    const kept = this.#streams.get(name);
    if (kept === undefined || !this.#isUnknown(kept)) return;
    this.delete(name);
    // One that stands still keeps all that the map has outgrown since.
    if (this.#next?.next().done === true) this.#next = null;
  }

  /** All streams. */
  values(): IterableIterator<Kept<S>> {
    return this.#streams.values();
  }

  /** Names of written streams that begin with `prefix`, in order, `limit` at most. */
  names(prefix: string, limit: number): string[] {
    const found: string[] = [];
    for (const { name, top } of this.#streams.values()) if (top > 0 && name.startsWith(prefix)) found.push(name);
    return found.sort(byCode).slice(0, limit);
  }

  /**
   * Looks after the next streams in turn, so that all are tidy after as many appends as there are streams. Those that
   * are followed are not idle.
   */
  lookAfter(now: number, followed: { has(name: string): boolean }): void {
    for (let looks = 0; looks < LOOKS; looks++) {
      this.#next ??= this.#streams.values();
      const { value, done } = this.#next.next();
      if (done === true) {
        this.#next = null;
        return;
      }
      const kept = value as Kept<S>;
      if (this.#idle.has(kept)) continue;
      kept.tidy(now);
      if (!kept.isEmpty || followed.has(kept.name)) continue;
      if (this.#isUnknown(kept)) this.#streams.delete(kept.name);
      else this.#idle.add(kept);
    }
  }

  /** It says nothing that the table does not say of those that it does not have. */
  #isUnknown(kept: Kept<S>): boolean {
    return kept.top === 0 && kept.epoch === this.epoch && kept.isEmpty;
  }

  /** The longest idle ones, once there are too many: a tenth at a time, since all unknown streams feel it. */
  surplus(): Kept<S>[] {
    if (this.#idle.size <= this.#maxIdle) return [];
    const most = this.#idle.size - this.#maxIdle + Math.floor(this.#maxIdle / 10);
    const found: Kept<S>[] = [];
    for (const kept of this.#idle) {
      if (found.length === most) break;
      found.push(kept);
    }
    return found;
  }
}

/** In the order of code units, wherever it runs. */
export function byCode(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A life that no other log has had: 64 bits of chance. */
export function newEpoch(): string {
  let hex = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(8))) hex += (byte + 0x100).toString(16).slice(1);
  return hex;
}
