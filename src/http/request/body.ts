/**
 * The body of a request: not read until somebody asks, and then no faster than it is taken.
 *
 * @module
 */
import { BodyError } from "../http_errors.ts";
import { pulledFrom } from "../../pulled.ts";

/** Where the parts of a body come from. */
export interface BodySource {
  /** Content-Length, or -1. */
  readonly declared: number;
  /**
   * The next part, null at the end, undefined if none has arrived.
   *
   * @throws {HttpError} The peer broke the protocol or a limit.
   */
  pull(): Uint8Array | null | undefined;
  /** Whether what `pull` has given is another's, who overwrites it after this turn. */
  readonly isLent: boolean;
  /** Somebody waits for what `pull` could not give. */
  wanted(): void;
}

type Part = Uint8Array | null;

interface Waiter {
  /** The part may be lent. */
  readonly resolve: (part: Part) => void;
  readonly reject: (error: Error) => void;
}

/** Up to here room for a whole body is made at once, on the peer's word; beyond, as it arrives. */
const TRUSTED_LENGTH = 1 << 20;

/** Reads one request's body. */
export class RequestBody {
  /** Somebody has begun to read it. */
  used = false;
  /** Its last byte was taken. */
  ended = false;
  /** Bytes taken. */
  size = 0;
  readonly #source: BodySource;
  #waiter: Waiter | null = null;
  #failure: Error | null = null;
  /** Why nothing arrives any more, beyond what is here. */
  #end: Error | null = null;

  constructor(source: BodySource) {
    this.#source = source;
  }

  /** Why it can't be read to its end, or null. */
  get failure(): Error | null {
    return this.#failure;
  }

  get failed(): boolean {
    return this.failure !== null;
  }

  /** Somebody waits for its next part. */
  get isAwaited(): boolean {
    return this.#waiter !== null;
  }

  /** Bytes that are still to come, as far as declared. */
  get remaining(): number {
    const { declared } = this.#source;
    return this.ended ? 0 : declared < 0 ? Infinity : declared - this.size;
  }

  /** The next part, or null at the end. */
  read(): Promise<Part> {
    this.used = true;
    return new Promise((resolve, reject) => {
      try {
        const part = this.take();
        if (part !== undefined) return resolve(part);
      } catch (error) {
        return reject(error);
      }
      this.#wait({ resolve: (part) => resolve(this.#kept(part)), reject });
    });
  }

  /** The next part if it is here; undefined if not. */
  take(): Part | undefined {
    return this.#kept(this.#next());
  }

  #kept<P extends Part | undefined>(part: P): P | Uint8Array {
    return part instanceof Uint8Array && this.#source.isLent ? new Uint8Array(part) : part;
  }

  #wait(waiter: Waiter): void {
    this.#waiter = waiter;
    this.#source.wanted();
  }

  /** The same, where it lies. */
  #next(): Part | undefined {
    if (this.ended) return null;
    if (this.#failure !== null) throw this.#failure;
    let part: Part | undefined;
    try {
      part = this.#source.pull();
    } catch (error) {
      this.fail(new BodyError((error as Error).message, { cause: error }));
      throw this.#failure;
    }
    if (part === null) this.ended = true;
    else if (part !== undefined) this.size += part.length;
    else if (this.#end !== null) throw this.#failure = this.#end;
    return part;
  }

  /** More has arrived. */
  arrived(): void {
    const waiter = this.#waiter;
    if (waiter === null) return;
    try {
      const part = this.#next();
      if (part === undefined) return;
      this.#waiter = null;
      waiter.resolve(part);
    } catch (error) {
      this.#waiter = null;
      waiter.reject(error as Error);
    }
  }

  /** Nothing more will arrive; what is here can still be read. */
  cutOff(error: Error): void {
    if (this.#waiter === null) this.#end = error;
    else this.fail(error);
  }

  /** Its reader is to stop; who has not begun can still read what is here. */
  stop(error: Error): void {
    if (this.used) this.fail(error);
    else this.cutOff(error);
  }

  /** Nothing more can be read. */
  fail(error: Error): void {
    if (this.ended || this.#failure !== null) return;
    this.#failure = error;
    this.#waiter?.reject(error);
    this.#waiter = null;
  }

  /**
   * All of it: at once where one part that is here holds it, in the memory that this came in, which may be overwritten
   * after this turn; else as soon as it has come, in memory of its own. The everyday body is here with its head: no
   * promise is made for that.
   *
   * @throws {BodyError} It can't be read to its end.
   */
  collect(): Uint8Array | Promise<Uint8Array<ArrayBuffer>> {
    this.used = true;
    const first = this.#next();
    if (first instanceof Uint8Array && first.length === this.#source.declared && this.#next() === null) return first;
    return this.#gather(first);
  }

  /** Takes each part where it lies when it arrives: it is copied once. */
  #gather(first: Part | undefined): Promise<Uint8Array<ArrayBuffer>> {
    const { declared } = this.#source;
    let whole = new Uint8Array(Math.min(Math.max(declared, first?.length ?? 0), TRUSTED_LENGTH));
    let length = 0;
    return new Promise((resolve, reject) => {
      const add = (begun: Part | undefined): void => {
        let part = begun;
        for (; part instanceof Uint8Array; part = this.#next()) {
          if (length + part.length > whole.length) whole = grown(whole, length + part.length, declared);
          whole.set(part, length);
          length += part.length;
        }
        if (part === undefined) this.#wait({ resolve: add, reject });
        else resolve(length === whole.length ? whole : whole.slice(0, length));
      };
      add(first);
    });
  }

  /** As a stream that reads when it is read. */
  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.used = true;
    return pulledFrom(() => this.read());
  }
}

function grown(bytes: Uint8Array, needed: number, declared: number): Uint8Array<ArrayBuffer> {
  const room = Math.max(needed, bytes.length * 2);
  const whole = new Uint8Array(declared < 0 ? room : Math.max(needed, Math.min(room, declared)));
  whole.set(bytes);
  return whole;
}
