/**
 * The body of a request on its way out: bytes that are here, or what is read as the upstream takes it.
 *
 * @module
 */
import { bytesOf, nameOf } from "../../bytes.ts";
import { OptionError } from "../../errors.ts";

/** Where a body comes from. */
export interface OutgoingBody {
  /** In bytes; -1 if nobody knows it. */
  readonly length: number;
  /** All of it, if it is here; null if it must be read. */
  readonly whole: Uint8Array | null;
  /** Something of it was read: it can't be sent a second time. */
  readonly isUsed: boolean;
  /** The next part, or null at the end. */
  read(): Promise<Uint8Array | null>;
  /** Nobody reads the rest. */
  cancel(reason: unknown): void;
  /** Trailer fields, each with its CRLF; asked for behind the end. */
  trailers(): string;
}

/** What a call's body may be. */
export type UpstreamBody =
  | string
  | ArrayBufferView
  | ArrayBuffer
  | Blob
  | URLSearchParams
  | FormData
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>;

/** A body, and the Content-Type that goes with it if the fields have none; empty for none. */
export interface TypedBody {
  readonly body: OutgoingBody | null;
  readonly type: string;
}

const encoder = new TextEncoder();
const NONE: TypedBody = { body: null, type: "" };

/** @param declared What Content-Length says, or -1. @throws {OptionError} `given` can't be a body. */
export function outgoingBody(given: UpstreamBody | null | undefined, declared: number): TypedBody {
  if (given === null || given === undefined) return NONE;
  if (typeof given === "string") return wholeOf(encoder.encode(given), "text/plain;charset=UTF-8", declared);
  if (ArrayBuffer.isView(given) || given instanceof ArrayBuffer) return wholeOf(bytesOf(given, "body"), "", declared);
  if (typeof given !== "object") throw wrongBody(given);
  if (given instanceof ReadableStream) return { body: streamed(chunksOf(given), declared), type: "" };
  if (Symbol.asyncIterator in given) return { body: streamed(given[Symbol.asyncIterator](), declared), type: "" };
  if (given instanceof Blob || given instanceof FormData || given instanceof URLSearchParams) {
    const { body, headers } = new Response(given);
    const size = given instanceof Blob ? given.size : declared;
    return { body: streamed(chunksOf(body!), size), type: headers.get("content-type") ?? "" };
  }
  throw wrongBody(given);
}

function wrongBody(given: unknown): OptionError {
  return new OptionError("body", `body must be text, bytes or a stream of bytes, got ${nameOf(given)}`);
}

function wholeOf(bytes: Uint8Array, type: string, declared: number): TypedBody {
  if (declared >= 0 && declared !== bytes.length) {
    throw new OptionError(
      "headers",
      `Content-Length says ${declared}, the body has ${bytes.length} bytes: leave it out`,
    );
  }
  return { body: new WholeBody(bytes), type };
}

/** A body that is here. */
export class WholeBody implements OutgoingBody {
  readonly whole: Uint8Array;
  readonly isUsed = false;

  constructor(bytes: Uint8Array) {
    this.whole = bytes;
  }

  get length(): number {
    return this.whole.length;
  }

  read(): Promise<null> {
    return Promise.resolve(null);
  }

  cancel(): void {}

  trailers(): string {
    return "";
  }
}

function chunksOf(stream: ReadableStream<Uint8Array>): AsyncIterator<Uint8Array> {
  if (stream.locked) throw new OptionError("body", "body is a stream that is locked to a reader, release it");
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<IteratorResult<Uint8Array>>,
    return: async (reason?: unknown) => {
      await reader.cancel(reason);
      return { done: true, value: undefined };
    },
  };
}

function streamed(parts: AsyncIterator<Uint8Array | string>, length: number): OutgoingBody {
  return new StreamedBody(parts, length);
}

class StreamedBody implements OutgoingBody {
  readonly length: number;
  readonly whole = null;
  isUsed = false;
  readonly #parts: AsyncIterator<Uint8Array | string>;

  constructor(parts: AsyncIterator<Uint8Array | string>, length: number) {
    this.#parts = parts;
    this.length = length;
  }

  async read(): Promise<Uint8Array | null> {
    this.isUsed = true;
    const { done, value } = await this.#parts.next();
    if (done === true) return null;
    return typeof value === "string" ? encoder.encode(value) : bytesOf(value, "A body's stream");
  }

  cancel(reason: unknown): void {
    this.isUsed = true;
    (async () => await this.#parts.return?.(reason))().catch(() => {});
  }

  trailers(): string {
    return "";
  }
}
