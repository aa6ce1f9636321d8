/**
 * Where a line may end, and what is wrong with a byte that is out of place.
 *
 * @module
 */

import { HttpError, type RefusalReason } from "../http_errors.ts";
import { CR, LF } from "./chars.ts";
import type { Window } from "./window.ts";

/**
 * The byte at hand does not belong here: refuses it as `badByte`, or as `badLine` if the line ends here. Returns false
 * while a CR is the last byte of all, as nobody knows yet which it is.
 */
export function misplaced(w: Window, end: number, badByte: RefusalReason, badLine: RefusalReason): false {
  const byte = w.bytes[w.at];
  if (byte === LF) throw new HttpError("bareLf");
  if (byte !== CR) throw new HttpError(badByte);
  if (w.at + 1 === end) return false;
  throw new HttpError(w.bytes[w.at + 1] === LF ? badLine : "bareCr");
}

/** Takes a CRLF, returning false if there is not all of it yet; refuses anything else, as `badByte` if it is no line end. */
export function takeCrlf(w: Window, end: number, badByte: RefusalReason): boolean {
  if (w.at === end) return false;
  const byte = w.bytes[w.at];
  if (byte !== CR) throw new HttpError(byte === LF ? "bareLf" : badByte);
  if (w.at + 1 === end) return false;
  if (w.bytes[w.at + 1] !== LF) throw new HttpError("bareCr");
  w.at += 2;
  return true;
}
