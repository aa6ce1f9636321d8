/**
 * The clock of a connection: its deadlines, its limits, the wait for the peer's FIN, and when to look again.
 *
 * @module
 */
import { wallOf } from "../../clock.ts";
import { DeadlineError } from "../../errors.ts";
import type { Goodbye, GoodbyeConn } from "./goodbye.ts";
import { isAtWork, isHeldByWork, isToldOfEnd, restAt } from "./rest.ts";
import { TIMER_GRANULARITY, type TimerTarget } from "./timers.ts";

/** What this needs of a connection. */
export interface TimedConn extends GoodbyeConn {
  readonly goodbye: Goodbye | null;
  close(): Promise<void>;
  closeWhenIdle(): void;
  detach(): void;
}

/** A handler that may still work on an answer behind the peer's end gets so long for one, in ms, when it asks for ours. */
const LAST_ANSWER = 60_000;

/** A closed connection whose peer takes nothing for so long (ms) is dropped, even without a writeTimeout. */
const STALL_TIMEOUT = 30_000;

/** Time stamps of one connection, and what is due by them; made when the first of them is needed. */
export class ConnTimes implements TimerTarget {
  timerSlot = 0;
  /** When the read that waits was asked for, as far as is known. */
  #readSince: number;
  /** When the message began that is here in part, as far as is known. */
  #partialSince: number;
  #readDeadline = Infinity;
  #writeDeadline = Infinity;
  /** When a protocol's first message has to be here, in heard time. */
  #firstAt = Infinity;
  #lifeAt = Infinity;
  #lingerAt = Infinity;
  /** Bytes flushed, and when that number last grew. */
  #flushed = 0;
  #flushedAt: number;
  readonly #conn: TimedConn;

  constructor(conn: TimedConn) {
    this.#conn = conn;
    this.#readSince = this.#partialSince = this.#flushedAt = this.#now();
  }

  /** Something depends on time here, or will as soon as it happens. */
  get isNeeded(): boolean {
    const { host: { limits }, consumer, goodbye, output, work } = this.#conn;
    if (limits.readTimeout > 0 || goodbye !== null || work.endAwaited !== "no") return true;
    if (limits.writeTimeout > 0 && output.isClogged) return true;
    if (limits.idleTimeout > 0 && consumer?.longLived !== true) return true;
    const deadline = Math.min(this.#readDeadline, this.#writeDeadline);
    return Math.min(deadline, this.#firstAt, this.#lifeAt, this.#lingerAt) !== Infinity;
  }

  /** Somebody waits for the next chunk from now on. */
  readBegan(): void {
    this.#readSince = this.#now();
  }

  /** Part of a message is here from now on. */
  partialBegan(): void {
    this.#partialSince = this.#now();
  }

  /** Looks at what is due at `at`, ms on the clock. */
  arm(at: number): void {
    if (at !== Infinity && !this.#conn.ending.isGone) this.#conn.host.timers.arm(this, at);
  }

  /** Never looks again. */
  disarm(): void {
    this.#conn.host.timers.disarm(this);
  }

  /** In ms on the clock; Infinity for none. */
  get readDeadline(): number {
    return this.#readDeadline;
  }

  get writeDeadline(): number {
    return this.#writeDeadline;
  }

  /** As the wall's clock counts, null for none. */
  setReadDeadline(at: number | null): void {
    this.#readDeadline = this.#onClock(at);
    this.arm(this.#readDeadline);
  }

  setWriteDeadline(at: number | null): void {
    this.#writeDeadline = this.#onClock(at);
    this.arm(this.#writeDeadline);
  }

  /** A protocol's first message has to be here within so many ms of hearing. */
  awaitFirst(limit: number): void {
    this.#firstAt = this.#conn.host.timers.heard() + limit;
    this.arm(this.#now() + limit);
  }

  /** It is here, or the protocol is another one. */
  firstCame(): void {
    this.#firstAt = Infinity;
  }

  /** Its life ends at `at`, Infinity for never; then all limits are looked at. */
  limitLife(at: number): void {
    this.#lifeAt = at;
    this.onTimer(this.#now());
  }

  /** Waits for the peer's FIN from now on. */
  linger(): void {
    this.#lingerAt = this.#now() + this.#conn.host.limits.lingerTimeout;
    this.arm(this.#lingerAt);
  }

  /** From now on the kernel doesn't take all. */
  clogged(): void {
    this.#flushedAt = this.#now();
    const { writeTimeout } = this.#conn.host.limits;
    if (writeTimeout > 0) this.arm(this.#flushedAt + writeTimeout);
  }

  onTimer(now: number): void {
    if (!this.#conn.ending.isGone) this.arm(this.#check(now));
  }

  timerFailed(error: unknown): void {
    this.#conn.abort(error);
  }

  /** Acts on what is due and returns when to look again, ms on the clock; Infinity for never. */
  #check(now: number): number {
    const conn = this.#conn;
    if (conn.ending.isClosing) return this.#checkLinger(now);
    this.#sawFlushed(now);
    const next = Math.min(
      this.#checkLifetime(now),
      this.#checkIdle(now),
      this.#checkRead(now),
      this.#checkFirst(now),
      this.#checkWrite(now),
      this.#checkEnd(now),
      conn.goodbye === null ? Infinity : conn.goodbye.check(now),
    );
    return conn.ending.isClosing ? this.#lingerAt : next;
  }

  #checkLinger(now: number): number {
    const conn = this.#conn;
    const { lingerTimeout } = conn.host.limits;
    this.#sawFlushed(now);
    if (conn.output.unsent > 0) {
      // The wait for the peer's FIN begins when all our bytes are on their way.
      this.#lingerAt = now + lingerTimeout;
      const stalledAt = this.#flushedAt + Math.max(STALL_TIMEOUT, lingerTimeout);
      if (now >= stalledAt) {
        conn.abort(new DeadlineError("The peer did not take the last bytes of a closed connection"));
      }
      return Math.min(this.#lingerAt, stalledAt, this.#checkWrite(now));
    }
    if (now < this.#lingerAt) return this.#lingerAt;
    conn.detach();
    return Infinity;
  }

  #checkLifetime(now: number): number {
    if (now < this.#lifeAt) return this.#lifeAt;
    this.#lifeAt = Infinity;
    this.#conn.closeWhenIdle();
    return Infinity;
  }

  #checkIdle(now: number): number {
    const conn = this.#conn;
    const { idleTimeout } = conn.host.limits;
    if (idleTimeout === 0 || conn.consumer?.longLived === true) return Infinity;
    // A rhythm that is not known counts for nothing here: the user has said how long a silence may be.
    const { rhythm } = conn;
    const due = restAt(conn, rhythm.isKnown ? Math.max(idleTimeout, rhythm.shown) : idleTimeout);
    if (due === Infinity) return now + idleTimeout;
    if (now < due) return due;
    conn.host.goodbyes.add(conn);
    return now + idleTimeout;
  }

  #checkRead(now: number): number {
    const conn = this.#conn;
    const { readTimeout } = conn.host.limits;
    let due = this.#readDeadline;
    const waits = conn.input.isAwaited;
    if (readTimeout > 0) {
      if (waits) due = Math.min(due, this.#readSince + readTimeout);
      else if (conn.work.isPartial) due = Math.min(due, this.#partialSince + readTimeout);
    }
    if (now < due) return readTimeout > 0 ? Math.min(due, now + readTimeout) : due;
    if (waits) conn.input.fail(new DeadlineError("The peer sent nothing before the read deadline"));
    else if (conn.work.isPartial) {
      conn.abort(new DeadlineError("The peer did not finish its message before the read deadline"));
    }
    return readTimeout > 0 ? now + readTimeout : Infinity;
  }

  /** Who says nothing, or half a message for ever, costs a place: a protocol may limit how long that is. */
  #checkFirst(now: number): number {
    const conn = this.#conn;
    if (this.#firstAt === Infinity || conn.input.isEnded || conn.ending.isEnding) return Infinity;
    const due = this.#firstAt + conn.host.timers.deaf;
    if (now < due) return due;
    // Of a timer that comes late the socket has not been read yet: what waits there is looked at first.
    conn.host.clock.soon(() => {
      if (this.#firstAt === Infinity || conn.ending.isEnding) return;
      conn.abort(new DeadlineError(`The peer sent no whole message within ${conn.consumer?.firstWithin} ms`));
    });
    return Infinity;
  }

  #checkWrite(now: number): number {
    const conn = this.#conn;
    const { writeTimeout } = conn.host.limits;
    // As Go has it: whoever waits is told, and the connection lives on. A peer that takes nothing is writeTimeout's matter.
    const passed = now >= this.#writeDeadline;
    if (passed) conn.output.fail(new DeadlineError("The peer did not take its bytes before the write deadline"));
    const deadline = passed ? Infinity : this.#writeDeadline;
    if (writeTimeout === 0) return deadline;
    const stalledAt = conn.output.unsent === 0 ? now + writeTimeout : this.#flushedAt + writeTimeout;
    if (now < stalledAt) return Math.min(stalledAt, deadline);
    conn.abort(new DeadlineError("The peer did not take its bytes for as long as the write timeout"));
    return Infinity;
  }

  /** The peer has finished, nobody reads, and somebody waits for the end: nothing more will happen here. */
  #checkEnd(now: number): number {
    const conn = this.#conn;
    if (!conn.input.isEnded || conn.work.endAwaited === "no") return Infinity;
    const due = isToldOfEnd(conn) || conn.unread > 0 ? this.#toldEndAt() : restAt(conn);
    if (due === Infinity) return now + Math.max(conn.host.limits.idleGrace, TIMER_GRANULARITY);
    if (now < due) return due;
    void conn.close();
    return Infinity;
  }

  /** Who has been told of the peer's end may still work on an answer, and who has not read all may still begin to. */
  #toldEndAt(): number {
    const conn = this.#conn;
    if (isHeldByWork(conn) || conn.output.unsent > 0 || (conn.consumer !== null && isAtWork(conn))) return Infinity;
    return conn.rhythm.last + (conn.work.dues === null ? 2 * conn.host.limits.patience : LAST_ANSWER);
  }

  /** Notes progress of the outbound side. */
  #sawFlushed(now: number): void {
    const { flushed } = this.#conn.output;
    if (flushed === this.#flushed) return;
    this.#flushed = flushed;
    this.#flushedAt = now;
  }

  #onClock(at: number | null): number {
    const { clock } = this.#conn.host;
    if (at !== null && (typeof at !== "number" || Number.isNaN(at))) {
      throw new TypeError(`A deadline must be ms as Date.now() counts, or null for none, got ${String(at)}`);
    }
    return at === null ? Infinity : clock.now() + at - wallOf(clock);
  }

  #now(): number {
    return this.#conn.host.clock.now();
  }
}
