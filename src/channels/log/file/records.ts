/**
 * Records of a file log, as bytes and back.
 *
 *     marker  length  checksum  type  flags  fields …
 *       4       4        4       1      1
 *
 * Numbers are little-endian. The marker is chance, the same throughout a folder, and the checksum (CRC-32C of what
 * follows it) begins with it: nobody who does not know it can write a message whose bytes look like records, and behind
 * a damage the next record is found by it. Texts have their length before them.
 *
 * @module
 */
import { crc32c } from "../../../crc32c.ts";
import type { KeptLease } from "../lease_table.ts";
import type { Entry, EntryKind, NewEntry, Retention, TrimReason } from "../log_api.ts";

/** Bytes before a record's type. */
export const FRAME = 12;

/** Bytes that a record has at the least. */
const LEAST = FRAME + 2;

/** What a record says. */
export const RECORD = { header: 1, append: 2, remove: 3, lease: 4, release: 5, state: 6, loss: 7, forget: 8 } as const;

const FLAG = { first: 1, bytes: 2, headers: 4, id: 8, mortal: 16 } as const;

const KINDS: readonly EntryKind[] = ["message", "join", "leave", "lost", "control"];
const REASONS: readonly (TrimReason | null)[] = [null, "trimmed", "expired"];

/** A part of a segment that can't be read, and whose loss was told. */
export interface Damage {
  /** Numbers that the segment stands for. */
  readonly first: number;
  readonly last: number;
  /** From here, to before there. */
  readonly from: number;
  readonly to: number;
}

/** What a segment begins with. */
export interface SegmentHeader {
  /** Version of the format. */
  readonly version: number;
  /** The marker of all records. */
  readonly marker: number;
  /** Life of streams that are not known at its beginning. */
  readonly epoch: string;
  /** Numbers of the segments that it stands for: several where it was merged from them. */
  readonly first: number;
  readonly last: number;
  /** Bytes of the segment before it that count, unless that is merged; null where there is none. */
  readonly before: number | null;
  /**
   * Its own bytes, if it was merged: then it has of its streams what was still kept, and says at its end how each
   * stands. Null for one that grows.
   */
  readonly merged: number | null;
}

/** An entry that was appended; its data is read when somebody asks for it. */
export interface AppendRecord {
  readonly type: "append";
  readonly stream: string;
  readonly offset: number;
  readonly time: number;
  /** Bytes of its data. */
  readonly size: number;
  readonly keep: Retention;
  /** Null for none. */
  readonly id: string | null;
  /** Until when the id counts. */
  readonly until: number;
}

/** What a merged segment says of a stream as it ends. */
export interface StateRecord {
  readonly type: "state";
  readonly stream: string;
  readonly epoch: string;
  readonly top: number;
  readonly floor: number;
  readonly trimmedBy: TrimReason | null;
  readonly keep: Retention;
  /** Entries of it in this segment. */
  readonly count: number;
  /** Ids that count, and whose entries are not there. */
  readonly ids: readonly (readonly [id: string, offset: number, until: number])[];
}

/** Acknowledged entries were lost: these streams, or all that are known, have another epoch from here on. */
export interface LossRecord {
  readonly type: "loss";
  readonly epoch: string;
  /** Null for all. */
  readonly streams: readonly string[] | null;
  readonly damages: readonly Damage[];
}

/** A record as it is read. */
export type LogRecord =
  | { readonly type: "header"; readonly header: SegmentHeader }
  | AppendRecord
  | { readonly type: "remove"; readonly stream: string; readonly offset: number }
  | { readonly type: "lease"; readonly group: string; readonly lease: KeptLease }
  | { readonly type: "release"; readonly group: string; readonly name: string }
  | StateRecord
  | LossRecord
  | { readonly type: "forget"; readonly epoch: string; readonly streams: readonly string[] };

/** So that a header can be written anew, in the place of another one. */
const HEADER_TEXT = 400;

/** The top bit of a text's length: its units are of 16 bits, since UTF-8 would not give them back. */
const WIDE = 0x8000_0000;

const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { ignoreBOM: true });

/** Writes records one behind the other into memory that it uses again. */
export class RecordWriter {
  readonly #marker: number;
  #bytes: Uint8Array = new Uint8Array(1 << 14);
  #view: DataView = new DataView(this.#bytes.buffer);
  #length = 0;
  #begin = 0;

  constructor(marker: number) {
    this.#marker = marker;
  }

  /** Bytes that were written. */
  get length(): number {
    return this.#length;
  }

  /** What was written; until `clear()`. */
  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Takes back what stands behind a place. */
  cut(length: number): void {
    this.#length = length;
  }

  /** Begins anew. */
  clear(): void {
    this.#length = 0;
    // One large message must not hold its memory for ever.
    if (this.#bytes.length > 1 << 22) this.#use(new Uint8Array(1 << 14));
  }

  header(header: SegmentHeader): void {
    this.#open(RECORD.header, 0);
    this.#text(JSON.stringify(header).padEnd(HEADER_TEXT));
    this.#close();
  }

  /** Gives where in `written` it stands. */
  append(
    stream: string,
    { kind, data, headers }: NewEntry,
    place: { readonly offset: number; readonly time: number; readonly size: number },
    keep: Retention,
    id: string | undefined,
    until: number,
  ): number {
    const isBytes = typeof data !== "string";
    const flags = (isBytes ? FLAG.bytes : 0) | (headers === null ? 0 : FLAG.headers) | (id === undefined ? 0 : FLAG.id);
    this.#open(RECORD.append, flags);
    this.#text(stream);
    this.#number(place.offset);
    this.#number(place.time);
    this.#number(place.size);
    this.#keep(keep);
    this.#byte(KINDS.indexOf(kind));
    if (id !== undefined) {
      this.#text(id);
      this.#number(until);
    }
    if (isBytes) this.#blob(data);
    else this.#text(data);
    if (headers !== null) this.#texts(Object.entries(headers).flat());
    return this.#close();
  }

  remove(stream: string, offset: number): void {
    this.#open(RECORD.remove, 0);
    this.#text(stream);
    this.#number(offset);
    this.#close();
  }

  lease(group: string, { name, value, generation, until, forgetAt }: KeptLease): void {
    const isMortal = forgetAt < Infinity;
    this.#open(RECORD.lease, isMortal ? FLAG.mortal : 0);
    this.#texts([group, name, value]);
    this.#number(generation);
    this.#number(until);
    if (isMortal) this.#number(forgetAt);
    this.#close();
  }

  release(group: string, name: string): void {
    this.#open(RECORD.release, 0);
    this.#texts([group, name]);
    this.#close();
  }

  state(state: Omit<StateRecord, "type">): void {
    this.#open(RECORD.state, 0);
    this.#texts([state.stream, state.epoch]);
    for (const number of [state.top, state.floor, state.count]) this.#number(number);
    this.#keep(state.keep);
    this.#byte(REASONS.indexOf(state.trimmedBy));
    this.#texts(state.ids.map(([id]) => id));
    for (const [, offset, until] of state.ids) {
      this.#number(offset);
      this.#number(until);
    }
    this.#close();
  }

  loss({ epoch, streams, damages }: Omit<LossRecord, "type">): void {
    this.#open(RECORD.loss, 0);
    this.#text(JSON.stringify({ epoch, damages, isAll: streams === null }));
    this.#texts(streams ?? []);
    this.#close();
  }

  forget(epoch: string, streams: readonly string[]): void {
    this.#open(RECORD.forget, 0);
    this.#texts([epoch, ...streams]);
    this.#close();
  }

  /** Puts a record as it was read; gives where it stands. */
  copy(frame: Uint8Array): number {
    const at = this.#length;
    this.#room(frame.length);
    this.#bytes.set(frame, at);
    this.#length += frame.length;
    return at;
  }

  #open(type: number, flags: number): void {
    this.#begin = this.#length;
    this.#room(LEAST);
    this.#length += FRAME;
    this.#byte(type);
    // Records that are written together stand and fall together, up to a damage: the first one tells them apart.
    this.#byte(flags | (this.#begin === 0 ? FLAG.first : 0));
  }

  #close(): number {
    const begin = this.#begin;
    const body = this.#bytes.subarray(begin + FRAME, this.#length);
    this.#view.setUint32(begin, this.#marker, true);
    this.#view.setUint32(begin + 4, body.length, true);
    this.#view.setUint32(begin + 8, crc32c(body, this.#marker), true);
    return begin;
  }

  #byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  #number(value: number): void {
    this.#room(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  #size(value: number): void {
    this.#room(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
  }

  #keep({ size, bytes, age }: Retention): void {
    this.#number(size);
    this.#number(bytes);
    this.#number(age);
  }

  #texts(texts: readonly string[]): void {
    this.#size(texts.length);
    for (const text of texts) this.#text(text);
  }

  #text(text: string): void {
    if (!isWellFormed(text)) return this.#wideText(text);
    this.#room(4 + text.length * 3);
    const { written } = ENCODER.encodeInto(text, this.#bytes.subarray(this.#length + 4));
    this.#view.setUint32(this.#length, written, true);
    this.#length += 4 + written;
  }

  #wideText(text: string): void {
    this.#size(WIDE + text.length * 2);
    this.#room(text.length * 2);
    for (let at = 0; at < text.length; at++) this.#view.setUint16(this.#length + at * 2, text.charCodeAt(at), true);
    this.#length += text.length * 2;
  }

  #blob(bytes: Uint8Array): void {
    this.#size(bytes.length);
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #room(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(this.#length + more, this.#bytes.length * 2));
    larger.set(this.written);
    this.#use(larger);
  }

  #use(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}

function isWellFormed(text: string): boolean {
  return (text as string & { isWellFormed(): boolean }).isWellFormed();
}

/** Length of the record that begins at `at`, if the bytes can be one of this marker; 0 if not. */
export function recordLength(bytes: Uint8Array, at: number, marker: number): number {
  if (at + FRAME > bytes.length) return 0;
  const view = viewOn(bytes);
  if (view.getUint32(at, true) !== marker) return 0;
  const length = view.getUint32(at + 4, true) + FRAME;
  return length < LEAST ? 0 : length;
}

/** Whether a whole record is as it was written. */
export function isIntact(frame: Uint8Array, marker: number): boolean {
  if (recordLength(frame, 0, marker) !== frame.length) return false;
  return viewOn(frame).getUint32(8, true) === crc32c(frame.subarray(FRAME), marker);
}

/** Whether a record is the first of those that were written together. */
export function isFirst(frame: Uint8Array): boolean {
  return (frame[FRAME + 1] & FLAG.first) !== 0;
}

/** What an intact record says; null for a type of a version to come. */
export function readRecord(frame: Uint8Array): LogRecord | null {
  const reader = new FieldReader(frame);
  switch (frame[FRAME]) {
    case RECORD.header:
      return { type: "header", header: JSON.parse(reader.text()) as SegmentHeader };
    case RECORD.append:
      return appendOf(reader);
    case RECORD.remove:
      return { type: "remove", stream: reader.text(), offset: reader.number() };
    case RECORD.lease:
      return leaseOf(reader);
    case RECORD.release: {
      const [group, name] = reader.texts();
      return { type: "release", group, name };
    }
    case RECORD.state:
      return stateOf(reader);
    case RECORD.loss: {
      const { epoch, damages, isAll } = JSON.parse(reader.text()) as LossRecord & { readonly isAll: boolean };
      const streams = reader.texts();
      return { type: "loss", epoch, damages, streams: isAll ? null : streams };
    }
    case RECORD.forget: {
      const [epoch, ...streams] = reader.texts();
      return { type: "forget", epoch, streams };
    }
    default:
      return null;
  }
}

/** The entry of an intact record of one. */
export function readEntry(frame: Uint8Array): Entry {
  const reader = new FieldReader(frame);
  const { offset, time } = appendOf(reader);
  const { kind } = reader;
  const data = reader.has(FLAG.bytes) ? reader.blob() : reader.text();
  const headers = reader.has(FLAG.headers) ? headersOf(reader.texts()) : null;
  return { kind, data, headers, offset, time };
}

function leaseOf(reader: FieldReader): LogRecord {
  const [group, name, value] = reader.texts();
  const [generation, until] = [reader.number(), reader.number()];
  const forgetAt = reader.has(FLAG.mortal) ? reader.number() : Infinity;
  return { type: "lease", group, lease: { name, value, generation, until, forgetAt } };
}

function appendOf(reader: FieldReader): AppendRecord {
  const stream = reader.text();
  const [offset, time, size] = [reader.number(), reader.number(), reader.number()];
  const keep = reader.keep();
  reader.kind = KINDS[reader.byte()];
  const hasId = reader.has(FLAG.id);
  const id = hasId ? reader.text() : null;
  return { type: "append", stream, offset, time, size, keep, id, until: hasId ? reader.number() : 0 };
}

function stateOf(reader: FieldReader): StateRecord {
  const [stream, epoch] = reader.texts();
  const [top, floor, count] = [reader.number(), reader.number(), reader.number()];
  const keep = reader.keep();
  const trimmedBy = REASONS[reader.byte()];
  const ids = reader.texts().map((id) => [id, 0, 0] as [string, number, number]);
  for (const id of ids) {
    id[1] = reader.number();
    id[2] = reader.number();
  }
  return { type: "state", stream, epoch, top, floor, count, keep, trimmedBy, ids };
}

function headersOf(texts: readonly string[]): Record<string, string> {
  const pairs: [string, string][] = [];
  for (let at = 0; at < texts.length; at += 2) pairs.push([texts[at], texts[at + 1]]);
  // Its own property, even where the name is `__proto__`.
  return Object.fromEntries(pairs);
}

class FieldReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = FRAME + 2;
  /** Of an entry whose fields were read so far. */
  kind: EntryKind = "message";

  constructor(frame: Uint8Array) {
    this.#bytes = frame;
    this.#view = viewOn(frame);
  }

  has(flag: number): boolean {
    return (this.#bytes[FRAME + 1] & flag) !== 0;
  }

  byte(): number {
    return this.#bytes[this.#at++];
  }

  number(): number {
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }

  keep(): Retention {
    return { size: this.number(), bytes: this.number(), age: this.number() };
  }

  text(): string {
    const length = this.#size();
    if (length >= WIDE) return this.#wideText(length - WIDE);
    return DECODER.decode(this.#take(length));
  }

  texts(): string[] {
    return Array.from({ length: this.#size() }, () => this.text());
  }

  blob(): Uint8Array {
    return this.#take(this.#size()).slice();
  }

  #wideText(length: number): string {
    let text = "";
    for (let at = 0; at < length; at += 2) text += String.fromCharCode(this.#view.getUint16(this.#at + at, true));
    this.#at += length;
    return text;
  }

  #size(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  #take(length: number): Uint8Array {
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

function viewOn(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
