/**
 * What arrived on a connection and was not read yet, or who waits for it.
 *
 * @module
 */

/** Somebody who waits for the next chunk. */
export interface ReadWaiter {
  /** The next chunk, or null at the end. */
  deliver(chunk: Uint8Array | null): void;
  fail(error: Error): void;
}

/** Queue of chunks, with at most one reader waiting when it is empty. */
export class Inbound {
  /** Bytes that wait. */
  size = 0;
  /** Reads, those that wait too. */
  reads = 0;
  /** Null until a chunk has to wait: most never do. */
  #chunks: Uint8Array[] | null = null;
  #waiter: ReadWaiter | null = null;

  get isAwaited(): boolean {
    return this.#waiter !== null;
  }

  /** Gives the chunk to the waiting reader, or queues it. */
  push(chunk: Uint8Array): void {
    if (this.#waiter !== null) {
      this.settle(chunk);
    } else {
      (this.#chunks ??= []).push(chunk);
      this.size += chunk.length;
    }
  }

  /** Puts bytes back at the front. */
  unshift(chunk: Uint8Array): void {
    (this.#chunks ??= []).unshift(chunk);
    this.size += chunk.length;
  }

  take(): Uint8Array | null {
    if (this.size === 0) return null;
    const chunk = this.#chunks!.shift()!;
    this.size -= chunk.length;
    this.reads++;
    return chunk;
  }

  wait(waiter: ReadWaiter): void {
    this.#waiter = waiter;
    this.reads++;
  }

  /** Fulfils the waiting read, if any; null is the end. */
  settle(chunk: Uint8Array | null): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.deliver(chunk);
  }

  /** Rejects the waiting read, if any. */
  fail(error: Error): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.fail(error);
  }

  clear(): void {
    this.#chunks = null;
    this.size = 0;
  }
}
