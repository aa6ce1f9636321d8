/**
 * A socket whose connection has to wait for its turn: what arrives is kept, and that its peer has left is noticed.
 *
 * @module
 */
import type { RawSocket, SocketEvents } from "../../socket.ts";

/** More than this waits in the kernel: enough for a request and its fields. */
const MOST_BYTES = 64 * 1024;

/** Reads a socket until its connection takes over. */
export class ReadAhead implements SocketEvents {
  readonly #socket: RawSocket;
  readonly #left: () => void;
  #to: SocketEvents | null = null;
  #chunks: Uint8Array[] = [];
  #size = 0;
  #ended = false;

  /** @param left The peer has gone, or has finished without a word: nobody waits for a turn any more. */
  constructor(socket: RawSocket, left: () => void) {
    this.#socket = socket;
    this.#left = left;
    socket.start(this);
  }

  /** Everything that was read, and all that comes. */
  handTo(to: SocketEvents): void {
    this.#to = to;
    const chunks = this.#chunks;
    this.#chunks = [];
    for (const chunk of chunks) to.data(chunk);
    if (this.#ended) to.end();
    else if (this.#size >= MOST_BYTES) this.#socket.resume();
  }

  data(chunk: Uint8Array): void {
    if (this.#to !== null) return this.#to.data(chunk);
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size >= MOST_BYTES) this.#socket.pause();
  }

  end(): void {
    if (this.#to !== null) return this.#to.end();
    this.#ended = true;
    // Who has asked, and closed its side, may still read the answer.
    if (this.#size === 0) this.#left();
  }

  drained(): void {
    this.#to?.drained();
  }

  gone(error?: Error): void {
    if (this.#to !== null) this.#to.gone(error);
    else this.#left();
  }
}
