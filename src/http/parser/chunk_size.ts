/**
 * The line before a chunk's data (RFC 9112 §7.1): size in hexadecimal, extensions, CRLF. Its bytes are consumed as they
 * come: nothing of the line is kept.
 *
 * @module
 */

import { HttpError } from "../errors.ts";
import { CLASS, HEX_VALUE, SEMICOLON, VALUE } from "./chars.ts";
import { MAX_CHUNK_EXTENSION_BYTES, MAX_CHUNK_SIZE_DIGITS, MAX_MESSAGE_EXTENSION_BYTES } from "./limits.ts";
import { misplaced, takeCrlf } from "./line.ts";
import type { Window } from "./window.ts";

/** How far a chunk's first line has been read. */
export class ChunkScan {
  /** What the digits say so far. */
  size = 0;
  digits = 0;
  inExtension = false;
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
    this.inExtension = false;
    this.extension = 0;
  }
}

/**
 * Reads on; true when the line is complete. Whitespace before the semicolon is refused, though RFC 9112 §7.1.1 lets it
 * pass: parsers that forgive it disagree about where the size ends.
 */
export function scanChunkSize(w: Window, chunk: ChunkScan): boolean {
  const done = (chunk.inExtension || scanSize(w, chunk)) && scanLineEnd(w, chunk);
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
  if (!chunk.inExtension) {
    if (w.bytes[w.at] !== SEMICOLON) return takeCrlf(w, w.end, "badChunkSize");
    chunk.inExtension = true;
  }
  skipExtension(w, chunk);
  return takeCrlf(w, w.end, "badChunkExtension");
}

/** What extensions say is nobody's business here; only their bytes are looked at. */
function skipExtension(w: Window, chunk: ChunkScan): void {
  const bytes = w.bytes;
  let i = w.at;
  while (i < w.end && (CLASS[bytes[i]] & VALUE) !== 0) i++;
  chunk.extension += i - w.at;
  chunk.extensions += i - w.at;
  w.at = i;
  if (chunk.extension > MAX_CHUNK_EXTENSION_BYTES || chunk.extensions > MAX_MESSAGE_EXTENSION_BYTES) {
    throw new HttpError("chunkExtensionsTooLarge");
  }
}
