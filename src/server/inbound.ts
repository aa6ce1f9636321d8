/**
 * What arrived on a connection and was not read yet, or who waits for it.
 *
 * @module
 */

/** Queue of chunks, with at most one reader waiting when it is empty. */
export class Inbound {
  /** Bytes that wait. */
  size = 0;
  #chunks: Uint8Array[] = [];
  #resolve: ((chunk: Uint8Array | null) => void) | null = null;
  #reject: ((error: Error) => void) | null = null;

  get isAwaited(): boolean {
    return this.#resolve !== null;
  }

  /** Gives the chunk to the waiting reader, or queues it. */
  push(chunk: Uint8Array): void {
    if (this.#resolve !== null) {
      this.settle(chunk);
    } else {
      this.#chunks.push(chunk);
      this.size += chunk.length;
    }
  }

  /** Puts bytes back at the front. */
  unshift(chunk: Uint8Array): void {
    this.#chunks.unshift(chunk);
    this.size += chunk.length;
  }

  take(): Uint8Array | null {
    if (this.size === 0) return null;
    const chunk = this.#chunks.shift()!;
    this.size -= chunk.length;
    return chunk;
  }

  wait(resolve: (chunk: Uint8Array | null) => void, reject: (error: Error) => void): void {
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Fulfils the waiting read, if any; null is the end. */
  settle(chunk: Uint8Array | null): void {
    const resolve = this.#resolve;
    this.#resolve = null;
    this.#reject = null;
    resolve?.(chunk);
  }

  /** Rejects the waiting read, if any. */
  fail(error: Error): void {
    const reject = this.#reject;
    this.#resolve = null;
    this.#reject = null;
    reject?.(error);
  }

  clear(): void {
    this.#chunks.length = 0;
    this.size = 0;
  }
}
