/**
 * The least that a `for await` over a socket can cost: one waiter, no queue, no checks. It tells what of a difference
 * is the language's price for the loop.
 *
 * @module
 */

const DONE = Promise.resolve();

type Resolve = (result: IteratorResult<Uint8Array>) => void;

/** Chunks for a loop that always waits for the next one. */
export class Chunks implements AsyncIterableIterator<Uint8Array> {
  #resolve: Resolve | null = null;
  readonly #wait = (resolve: Resolve) => void (this.#resolve = resolve);

  give(value: Uint8Array): void {
    this.#resolve!({ done: false, value });
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    return new Promise(this.#wait);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Echoes what is given to the chunks it returns. */
export function echoLoop(write: (chunk: Uint8Array) => void): Chunks {
  const chunks = new Chunks();
  void echo(chunks, write);
  return chunks;
}

async function echo(chunks: Chunks, write: (chunk: Uint8Array) => void): Promise<void> {
  for await (const chunk of chunks) {
    write(chunk);
    await DONE;
  }
}
