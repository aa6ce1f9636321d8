/**
 * What the records of a folder come to, one after the other, and which streams have lost something on the way.
 *
 * @module
 */
import type { Kept } from "../kept.ts";
import type { LeaseTable } from "../lease_table.ts";
import type { StreamTable } from "../stream_table.ts";
import type { AppendRecord, Damage, LogRecord, LossRecord, SegmentHeader, StateRecord } from "./records.ts";
import { FileSlot, type Segment } from "./segment.ts";

/** What a log has in memory of its files. */
export interface FileState {
  readonly streams: StreamTable<FileSlot>;
  readonly leases: LeaseTable;
  /** Time of the last record: those to come are not older. */
  time: number;
}

/** Streams that may have lost acknowledged entries; null for all of them. */
export type Loss = Pick<LossRecord, "streams" | "damages">;

interface Seen {
  /** Number of its last record: behind a damage it tells that nothing of the stream was lost in that. */
  record: number;
  /** An offset is missing, or an entry that was counted. */
  isHoled: boolean;
}

/** Plays records; in a merged segment entries come before what is said of their stream. */
export class Replay {
  readonly #state: FileState;
  readonly #seen: Map<Kept<FileSlot>, Seen> = new Map();
  readonly #known: Damage[] = [];
  readonly #damages: { readonly damage: Damage; readonly record: number }[] = [];
  #record = 0;
  #isAllLost = false;
  /** Entries of each stream in the merged segment that is being read; null in others. */
  #counts: Map<Kept<FileSlot>, number> | null = null;

  constructor(state: FileState) {
    this.#state = state;
  }

  /** Nothing can be said of any stream. */
  loseAll(): void {
    this.#isAllLost = true;
  }

  /** A segment begins; its header is null if it can't be read. */
  begin(header: SegmentHeader | null): void {
    if (header === null) this.#isAllLost = true;
    else this.#state.streams.epoch = header.epoch;
    this.#counts = typeof header?.merged === "number" ? new Map() : null;
  }

  /** The segment is over. */
  end(): void {
    for (const kept of this.#counts?.keys() ?? []) this.#look(kept).isHoled = true;
    this.#counts = null;
  }

  /** A part of a segment can't be read. */
  damage(damage: Damage): void {
    this.#damages.push({ damage, record: ++this.#record });
  }

  /** The next record. */
  play(record: LogRecord, segment: Segment, at: number, length: number): void {
    this.#record++;
    // What a merged segment carries on is needed, if only to be carried on again.
    if (this.#counts !== null && record.type !== "append") segment.live += length;
    switch (record.type) {
      case "append":
        return this.#append(record, new FileSlot(record, segment, at, length));
      case "remove":
        return void this.#state.streams.get(record.stream)?.remove(record.offset);
      case "lease":
        return this.#state.leases.set(record.group, record.lease, this.#state.time);
      case "release":
        return this.#state.leases.delete(record.group, record.name);
      case "state":
        return this.#restate(record);
      case "loss":
        return this.#lose(record);
      case "forget":
        for (const name of record.streams) this.#state.streams.delete(name);
        this.#state.streams.epoch = record.epoch;
    }
  }

  /** Damages that were told before. */
  get known(): readonly Damage[] {
    return this.#known;
  }

  /** What was lost and was not told yet; null for nothing. */
  loss(): Loss | null {
    const damages = this.#damages.filter(({ damage }) => !this.#known.some((known) => includes(known, damage)));
    const last = damages.at(-1)?.record ?? 0;
    const streams = [...this.#state.streams.values()].filter((kept) => {
      const { record, isHoled } = this.#look(kept);
      return isHoled || record < last;
    });
    if (!this.#isAllLost && streams.length === 0 && damages.length === 0) return null;
    return {
      streams: this.#isAllLost ? null : streams.map(({ name }) => name),
      damages: damages.map(({ damage }) => damage),
    };
  }

  #append(record: AppendRecord, slot: FileSlot): void {
    const { offset, time, id } = record;
    const kept = this.#state.streams.open(record.stream);
    const seen = this.#look(kept);
    seen.record = this.#record;
    this.#state.time = Math.max(this.#state.time, time);
    if (this.#counts !== null) {
      kept.add(slot);
      this.#counts.set(kept, (this.#counts.get(kept) ?? 0) + 1);
    } else if (offset > kept.top) {
      if (offset !== kept.top + 1) seen.isHoled = true;
      kept.push(slot, record.keep, time);
    } else {
      // Two entries claim one place.
      seen.isHoled = true;
      slot.drop();
      return;
    }
    if (id !== null) kept.remember(id, offset, record.until, time);
  }

  #restate(record: StateRecord): void {
    const kept = this.#state.streams.open(record.stream);
    const seen = this.#look(kept);
    seen.record = this.#record;
    seen.isHoled = (this.#counts?.get(kept) ?? 0) !== record.count;
    this.#counts?.delete(kept);
    kept.epoch = record.epoch;
    kept.top = record.top;
    // Some may have been trimmed after they were copied. What stands in later segments is trimmed again by those.
    kept.beginAt(Math.min(record.floor, record.top), record.trimmedBy);
    kept.keep = record.keep;
    for (const [id, offset, until] of record.ids) kept.remember(id, offset, until, 0);
  }

  #lose({ epoch, streams, damages }: LossRecord): void {
    const lost = streams === null
      ? [...this.#state.streams.values()]
      : streams.map((name) => this.#state.streams.get(name));
    for (const kept of lost) {
      if (kept === undefined) continue;
      kept.epoch = epoch;
      this.#seen.set(kept, { record: this.#record, isHoled: false });
    }
    // All that is told by this record is told; what a damage before it had taken, too.
    if (streams === null) this.#isAllLost = false;
    this.#state.streams.epoch = epoch;
    this.#known.push(...damages);
  }

  #look(kept: Kept<FileSlot>): Seen {
    let seen = this.#seen.get(kept);
    if (seen === undefined) this.#seen.set(kept, seen = { record: this.#record, isHoled: false });
    return seen;
  }
}

function includes(known: Damage, damage: Damage): boolean {
  return known.first === damage.first && known.last === damage.last && known.from <= damage.from &&
    damage.to <= known.to;
}
