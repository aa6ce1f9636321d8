/**
 * How many bytes data has.
 *
 * @module
 */

/** Bytes of an entry's data: those of text as UTF-8. */
export function sizeOf(data: string | Uint8Array): number {
  return typeof data === "string" ? textSize(data) : data.byteLength;
}

function textSize(text: string): number {
  let size = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Each half of a surrogate pair counts two of its four bytes.
    if (unit > 0x7f) size += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return size;
}
