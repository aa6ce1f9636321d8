/**
 * How many bytes data has.
 *
 * @module
 */

/** Bytes of data: those of text as UTF-8, with three for half of a surrogate pair, as every encoder has it. */
export function sizeOf(data: string | Uint8Array): number {
  return typeof data === "string" ? textSize(data) : data.byteLength;
}

function textSize(text: string): number {
  let size = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit <= 0x7f) continue;
    size += unit > 0x7ff ? 2 : 1;
    // The four bytes of a pair are counted with its first half.
    if (isHigh(unit) && isLow(text.charCodeAt(at + 1))) at++;
  }
  return size;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
