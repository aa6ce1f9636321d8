/**
 * Goes through the records of a segment, and past what is damaged.
 *
 * @module
 */
import type { OpenFile } from "../../../files.ts";
import { FRAME, isFirst, isIntact, recordLength } from "./records.ts";

/** Bytes that are read at once. */
const CHUNK = 1 << 18;

/** Which part of a segment, and what is known of it. */
export interface ScanRange {
  readonly file: OpenFile;
  readonly from: number;
  readonly to: number;
  readonly marker: number;
  /**
   * All before it was acknowledged. What is broken behind it was being written when the process ended, unless records
   * that were written later follow.
   */
  readonly acknowledged: number;
}

/** Hears of what a scan finds, in order; the scan waits for it. The bytes of a record are its own until then. */
export interface Scanned {
  record(frame: Uint8Array, at: number): void | Promise<void>;
  damage(from: number, to: number): void;
}

/** Scans, and gives where the last record ends that counts. */
export async function scan(range: ScanRange, scanned: Scanned): Promise<number> {
  const window = new Window(range.file, range.to);
  let at = range.from;
  while (at < range.to) {
    const frame = await recordAt(window, at, range);
    if (frame !== null) {
      const taken = scanned.record(frame, at);
      if (taken !== undefined) await taken;
      at += frame.length;
      continue;
    }
    const next = await findNext(window, at + 1, range, at >= range.acknowledged);
    if (next === null) break;
    scanned.damage(at, next);
    at = next;
  }
  if (at < range.acknowledged) scanned.damage(at, range.acknowledged);
  return at;
}

/** The intact record at a place; null if there is none. Known at once where its bytes are at hand. */
function recordAt(window: Window, at: number, range: ScanRange): Uint8Array | null | Promise<Uint8Array | null> {
  const head = window.look(at, FRAME);
  if (head === null) return window.load(at, FRAME).then(() => recordAt(window, at, range));
  const length = recordLength(head, 0, range.marker);
  if (length === 0 || at + length > range.to) return null;
  const frame = window.look(at, length);
  if (frame === null) return window.load(at, length).then(() => recordAt(window, at, range));
  return isIntact(frame, range.marker) ? frame : null;
}

/** Where the next intact record begins, or the next that others were written with; null if there is none. */
async function findNext(window: Window, from: number, range: ScanRange, onlyFirst: boolean): Promise<number | null> {
  for (let at = from; at < range.to;) {
    if (window.look(at, CHUNK) === null) await window.load(at, CHUNK);
    const bytes = window.look(at, CHUNK)!;
    const found = indexOfMarker(bytes, range.marker);
    if (found < 0) {
      at += Math.max(1, bytes.length - 3);
      continue;
    }
    const frame = await recordAt(window, at + found, range);
    if (frame !== null && (!onlyFirst || isFirst(frame))) return at + found;
    at += found + 1;
  }
  return null;
}

function indexOfMarker(bytes: Uint8Array, marker: number): number {
  const [a, b, c, d] = [marker & 255, marker >>> 8 & 255, marker >>> 16 & 255, marker >>> 24];
  for (let at = bytes.indexOf(a); at >= 0; at = bytes.indexOf(a, at + 1)) {
    if (bytes[at + 1] === b && bytes[at + 2] === c && bytes[at + 3] === d) return at;
  }
  return -1;
}

/** A part of a file in memory that moves on. */
class Window {
  readonly #file: OpenFile;
  /** Where the file ends: where it turns out to be shorter, there. */
  #end: number;
  #from = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(file: OpenFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  /** So many bytes from a place on, fewer at the end; null if they have to be loaded. */
  look(at: number, length: number): Uint8Array | null {
    const end = Math.min(at + length, this.#end);
    if (at < this.#from || end > this.#from + this.#bytes.length) return null;
    return this.#bytes.subarray(at - this.#from, end - this.#from);
  }

  async load(at: number, length: number): Promise<void> {
    const bytes = new Uint8Array(Math.min(Math.max(length, CHUNK), Math.max(0, this.#end - at)));
    const read = await readFully(this.#file, bytes, at);
    if (read < bytes.length) this.#end = at + read;
    this.#from = at;
    this.#bytes = bytes.subarray(0, read);
  }
}

/** Reads until `into` is full or the file is over; gives how much it was. */
export async function readFully(file: OpenFile, into: Uint8Array, position: number): Promise<number> {
  let length = 0;
  while (length < into.length) {
    const more = await file.read(length === 0 ? into : into.subarray(length), position + length);
    if (more === 0) break;
    length += more;
  }
  return length;
}

/** Writes all of it. @throws {Error} The file takes nothing more, or the system's own. */
export async function writeFully(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  let length = 0;
  while (length < bytes.length) {
    const more = await file.write(length === 0 ? bytes : bytes.subarray(length), position + length);
    if (more === 0) throw new Error("The file takes no more bytes");
    length += more;
  }
}
