/**
 * Bytes compared with text, and made text when somebody asks.
 *
 * @module
 */

const decoder = new TextDecoder();
const { fromCharCode } = String;

/** From here on a native decoder is faster than a loop, on every runtime. */
const NATIVE_FROM = 16;

/** Arguments of one call: far below what a stack takes. */
const PIECE = 4096;

/** The bytes of an ASCII text. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Whether the bytes from `at` on are `lower`, in any case; only for bytes of tokens, and letters, digits and `-`. */
export function matches(bytes: Uint8Array, at: number, lower: Uint8Array): boolean {
  for (let i = 0; i < lower.length; i++) {
    if ((bytes[at + i] | 0x20) !== lower[i]) return false;
  }
  return true;
}

/** Whether the bytes from `at` on are `text`, byte for byte. */
export function isText(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[at + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Whether the bytes from `at` on are the field name `lower`, in any case. */
export function isName(bytes: Uint8Array, at: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    if ((bytes[at + i] | 0x20) !== (lower.charCodeAt(i) | 0x20)) return false;
  }
  return true;
}

/** The text of ASCII bytes. */
export function ascii(bytes: Uint8Array, start: number, end: number): string {
  if (end - start >= NATIVE_FROM) return decoder.decode(bytes.subarray(start, end));
  return short(bytes, start, end);
}

/** The text of bytes, each one a character: the isomorphic decoding of the Fetch standard. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  if (end - start < NATIVE_FROM) return short(bytes, start, end);
  let all = 0;
  for (let i = start; i < end; i++) all |= bytes[i];
  if (all < 0x80) return decoder.decode(bytes.subarray(start, end));
  let text = "";
  for (let i = start; i < end; i += PIECE) {
    text += fromCharCode.apply(null, bytes.subarray(i, Math.min(i + PIECE, end)) as unknown as number[]);
  }
  return text;
}

function short(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  let i = start;
  // Four at once: a string that grows by one character at a time is the slowest way.
  for (; i + 4 <= end; i += 4) text += fromCharCode(bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]);
  for (; i < end; i++) text += fromCharCode(bytes[i]);
  return text;
}
