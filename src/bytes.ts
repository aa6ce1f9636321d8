/**
 * What counts as bytes where data enters, checked once by every function that writes; and how pieces become one.
 *
 * @module
 */

/** Bytes as the web platform takes them: a view on a buffer (`Uint8Array`, `DataView`, ...), or a whole `ArrayBuffer`. */
export type Bytes = ArrayBufferView | ArrayBuffer;

/**
 * Text as it is, and bytes as a `Uint8Array` on the same memory.
 *
 * @param what Begins the error's message: who takes the data.
 * @throws {TypeError} It is neither; the message names what it is.
 */
export function dataOf(data: unknown, what: string): string | Uint8Array {
  return typeof data === "string" ? data : viewOf(data, what, "a string, an ArrayBuffer");
}

/** Bytes as a `Uint8Array` on the same memory; throws as `dataOf` does. */
export function bytesOf(data: unknown, what: string): Uint8Array {
  return viewOf(data, what, "an ArrayBuffer");
}

function viewOf(data: unknown, what: string, others: string): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  throw new TypeError(`${what} takes ${others} or a view on one, got ${nameOf(data)}`);
}

/** The parts as one array; `size` is the sum of their lengths where it is known. */
export function concat(parts: readonly Uint8Array[], size: number = lengthOf(parts)): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** What a value is, for messages: its class, or its type. */
export function nameOf(value: unknown): string {
  if (value === null || typeof value !== "object") return value === null ? "null" : typeof value;
  return value.constructor?.name ?? "object";
}
