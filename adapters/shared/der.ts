/**
 * Reads DER (ITU-T X.690), as far as certificates have it. The runtimes print what is in a certificate in three ways;
 * one reader of the bytes gives the same on all of them.
 *
 * @module
 */

/** One element, and where the next one begins. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With its tag and length. */
  readonly whole: Uint8Array;
}

/** The elements of which `bytes` consists. @throws {RangeError} They are cut off, or no DER. */
export function elements(bytes: Uint8Array): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length;) {
    const element = elementAt(bytes, at);
    found.push(element);
    at += element.whole.length;
  }
  return found;
}

function elementAt(bytes: Uint8Array, at: number): Element {
  const first = bytes[at + 1] ?? 0x80;
  const sizeBytes = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || sizeBytes > 4) throw new RangeError("DER has a length that can't be");
  let length = sizeBytes === 0 ? first : 0;
  for (let i = 0; i < sizeBytes; i++) length = length * 256 + (bytes[at + 2 + i] ?? 0);
  const start = at + 2 + sizeBytes;
  if (start + length > bytes.length) throw new RangeError("DER is cut off");
  return { tag: bytes[at], content: bytes.subarray(start, start + length), whole: bytes.subarray(at, start + length) };
}

/** An object identifier in dots. */
export function oidOf(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (arcs.length === 0) arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    else arcs.push(arc);
    arc = 0;
  }
  return arcs.join(".");
}

const UTF8_STRING = 12;
const BMP_STRING = 30;

/** Text of any of ASN.1's kinds of strings. */
export function textOf({ tag, content }: Element): string {
  if (tag === UTF8_STRING) return new TextDecoder().decode(content);
  if (tag !== BMP_STRING) return String.fromCharCode(...content);
  const units = Array.from({ length: content.length >> 1 }, (_, i) => content[2 * i] * 256 + content[2 * i + 1]);
  return String.fromCharCode(...units);
}

const UTC_TIME = 23;

/** A time in ms since the epoch; NaN for what is none. */
export function timeOf({ tag, content }: Element): number {
  const text = String.fromCharCode(...content);
  // RFC 5280, section 4.1.2.5.1: two digits are of 1950 to 2049.
  const full = tag === UTC_TIME ? (Number(text.slice(0, 2)) < 50 ? "20" : "19") + text : text;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(full);
  if (parts === null) return NaN;
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Bytes as pairs of capital hexadecimal digits. */
export function hexOf(bytes: Uint8Array, between: string = ""): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0").toUpperCase()).join(between);
}
