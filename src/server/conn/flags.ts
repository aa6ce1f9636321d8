/**
 * The bits of a connection's state: one word instead of a field each, because ten thousand idle connections should
 * cost little.
 *
 * @module
 */

/** The peer's FIN arrived. */
export const READ_ENDED = 1;
/** Our FIN is sent or follows what was written. */
export const WRITE_ENDED = 2;
/** The socket is gone. */
export const GONE = 4;
/** The socket is paused because the queue is full. */
export const FULL = 32;
/** The socket is paused by its consumer. */
export const PAUSED = 64;
/** The socket is paused by the drain, which takes in those who wait to be accepted. */
export const STALLED = 65536;
/** Its consumer is being given bytes: what it writes leaves when that returns. */
export const FEEDING = 131072;
/** TCP keep-alive is dealt with. */
export const KEPT_ALIVE = 262144;
/** Whoever reads has learned that the peer has finished. */
export const END_TOLD = 2097152;
/** Any reason for a paused socket. */
export const ANY_PAUSE: number = FULL | PAUSED | STALLED;
/** A complete message is unanswered, says the protocol. */
export const BUSY = 128;
/** Part of a message is buffered, says the protocol. */
export const PARTIAL = 256;
/** Is in the write batch's list. */
export const DIRTY = 512;
/** The socket has bytes that the kernel has not taken yet. */
export const CLOGGED = 1024;
/** A flush was more than the kernel took: what is gathered may have to be kept. */
export const SLOW = 524288;
/** Answers are withheld, to leave together with the FIN. */
export const HOLD = 2048;
/** A handler is running. */
export const HANDLED = 32768;
/** A goodbye has begun, whatever became of it. */
export const GOODBYE_SAID = 4096;
