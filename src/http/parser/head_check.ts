/**
 * What can be said of a head only when all of it is there.
 *
 * @module
 */

import { HttpError } from "../http_errors.ts";
import { SLASH } from "./chars.ts";
import type { HeadDraft } from "./head_draft.ts";
import { isConnect } from "./target.ts";

/** Refuses a complete head that is ambiguous, lacks what it needs, or announces too much; it begins at `start`. */
export function checkHead(head: HeadDraft, bytes: Uint8Array, start: number, maxBodyBytes: number): void {
  if (head.chunked && head.contentLength !== -1) throw new HttpError("lengthWithTransferEncoding");
  if (!head.hostSeen && head.minor === 1) throw new HttpError("missingHost");
  if (head.hostEmpty && bytes[start + head.targetStart] === SLASH) throw new HttpError("badHost");
  if (head.chunked || head.contentLength > 0) {
    // RFC 9110 §9.3.6: what follows this head is the tunnel's; a proxy may take it for something else.
    if (isConnect(bytes, start, head.targetStart - 1)) throw new HttpError("connectWithBody");
    checkBodySize(head.contentLength, maxBodyBytes);
  }
}

/** Refuses a body of so many bytes if they are over the limit, or if they can't be counted exactly. */
export function checkBodySize(size: number, maxBodyBytes: number): void {
  if (size > maxBodyBytes || size > Number.MAX_SAFE_INTEGER) throw new HttpError("bodyTooLarge");
}
