/**
 * The request line (RFC 9112 §3): method SP target SP version CRLF. Each part goes on where it stopped when the bytes
 * ran out, so that no byte is looked at twice.
 *
 * @module
 */

import { HttpError } from "../http_errors.ts";
import { CLASS, CR, DIGIT, SP, TARGET, TOKEN } from "./chars.ts";
import { type HeadDraft, IN_METHOD, IN_TARGET, IN_VERSION } from "./head_draft.ts";
import { MAX_METHOD_BYTES } from "./limits.ts";
import { misplaced } from "./line.ts";
import { checkTarget } from "./target.ts";
import { asciiBytes } from "./text.ts";
import type { Window } from "./window.ts";

const VERSION = asciiBytes("HTTP/1.1\r\n");
const MAJOR_AT = 5;
const MINOR_AT = 7;
const LF_AT = 9;
const ZERO = 0x30;

/** Reads on, up to `end`; true when the line is complete. */
export function scanRequestLine(w: Window, end: number, head: HeadDraft, maxTargetBytes: number): boolean {
  if (head.part === IN_METHOD && !scanMethod(w, end, head)) return false;
  if (head.part === IN_TARGET && !scanTarget(w, end, head, maxTargetBytes)) return false;
  if (!scanVersion(w, end, head)) return false;
  checkTarget(w.bytes, w.from, w.from + head.targetStart, w.from + head.targetEnd);
  return true;
}

function scanMethod(w: Window, end: number, head: HeadDraft): boolean {
  const bytes = w.bytes;
  let i = w.at;
  while (i < end && (CLASS[bytes[i]] & TOKEN) !== 0) i++;
  w.at = i;
  if (i - w.from > MAX_METHOD_BYTES) throw new HttpError("methodTooLong");
  if (i === end) return false;
  if (bytes[i] !== SP || i === w.from) return misplaced(w, end, "badMethod", "badRequestLine");
  w.at = i + 1;
  head.targetStart = w.at - w.from;
  head.part = IN_TARGET;
  return true;
}

function scanTarget(w: Window, end: number, head: HeadDraft, maxTargetBytes: number): boolean {
  const bytes = w.bytes;
  let i = w.at;
  while (i < end && (CLASS[bytes[i]] & TARGET) !== 0) i++;
  w.at = i;
  const length = i - w.from - head.targetStart;
  if (length > maxTargetBytes) throw new HttpError("targetTooLong");
  if (i === end) return false;
  if (bytes[i] !== SP) return misplaced(w, end, "badTarget", "badRequestLine");
  if (length === 0) throw new HttpError("badRequestLine");
  head.targetEnd = i - w.from;
  w.at = i + 1;
  head.part = IN_VERSION;
  return true;
}

function scanVersion(w: Window, end: number, head: HeadDraft): boolean {
  const bytes = w.bytes;
  const start = w.from + head.targetEnd + 1;
  for (; w.at < end; w.at++) {
    const k = w.at - start;
    const byte = bytes[w.at];
    if (byte !== VERSION[k]) {
      if (k === MINOR_AT && byte === ZERO) head.minor = 0;
      // A higher minor version is read as the highest that is known (RFC 9110 §2.5).
      else if (k === MINOR_AT && (CLASS[byte] & DIGIT) !== 0) continue;
      else return badVersion(w, end, k);
    } else if (k === LF_AT) {
      w.at++;
      return true;
    }
  }
  return false;
}

function badVersion(w: Window, end: number, k: number): false {
  const byte = w.bytes[w.at];
  if (k === MAJOR_AT && (CLASS[byte] & DIGIT) !== 0) throw new HttpError("unsupportedVersion");
  if (k === LF_AT && w.bytes[w.at - 1] === CR) throw new HttpError("bareCr");
  return misplaced(w, end, "badRequestLine", "badRequestLine");
}
