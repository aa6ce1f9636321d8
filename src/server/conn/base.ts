/**
 * What a connection is: its fields, and what can be told from them. What it does stands in `connection.ts`.
 *
 * @module
 */
import type { Address } from "../../endpoint.ts";
import type { RawSocket } from "../../socket.ts";
import type { ConnContext } from "./handler_context.ts";
import * as flag from "./flags.ts";
import { type ConnHost, KEEP_ALIVE_DELAY } from "./host.ts";
import { ConnTimes } from "./time_stamps.ts";
import type { Conn, ConnState, Consumer } from "./conn.ts";
import { Dues, type DuesMode } from "./dues.ts";
import {
  CLOSED,
  CUT,
  DRAINED,
  DUE,
  type Ending,
  type EndingEvent,
  GOODBYE,
  LAST_GOODBYE,
  OPEN,
  RESET,
  TRANSITIONS,
} from "./ending.ts";
import type { Inbound } from "./inbound.ts";
import type { Outbound } from "./outbound.ts";
import { busyUntil } from "./rest.ts";
import { Rhythm } from "./rhythm.ts";
import type { TimerTarget } from "./timers.ts";

const DONE: Promise<void> = Promise.resolve();

/** State of a connection, and the views of it. */
export abstract class ConnBase implements TimerTarget {
  readonly id: number;
  readonly socket: RawSocket;
  readonly host: ConnHost;
  readonly openedAt: number;
  readonly rhythm: Rhythm;
  /** Null until a message was taken. */
  dues: Dues | null = null;
  /** False where a protocol was told that nothing is ever owed here. */
  answers = true;
  /** Promises that hold it. */
  holds = 0;
  /** Whether somebody waits for its end, and has asked for it since the last message was taken. */
  endAwaited: "no" | "earlier" | "now" = "no";
  /** When it was asked for, in ms on the clock. */
  endAskedAt = 0;
  bytesRead = 0;
  timerSlot = 0;
  /** Null until something of this connection depends on time. */
  times: ConnTimes | null = null;
  /** Why it ended badly, or null. */
  failure: Error | null = null;
  /** The handler's context, if it has one. */
  ctx: ConnContext | null = null;
  /** What arrived after our FIN. */
  lateBytes = 0;
  lateMessages = 0;
  /** What was to be written after the FIN of a goodbye. */
  refusedWrites = 0;
  refusedBytes = 0;
  /** Bits of `flags.ts`. */
  flags = 0;
  /** How far its end has come: see `ending.ts`. */
  ending: Ending = OPEN;
  /** Bytes given to the socket. */
  moved = 0;
  /** Bytes that the kernel had taken when we reset it: a socket that is gone can't tell. */
  flushedAtReset = 0;
  inbound: Inbound | null = null;
  outbound: Outbound | null = null;
  consumer: Consumer | null = null;
  #closed: Promise<void> | null = null;
  #resolveClosed: (() => void) | null = null;
  #observed: ConnState = "new";

  abstract onTimer(now: number): void;

  abstract timerFailed(error: unknown): void;

  constructor(id: number, socket: RawSocket, host: ConnHost) {
    this.id = id;
    this.socket = socket;
    this.host = host;
    this.openedAt = host.clock.now();
    this.rhythm = new Rhythm(this.openedAt, host.timers.deaf);
  }

  get local(): Address {
    return this.socket.local;
  }

  get remote(): Address {
    return this.socket.remote;
  }

  get alpnProtocol(): string | null {
    return this.socket.alpnProtocol;
  }

  get bytesWritten(): number {
    return this.moved + (this.outbound === null ? 0 : this.outbound.byteLength());
  }

  get bytesFlushed(): number {
    return this.isReset ? this.flushedAtReset : this.moved - this.socket.unsent;
  }

  /** Bytes written and not yet handed to the kernel. */
  get unsent(): number {
    return this.bytesWritten - this.bytesFlushed;
  }

  /** Bytes that arrived and that nobody took. */
  get unread(): number {
    return (this.inbound?.size ?? 0) + (this.consumer?.buffered ?? 0);
  }

  get isAwaitingRead(): boolean {
    return this.inbound !== null && this.inbound.isAwaited;
  }

  /** A promise holds it, or somebody waits for a write. */
  get isHeldByWork(): boolean {
    return this.holds > 0 || (this.outbound !== null && this.outbound.isAwaited);
  }

  /** A protocol says that a message is unanswered, or the handler of raw bytes waits for none. */
  get isAtWork(): boolean {
    return this.consumer !== null ? this.is(flag.BUSY) : this.is(flag.HANDLED) && !this.isAwaitingRead;
  }

  /** True while a handler is known to be at work, a protocol says that a message is unanswered, or work holds it. */
  get isBusy(): boolean {
    const until = busyUntil(this);
    return until === Infinity || (until !== -Infinity && until > this.host.clock.now());
  }

  /** Whoever reads knows that the peer has finished, or a protocol knows better than anybody what is unanswered. */
  get isToldOfEnd(): boolean {
    const { consumer } = this;
    if (this.is(flag.END_TOLD | flag.GONE)) return true;
    return consumer !== null && consumer.attended !== true && consumer.longLived !== true;
  }

  /** A goodbye of ours has closed the input: the peer had not finished. */
  get isDrained(): boolean {
    return this.ending === DRAINED || this.ending === CUT;
  }

  /** Number of what the handler is at, never the same twice; 0 while it waits for the peer, or none runs. */
  get handling(): number {
    const { consumer } = this;
    if (consumer !== null) return consumer.handling ?? (this.is(flag.BUSY) ? 1 : 0);
    // A handler that reads and writes by itself has moved on with each of both.
    return this.isBusy ? 1 + this.bytesWritten + (this.inbound?.reads ?? 0) : 0;
  }

  get isPartial(): boolean {
    return this.is(flag.PARTIAL);
  }

  /** Input is closed by us: our FIN is out, or follows what was written. */
  get isSealed(): boolean {
    return this.ending >= DRAINED;
  }

  /** The kernel has not taken all that was written. */
  get isClogged(): boolean {
    return this.is(flag.CLOGGED);
  }

  /** The socket is gone. */
  get isGone(): boolean {
    return this.is(flag.GONE);
  }

  /** Ended by a reset of ours. */
  get isReset(): boolean {
    return this.ending >= RESET;
  }

  /** The peer's FIN is here. */
  get hasPeerFinished(): boolean {
    return this.is(flag.READ_ENDED);
  }

  /** Ended by `close()` or `abort()`: reading throws instead of ending. */
  get isClosedHere(): boolean {
    return this.ending >= CLOSED;
  }

  /** Its handler runs. */
  get isHandled(): boolean {
    return this.is(flag.HANDLED);
  }

  /** Its consumer is being given bytes: what is written leaves when that returns. */
  get isFeeding(): boolean {
    return this.is(flag.FEEDING);
  }

  /** Nothing is read, for whatever reason. */
  get isPaused(): boolean {
    return this.is(flag.ANY_PAUSE);
  }

  /** A goodbye has begun, or is what ended it. */
  get hasSaidGoodbye(): boolean {
    return this.is(flag.GOODBYE_SAID);
  }

  /** It leaves at the next moment that is not busy, and nothing more is taken in. */
  get leavesNext(): boolean {
    return this.ending === DUE || this.ending === LAST_GOODBYE;
  }

  /** Takes part in a drain, or in its own graceful end. */
  get isParting(): boolean {
    return this.times !== null && this.times.plan !== null;
  }

  /** What is written is withheld. */
  get isHeld(): boolean {
    return this.is(flag.HOLD);
  }

  /** Said goodbye to, sealed or gone: a drain has nothing left to do but wait. */
  get isLeaving(): boolean {
    return this.ending >= GOODBYE || this.isGone;
  }

  /** A protocol has the bytes and goes on after the handler has settled. */
  get outlivesHandler(): boolean {
    return this.consumer !== null && this.consumer.attended !== true;
  }

  /** Something happened to its end; false if that changes nothing. */
  enter(event: EndingEvent): boolean {
    if (this.isGone) return false;
    if (event === "goodbye") this.flags |= flag.GOODBYE_SAID;
    const before = this.ending;
    this.ending = TRANSITIONS[event][before];
    return this.ending !== before;
  }

  /** Whether any of these flags is set. */
  is(flags: number): boolean {
    return (this.flags & flags) !== 0;
  }

  get state(): ConnState {
    if (this.is(flag.GONE)) return "closed";
    if (this.isSealed) return "closing";
    if (this.bytesRead === 0) return "new";
    return this.isBusy || this.isPartial ? "active" : "idle";
  }

  get closed(): Promise<void> {
    this.awaitEnd();
    return this.whenGone;
  }

  /** The peer has finished, and somebody waits for the end of all: nobody else may be there to bring it about. */
  watchEnd(): void {
    if (this.endAwaited === "no" || !this.hasPeerFinished || this.isSealed || this.isGone) return;
    this.timed();
    this.armAt(this.host.clock.now() + this.host.limits.quiet);
  }

  setDeadline(at: number | null): void {
    this.setReadDeadline(at);
    this.setWriteDeadline(at);
  }

  setReadDeadline(at: number | null): void {
    const due = this.#onClock(at);
    this.timed().readDeadline = due;
    this.armAt(due);
  }

  setWriteDeadline(at: number | null): void {
    const due = this.#onClock(at);
    this.timed().writeDeadline = due;
    this.armAt(due);
  }

  setNoDelay(on: boolean): void {
    this.socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean, delay: number = KEEP_ALIVE_DELAY): void {
    this.flags |= flag.KEPT_ALIVE;
    this.socket.setKeepAlive(on, delay);
  }

  /** Fulfils when the connection is gone, and says nothing of anybody's waiting: for parts of ours. */
  get whenGone(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = this.is(flag.GONE) ? DONE : new Promise((resolve) => this.#resolveClosed = resolve);
    }
    return this.#closed;
  }

  /** A message was handed to whoever takes them. */
  owe(mode: DuesMode): void {
    const now = this.rhythm.last;
    this.dues ??= new Dues(mode, now);
    this.dues.mode = mode;
    this.dues.took(now);
    if (this.endAwaited === "now") this.endAwaited = "earlier";
  }

  /** Somebody asks for the end. */
  awaitEnd(): void {
    this.endAwaited = "now";
    this.endAskedAt = this.host.clock.now();
    this.watchEnd();
    // A drain may have waited for just this.
    if (this.isParting) this.armAt(this.host.clock.now() + this.times!.plan!.quiet);
  }

  /** The message that was taken last needs no answer. */
  answered(): void {
    this.dues?.forgive();
    if (this.times !== null) this.armAt(this.host.clock.now());
  }

  /** Keeps time stamps from now on. */
  timed(): ConnTimes {
    return this.times ?? (this.times = new ConnTimes(this.host.clock.now()));
  }

  /** Looks at what is due at `at`, ms on the clock. */
  armAt(at: number): void {
    if (at !== Infinity && !this.is(flag.GONE)) this.host.timers.arm(this, at);
  }

  #onClock(at: number | null): number {
    const { clock } = this.host;
    if (at !== null && (typeof at !== "number" || Number.isNaN(at))) {
      throw new TypeError(`A deadline must be ms as Date.now() counts, or null for none, got ${String(at)}`);
    }
    return at === null ? Infinity : clock.now() + at - (clock.wall?.() ?? Date.now());
  }

  /** Fulfils `closed`. */
  protected tellClosed(): void {
    this.#resolveClosed?.();
  }

  /** Tells the host's observer of a new state. */
  observe(): void {
    const observer = this.host.onState;
    if (observer === null) return;
    const state = this.state;
    if (state === this.#observed) return;
    const from = this.#observed;
    this.#observed = state;
    observer(this as unknown as Conn, from, state);
  }
}
