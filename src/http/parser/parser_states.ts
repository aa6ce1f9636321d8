/**
 * The states of a request parser, and every way from one to another. The parser of responses has most of them, too.
 *
 * @module
 */

/** Before a message; in front of a request empty lines are passed over. */
export const START = 0;
/** In a request line, or in a status line (RFC 9112: start-line). */
export const START_LINE = 1;
/** In the fields of a head. */
export const FIELDS = 2;
/** In a body of known length. */
export const FIXED = 3;
/** In the line before a chunk's data. */
export const CHUNK_SIZE = 4;
/** In a chunk's data. */
export const CHUNK_DATA = 5;
/** In the CRLF behind a chunk's data. */
export const CHUNK_END = 6;
/** In the fields behind the last chunk. */
export const TRAILERS = 7;
/** The message is complete; its end has not been told. */
export const MESSAGE_END = 8;
/** Nothing is parsed any more: the peer broke the protocol, or the rest of the bytes was handed over. */
export const DEAD = 9;

/** One of the states. */
export type State =
  | typeof START
  | typeof START_LINE
  | typeof FIELDS
  | typeof FIXED
  | typeof CHUNK_SIZE
  | typeof CHUNK_DATA
  | typeof CHUNK_END
  | typeof TRAILERS
  | typeof MESSAGE_END
  | typeof DEAD;

/** From each state: what has been found, and the state that follows. Any state may end in `DEAD`. */
export const AFTER = {
  start: { firstByte: START_LINE },
  startLine: { complete: FIELDS },
  fields: { withoutBody: MESSAGE_END, withLength: FIXED, withChunks: CHUNK_SIZE },
  fixed: { complete: MESSAGE_END },
  chunkSize: { aboveZero: CHUNK_DATA, zero: TRAILERS },
  chunkData: { complete: CHUNK_END },
  chunkEnd: { complete: CHUNK_SIZE },
  trailers: { complete: MESSAGE_END },
  messageEnd: { told: START },
} as const;
