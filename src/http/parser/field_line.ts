/**
 * Field lines (RFC 9112 §5) of heads and trailers: name ":" OWS value OWS CRLF. A line goes on where it stopped when the
 * bytes ran out.
 *
 * @module
 */

import { HttpError, type RefusalReason } from "../http_errors.ts";
import { CLASS, COLON, CR, HTAB, SP, TOKEN, VALUE } from "./chars.ts";
import { misplaced, takeCrlf } from "./line.ts";
import type { Window } from "./window.ts";

/** The bytes ran out. */
export const MORE = 0;
/** A field line is complete. */
export const FIELD = 1;
/** The empty line is there. */
export const BLANK = 2;

/** How far the fields have been read. Places count from the window's `from`, as the section may move to a larger buffer. */
export class FieldScan {
  readonly #max: number;
  readonly #tooMany: RefusalReason;
  /** Where the name of the current line begins. */
  nameStart = 0;
  /** Where its colon is. */
  nameEnd = 0;
  /** Where its value ends, whitespace included. */
  valueEnd = 0;
  inValue = false;
  #count = 0;

  constructor(max: number, tooMany: RefusalReason) {
    this.#max = max;
    this.#tooMany = tooMany;
  }

  /** Another section begins at `start`. */
  begin(start: number): void {
    this.nameStart = start;
    this.inValue = false;
    this.#count = 0;
  }

  /** The name of another field is complete. */
  named(colon: number): void {
    if (++this.#count > this.#max) throw new HttpError(this.#tooMany);
    this.nameEnd = colon;
    this.inValue = true;
  }
}

/** Reads on, up to `end`. */
export function scanField(w: Window, end: number, field: FieldScan): typeof MORE | typeof FIELD | typeof BLANK {
  if (!field.inValue) {
    const bytes = w.bytes;
    let i = w.at;
    while (i < end && (CLASS[bytes[i]] & TOKEN) !== 0) i++;
    w.at = i;
    if (i === end) return MORE;
    const place = i - w.from;
    if (place === field.nameStart) return emptyName(w, end);
    if (bytes[i] !== COLON) return badName(w, end);
    field.named(place);
    w.at = i + 1;
  }
  return scanValue(w, end, field) ? FIELD : MORE;
}

function scanValue(w: Window, end: number, field: FieldScan): boolean {
  const bytes = w.bytes;
  let i = w.at;
  while (i < end && (CLASS[bytes[i]] & VALUE) !== 0) i++;
  w.at = i;
  if (!takeCrlf(w, end, "badFieldValue")) return false;
  field.valueEnd = i - w.from;
  field.inValue = false;
  return true;
}

function emptyName(w: Window, end: number): typeof MORE | typeof BLANK {
  const byte = w.bytes[w.at];
  if (byte === COLON) throw new HttpError("emptyFieldName");
  if (byte === SP || byte === HTAB) throw new HttpError("obsFold");
  return takeCrlf(w, end, "badFieldName") ? BLANK : MORE;
}

function badName(w: Window, end: number): typeof MORE {
  const byte = w.bytes[w.at];
  if (byte === SP || byte === HTAB) throw new HttpError("spaceBeforeColon");
  misplaced(w, end, "badFieldName", "missingColon");
  return MORE;
}

/** Past the whitespace at the beginning of a value. */
export function trimStart(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  while (i < end && (bytes[i] === SP || bytes[i] === HTAB)) i++;
  return i;
}

/** Before the whitespace at the end of a value. */
export function trimEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = end;
  while (i > start && (bytes[i - 1] === SP || bytes[i - 1] === HTAB)) i--;
  return i;
}

/** Where the line that `i` lies in ends; only for bytes in which the parser has found every line's end. */
export function lineEnd(bytes: Uint8Array, i: number): number {
  while (bytes[i] !== CR) i++;
  return i;
}

/** Where the name that begins at `i` ends; only for bytes that the parser has been through. */
export function nameEnd(bytes: Uint8Array, i: number): number {
  while (bytes[i] !== COLON) i++;
  return i;
}
