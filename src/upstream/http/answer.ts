/**
 * An upstream's answer: its head, and its body no faster than somebody reads it.
 *
 * @module
 */
import { concat } from "../../bytes.ts";
import { InUseError, SluiceError } from "../../errors.ts";
import type { ResponseHead } from "../../http/client/response_head.ts";
import { pulledFrom } from "../../pulled.ts";
import type { Conn } from "../../server/conn/conn.ts";

/** Who has the connection that an answer comes on. */
export interface AnswerOwner {
  /** The reader has fallen behind, or caught up. */
  press(isFull: boolean): void;
  /** Nobody wants the rest. */
  cancel(reason: unknown): void;
}

interface Waiter {
  readonly resolve: (part: Uint8Array | null) => void;
  readonly reject: (error: unknown) => void;
}

/** Bytes that wait to be read; beyond, the upstream is made to wait. */
const HIGH_WATER = 65_536;

/** What a part takes beside its bytes: else chunks of one byte each would be many times as much as they are counted. */
const PART_COST = 128;

/** Statuses that never have a body (RFC 9110 §6.4.1); `Response` insists on it. */
const BODYLESS: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * An answer (RFC 9110 §3.4) as it comes from an upstream. Read its body, or cancel it: until then its connection is
 * nobody else's. It ends with the context of its call.
 */
export class UpstreamAnswer implements AsyncIterable<Uint8Array> {
  /** The status code; 101 if the upstream has switched to the protocol that was asked for. */
  readonly status: number;
  /** The address that it comes from. */
  readonly address: string;
  /** The head as it came. */
  readonly head: ResponseHead;
  readonly #owner: AnswerOwner;
  readonly #parts: Uint8Array[] = [];
  /** The connection of another protocol, until somebody takes it. */
  #conn: Conn | null;
  #size = 0;
  #isFull = false;
  #isWhole = false;
  #failure: { readonly reason: unknown } | null = null;
  #waiter: Waiter | null = null;
  #headers: Headers | null = null;
  #trailers: [string, string][] | null = null;

  /** For calls: the answer whose head has come. */
  constructor(owner: AnswerOwner, address: string, head: ResponseHead, conn: Conn | null = null) {
    this.status = head.status;
    this.address = address;
    this.head = head;
    this.#owner = owner;
    this.#conn = conn;
    this.#isWhole = conn !== null;
  }

  /** The reason phrase; it may be empty. */
  get reason(): string {
    return this.head.reason;
  }

  /** Its fields. */
  get headers(): Headers {
    if (this.#headers !== null) return this.#headers;
    const headers = new Headers();
    for (const [name, value] of this.head.headers()) headers.append(name, value);
    return this.#headers = headers;
  }

  /** All of it is here, read or not. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Trailer fields, names in lower case; null until the body has come to its end, and if there were none. */
  get trailers(): [string, string][] | null {
    return this.#trailers;
  }

  /**
   * The next part of the body, or null at its end.
   *
   * @throws {UpstreamError} The rest does not come.
   * @throws The cause of the call's context.
   * @throws {InUseError} Another read waits.
   */
  read(): Promise<Uint8Array | null> {
    if (this.#waiter !== null) {
      return Promise.reject(new InUseError("Another read() of this answer waits, await it first"));
    }
    try {
      const part = this.take();
      if (part !== undefined) return Promise.resolve(part);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => this.#waiter = { resolve, reject });
  }

  /** The next part if it is here, null at the end, undefined if it is not here yet. @throws As `read()`. */
  take(): Uint8Array | null | undefined {
    const part = this.#parts.shift();
    if (part !== undefined) {
      this.#size -= part.length + PART_COST;
      if (this.#isFull && this.#size < HIGH_WATER) this.#press(false);
      return part;
    }
    if (this.#failure !== null) throw this.#failure.reason;
    return this.#isWhole ? null : undefined;
  }

  /** All of the body. @throws As `read()`. */
  async bytes(): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let part = await this.read(); part !== null; part = await this.read()) parts.push(part);
    return parts.length === 1 ? parts[0] : concat(parts);
  }

  /** All of the body as text. @throws As `read()`. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** All of the body as JSON. @throws As `read()`, and SyntaxError. */
  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  /** Nobody wants the rest: the connection is dropped, unless all of it is here. */
  cancel(reason?: unknown): void {
    this.#parts.length = 0;
    this.#size = 0;
    this.#owner.cancel(reason);
  }

  /** Parts of the body, to its end; who leaves the loop cancels the rest. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    let isOver = false;
    try {
      for (let part = await this.read(); part !== null; part = await this.read()) yield part;
      isOver = true;
    } finally {
      if (!isOver) this.cancel();
    }
  }

  /**
   * The connection, after a 101: it is the caller's from now on, what came behind the head first.
   *
   * @throws {SluiceError} It is no 101, or somebody has it.
   */
  takeOver(): Conn {
    const conn = this.#conn;
    if (conn === null) {
      throw new SluiceError(
        "ERR_TAKE_OVER",
        `The answer is a ${this.status}, or its connection was taken: only a 101 has one`,
      );
    }
    this.#conn = null;
    return conn;
  }

  /** The same as the web's `Response`, with its body as a stream. @param isHead It answers HEAD, and has no body. */
  response(isHead: boolean = false): Response {
    const { status, reason: statusText, headers } = this;
    const isBodyless = isHead || BODYLESS.has(status);
    // What comes all the same is nobody's to read, and its connection would wait for that.
    if (isBodyless && !this.#isWhole) this.cancel();
    return new Response(isBodyless ? null : this.#body(), { status, statusText, headers });
  }

  #body(): BodyInit | null {
    // A stream costs more than all the rest of a small answer.
    if (this.#isWhole && this.#failure === null && this.#parts.length <= 1) {
      return (this.take() ?? null) as Uint8Array<ArrayBuffer> | null;
    }
    return pulledFrom(() => this.read(), (reason) => this.cancel(reason));
  }

  // For its call.

  /** It has failed already: nothing of it need be passed on. @throws Why. */
  checkWell(): void {
    if (this.#failure !== null) throw this.#failure.reason;
  }

  /** A part has come. */
  push(part: Uint8Array): void {
    const waiter = this.#waiter;
    if (waiter !== null) {
      this.#waiter = null;
      return waiter.resolve(part);
    }
    this.#parts.push(part);
    this.#size += part.length + PART_COST;
    if (!this.#isFull && this.#size >= HIGH_WATER) this.#press(true);
  }

  /** The end has come. */
  complete(trailers: [string, string][] | null): void {
    this.#isWhole = true;
    this.#trailers = trailers;
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.resolve(null);
  }

  /** The rest does not come. */
  fail(reason: unknown): void {
    this.#failure = { reason };
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.reject(reason);
  }

  #press(isFull: boolean): void {
    this.#isFull = isFull;
    this.#owner.press(isFull);
  }
}
