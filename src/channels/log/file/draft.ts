/**
 * A group of changes that are written together: how streams and leases will stand once they are, which nobody else sees
 * before.
 *
 * @module
 */
import { type KeptLease, remembered } from "../lease_table.ts";
import type { Kept } from "../kept.ts";
import type { RecordWriter } from "./records.ts";
import type { FileState } from "./replay.ts";
import type { FileSlot } from "./segment.ts";
import type { Placed } from "./store.ts";

/** Puts a change into effect once its records are written, and gives what was asked for. */
export type Commit<T> = (placed: Placed) => T;

/** Writes the records of a change, on top of those before it in the group. */
export type Plan<T> = (draft: Draft) => Commit<T>;

/** How a stream will stand. */
export class StreamDraft {
  /** As it is; undefined where it is not known yet. */
  readonly kept: Kept<FileSlot> | undefined;
  readonly epoch: string;
  top: number;
  #ids: Map<string, number> | null = null;

  constructor(kept: Kept<FileSlot> | undefined, epoch: string) {
    this.kept = kept;
    this.epoch = epoch;
    this.top = kept?.top ?? 0;
  }

  find(id: string, now: number): number {
    return this.#ids?.get(id) ?? this.kept?.find(id, now) ?? 0;
  }

  remember(id: string, offset: number): void {
    this.#ids ??= new Map();
    this.#ids.set(id, offset);
  }
}

/** One group. */
export class Draft {
  readonly writer: RecordWriter;
  readonly state: FileState;
  /** The time of all of it, in ms since 1970. */
  readonly now: number;
  readonly #streams: Map<string, StreamDraft> = new Map();
  /** By group and name; null for one that is released. */
  readonly #leases: Map<string, KeptLease | null> = new Map();

  constructor(writer: RecordWriter, state: FileState, now: number) {
    this.writer = writer;
    this.state = state;
    this.now = now;
  }

  /** A stream as it will stand. */
  stream(name: string): StreamDraft {
    let stream = this.#streams.get(name);
    if (stream === undefined) {
      const kept = this.state.streams.get(name);
      this.#streams.set(name, stream = new StreamDraft(kept, kept?.epoch ?? this.state.streams.epoch));
    }
    return stream;
  }

  /** A lease as it will stand. */
  lease(group: string, name: string): KeptLease | null {
    const drafted = this.#leases.get(keyOf(group, name));
    return drafted === undefined ? this.state.leases.get(group, name, this.now) : remembered(drafted, this.now);
  }

  /** Sets a lease, or releases it, for those behind in the group. */
  setLease(group: string, name: string, lease: KeptLease | null): void {
    this.#leases.set(keyOf(group, name), lease);
  }
}

function keyOf(group: string, name: string): string {
  return `${group.length}:${group}${name}`;
}
