/**
 * Gives room back: puts one segment in the place of the oldest ones, with what of them is still needed.
 *
 * @module
 */
import type { OpenFile } from "../../../files.ts";
import type { Kept } from "../kept.ts";
import { type AppendRecord, type Damage, type LogRecord, readRecord, RecordWriter } from "./records.ts";
import type { FileState } from "./replay.ts";
import { scan, writeFully } from "./scan.ts";
import { type FileSlot, Segment, segmentName, VERSION, writeHeader } from "./segment.ts";
import type { Store } from "./store.ts";

const UNFINISHED = "merged.tmp";

/** Bytes that are gathered before they are written: others have their turn in between. */
const PORTION = 1 << 18;

/** How many of the oldest segments are worth it: what is copied is no more than what is given back. 0 for none. */
export function worthMerging(segments: readonly Segment[], segmentBytes: number): number {
  let [live, dead] = [0, 0];
  // Never the one that is written to.
  for (const [index, segment] of segments.slice(0, -1).entries()) {
    live += segment.live;
    dead += segment.dead;
    if (dead >= live && dead >= segmentBytes / 2) return index + 1;
  }
  return 0;
}

/** What a merge needs to know. */
export interface MergeOptions {
  /** How many segments, the oldest ones. */
  readonly count: number;
  /** The time, in ms since 1970. */
  readonly now: number;
  /** Whether a damage was told. */
  readonly isKnown: (damage: Damage) => boolean;
  /** Asked now and then; false ends it. */
  readonly mayGoOn: () => boolean;
}

interface StreamPart {
  /** Of the last entry in these segments. */
  top: number;
  /** Entries that were copied. */
  count: number;
  /** Ids that count, and whose entries are not kept. */
  readonly ids: [id: string, offset: number, until: number][];
}

/**
 * Merges, and gives the damages that it has found and nobody knows of: then nothing was done, and they have to be told
 * first.
 *
 * @throws {Error} The file system's: all is as it was.
 */
export async function merge(store: Store, state: FileState, options: MergeOptions): Promise<readonly Damage[]> {
  const { files, folder } = store.parts;
  const path = files.join(folder, UNFINISHED);
  const file = await files.open(path, true);
  const one = new Merge(store, state, file, options);
  let isDone = false;
  try {
    const damages = await one.copy();
    if (damages.length > 0 || !options.mayGoOn()) return damages;
    await one.finish(path);
    isDone = true;
    return [];
  } finally {
    if (!isDone) {
      await file.close();
      await files.remove(path);
    }
  }
}

class Merge {
  readonly #store: Store;
  readonly #state: FileState;
  readonly #file: OpenFile;
  readonly #options: MergeOptions;
  readonly #old: readonly Segment[];
  readonly #writer: RecordWriter;
  readonly #streams: Map<string, StreamPart> = new Map();
  /** By group, the names of leases. */
  readonly #leases: Map<string, Set<string>> = new Map();
  readonly #moved: { readonly slot: FileSlot; readonly at: number }[] = [];
  readonly #damages: Damage[] = [];
  #start = 0;
  /** Bytes in the file. */
  #length = 0;

  constructor(store: Store, state: FileState, file: OpenFile, options: MergeOptions) {
    this.#store = store;
    this.#state = state;
    this.#file = file;
    this.#options = options;
    this.#old = store.segments.slice(0, options.count);
    this.#writer = new RecordWriter(store.parts.marker);
  }

  get #numbers(): { readonly first: number; readonly last: number } {
    return { first: this.#old[0].first, last: this.#old[this.#old.length - 1].last };
  }

  /** Copies entries that are kept, and gathers what else is needed. */
  async copy(): Promise<readonly Damage[]> {
    const { marker } = this.#store.parts;
    this.#start = this.#length = await this.#writeHeader();
    for (const segment of this.#old) {
      if (this.#damages.length > 0 || !this.#options.mayGoOn()) break;
      const { file, start, length, first, last } = segment;
      await scan({ file, from: start, to: length, marker, acknowledged: length }, {
        record: (frame, at) => this.#take(readRecord(frame), frame, segment, at),
        damage: (from, to) => {
          const damage = { first, last, from, to };
          if (!this.#options.isKnown(damage)) this.#damages.push(damage);
        },
      });
    }
    return this.#damages;
  }

  /** Says how all streams stand, brings it to the disk, and puts it in the place of the old ones. */
  async finish(path: string): Promise<void> {
    await this.#flush();
    const entries = this.#length;
    await this.#writeStates();
    await this.#writeLeases();
    // Known only now.
    await this.#writeHeader();
    await this.#file.sync();
    const { files, folder } = this.#store.parts;
    const { first, last } = this.#numbers;
    const merged = new Segment({ first, last }, files.join(folder, segmentName(first, last)), this.#file, this.#start);
    merged.length = this.#length;
    merged.live = this.#length - entries;
    await files.rename(path, merged.path);
    for (const { slot, at } of this.#moved) if (!slot.isGone) slot.moveTo(merged, at);
    this.#store.segments.splice(0, this.#old.length, merged);
    await files.syncFolder(folder).catch(() => {});
    for (const segment of this.#old) {
      if (segment.path !== merged.path) await files.remove(segment.path).catch(() => {});
      await segment.close();
    }
  }

  #writeHeader(): Promise<number> {
    const { marker, epoch } = this.#store.parts;
    const header = { version: VERSION, marker, epoch: epoch(), ...this.#numbers, before: null, merged: this.#length };
    return writeHeader(this.#file, header);
  }

  #take(record: LogRecord | null, frame: Uint8Array, segment: Segment, at: number): void | Promise<void> {
    switch (record?.type) {
      case "append":
        this.#takeEntry(record, frame, segment, at);
        break;
      case "state": {
        const part = this.#part(record.stream);
        part.top = Math.max(part.top, record.top);
        for (const [id, offset, until] of record.ids) this.#takeId(record.stream, id, offset, until);
        break;
      }
      case "lease": {
        const names = this.#leases.get(record.group) ?? new Set();
        this.#leases.set(record.group, names.add(record.lease.name));
        break;
      }
      case "forget":
        for (const name of record.streams) this.#streams.delete(name);
    }
    if (this.#writer.length > PORTION) return this.#flush();
  }

  #takeEntry(record: AppendRecord, frame: Uint8Array, segment: Segment, at: number): void {
    const { stream, offset, id, until } = record;
    const part = this.#part(stream);
    part.top = Math.max(part.top, offset);
    const slot = this.#state.streams.get(stream)?.at(offset);
    if (slot?.segment === segment && slot.at === at) {
      part.count++;
      this.#moved.push({ slot, at: this.#length + this.#writer.copy(frame) });
    } else if (id !== null) this.#takeId(stream, id, offset, until);
  }

  #takeId(stream: string, id: string, offset: number, until: number): void {
    const kept = this.#state.streams.get(stream);
    if (kept?.find(id, this.#options.now) === offset) this.#part(stream).ids.push([id, offset, until]);
  }

  #part(stream: string): StreamPart {
    let part = this.#streams.get(stream);
    if (part === undefined) {
      this.#streams.set(stream, part = { top: 0, count: 0, ids: [] });
      this.#state.streams.get(stream)?.trim(this.#options.now);
    }
    return part;
  }

  async #writeStates(): Promise<void> {
    for (const [stream, { top, count, ids }] of this.#streams) {
      const kept: Kept<FileSlot> | undefined = this.#state.streams.get(stream);
      // Forgotten since.
      if (kept === undefined) continue;
      const { epoch, floor, trimmedBy, keep } = kept;
      this.#writer.state({ stream, epoch, top, floor, trimmedBy, keep, count, ids });
      if (this.#writer.length > PORTION) await this.#flush();
    }
    await this.#flush();
  }

  async #writeLeases(): Promise<void> {
    for (const [group, names] of this.#leases) {
      for (const name of names) {
        const lease = this.#state.leases.get(group, name, this.#options.now);
        if (lease !== null) this.#writer.lease(group, lease);
        if (this.#writer.length > PORTION) await this.#flush();
      }
    }
    await this.#flush();
  }

  async #flush(): Promise<void> {
    await writeFully(this.#file, this.#writer.written, this.#length);
    this.#length += this.#writer.length;
    this.#writer.clear();
  }
}
