/**
 * What a request may cost at most.
 *
 * @module
 */

/** The limits of a {@linkcode RequestParser} that a server can choose. */
export interface ParserLimits {
  /** Bytes of a head, from the method to the empty line: over it 431. */
  readonly maxHeadBytes: number;
  /** Bytes of the request target: over it 414. */
  readonly maxTargetBytes: number;
  /** Fields of a head: over it 431. */
  readonly maxHeaders: number;
  /** Bytes of a body; `Infinity` for no limit. Over it 413. */
  readonly maxBodyBytes: number;
}

/** The longest registered method has 17 bytes; a longer one is nobody's. */
export const MAX_METHOD_BYTES = 32;

/** Empty lines before a request line: old clients send one after a body (RFC 9112 §2.2). */
export const MAX_EMPTY_LINES = 4;

/** 16 digits hold every size that a number can count; more is padding, and parsers differ about it. */
export const MAX_CHUNK_SIZE_DIGITS = 16;

/** Extensions of one chunk: nobody sends any, so this is generous. */
export const MAX_CHUNK_EXTENSION_BYTES = 1024;

/** Extensions of a whole message: else many small chunks carry a large load that no other limit counts. */
export const MAX_MESSAGE_EXTENSION_BYTES = 16_384;

/** Bytes of a trailer section: a checksum, a signature, some timings. */
export const MAX_TRAILER_BYTES = 8192;

/** Fields of a trailer section. */
export const MAX_TRAILERS = 32;
