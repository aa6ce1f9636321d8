/**
 * A connection as an async iterator and as web streams.
 *
 * @module
 */
import { pulledFrom } from "../../pulled.ts";
import type { Conn } from "./conn.ts";
import type { ReadWaiter } from "./input.ts";

const FINISHED: IteratorResult<Uint8Array> = { done: true, value: undefined };

/** What an iterator needs of a connection. */
interface ChunkSource {
  takeForReader(): Uint8Array | null;
  refusal(): Error | null | undefined;
  awaitChunk(waiter: ReadWaiter): void;
}

/** Chunks until the peer's FIN; one promise for each. Leaving the loop leaves the connection open. */
export class ChunkIterator implements AsyncIterator<Uint8Array>, ReadWaiter {
  readonly #conn: ChunkSource;
  #asked: Promise<IteratorResult<Uint8Array>> | null = null;
  #resolve: ((result: IteratorResult<Uint8Array>) => void) | null = null;
  #reject: ((error: Error) => void) | null = null;
  readonly #keep = (resolve: (result: IteratorResult<Uint8Array>) => void, reject: (error: Error) => void): void => {
    this.#resolve = resolve;
    this.#reject = reject;
  };

  constructor(conn: ChunkSource) {
    this.#conn = conn;
  }

  next(): Promise<IteratorResult<Uint8Array>> {
    const conn = this.#conn;
    const chunk = conn.takeForReader();
    if (chunk !== null) return Promise.resolve({ done: false, value: chunk });
    const refusal = conn.refusal();
    if (refusal !== undefined) return refusal === null ? Promise.resolve(FINISHED) : Promise.reject(refusal);
    const next = new Promise(this.#keep);
    this.#asked = next;
    conn.awaitChunk(this);
    return next;
  }

  deliver(chunk: Uint8Array | null): void {
    this.#resolve!(chunk === null ? FINISHED : { done: false, value: chunk });
  }

  fail(error: Error): void {
    // Nobody may be listening: it was left behind.
    this.#asked!.catch(() => {});
    this.#reject!(error);
  }
}

/** The inbound bytes; cancelling drops the connection. */
export function readableOf(conn: Conn): ReadableStream<Uint8Array> {
  return pulledFrom(() => conn.read(), (reason) => conn.abort(reason));
}

/** The outbound side; closing it half-closes, aborting it drops the connection. */
export function writableOf(conn: Conn): WritableStream<Uint8Array | string> {
  return new WritableStream({
    write: (data) => conn.write(data),
    close: () => conn.closeWrite(),
    abort: (reason) => conn.abort(reason),
  });
}
