/**
 * The line before a chunk's data (RFC 9112 §7.1): size in hexadecimal, extensions, CRLF. Its bytes are consumed as they
 * come: nothing of the line is kept.
 *
 * @module
 */

import { HttpError } from "../http_errors.ts";
import { BACKSLASH, CLASS, CR, EQUALS, HEX_VALUE, HTAB, LF, QUOTE, SEMICOLON, SP, TOKEN, VALUE } from "./chars.ts";
import { MAX_CHUNK_EXTENSION_BYTES, MAX_CHUNK_SIZE_DIGITS, MAX_MESSAGE_EXTENSION_BYTES } from "./limits.ts";
import { misplaced, takeCrlf } from "./line.ts";
import type { Window } from "./window.ts";

/** Places in a chunk's first line. */
const Place = {
  /** In the size itself. */
  size: 0,
  /** In the space before a semicolon. */
  gap: 1,
  beforeName: 2,
  name: 3,
  /** In the space behind a name. */
  afterName: 4,
  beforeValue: 5,
  value: 6,
  /** Within quotes. */
  quoted: 7,
  /** Behind a backslash. */
  escaped: 8,
  /** Behind the closing quote. */
  closed: 9,
} as const;

type Place = typeof Place[keyof typeof Place];

/** How far a chunk's first line has been read. */
export class ChunkScan {
  /** What the digits say so far. */
  size = 0;
  digits = 0;
  /** Where in the grammar of its extensions it is. */
  place: Place = Place.size;
  /** Bytes of this chunk's extensions. */
  extension = 0;
  /** Bytes of all extensions of this message. */
  extensions = 0;

  /** Another chunked body begins. */
  beginBody(): void {
    this.extensions = 0;
    this.beginChunk();
  }

  /** Another chunk begins. */
  beginChunk(): void {
    this.size = 0;
    this.digits = 0;
    this.place = Place.size;
    this.extension = 0;
  }
}

/** Reads on; true when the line is complete. */
export function scanChunkSize(w: Window, chunk: ChunkScan): boolean {
  const done = (chunk.place !== Place.size || scanSize(w, chunk)) && scanLineEnd(w, chunk);
  w.from = w.at;
  return done;
}

function scanSize(w: Window, chunk: ChunkScan): boolean {
  const bytes = w.bytes;
  for (; w.at < w.end; w.at++) {
    const value = HEX_VALUE[bytes[w.at]];
    if (value > 15) return true;
    if (++chunk.digits > MAX_CHUNK_SIZE_DIGITS) throw new HttpError("badChunkSize");
    chunk.size = chunk.size * 16 + value;
  }
  return false;
}

function scanLineEnd(w: Window, chunk: ChunkScan): boolean {
  if (chunk.digits === 0) return misplaced(w, w.end, "badChunkSize", "badChunkSize");
  if (chunk.place === Place.size) {
    const byte = w.bytes[w.at];
    if (byte !== SEMICOLON && byte !== SP && byte !== HTAB) return takeCrlf(w, w.end, "badChunkSize");
    chunk.place = Place.gap;
  }
  skipExtensions(w, chunk);
  // The line may end behind a name or a value; within a quoted one, a line end is an attack.
  if (chunk.place === Place.name || chunk.place === Place.value || chunk.place === Place.closed) {
    return takeCrlf(w, w.end, "badChunkExtension");
  }
  return w.at < w.end && misplaced(w, w.end, "badChunkExtension", "badChunkExtension");
}

/** What extensions say is nobody's business here; that they are some is (RFC 9112 §7.1.1). */
function skipExtensions(w: Window, chunk: ChunkScan): void {
  const bytes = w.bytes;
  let { place } = chunk;
  let i = w.at;
  for (; i < w.end && bytes[i] !== CR && bytes[i] !== LF; i++) {
    const next = after(place, bytes[i]);
    if (next === null) throw new HttpError("badChunkExtension");
    place = next;
  }
  chunk.place = place;
  chunk.extension += i - w.at;
  chunk.extensions += i - w.at;
  w.at = i;
  if (chunk.extension > MAX_CHUNK_EXTENSION_BYTES || chunk.extensions > MAX_MESSAGE_EXTENSION_BYTES) {
    throw new HttpError("chunkExtensionsTooLarge");
  }
}

/** Where one more byte leads to; null if it can't be there. */
function after(place: Place, byte: number): Place | null {
  const isSpace = byte === SP || byte === HTAB;
  const isToken = (CLASS[byte] & TOKEN) !== 0;
  switch (place) {
    case Place.size:
    case Place.gap:
      return isSpace ? Place.gap : byte === SEMICOLON ? Place.beforeName : null;
    case Place.beforeName:
      return isSpace ? place : isToken ? Place.name : null;
    case Place.name:
      if (isToken) return place;
      return isSpace ? Place.afterName : equalsOrNext(byte);
    case Place.afterName:
      return isSpace ? place : equalsOrNext(byte);
    case Place.beforeValue:
      if (isSpace) return place;
      return isToken ? Place.value : byte === QUOTE ? Place.quoted : null;
    case Place.value:
      return isToken ? place : after(Place.gap, byte);
    case Place.quoted:
      if (byte === QUOTE) return Place.closed;
      return byte === BACKSLASH ? Place.escaped : (CLASS[byte] & VALUE) !== 0 ? place : null;
    case Place.escaped:
      return (CLASS[byte] & VALUE) !== 0 ? Place.quoted : null;
    case Place.closed:
      return after(Place.gap, byte);
  }
}

function equalsOrNext(byte: number): Place | null {
  return byte === EQUALS ? Place.beforeValue : byte === SEMICOLON ? Place.beforeName : null;
}
