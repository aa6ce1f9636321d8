/**
 * The states of a response parser, and every way from one to another.
 *
 * @module
 */

/** Before a response. */
export const START = 0;
/** In a status line. */
export const STATUS_LINE = 1;
/** In the fields of a head. */
export const FIELDS = 2;
/** In a body of known length. */
export const FIXED = 3;
/** In a body that the end of the connection ends. */
export const UNTIL_END = 4;
/** In the line before a chunk's data. */
export const CHUNK_SIZE = 5;
/** In a chunk's data. */
export const CHUNK_DATA = 6;
/** In the CRLF behind a chunk's data. */
export const CHUNK_END = 7;
/** In the fields behind the last chunk. */
export const TRAILERS = 8;
/** The response is complete; its end has not been told. */
export const RESPONSE_COMPLETE = 9;
/** HTTP is over on this connection: what follows belongs to another protocol. */
export const OTHER_PROTOCOL = 10;
/** Nothing is parsed any more: the peer broke the protocol, or the rest of the bytes was handed over. */
export const DEAD = 11;

/** One of the states. */
export type State =
  | typeof START
  | typeof STATUS_LINE
  | typeof FIELDS
  | typeof FIXED
  | typeof UNTIL_END
  | typeof CHUNK_SIZE
  | typeof CHUNK_DATA
  | typeof CHUNK_END
  | typeof TRAILERS
  | typeof RESPONSE_COMPLETE
  | typeof OTHER_PROTOCOL
  | typeof DEAD;

/** From each state: what has been found, and the state that follows. Any state may end in `DEAD`. */
export const AFTER = {
  start: { firstByte: STATUS_LINE },
  statusLine: { complete: FIELDS },
  fields: {
    interim: START,
    switching: OTHER_PROTOCOL,
    withoutBody: RESPONSE_COMPLETE,
    withLength: FIXED,
    withChunks: CHUNK_SIZE,
    withoutLength: UNTIL_END,
  },
  fixed: { complete: RESPONSE_COMPLETE },
  untilEnd: { ended: RESPONSE_COMPLETE },
  chunkSize: { aboveZero: CHUNK_DATA, zero: TRAILERS },
  chunkData: { complete: CHUNK_END },
  chunkEnd: { complete: CHUNK_SIZE },
  trailers: { complete: RESPONSE_COMPLETE },
  complete: { told: START },
} as const;
