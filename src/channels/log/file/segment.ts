/**
 * A file of records, and the places of entries in it.
 *
 * @module
 */
import type { FileAccess, OpenFile } from "../../../files.ts";
import type { Slot } from "../kept.ts";
import type { Entry } from "../log_api.ts";
import { isIntact, readRecord, recordLength, RecordWriter, type SegmentHeader } from "./records.ts";
import { readFully, writeFully } from "./scan.ts";

/** The format that is written, and the only one that is read. */
export const VERSION = 1;

const MAGIC = new TextEncoder().encode("sluicelg");

/** Marker of a header's record: that of the folder is in it. */
const HEADER_MARKER = 0x6465_6568;

/** Bytes that are read of a file to find its header. */
const HEADER_ROOM = 4096;

const NAME = /^(\d{8,})-(\d{8,})\.log$/;

/** Name of the file of a segment. */
export function segmentName(first: number, last: number): string {
  return `${String(first).padStart(8, "0")}-${String(last).padStart(8, "0")}.log`;
}

/** Numbers of the segment in a file; null if it is none. */
export function segmentNumbers(name: string): { readonly first: number; readonly last: number } | null {
  const match = NAME.exec(name);
  return match === null ? null : { first: Number(match[1]), last: Number(match[2]) };
}

/** One file. */
export class Segment {
  readonly first: number;
  readonly last: number;
  readonly path: string;
  readonly file: OpenFile;
  /** Where the records behind the header begin. */
  readonly start: number;
  /** Bytes that count: what is behind them was never acknowledged. */
  length: number;
  /** Bytes of records whose entries are kept, and what a merged one carries on besides. */
  live = 0;
  #readers = 0;
  #isGone = false;

  constructor(numbers: { first: number; last: number }, path: string, file: OpenFile, start: number) {
    this.first = numbers.first;
    this.last = numbers.last;
    this.path = path;
    this.file = file;
    this.start = start;
    this.length = start;
  }

  /** Bytes that nobody needs. */
  get dead(): number {
    return Math.max(0, this.length - this.live);
  }

  /** Reads, while it is not closed under whoever reads. */
  async read(into: Uint8Array, position: number): Promise<number> {
    this.#readers++;
    try {
      return await readFully(this.file, into, position);
    } finally {
      this.#readers--;
      if (this.#isGone && this.#readers === 0) await this.file.close();
    }
  }

  /** Closes it, once nobody reads any more. */
  async close(): Promise<void> {
    if (this.#isGone) return;
    this.#isGone = true;
    if (this.#readers === 0) await this.file.close();
  }
}

/** Where an entry stands in the files, and the entry itself while it is at hand. */
export class FileSlot implements Slot {
  readonly offset: number;
  readonly time: number;
  readonly size: number;
  segment: Segment;
  at: number;
  readonly length: number;
  entry: Entry | null = null;
  isGone = false;

  constructor(place: Slot, segment: Segment, at: number, length: number) {
    this.offset = place.offset;
    this.time = place.time;
    this.size = place.size;
    this.segment = segment;
    this.at = at;
    this.length = length;
    segment.live += length;
  }

  /** Its entry is not kept any more. */
  drop(): void {
    this.isGone = true;
    this.entry = null;
    this.segment.live -= this.length;
  }

  /** Its record was copied. */
  moveTo(segment: Segment, at: number): void {
    this.segment = segment;
    this.at = at;
    segment.live += this.length;
  }
}

/** Writes a header at the beginning of a file; gives where it ends. */
export async function writeHeader(file: OpenFile, header: SegmentHeader): Promise<number> {
  const writer = new RecordWriter(HEADER_MARKER);
  writer.header(header);
  const bytes = new Uint8Array(MAGIC.length + writer.length);
  bytes.set(MAGIC);
  bytes.set(writer.written, MAGIC.length);
  await writeFully(file, bytes, 0);
  return bytes.length;
}

/** The header of a file, and where it ends; null if it can't be read. */
export async function readHeader(
  file: OpenFile,
): Promise<{ readonly header: SegmentHeader; readonly end: number } | null> {
  const room = new Uint8Array(HEADER_ROOM);
  const bytes = room.subarray(0, await readFully(file, room, 0));
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) return null;
  const end = MAGIC.length + recordLength(bytes, MAGIC.length, HEADER_MARKER);
  if (end === MAGIC.length || end > bytes.length) return null;
  const frame = bytes.subarray(MAGIC.length, end);
  const record = isIntact(frame, HEADER_MARKER) ? readRecord(frame) : null;
  return record?.type === "header" ? { header: record.header, end } : null;
}

/** Makes an empty segment that is on the disk when this fulfils, its name included. */
export async function makeSegment(files: FileAccess, folder: string, header: SegmentHeader): Promise<Segment> {
  const path = files.join(folder, segmentName(header.first, header.last));
  const file = await files.open(path, true);
  try {
    const start = await writeHeader(file, header);
    await file.sync();
    await files.syncFolder(folder);
    return new Segment(header, path, file, start);
  } catch (error) {
    await file.close();
    throw error;
  }
}
