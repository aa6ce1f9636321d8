/**
 * A log in the memory of one process.
 *
 * @module
 */
import { type Clock, systemClock, wallOf } from "../../clock.ts";
import { checkNames, type Names } from "../../names.ts";
import { sizeOf } from "../../text_size.ts";
import { checkParts, count } from "../../validate.ts";
import { Followers } from "./followers.ts";
import type { Kept, Slot } from "./kept.ts";
import { endsOf, LeaseTable, renewed, taken } from "./lease_table.ts";
import type {
  Appended,
  AppendOptions,
  ChannelLog,
  Entry,
  EntryKind,
  Lease,
  NewEntry,
  Notice,
  Page,
  ReadLimit,
  Taken,
} from "./log_api.ts";
import { ChannelLogError } from "./log_errors.ts";
import { newEpoch, StreamTable } from "./stream_table.ts";

/** Options of `memoryLog`. */
export interface MemoryLogOptions {
  /**
   * Streams of which nothing is kept any more, but how far they have counted. Of more than so many the longest silent
   * are forgotten: they begin another epoch when they are written again, as do streams that were never written.
   * @default 100000
   */
  readonly maxIdleStreams?: number;
  /** Time. @default the machine's */
  readonly clock?: Clock;
}

const NAMES: Names<MemoryLogOptions> = { maxIdleStreams: true, clock: true };

/** Empty streams that are remembered: some 25 MB of memory. */
export const MAX_IDLE_STREAMS = 100_000;

/**
 * A log in memory: the fastest, and gone with its process. What is published is kept from the moment of `append()` on,
 * and its followers hear of it before `append()` returns.
 *
 * @throws {OptionError} An option is unknown or out of range.
 * @example
 * ```ts
 * const log = memoryLog();
 * const keep = { size: 1000, bytes: 1 << 20, age: 300_000 };
 * await log.append("news", { kind: "message", data: `"hello"`, headers: null }, { keep, dedupeAge: 0 });
 * ```
 */
export function memoryLog(options: MemoryLogOptions = {}): ChannelLog {
  checkNames("memoryLog()", options, NAMES);
  checkParts({ clock: options.clock });
  const maxIdle = count("maxIdleStreams", options.maxIdleStreams, MAX_IDLE_STREAMS, 0);
  return new MemoryLog(options.clock ?? systemClock, maxIdle);
}

/** An entry with what retention asks of it. */
class MemoryEntry implements Entry {
  readonly kind: EntryKind;
  readonly data: string | Uint8Array;
  readonly headers: Readonly<Record<string, string>> | null;
  readonly offset: number;
  readonly time: number;
  readonly #size: number;

  constructor({ kind, data, headers }: NewEntry, offset: number, time: number) {
    this.kind = kind;
    // The caller may use its own anew when the append is over.
    this.data = typeof data === "string" ? data : data.slice();
    this.headers = headers === null ? null : { ...headers };
    this.offset = offset;
    this.time = time;
    this.#size = sizeOf(data);
  }

  get size(): number {
    return this.#size;
  }
}

class MemoryLog implements ChannelLog {
  readonly name = "memory";
  readonly shared = false;
  readonly #clock: Clock;
  readonly #streams: StreamTable<MemoryEntry>;
  readonly #leases: LeaseTable = new LeaseTable();
  readonly #followers: Followers = new Followers();
  #time = 0;
  #isClosed = false;

  constructor(clock: Clock, maxIdle: number) {
    this.#clock = clock;
    this.#streams = new StreamTable(newEpoch(), maxIdle);
  }

  append(stream: string, entry: NewEntry, options: AppendOptions): Promise<Appended> {
    if (this.#isClosed) return closed();
    const now = this.#now();
    const kept = this.#streams.open(stream);
    const { epoch } = kept;
    const { id } = options;
    const known = id === undefined ? 0 : kept.find(id, now);
    if (known > 0) return Promise.resolve({ epoch, offset: known, duplicate: true });
    const offset = kept.top + 1;
    const own = new MemoryEntry(entry, offset, now);
    kept.push(own, options.keep, now);
    if (id !== undefined) kept.remember(id, offset, now + options.dedupeAge, now);
    if (this.#followers.has(stream)) this.#followers.tell(stream, { epoch, top: offset, entry: own });
    this.#tidy(now);
    return Promise.resolve({ epoch, offset, duplicate: false });
  }

  read(stream: string, after: number, limit: ReadLimit): Promise<Page> {
    if (this.#isClosed) return closed();
    const kept = this.#streams.get(stream);
    if (kept === undefined) return Promise.resolve(emptyPage(this.#streams.epoch));
    kept.trim(this.#now());
    const { slots, complete } = kept.pick(after, limit);
    return Promise.resolve({ ...headOf(kept), entries: slots, complete });
  }

  tops(streams: readonly string[]): Promise<readonly Pick<Page, "epoch" | "top">[]> {
    if (this.#isClosed) return closed();
    return Promise.resolve(streams.map((name) => topOf(this.#streams, name)));
  }

  follow(stream: string, heard: (notice: Notice) => void): Promise<() => void> {
    if (this.#isClosed) return closed();
    // It is known from now on, so that its epoch stays as long as somebody follows it.
    this.#streams.open(stream);
    const leave = this.#followers.add(stream, heard);
    return Promise.resolve(() => {
      leave();
      if (!this.#followers.has(stream)) this.#streams.unfollowed(stream);
    });
  }

  remove(stream: string, offset: number): Promise<boolean> {
    if (this.#isClosed) return closed();
    const kept = this.#streams.get(stream);
    kept?.trim(this.#now());
    return Promise.resolve(kept !== undefined && kept.remove(offset) !== null);
  }

  streams(prefix: string, limit: number): Promise<readonly string[]> {
    return this.#isClosed ? closed() : Promise.resolve(this.#streams.names(prefix, limit));
  }

  take(
    group: string,
    name: string,
    value: string,
    ttl: number,
    linger: number = Infinity,
    first: number = 1,
  ): Promise<Taken> {
    if (this.#isClosed) return closed();
    const now = this.#clock.now();
    const result = taken(this.#leases.get(group, name, now), { name, value }, endsOf(now, ttl, linger), now, first);
    this.#leases.set(group, result.lease, now);
    return Promise.resolve(result.taken);
  }

  renew(
    group: string,
    name: string,
    generation: number,
    ttl: number,
    value?: string,
    linger: number = Infinity,
  ): Promise<boolean> {
    if (this.#isClosed) return closed();
    const now = this.#clock.now();
    const lease = renewed(this.#leases.get(group, name, now), generation, endsOf(now, ttl, linger), value);
    if (lease !== null) this.#leases.set(group, lease, now);
    return Promise.resolve(lease !== null);
  }

  release(group: string, name: string, generation: number): Promise<boolean> {
    if (this.#isClosed) return closed();
    const isHeld = this.#leases.get(group, name, this.#clock.now())?.generation === generation;
    if (isHeld) this.#leases.delete(group, name);
    return Promise.resolve(isHeld);
  }

  leases(group: string): Promise<readonly Lease[]> {
    return this.#isClosed ? closed() : Promise.resolve(this.#leases.list(group, this.#clock.now()));
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#followers.clear();
    return Promise.resolve();
  }

  /** The time of day, which does not go back: entries are in its order. */
  #now(): number {
    const now = wallOf(this.#clock);
    return this.#time = now > this.#time ? now : this.#time;
  }

  #tidy(now: number): void {
    this.#streams.lookAfter(now, this.#followers);
    const surplus = this.#streams.surplus();
    if (surplus.length === 0) return;
    // Whoever asks for one of these must not be told the epoch in which it had counted further.
    this.#streams.epoch = newEpoch();
    for (const { name } of surplus) this.#streams.delete(name);
  }
}

function closed(): Promise<never> {
  return Promise.reject(new ChannelLogError("ERR_LOG_CLOSED", "The log is closed: nothing is kept or read any more"));
}

/** A page of a stream that is not known. */
export function emptyPage(epoch: string): Page {
  return { epoch, top: 0, first: 1, trimmedBy: null, entries: [], complete: true };
}

/** What a page says of its stream. */
export function headOf<S extends Slot>(kept: Kept<S>): Omit<Page, "entries" | "complete"> {
  const { epoch, top, floor, trimmedBy } = kept;
  return { epoch, top, first: floor + 1, trimmedBy };
}

/** Epoch and top of a stream, known or not. */
export function topOf<S extends Slot>(streams: StreamTable<S>, name: string): Pick<Page, "epoch" | "top"> {
  const kept = streams.get(name);
  return kept === undefined ? { epoch: streams.epoch, top: 0 } : { epoch: kept.epoch, top: kept.top };
}
