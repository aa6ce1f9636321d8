/**
 * The fields that decide how a message is read, six in a request and three in a response, and what makes their values
 * acceptable.
 *
 * @module
 */

import { HttpError, type RefusalReason } from "../http_errors.ts";
import { CLASS, COMMA, DIGIT, TOKEN } from "./chars.ts";
import { type FieldScan, trimEnd, trimStart } from "./field_line.ts";
import type { HeadDraft } from "./head_draft.ts";
import { isAuthority } from "./target.ts";
import { asciiBytes, matches } from "./text.ts";

type Apply = (head: HeadDraft, bytes: Uint8Array, start: number, end: number) => void;

interface KnownField {
  readonly name: Uint8Array;
  readonly apply: Apply;
}

function known(name: string, apply: Apply): KnownField {
  return { name: asciiBytes(name), apply };
}

/** Fields by the length of their names: no two may have the same. */
export type KnownFields = readonly (KnownField | undefined)[];

function byLength(fields: readonly KnownField[]): KnownFields {
  const table: (KnownField | undefined)[] = [];
  for (const field of fields) table[field.name.length] = field;
  return Array.from(table);
}

const FRAMING: readonly KnownField[] = [
  known("connection", connection),
  known("content-length", contentLength),
  known("transfer-encoding", transferEncoding),
];

/** What matters of a request's fields. */
export const REQUEST_FIELDS: KnownFields = byLength([
  known("host", host),
  known("expect", expect),
  known("upgrade", upgrade),
  ...FRAMING,
]);

/** What matters of a response's fields. */
export const RESPONSE_FIELDS: KnownFields = byLength(FRAMING);

/** Takes note of a complete field line, if its name is known; `base` is where the head begins. */
export function applyField(
  head: HeadDraft,
  bytes: Uint8Array,
  base: number,
  field: FieldScan,
  fields: KnownFields,
): void {
  const length = field.nameEnd - field.nameStart;
  if (length >= fields.length) return;
  const entry = fields[length];
  if (entry === undefined || !matches(bytes, base + field.nameStart, entry.name)) return;
  const start = trimStart(bytes, base + field.nameEnd + 1, base + field.valueEnd);
  entry.apply(head, bytes, start, trimEnd(bytes, start, base + field.valueEnd));
}

/** An empty Host is right only where the target needs none (RFC 9110 §7.2): that is decided when the head is complete. */
function host(head: HeadDraft, bytes: Uint8Array, start: number, end: number): void {
  if (head.hostSeen) throw new HttpError("repeatedHost");
  head.hostSeen = true;
  head.hostEmpty = start === end;
  if (start !== end && !isAuthority(bytes, start, end)) throw new HttpError("badHost");
}

/** RFC 9110 §8.6 lets equal repetitions pass; nobody needs them, and each one is a disagreement in waiting. */
function contentLength(head: HeadDraft, bytes: Uint8Array, start: number, end: number): void {
  if (head.contentLength !== -1) throw new HttpError("repeatedContentLength");
  if (start === end) throw new HttpError("badContentLength");
  let length = 0;
  for (let i = start; i < end; i++) {
    if ((CLASS[bytes[i]] & DIGIT) === 0) throw new HttpError("badContentLength");
    length = length * 10 + (bytes[i] & 0x0f);
  }
  // Above 2^53 it is not exact any more; the end of the head refuses it as too large, whatever the limit.
  head.contentLength = length;
}

const CHUNKED = asciiBytes("chunked");

function transferEncoding(head: HeadDraft, bytes: Uint8Array, start: number, end: number): void {
  if (head.minor === 0) throw new HttpError("transferEncodingInHttp10");
  if (head.chunked) throw new HttpError("repeatedTransferEncoding");
  if (!isWord(bytes, start, end, CHUNKED)) throw new HttpError(refusalOf(bytes, start, end));
  head.chunked = true;
}

/** Unknown codings below `chunked` are only unknown; without `chunked` at the end, no length is (RFC 9112 §6.1, §6.3). */
function refusalOf(bytes: Uint8Array, start: number, end: number): RefusalReason {
  let from = start;
  for (let comma = bytes.indexOf(COMMA, from); comma !== -1 && comma < end; comma = bytes.indexOf(COMMA, from)) {
    const first = trimStart(bytes, from, comma);
    const last = trimEnd(bytes, first, comma);
    if (!isToken(bytes, first, last) || isWord(bytes, first, last, CHUNKED)) return "badTransferEncoding";
    from = comma + 1;
  }
  if (from === start || !isWord(bytes, trimStart(bytes, from, end), end, CHUNKED)) return "badTransferEncoding";
  return "unknownTransferCoding";
}

const CONTINUE = asciiBytes("100-continue");

function expect(head: HeadDraft, bytes: Uint8Array, start: number, end: number): void {
  if (!isWord(bytes, start, end, CONTINUE)) throw new HttpError("unknownExpectation");
  head.expectContinue = true;
}

function upgrade(head: HeadDraft, _bytes: Uint8Array, start: number, end: number): void {
  if (start !== end) head.upgradeField = true;
}

const CLOSE = asciiBytes("close");
const KEEP_ALIVE = asciiBytes("keep-alive");
const UPGRADE = asciiBytes("upgrade");

/** A list of tokens (RFC 9110 §7.6.1); those that mean nothing here are passed over. */
function connection(head: HeadDraft, bytes: Uint8Array, start: number, end: number): void {
  for (let from = start; from < end;) {
    let to = from;
    while (to < end && bytes[to] !== COMMA) to++;
    const first = trimStart(bytes, from, to);
    connectionToken(head, bytes, first, trimEnd(bytes, first, to));
    from = to + 1;
  }
}

function connectionToken(head: HeadDraft, bytes: Uint8Array, start: number, end: number): void {
  if (isWord(bytes, start, end, KEEP_ALIVE)) head.keepAlive = true;
  else if (isWord(bytes, start, end, CLOSE)) head.close = true;
  else if (isWord(bytes, start, end, UPGRADE)) head.upgrade = true;
}

function isWord(bytes: Uint8Array, start: number, end: number, lower: Uint8Array): boolean {
  return end - start === lower.length && matches(bytes, start, lower);
}

function isToken(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  while (i < end && (CLASS[bytes[i]] & TOKEN) !== 0) i++;
  return i === end && start < end;
}
