/**
 * What a connection is at: its handler, the message that its protocol says is unanswered, what it owes its peer, and the
 * promises that hold it.
 *
 * @module
 */
import { Dues, type DuesMode } from "./dues.ts";

/** A handler is running. */
const HANDLED = 1;
/** A complete message is unanswered, says the protocol. */
const BUSY = 2;
/** Part of a message is buffered, says the protocol. */
const PARTIAL = 4;

const DONE: Promise<void> = Promise.resolve();

/** Somebody who waits until no promise holds the connection. */
interface Freed {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

/** The account of one connection's work. */
export class Work {
  /** Null until a message was taken. */
  dues: Dues | null = null;
  /** Whether somebody waits for the connection's end, and has asked for it since the last message was taken. */
  endAwaited: "no" | "earlier" | "now" = "no";
  /** When it was asked for, in ms on the clock. */
  endAskedAt = 0;
  #answers = true;
  #holds = 0;
  #freed: Freed | null = null;
  #flags = 0;

  /** False where a protocol was told that nothing is ever owed here. */
  get answers(): boolean {
    return this.#answers;
  }

  /** Promises that hold it. */
  get holds(): number {
    return this.#holds;
  }

  /** Its handler runs. */
  get isHandled(): boolean {
    return (this.#flags & HANDLED) !== 0;
  }

  /** The protocol says that a message is unanswered. */
  get isBusy(): boolean {
    return (this.#flags & BUSY) !== 0;
  }

  /** The protocol says that part of a message is here. */
  get isPartial(): boolean {
    return (this.#flags & PARTIAL) !== 0;
  }

  /** It is handed to its handler. */
  handed(): void {
    this.#flags |= HANDLED;
  }

  /** The handler has settled. */
  handlerDone(): void {
    this.#flags &= ~HANDLED;
  }

  /** Whether anything is ever owed here, says the protocol. */
  expectAnswers(on: boolean): void {
    this.#answers = on;
  }

  /** How things stand, says the protocol. */
  report(busy: boolean, partial: boolean): void {
    this.#flags = (this.#flags & HANDLED) | (busy ? BUSY : 0) | (partial ? PARTIAL : 0);
  }

  /** A message was handed to whoever takes them. */
  owe(mode: DuesMode, now: number): void {
    this.dues ??= new Dues(mode, now);
    this.dues.mode = mode;
    this.dues.took(now);
    if (this.endAwaited === "now") this.endAwaited = "earlier";
  }

  /** Somebody asks for the end. */
  awaitEnd(now: number): void {
    this.endAwaited = "now";
    this.endAskedAt = now;
  }

  /** A promise holds it from now on. */
  hold(): void {
    this.#holds++;
  }

  /** One that held it has settled; true if it was the last. */
  unhold(): boolean {
    if (--this.#holds > 0) return false;
    this.#freed?.resolve();
    this.#freed = null;
    return true;
  }

  /** Fulfils when no promise holds the connection. */
  freed(): Promise<void> {
    if (this.#holds === 0) return DONE;
    if (this.#freed === null) {
      let resolve = (): void => {};
      const promise = new Promise<void>((fulfil) => resolve = fulfil);
      this.#freed = { promise, resolve };
    }
    return this.#freed.promise;
  }
}
