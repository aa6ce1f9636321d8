/**
 * The write side of a connection: what was written and where it stands, who waits for the kernel to take it, and whether
 * it is withheld.
 *
 * @module
 */
import type { RawSocket } from "../../socket.ts";
import type { Flushable, WriteBatch } from "./write_batch.ts";
import { SCRATCH_BYTES, SMALL_BYTES, type WriteQueue } from "./write_queue.ts";

/** A promise whose rejection may go unheard: who writes to a dead peer without awaiting must not end the process. */
export function quietly(promise: Promise<void>): Promise<void> {
  promise.catch(() => {});
  return promise;
}

/** What this needs of its connection. */
interface OutputOwner {
  readonly socket: RawSocket;
  readonly host: { readonly batch: WriteBatch; readonly limits: { readonly writeHighWaterMark: number } };
  /** Bytes were given to the socket. @param clogged The kernel does not take all, for the first time of late. */
  gave(clogged: boolean): void;
  abort(reason?: unknown): void;
}

/** A promise's two ends, kept while somebody waits. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Our FIN is sent or follows what was written, or the socket is gone. */
const ENDED = 1;
/** Is in the write batch's list. */
const DIRTY = 2;
/** What is written leaves when whoever has corked it says so. */
const CORKED = 4;
/** The socket has bytes that the kernel has not taken yet. */
const CLOGGED = 8;
/** A flush was more than the kernel took: what is gathered may have to be kept. */
const SLOW = 16;
/** Answers are withheld, to leave together with the FIN. */
const WITHHELD = 32;

/** Writes, and those who wait for them. */
export class Output implements Flushable {
  readonly #owner: OutputOwner;
  /** Null while nothing waits to be given to the socket. */
  #queue: WriteQueue | null = null;
  /** Writers above the high-water mark, and flushers. */
  #waiters: Waiter[] | null = null;
  #moved = 0;
  /** Bytes that the kernel had taken when we reset it: a socket that is gone can't tell. */
  #flushedAtReset = -1;
  #flags = 0;

  constructor(owner: OutputOwner) {
    this.#owner = owner;
  }

  /** Bytes given to the socket. */
  get moved(): number {
    return this.#moved;
  }

  /** Bytes given to `write`. */
  get written(): number {
    return this.#moved + (this.#queue === null ? 0 : this.#queue.byteLength());
  }

  /** Bytes handed to the kernel. */
  get flushed(): number {
    return this.#flushedAtReset >= 0 ? this.#flushedAtReset : this.#moved - this.#owner.socket.unsent;
  }

  /** Bytes written and not yet handed to the kernel. */
  get unsent(): number {
    return this.written - this.flushed;
  }

  /** Somebody waits for a write. */
  get isAwaited(): boolean {
    return this.#waiters !== null;
  }

  /** Nothing more can be written. */
  get isEnded(): boolean {
    return this.#is(ENDED);
  }

  /** The kernel has not taken all that was written. */
  get isClogged(): boolean {
    return this.#is(CLOGGED);
  }

  /** What is written is withheld. */
  get isWithheld(): boolean {
    return this.#is(WITHHELD);
  }

  /** What is written leaves when somebody says so. */
  get isCorked(): boolean {
    return this.#is(CORKED);
  }

  /** Takes text, or bytes that nobody changes any more; fulfils below the high-water mark. */
  write(data: Uint8Array | string): Promise<void> {
    const { batch, limits: { writeHighWaterMark } } = this.#owner.host;
    if (data.length === 0) return batch.spend(0);
    const queue = this.#queue ?? (this.#queue = batch.takeQueue());
    queue.add(data);
    if ((this.#flags & (DIRTY | CORKED)) === 0) this.#flushAtTurnsEnd();
    if (queue.size >= SCRATCH_BYTES || queue.size >= writeHighWaterMark) this.flushAll();
    if ((this.#flags & CLOGGED) === 0 || this.#owner.socket.unsent + queue.size < writeHighWaterMark) {
      return batch.spend(data.length);
    }
    return this.wait();
  }

  /** Gives what was written to the socket. */
  flush(): void {
    const queue = this.#queue;
    if (queue === null || queue.size === 0 || this.#is(WITHHELD | ENDED)) return;
    const { socket, host } = this.#owner;
    this.#moved += queue.moveTo(socket, host.batch, this.#is(SLOW) ? SMALL_BYTES : SCRATCH_BYTES);
    if (queue.size === 0) {
      this.#queue = null;
      host.batch.giveQueueBack(queue);
    }
    const clogged = (this.#flags & CLOGGED) === 0 && socket.unsent > 0;
    if (clogged) this.#flags |= CLOGGED | SLOW;
    this.#owner.gave(clogged);
  }

  flushLate(): void {
    this.#flags &= ~DIRTY;
    this.flush();
  }

  abort(reason?: unknown): void {
    this.#owner.abort(reason);
  }

  /** A promise for the moment when the kernel has taken everything. */
  wait(): Promise<void> {
    return quietly(new Promise((resolve, reject) => (this.#waiters ??= []).push({ resolve, reject })));
  }

  /** The kernel has taken everything. */
  drained(): void {
    this.#flags &= ~CLOGGED;
    const waiters = this.#waiters;
    this.#waiters = null;
    if (waiters !== null) { for (const waiter of waiters) waiter.resolve(); }
  }

  /** Rejects those who wait. */
  fail(error: Error): void {
    const waiters = this.#waiters;
    this.#waiters = null;
    if (waiters !== null) { for (const waiter of waiters) waiter.reject(error); }
  }

  /** Withholds answers, so that a client with a window of requests in flight falls quiet. */
  withhold(): void {
    this.#flags |= WITHHELD;
  }

  /** Hands over what was written, withheld or not. */
  flushAll(): void {
    this.#flags &= ~WITHHELD;
    this.flush();
  }

  /** What is written from here to `uncork` leaves together. */
  cork(): void {
    this.#flags |= CORKED;
  }

  /** Undoes `cork`: hands over at once, or at the end of the turn if more is to come. */
  uncork(more: boolean = false): void {
    this.#flags &= ~CORKED;
    if (!more) this.flush();
    else if (this.#queue !== null && this.#queue.size > 0 && !this.#is(DIRTY)) this.#flushAtTurnsEnd();
  }

  /** Whether pieces are copied together for one write: a stream's large chunks are better given as they are. */
  gather(on: boolean): void {
    if (on) this.#flags &= ~SLOW;
    else this.#flags |= SLOW;
  }

  /** FIN follows what was written. @param join Last words and FIN leave in one packet where that can be. */
  finish(join: boolean): void {
    if (join) this.#joinWithFin();
    this.flushAll();
    this.#flags |= ENDED;
    this.#owner.socket.shutdown();
  }

  /** It ends by a reset, which comes next. */
  reset(): void {
    this.#flushedAtReset = this.flushed;
    this.#flags |= ENDED;
  }

  /** The socket is gone: nothing is given to it any more. */
  socketGone(): void {
    this.#flags |= ENDED;
  }

  /**
   * Last words and FIN are two system calls, and a client that never pauses has its next messages out between them: of
   * 400 such on loopback 387 (issue 10). So all but the first byte waits in the kernel for the FIN: Nagle's algorithm
   * does that for less than a packet while anything is on its way (RFC 9293, section 3.7.4). Where it doesn't, nothing
   * is lost by it.
   */
  #joinWithFin(): void {
    const queue = this.#queue;
    if (queue === null || queue.size < 2) return;
    const rest = queue.keepFirst();
    this.flushAll();
    this.#owner.socket.setNoDelay(false);
    this.#queue ??= this.#owner.host.batch.takeQueue();
    for (const chunk of rest) this.#queue.add(chunk);
  }

  #flushAtTurnsEnd(): void {
    this.#flags |= DIRTY;
    this.#owner.host.batch.add(this);
  }

  #is(flags: number): boolean {
    return (this.#flags & flags) !== 0;
  }
}
