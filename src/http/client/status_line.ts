/**
 * The status line (RFC 9112 §4): version SP status SP reason CRLF. It goes on where it stopped when the bytes ran out.
 *
 * @module
 */
import { ResponseError } from "../http_errors.ts";
import { CLASS, CR, DIGIT, LF, SP, VALUE } from "../parser/chars.ts";
import { asciiBytes, latin1 } from "../parser/text.ts";
import type { Window } from "../parser/window.ts";

const VERSION = asciiBytes("HTTP/1.1 ");
const MINOR_AT = 7;
const ZERO = 0x30;
/** Where the three digits of the status begin. */
const STATUS_AT = VERSION.length;
/** Behind the three digits. */
const STATUS_END = STATUS_AT + 3;
/** Where the reason begins. */
export const REASON_AT: number = STATUS_END + 1;
/** Bytes of a wrong line that its error shows. */
const SHOWN = 40;

/** Reads on, up to `end`; true when the line is complete. */
export function scanStatusLine(w: Window, end: number): boolean {
  const { bytes, from } = w;
  for (let k = w.at - from; w.at < end && k < STATUS_END; k++, w.at++) {
    if (!fits(bytes[w.at], k)) throw badLine(w, end);
  }
  return w.at < end && scanReason(w, end);
}

function fits(byte: number, k: number): boolean {
  if (k >= STATUS_AT) return (CLASS[byte] & DIGIT) !== 0 && (k > STATUS_AT || byte !== ZERO);
  return byte === VERSION[k] || (k === MINOR_AT && byte === ZERO);
}

function scanReason(w: Window, end: number): boolean {
  const bytes = w.bytes;
  let i = w.at;
  // Many servers leave out the space if there is no reason.
  if (i - w.from === STATUS_END && bytes[i] !== CR && bytes[i] !== SP) throw badLine(w, end);
  while (i < end && (CLASS[bytes[i]] & VALUE) !== 0) i++;
  w.at = i;
  if (i === end) return false;
  if (bytes[i] !== CR || (i + 1 < end && bytes[i + 1] !== LF)) throw badLine(w, end);
  if (i + 1 === end) return false;
  w.at = i + 2;
  return true;
}

/** The status of a correct line that begins at `start`. */
export function statusAt(bytes: Uint8Array, start: number): number {
  const at = start + STATUS_AT;
  return (bytes[at] & 0x0f) * 100 + (bytes[at + 1] & 0x0f) * 10 + (bytes[at + 2] & 0x0f);
}

/** The second digit of the version of a correct line that begins at `start`. */
export function minorAt(bytes: Uint8Array, start: number): 0 | 1 {
  return bytes[start + MINOR_AT] === ZERO ? 0 : 1;
}

function badLine(w: Window, end: number): ResponseError {
  const seen = JSON.stringify(latin1(w.bytes, w.from, Math.min(end, w.from + SHOWN)));
  return new ResponseError(`The response does not begin with \`HTTP/1.1 SP status SP reason CRLF\` but with ${seen}`);
}
