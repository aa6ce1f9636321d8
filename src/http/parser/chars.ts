/**
 * Classes of bytes: one look-up per byte of a head.
 *
 * @module
 */

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const PERCENT = 0x25;
export const ASTERISK = 0x2a;
export const COMMA = 0x2c;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const SEMICOLON = 0x3b;
export const EQUALS = 0x3d;
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const QUESTION = 0x3f;

/** A byte of a token (RFC 9110 §5.6.2): methods and field names. */
export const TOKEN = 1;
/** A byte of a request target: visible ASCII; a fragment is never sent. */
export const TARGET = 2;
/** A byte of a field's value (RFC 9110 §5.5), obs-text included. */
export const VALUE = 4;
/** A byte of a host's name: `unreserved` and `sub-delims` of RFC 3986 §3.2.2, all of which the URL parser takes. */
export const HOST = 8;
/** A byte of an IPv6 address. */
export const IPV6 = 16;
/** An ASCII digit. */
export const DIGIT = 32;
/** A hexadecimal digit. */
export const HEX = 64;

/** The classes of each byte. */
export const CLASS: Uint8Array = new Uint8Array(256);

/** What a hexadecimal digit counts; 255 for any other byte. */
export const HEX_VALUE: Uint8Array = new Uint8Array(256).fill(255);

function mark(chars: string, bits: number): void {
  for (let i = 0; i < chars.length; i++) CLASS[chars.charCodeAt(i)] |= bits;
}

function markRange(first: number, last: number, bits: number): void {
  for (let byte = first; byte <= last; byte++) CLASS[byte] |= bits;
}

const DIGITS = "0123456789";
const ALPHA = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

mark(DIGITS + ALPHA, TOKEN | HOST);
mark("!#$%&'*+-.^_`|~", TOKEN);
mark("-._~!$&'()*+,;=", HOST);
mark(DIGITS, DIGIT);
mark(DIGITS + "abcdefABCDEF", HEX | IPV6);
mark(":.", IPV6);
markRange(0x21, 0x7e, TARGET);
CLASS["#".charCodeAt(0)] &= ~TARGET;
markRange(0x20, 0x7e, VALUE);
markRange(0x80, 0xff, VALUE);
CLASS[HTAB] |= VALUE;

for (let i = 0; i < 16; i++) {
  const digit = i.toString(16);
  HEX_VALUE[digit.charCodeAt(0)] = i;
  HEX_VALUE[digit.toUpperCase().charCodeAt(0)] = i;
}
