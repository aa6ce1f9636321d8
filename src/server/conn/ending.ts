/**
 * How a connection ends: its states, and what each event makes of them. The socket may be gone in any state; then
 * nothing changes any more.
 *
 * | state         | what it means                                                                               |
 * | ------------- | ------------------------------------------------------------------------------------------- |
 * | `open`        | it is served                                                                                |
 * | `due`         | it is served on until its next moment that is not busy; nothing more is taken in            |
 * | `goodbye`     | the protocol's last words are being said at a quiet moment; what still comes is served      |
 * | `lastGoodbye` | the same because it was due; nothing more is taken in                                       |
 * | `drained`     | our FIN follows what was written, before the peer had finished: what comes now is too late  |
 * | `served`      | the same, behind the peer's own FIN                                                         |
 * | `closed`      | the same by `close()`: whoever ended it wants nothing of it any more                        |
 * | `reset`       | ended by `abort()`                                                                          |
 * | `cut`         | the same, when it was drained and its peer didn't finish                                    |
 *
 * @module
 */

/** The states, in the order of their numbers. */
export const ENDINGS = [
  "open",
  "due",
  "goodbye",
  "lastGoodbye",
  "drained",
  "served",
  "closed",
  "reset",
  "cut",
] as const;

/** A state's number. */
export type EndState = number;

export const OPEN: EndState = 0;
export const DUE: EndState = 1;
/** From here on a drain has nothing left to do but wait. */
export const GOODBYE: EndState = 2;
export const LAST_GOODBYE: EndState = 3;
/** From here on the input is closed, and our FIN is out or follows what was written. */
export const DRAINED: EndState = 4;
export const SERVED: EndState = 5;
export const CLOSED: EndState = 6;
export const RESET: EndState = 7;
export const CUT: EndState = 8;

/**
 * What can happen: it is to leave next, says goodbye, has said it (`drain`, or `serve` where the peer had finished), is
 * closed, is reset.
 */
export type EndingEvent = "due" | "goodbye" | "drain" | "serve" | "close" | "reset";

/** Each state's answer to each event; its own number where nothing changes. */
export const TRANSITIONS: Readonly<Record<EndingEvent, readonly EndState[]>> = {
  // In the order above: open, due, goodbye, lastGoodbye; drained, served, closed; reset, cut.
  due: [DUE, DUE, LAST_GOODBYE, LAST_GOODBYE, DRAINED, SERVED, CLOSED, RESET, CUT],
  goodbye: [GOODBYE, LAST_GOODBYE, GOODBYE, LAST_GOODBYE, DRAINED, SERVED, CLOSED, RESET, CUT],
  drain: [DRAINED, DRAINED, DRAINED, DRAINED, DRAINED, SERVED, CLOSED, RESET, CUT],
  serve: [SERVED, SERVED, SERVED, SERVED, DRAINED, SERVED, CLOSED, RESET, CUT],
  close: [CLOSED, CLOSED, CLOSED, CLOSED, DRAINED, SERVED, CLOSED, RESET, CUT],
  reset: [RESET, RESET, RESET, RESET, CUT, RESET, RESET, RESET, CUT],
};

/** How far the end of one connection has come. */
export class ConnEnding {
  #state: EndState = OPEN;
  #isGone = false;
  #hasSaidGoodbye = false;
  #failure: Error | null = null;

  get state(): EndState {
    return this.#state;
  }

  /** The socket is gone. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Why it ended badly, or null. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** A goodbye has begun, whatever became of it. */
  get hasSaidGoodbye(): boolean {
    return this.#hasSaidGoodbye;
  }

  /** It leaves at the next moment that is not busy, and nothing more is taken in. */
  get isDue(): boolean {
    return this.#state === DUE || this.#state === LAST_GOODBYE;
  }

  /** Said goodbye to, closing or gone: a drain has nothing left to do but wait. */
  get isEnding(): boolean {
    return this.#state >= GOODBYE || this.#isGone;
  }

  /** The input is closed by us: our FIN is out, or follows what was written. */
  get isClosing(): boolean {
    return this.#state >= DRAINED;
  }

  /** A goodbye of ours has closed the input: the peer had not finished. */
  get isDrained(): boolean {
    return this.#state === DRAINED || this.#state === CUT;
  }

  /** By `close()` or `abort()`: reading throws instead of ending. */
  get isClosedHere(): boolean {
    return this.#state >= CLOSED;
  }

  /** By a reset of ours. */
  get isReset(): boolean {
    return this.#state >= RESET;
  }

  /** Something happened to it; false if that changes nothing. */
  enter(event: EndingEvent): boolean {
    if (this.#isGone) return false;
    if (event === "goodbye") this.#hasSaidGoodbye = true;
    const before = this.#state;
    this.#state = TRANSITIONS[event][before];
    return this.#state !== before;
  }

  /** It ends badly; the first reason stays. */
  fail(reason: Error): void {
    this.#failure ??= reason;
  }

  /** The socket is gone. */
  socketGone(): void {
    this.#isGone = true;
  }
}

/** What came, or was to be written, after our FIN. */
export interface AfterFin {
  /** Messages that came, never run. */
  messages: number;
  bytes: number;
  /** Writes, where it is the FIN of a goodbye. */
  refusedWrites: number;
  refusedBytes: number;
}
