/**
 * The checksum CRC-32C (Castagnoli; RFC 3720, appendix B.4).
 *
 * @module
 */

/** The polynomial 0x1EDC6F41, its bits turned round. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? rest >>> 1 ^ POLYNOMIAL : rest >>> 1;
  return rest;
});

/**
 * The checksum of bytes, as an unsigned number.
 *
 * @param before That of the bytes before these: the result is the checksum of both. @default 0, for none
 */
export function crc32c(bytes: Uint8Array, before: number = 0): number {
  let sum = before ^ 0xffffffff;
  for (let at = 0; at < bytes.length; at++) sum = sum >>> 8 ^ TABLE[(sum ^ bytes[at]) & 255];
  return (sum ^ 0xffffffff) >>> 0;
}
