/**
 * The four forms of a request target (RFC 9112 §3.2) and the authority in them.
 *
 * @module
 */

import { HttpError } from "../http_errors.ts";
import { ASTERISK, CLASS, COLON, DIGIT, HEX, HOST, IPV6, PERCENT, QUESTION, SLASH } from "./chars.ts";
import { asciiBytes, isText, matches } from "./text.ts";

const SCHEMES = [asciiBytes("http://"), asciiBytes("https://")];
const OPEN = 0x5b;
const CLOSE = 0x5d;
const MAX_PORT = 65_535;
const MAX_PORT_DIGITS = 5;

/** Whether a method of `length` bytes is CONNECT. */
export function isConnect(bytes: Uint8Array, start: number, length: number): boolean {
  return length === 7 && isText(bytes, start, "CONNECT");
}

/** Refuses a target whose form its method does not allow; the method begins at `methodStart`, one SP before it ends. */
export function checkTarget(bytes: Uint8Array, methodStart: number, start: number, end: number): void {
  const methodLength = start - 1 - methodStart;
  if (!targetFits(bytes, methodStart, methodLength, start, end)) throw new HttpError("badTarget");
}

function targetFits(bytes: Uint8Array, method: number, methodLength: number, start: number, end: number): boolean {
  if (isConnect(bytes, method, methodLength)) return hasPort(bytes, start, end) && isAuthority(bytes, start, end);
  if (bytes[start] === SLASH) return true;
  if (bytes[start] === ASTERISK) return end - start === 1 && methodLength === 7 && isText(bytes, method, "OPTIONS");
  const authority = authorityStart(bytes, start, end);
  return authority !== -1 && isAuthority(bytes, authority, authorityEnd(bytes, authority, end));
}

/** Where the authority of an absolute target begins; -1 if it is no absolute http or https URI. */
export function authorityStart(bytes: Uint8Array, start: number, end: number): number {
  for (const scheme of SCHEMES) {
    // "://" has no letter: setting the case bit leaves these bytes as they are, and makes no other byte one of them
    // that a target may contain.
    if (end - start > scheme.length && matches(bytes, start, scheme)) return start + scheme.length;
  }
  return -1;
}

/** Where the authority that begins at `start` ends. */
export function authorityEnd(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  while (i < end && bytes[i] !== SLASH && bytes[i] !== QUESTION) i++;
  return i;
}

/** Whether these bytes are `host[:port]`, without user information. Of IPv6 only the bytes are looked at. */
export function isAuthority(bytes: Uint8Array, start: number, end: number): boolean {
  const host = bytes[start] === OPEN ? afterIpv6(bytes, start, end) : afterName(bytes, start, end);
  if (host === start) return false;
  return host === end || (bytes[host] === COLON && isPort(bytes, host + 1, end));
}

function afterName(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  while (i < end) {
    if ((CLASS[bytes[i]] & HOST) !== 0) i++;
    else if (isEscape(bytes, i, end)) i += 3;
    else break;
  }
  return i;
}

function isEscape(bytes: Uint8Array, i: number, end: number): boolean {
  return bytes[i] === PERCENT && i + 2 < end && (CLASS[bytes[i + 1]] & CLASS[bytes[i + 2]] & HEX) !== 0;
}

function afterIpv6(bytes: Uint8Array, start: number, end: number): number {
  let i = start + 1;
  while (i < end && (CLASS[bytes[i]] & IPV6) !== 0) i++;
  // "::" is the shortest one.
  return i < end && bytes[i] === CLOSE && i - start > 2 ? i + 1 : start;
}

/** An empty port is allowed (RFC 3986 §3.2.3). */
function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > MAX_PORT_DIGITS) return false;
  let port = 0;
  for (let i = start; i < end; i++) {
    if ((CLASS[bytes[i]] & DIGIT) === 0) return false;
    port = port * 10 + (bytes[i] & 0x0f);
  }
  return port <= MAX_PORT;
}

function hasPort(bytes: Uint8Array, start: number, end: number): boolean {
  return end > start && (CLASS[bytes[end - 1]] & DIGIT) !== 0 && bytes.subarray(start, end).includes(COLON);
}
