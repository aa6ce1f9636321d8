/**
 * What a connection owes its peer, as far as that can be told from what was taken of it and what was written to it.
 *
 * Where a protocol has no word for an answer, this is presumed: a message that a handler has taken will be answered,
 * until the connection, or others under the same handler, have shown that their messages are not. The presumption
 * lapses (see `owedUntil`): a debt that nobody pays must not keep a connection for ever.
 *
 * @module
 */

/**
 * How debts are counted. `bytes`: whoever reads bytes owes one answer at the most, since their boundaries are not known.
 * `frames`: one for each message; each write pays one. `messages`: the same, and the protocol itself says what pays.
 */
export type DuesMode = "bytes" | "frames" | "messages";

/** Never owed. */
const NEVER = -Infinity;

/** So many ends of connections are remembered; then older ones count for half. */
const MEMORY = 64;

/** How connections under one handler have ended of late: its protocol's way with answers. */
export class Habits {
  #even = 0;
  #uneven = 0;
  #silent = 0;
  /** Of those that are open. */
  #silentNow = 0;
  #payingNow = 0;

  /** Most were, or are, without a single answer. */
  get isOneWay(): boolean {
    return this.#silent + this.#silentNow > this.#even + this.#uneven + this.#payingNow;
  }

  /** Some were, or are, seen to answer. */
  get isAnswering(): boolean {
    return !this.isOneWay && this.#even + this.#uneven + this.#payingNow > 0;
  }

  /** Most have ended with messages that had no answer of their own. */
  get isUneven(): boolean {
    return this.#uneven > this.#even;
  }

  /** What the connections that are open now have shown so far. */
  survey(all: Iterable<Dues>, now: number, lapse: number): void {
    this.#silentNow = this.#payingNow = 0;
    for (const dues of all) {
      if (dues.hasPaid) this.#payingNow++;
      else if (dues.isSilent(now, lapse)) this.#silentNow++;
    }
  }

  /** A peer has finished and left with these dues. One that has given up early shows nothing. */
  learn(dues: Dues, now: number, lapse: number): void {
    if (!dues.hasPaid) this.#silent += dues.isSilent(now, lapse) ? 1 : 0;
    else if (dues.owed > 0) this.#uneven++;
    else this.#even++;
    if (this.#even + this.#uneven + this.#silent <= MEMORY) return;
    this.#even /= 2;
    this.#uneven /= 2;
    this.#silent /= 2;
  }
}

/** The dues of one connection; made when the first message is taken. */
export class Dues {
  /** Messages that were taken and have no answer. */
  owed = 0;
  /** Something was written since the first message was taken. */
  hasPaid = false;
  /** When the last message was taken. */
  tookAt: number;
  /** As the bytes are taken now: a handler may read lines, then raw bytes. */
  mode: DuesMode;
  readonly #firstAt: number;
  /** Nothing was written since the last message was taken. */
  #open = false;

  constructor(mode: DuesMode, now: number) {
    this.mode = mode;
    this.#firstAt = this.tookAt = now;
  }

  /** A message, or bytes, were handed to whoever takes them. */
  took(now: number): void {
    this.tookAt = now;
    this.#open = true;
    this.owed = this.mode === "bytes" ? 1 : this.owed + 1;
  }

  /** Bytes were written. */
  wrote(): void {
    if (this.mode !== "messages") this.gave();
  }

  /** An answer was given. */
  gave(): void {
    if (this.owed === 0) return;
    this.hasPaid = true;
    this.#open = false;
    this.owed = this.mode === "bytes" ? 0 : this.owed - 1;
  }

  /** Whoever took the last message says that no answer to it will follow. */
  forgive(): void {
    if (this.owed > 0) this.owed--;
    if (this.owed === 0) this.#open = false;
  }

  /** Messages were taken for longer than an answer is waited for, and nothing was written. */
  isSilent(now: number, lapse: number): boolean {
    return !this.hasPaid && this.#firstAt + lapse <= now;
  }

  /**
   * Until when something is owed if nothing happens; a time in the past if nothing is.
   *
   * @param last When the last byte went, whichever way.
   * @param lapse A debt lapses when for so long nothing has happened; of a connection that never paid, so long after its
   * first message.
   */
  owedUntil(last: number, lapse: number, habits: Habits): number {
    if (this.owed === 0) return NEVER;
    if (!this.hasPaid) return habits.isOneWay ? NEVER : (habits.isAnswering ? last : this.#firstAt) + lapse;
    return this.#open || !habits.isUneven ? last + lapse : NEVER;
  }
}
