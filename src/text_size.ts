/**
 * How many bytes data has.
 *
 * @module
 */

/** Bytes of data: those of text as UTF-8, with three for half of a surrogate pair, as every encoder has it. */
export function sizeOf(data: string | Uint8Array): number {
  if (typeof data !== "string") return data.byteLength;
  let size = data.length;
  for (let at = 0; at < data.length; at++) {
    const code = data.codePointAt(at)!;
    // A pair is two of the four bytes that it needs, any other unit one of its own.
    if (code > 0xffff) at++;
    if (code > 0x7f) size += code > 0x7ff ? 2 : 1;
  }
  return size;
}
