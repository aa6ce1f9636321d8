/**
 * The read side of a connection: what arrived and was not read yet, who waits for it, and why its socket is paused.
 *
 * @module
 */
import type { RawSocket } from "../../socket.ts";
import type { ConnEnding } from "./ending.ts";

/** Somebody who waits for the next chunk. */
export interface ReadWaiter {
  /** The next chunk, or null at the end. */
  deliver(chunk: Uint8Array | null): void;
  fail(error: Error): void;
}

/** What this needs of its connection. */
interface InputOwner {
  readonly socket: Pick<RawSocket, "pause" | "resume">;
  readonly host: { readonly limits: { readonly readHighWaterMark: number } };
  readonly ending: Pick<ConnEnding, "isGone" | "isClosing" | "isReset">;
}

// Why the socket is paused. A protocol has its own reasons for `ASKED`: it tells them by `Boundary.press()`.
/** The queue is full. */
const FULL = 1;
/** The consumer, or the user, asks for it. */
const ASKED = 2;
/** A drain takes in who waits to be accepted, or what was received is worked off and nothing more is to come. */
const STALLED = 4;
/** Any of them. */
const PAUSED = FULL | ASKED | STALLED;
/** The peer's FIN arrived. */
const ENDED = 8;
/** Whoever reads has learned of it. */
const END_TOLD = 16;

/** Queue of chunks, with at most one reader waiting when it is empty. */
export class Input {
  /** Bytes that arrived from the peer. */
  bytes = 0;
  /** Bytes that wait. */
  size = 0;
  /** Reads, those that wait too. */
  reads = 0;
  readonly #owner: InputOwner;
  /** Null until a chunk has to wait: most never do. */
  #chunks: Uint8Array[] | null = null;
  #waiter: ReadWaiter | null = null;
  /** One word instead of a field each: ten thousand idle connections should cost little. */
  #flags = 0;

  constructor(owner: InputOwner) {
    this.#owner = owner;
  }

  get isAwaited(): boolean {
    return this.#waiter !== null;
  }

  /** Nothing is read, for whatever reason. */
  get isPaused(): boolean {
    return this.#is(PAUSED);
  }

  /** The peer's FIN is here. */
  get isEnded(): boolean {
    return this.#is(ENDED);
  }

  /** Whoever reads knows of it. */
  get isEndTold(): boolean {
    return this.#is(END_TOLD);
  }

  /** Gives the chunk to the waiting reader, or queues it. */
  push(chunk: Uint8Array): void {
    if (this.#waiter !== null) this.settle(chunk);
    else {
      (this.#chunks ??= []).push(chunk);
      this.size += chunk.length;
    }
    if (this.size >= this.#owner.host.limits.readHighWaterMark) this.#pause(FULL);
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
    if (this.#is(FULL) && this.size < this.#owner.host.limits.readHighWaterMark) this.#resume(FULL);
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

  /** The peer's FIN has come. */
  peerFinished(): void {
    this.#flags |= ENDED;
  }

  /** Whoever reads learns of the end, now if it waits for it. */
  tellEnd(): void {
    this.#flags |= END_TOLD;
    this.settle(null);
  }

  /** For its consumer. */
  pause(): void {
    this.#pause(ASKED);
  }

  resume(): void {
    this.#resume(ASKED);
  }

  /** For the drain. */
  stall(on: boolean): void {
    if (on) this.#pause(STALLED);
    else this.#resume(STALLED);
  }

  /** Forgets what waits. */
  clear(): void {
    this.#chunks = null;
    this.size = 0;
  }

  /** Reads to the end, whatever paused it: what comes is only counted. */
  readOn(): void {
    if (!this.#is(PAUSED)) return;
    // A paused socket would never show the peer's FIN, and unread input turns a close into a reset.
    this.#flags &= ~PAUSED;
    this.#owner.socket.resume();
  }

  #pause(reason: number): void {
    const { ending, socket } = this.#owner;
    if (this.#is(reason) || ending.isGone || ending.isClosing) return;
    if (!this.#is(PAUSED)) socket.pause();
    this.#flags |= reason;
  }

  #resume(reason: number): void {
    if (!this.#is(reason)) return;
    this.#flags &= ~reason;
    if (!this.#is(PAUSED) && !this.#owner.ending.isReset) this.#owner.socket.resume();
  }

  #is(flags: number): boolean {
    return (this.#flags & flags) !== 0;
  }
}
