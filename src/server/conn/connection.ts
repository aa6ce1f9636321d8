/**
 * The tracked connection: what its socket says goes to its parts, and what handlers ask of it is asked of them.
 *
 * | part       | what it owns                                                                            |
 * | ---------- | --------------------------------------------------------------------------------------- |
 * | `ending`   | how far its end has come                                                                |
 * | `input`    | what arrived, who waits for it, and why the socket is paused                            |
 * | `output`   | what was written, who waits for the kernel to take it, and whether it is withheld       |
 * | `work`     | its handler, what is unanswered, what is owed, what holds it                            |
 * | `rhythm`   | when bytes went, and how long its silences are                                          |
 * | `times`    | its deadlines, and when to look again; null until something of it depends on time       |
 * | `goodbye`  | its graceful end; null until it is wished for                                           |
 *
 * @module
 */
import { type Bytes, dataOf } from "../../bytes.ts";
import type { Address, ConnTls } from "../../endpoint.ts";
import { ConnClosedError, ConnResetError, DrainedError } from "../../errors.ts";
import type { ProxyHeader } from "../../proxied.ts";
import type { RawSocket, SocketEvents } from "../../socket.ts";
import { checkPromise } from "../../validate.ts";
import type { Conn, ConnState, Consumer } from "./conn.ts";
import type { DrainPlan } from "./drain_plan.ts";
import type { Dues, DuesMode } from "./dues.ts";
import { type AfterFin, ConnEnding } from "./ending.ts";
import { aloneFrom, Goodbye } from "./goodbye.ts";
import type { ConnContext } from "./handler_context.ts";
import { type ConnHost, KEEP_ALIVE_DELAY } from "./host.ts";
import { Input, type ReadWaiter } from "./input.ts";
import { Output, quietly } from "./output.ts";
import { closedError, drainedError, lateWrite, readRefusal, takenBy } from "./refusal.ts";
import { busyUntil } from "./rest.ts";
import { Rhythm } from "./rhythm.ts";
import { ChunkIterator, readableOf, writableOf } from "./streams.ts";
import { ConnTimes } from "./times.ts";
import { Work } from "./work.ts";
import { SMALL_BYTES } from "./write_queue.ts";

const DONE: Promise<void> = Promise.resolve();
const END: Promise<null> = Promise.resolve(null);

/** A connection as its host sees it; handlers see it as `Conn`. */
export class Connection implements Conn, SocketEvents {
  readonly id: number;
  readonly socket: RawSocket;
  readonly host: ConnHost;
  readonly openedAt: number;
  readonly ending: ConnEnding = new ConnEnding();
  readonly input: Input;
  readonly output: Output;
  readonly work: Work = new Work();
  readonly rhythm: Rhythm;
  times: ConnTimes | null = null;
  goodbye: Goodbye | null = null;
  /** The protocol that has the bytes. */
  consumer: Consumer | null = null;
  /** The handler's context, if it has one. */
  ctx: ConnContext | null = null;
  /** Null while nothing came, or was to be written, after our FIN. */
  afterFin: AfterFin | null = null;
  /** TCP keep-alive is dealt with. */
  isKeptAlive = false;
  #closed: Promise<void> | null = null;
  #resolveClosed: (() => void) | null = null;
  #observed: ConnState = "new";

  constructor(id: number, socket: RawSocket, host: ConnHost) {
    this.id = id;
    this.socket = socket;
    this.host = host;
    this.openedAt = Math.floor(host.clock.now());
    this.input = new Input(this);
    this.output = new Output(this);
    this.rhythm = new Rhythm(this.openedAt, host.timers.deaf);
  }

  // What can be told of it.

  get local(): Address {
    return this.socket.local;
  }

  get remote(): Address {
    return this.socket.remote;
  }

  get via(): Address | null {
    return this.socket.via ?? null;
  }

  get proxy(): ProxyHeader | null {
    return this.socket.proxy ?? null;
  }

  get alpnProtocol(): string | null {
    return this.socket.alpnProtocol;
  }

  get tls(): ConnTls | null {
    return this.socket.tls ?? null;
  }

  get bytesRead(): number {
    return this.input.bytes;
  }

  get bytesWritten(): number {
    return this.output.written;
  }

  get bytesFlushed(): number {
    return this.output.flushed;
  }

  /** Bytes written and not yet handed to the kernel. */
  get unsent(): number {
    return this.output.unsent;
  }

  /** Bytes that arrived and that nobody took. */
  get unread(): number {
    return this.input.size + (this.consumer?.buffered ?? 0);
  }

  get isDrained(): boolean {
    return this.ending.isDrained;
  }

  /** Nothing more can be said to it: for a heartbeat. */
  get isEnding(): boolean {
    return this.ending.isEnding;
  }

  /** What is written is withheld: for a heartbeat. */
  get isWithheld(): boolean {
    return this.output.isWithheld;
  }

  /** True while a handler is known to be at work, a protocol says that a message is unanswered, or work holds it. */
  get isBusy(): boolean {
    const until = busyUntil(this);
    return until === Infinity || (until !== -Infinity && until > this.host.clock.now());
  }

  /** Takes part in a drain, or in its own graceful end. */
  get isDraining(): boolean {
    return this.goodbye !== null && this.goodbye.plan !== null;
  }

  /** A protocol has the bytes and goes on after the handler has settled. */
  get outlivesHandler(): boolean {
    return this.consumer !== null && this.consumer.attended !== true;
  }

  /** Number of what the handler is at, never the same twice; 0 while it waits for the peer, or none runs. */
  get handling(): number {
    const { consumer } = this;
    if (consumer !== null) return consumer.handling ?? (this.work.isBusy ? 1 : 0);
    // A handler that reads and writes by itself has moved on with each of both.
    return this.isBusy ? 1 + this.bytesWritten + this.input.reads : 0;
  }

  get state(): ConnState {
    if (this.ending.isGone) return "closed";
    if (this.ending.isClosing) return "closing";
    if (this.bytesRead === 0) return "new";
    return this.isBusy || this.work.isPartial ? "active" : "idle";
  }

  get closed(): Promise<void> {
    this.awaitEnd();
    return this.whenGone;
  }

  /** Fulfils when the connection is gone, and says nothing of anybody's waiting: for parts of ours. */
  get whenGone(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = this.ending.isGone ? DONE : new Promise((resolve) => this.#resolveClosed = resolve);
    }
    return this.#closed;
  }

  get readable(): ReadableStream<Uint8Array> {
    return readableOf(this);
  }

  get writable(): WritableStream<Uint8Array | string> {
    return writableOf(this);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return new ChunkIterator(this);
  }

  // What the socket says.

  /** Begins: `handed` to its handler. @param ahead Reads the socket already. */
  start(ahead: { handTo(to: SocketEvents): void } | null = null): void {
    this.work.handed();
    this.applyLimits();
    if (ahead === null) this.socket.start(this);
    else ahead.handTo(this);
  }

  data(chunk: Uint8Array): void {
    this.input.bytes += chunk.length;
    if (this.ending.isClosing) return this.#dataAfterFin(chunk);
    this.#hear();
    if (this.consumer !== null) this.#feed(chunk);
    else {
      if (this.input.isAwaited) this.owe("bytes");
      this.input.push(chunk);
    }
    this.host.moment.end();
    this.observe();
  }

  lend(buffer: Uint8Array, length: number): boolean {
    if (this.consumer?.lend === undefined || this.ending.isClosing) return false;
    this.input.bytes += length;
    this.#hear();
    this.#feed(buffer, length);
    this.host.moment.end();
    this.observe();
    return true;
  }

  #hear(): void {
    this.rhythm.heard(this.host.moment.begin(), this.host.timers.deaf, this.#longestGap, this.work.isPartial);
  }

  end(): void {
    this.input.peerFinished();
    if (this.ending.isClosing) return;
    this.#endInput();
    this.#watchEnd();
  }

  drained(): void {
    this.rhythm.flushed(this.host.clock.now(), this.host.timers.deaf);
    this.output.drained();
    // Whoever waited for this may write on in this turn.
    if (this.isDraining) this.host.clock.soon(() => this.#boundary());
    this.consumer?.drained?.();
  }

  gone(error?: Error): void {
    this.ending.socketGone();
    this.output.socketGone();
    this.host.unwritable(this);
    if (error !== undefined && this.ending.failure === null) {
      this.ending.fail(new ConnResetError("The peer dropped the connection", { cause: error }));
    }
    this.times?.disarm();
    const { failure } = this.ending;
    // Only a peer that has left by itself shows what it had waited for.
    if (this.work.dues !== null && failure === null && !this.ending.hasSaidGoodbye) this.#teach(this.work.dues);
    this.#failWaiters(failure);
    const consumer = this.consumer;
    this.consumer = null;
    if (consumer !== null) this.#guarded(() => consumer.closed(failure ?? undefined));
    this.#resolveClosed?.();
    this.observe();
    this.host.gone(this);
  }

  #teach(dues: Dues): void {
    const { clock, habits, limits } = this.host;
    habits.learn(dues, clock.now(), limits.patience);
  }

  #dataAfterFin(chunk: Uint8Array): void {
    const messages = this.ending.isClosedHere ? 0 : this.consumer?.afterFin?.(chunk) ?? 1;
    this.cameAfterFin(messages, chunk.length);
  }

  // Reading.

  read(): Promise<Uint8Array | null> {
    const chunk = this.takeForReader();
    if (chunk !== null) return Promise.resolve(chunk);
    const refusal = this.refusal();
    if (refusal !== undefined) return refusal === null ? END : Promise.reject(refusal);
    const coming: Promise<Uint8Array | null> = new Promise((deliver, fail) =>
      this.awaitChunk({
        deliver,
        fail: (error) => {
          // A read that was left behind, to notice a peer that leaves, must not end the process.
          coming.catch(() => {});
          fail(error);
        },
      })
    );
    return coming;
  }

  /** The next queued chunk for who asked for it, or null. */
  takeForReader(): Uint8Array | null {
    if (this.consumer !== null) return null;
    const chunk = this.input.take();
    if (chunk !== null) this.owe("bytes");
    return chunk;
  }

  /** Why there is nothing to wait for: an error, null for the end, undefined when waiting makes sense. */
  refusal(): Error | null | undefined {
    const refusal = readRefusal(this);
    if (refusal === null) this.input.tellEnd();
    return refusal;
  }

  /** Waits for the next chunk; the caller has taken what was queued and seen no refusal. */
  awaitChunk(waiter: ReadWaiter): void {
    this.input.wait(waiter);
    this.output.flush();
    if (this.times !== null) {
      this.times.readBegan();
      this.#boundary();
    }
    this.observe();
  }

  /** Tells whoever reads that nothing more will come. */
  #endInput(): void {
    const consumer = this.consumer;
    if (consumer !== null) this.#guarded(() => consumer.end());
    else if (this.ending.isDrained) this.input.fail(drainedError());
    else if (this.input.isAwaited) this.input.tellEnd();
    this.observe();
  }

  // Protocols that take the bytes from the callback.

  consume(consumer: Consumer): void {
    const taken = takenBy(this);
    if (taken !== null) throw taken;
    this.consumer = null;
    if (consumer.firstWithin !== undefined) this.#timed().awaitFirst(consumer.firstWithin);
    for (let chunk = this.input.take(); chunk !== null; chunk = this.input.take()) {
      this.consumer = consumer;
      this.#feed(chunk);
      if (this.consumer !== consumer) return;
      this.consumer = null;
    }
    const { isGone, isClosing, failure } = this.ending;
    this.consumer = isGone ? null : consumer;
    if (isGone) this.#guarded(() => consumer.closed(failure ?? undefined));
    else if (this.input.isEnded || isClosing) this.#endInput();
    else this.#boundary();
    if (this.times !== null && !this.times.isNeeded) this.#forgetTimes();
  }

  release(unread?: Uint8Array): void {
    this.consumer = null;
    if (this.times === null) this.applyLimits();
    else this.times.firstCame();
    this.work.report(false, false);
    this.resume();
    if (unread !== undefined && unread.length > 0) this.input.unshift(unread);
    else if (this.input.isEnded) this.input.tellEnd();
  }

  pause(): void {
    this.input.pause();
  }

  resume(): void {
    this.input.resume();
  }

  report(busy: boolean, partial: boolean): void {
    const wasPartial = this.work.isPartial;
    this.work.report(busy, partial);
    if (!busy && !this.output.isCorked) this.output.flush();
    if (this.times !== null) {
      if (busy) this.times.firstCame();
      if (partial && !wasPartial) this.times.partialBegan();
      if (!busy) this.#boundary();
    }
    this.observe();
  }

  /** @param lent So many of the first bytes, of a buffer that is lent; -1: it is the consumer's. */
  #feed(bytes: Uint8Array, lent: number = -1): void {
    this.output.cork();
    try {
      if (lent < 0) this.consumer!.data(bytes);
      else this.consumer!.lend!(bytes, lent);
      this.output.uncork();
    } catch (error) {
      // Nothing of what it has written leaves any more.
      this.abort(error);
    }
  }

  #guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.abort(error);
    }
  }

  // Writing.

  write(given: Bytes | string): Promise<void> {
    const data = dataOf(given, "write()");
    if (typeof data === "string" || data.length === 0) return this.writeOwn(data);
    if (data.length < SMALL_BYTES) return this.writeOwn(this.host.batch.copy(data));
    return this.#writeLarge(data);
  }

  /** As `write`, for text, and for bytes that nobody changes any more: they are not copied, and may wait. */
  writeOwn(data: Uint8Array | string): Promise<void> {
    const { output } = this;
    if (output.isEnded) return quietly(Promise.reject(this.#refuse(data)));
    const late = lateWrite(this);
    if (late !== null) return quietly(Promise.reject(late));
    if (data.length > 0 && this.work.dues !== null) this.work.dues.wrote();
    return output.write(data);
  }

  /**
   * Large pieces are not copied: they go to the kernel at once, and the writer waits for it where it doesn't take all.
   * What is withheld has to be copied.
   */
  #writeLarge(data: Uint8Array): Promise<void> {
    const { output } = this;
    const withheld = output.isWithheld;
    const below = this.writeOwn(withheld ? this.host.batch.copy(data) : data);
    if (withheld || output.isEnded) return below;
    output.flush();
    return output.isClogged ? output.wait() : below;
  }

  /** What is written after a goodbye's FIN is lost to the peer: a drain tells of it. */
  #refuse(data: Uint8Array | string): Error {
    const { failure, hasSaidGoodbye, isClosedHere } = this.ending;
    if (failure !== null) return failure;
    if (!hasSaidGoodbye || isClosedHere) return closedError();
    if (data.length > 0) this.refused(data.length);
    return drainedError();
  }

  flush(): Promise<void> {
    const { ending, output } = this;
    output.flushAll();
    if (ending.isGone) return ending.failure === null ? DONE : quietly(Promise.reject(ending.failure));
    if (!output.isClogged) return DONE;
    const late = lateWrite(this);
    return late === null ? output.wait() : quietly(Promise.reject(late));
  }

  gave(clogged: boolean): void {
    this.rhythm.said(this.host.moment.left(), this.host.timers.deaf, this.#isAnswering ? this.#longestGap : 0);
    this.goodbye?.lookAgain();
    if (clogged && (this.times !== null || this.host.limits.writeTimeout > 0)) this.#timed().clogged();
  }

  /** A message was taken since the last byte came: what is written now may answer it. */
  get #isAnswering(): boolean {
    const { dues } = this.work;
    return dues !== null && dues.tookAt >= this.rhythm.lastIn;
  }

  /** A longer gap says nothing: twice as long a silence would be no shorter than patience. */
  get #longestGap(): number {
    return this.host.limits.patience / 2;
  }

  // What it is at.

  /** A message was handed to whoever takes them. */
  owe(mode: DuesMode): void {
    this.work.owe(mode, this.rhythm.last);
  }

  took(messages: number = 1): void {
    this.times?.firstCame();
    for (let i = 0; i < messages; i++) this.owe("frames");
  }

  answered(): void {
    this.work.dues?.forgive();
    this.times?.arm(this.host.clock.now());
  }

  waitUntil(promise: Promise<unknown>): void {
    checkPromise("waitUntil()", promise);
    const { work } = this;
    // Forgotten already: then it is its host's to wait for.
    if (this.ending.isGone && !work.isHandled && work.holds === 0) return this.host.waitUntil(promise);
    work.hold();
    this.observe();
    const done = (): void => this.#released();
    Promise.resolve(promise).then(done, (error) => {
      this.host.workFailed(this, error);
      done();
    });
  }

  #released(): void {
    if (!this.work.unhold()) return;
    if (!this.ending.isGone) this.#boundary();
    this.observe();
    this.host.released(this);
  }

  /** Somebody asks for the end. */
  awaitEnd(): void {
    const now = this.host.clock.now();
    this.work.awaitEnd(now);
    this.#watchEnd();
    // A drain may have waited for just this.
    this.goodbye?.lookAgain();
  }

  /** The peer has finished, and somebody waits for the end of all: nobody else may be there to bring it about. */
  #watchEnd(): void {
    if (this.work.endAwaited === "no" || !this.input.isEnded || this.ending.isClosing || this.ending.isGone) return;
    this.armAt(this.host.clock.now() + this.host.limits.quiet);
  }

  /** A moment that is not busy, perhaps. */
  #boundary(): void {
    this.goodbye?.boundary();
  }

  // Time.

  setDeadline(at: number | null): void {
    this.setReadDeadline(at);
    this.setWriteDeadline(at);
  }

  setReadDeadline(at: number | null): void {
    this.#timed().setReadDeadline(at);
  }

  setWriteDeadline(at: number | null): void {
    this.#timed().setWriteDeadline(at);
  }

  /** Looks at the limits, at the start and after they changed. */
  applyLimits(): void {
    const { readTimeout, writeTimeout, idleTimeout, maxLifetime, lifetimeJitter } = this.host.limits;
    if (readTimeout + writeTimeout + idleTimeout + maxLifetime === 0) return;
    const spread = 1 + (Math.random() * 2 - 1) * lifetimeJitter;
    this.#timed().limitLife(maxLifetime === 0 ? Infinity : this.openedAt + maxLifetime * spread);
  }

  /** Looks at what is due at `at`, ms on the clock. */
  armAt(at: number): void {
    this.#timed().arm(at);
  }

  /** Keeps time stamps from now on. */
  #timed(): ConnTimes {
    return this.times ??= new ConnTimes(this);
  }

  #forgetTimes(): void {
    this.times!.disarm();
    this.times = null;
  }

  setNoDelay(on: boolean): void {
    this.socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean, delay: number = KEEP_ALIVE_DELAY): void {
    this.isKeptAlive = true;
    this.socket.setKeepAlive(on, delay);
  }

  /** Has lived long enough for TCP keep-alive, if nobody has said otherwise. */
  keepAlive(): void {
    const { keepAlive } = this.host.limits;
    this.isKeptAlive = true;
    if (keepAlive > 0) this.setKeepAlive(true, keepAlive);
  }

  // Ending.

  closeWrite(): Promise<void> {
    this.#fin();
    return this.flush();
  }

  close(): Promise<void> {
    // What the drain has closed stays the drain's: what comes late is still counted.
    if (!this.ending.isClosing && this.ending.enter("close")) {
      if (this.input.isAwaited) this.input.fail(closedError());
      this.#linger();
    }
    return this.whenGone;
  }

  abort(reason?: unknown): void {
    const { ending } = this;
    if (ending.isReset || ending.isGone) return;
    // Whoever passes on what ended the reading means no reset of what was ended well: pipes do, and loops of proxies.
    if (reason instanceof DrainedError) return this.#closeFor(reason);
    if (ending.failure === null) {
      ending.fail(
        reason instanceof Error ? reason : new ConnClosedError("The connection was aborted", { cause: reason }),
      );
    }
    this.output.reset();
    ending.enter("reset");
    this.host.unwritable(this);
    this.#failWaiters(ending.failure);
    this.socket.destroy();
  }

  /** What was written is delivered, and whoever reads learns why: a proxy's other side has done nothing wrong. */
  #closeFor(reason: DrainedError): void {
    if (!this.ending.isClosing) this.ending.fail(reason);
    if (this.input.isAwaited) this.input.fail(reason);
    void this.close();
  }

  /** Lets go of a socket whose connection was served whole and whose peer does not close; the kernel finishes it. */
  detach(): void {
    if (!this.ending.isGone) this.socket.detach();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Says goodbye now, then closes the input. */
  sayGoodbye(): void {
    this.#goodbye().say();
  }

  closeWhenIdle(): void {
    this.drain(aloneFrom(this.host));
  }

  /** Ends gracefully, on these terms. */
  drain(plan: DrainPlan): void {
    this.#goodbye().follow(plan);
  }

  #goodbye(): Goodbye {
    return this.goodbye ??= new Goodbye(this);
  }

  hostsGoodbye(): void | Promise<void> {
    return this.host.goodbye?.(this);
  }

  /** The goodbye is said: closes the input, and tells whoever reads. */
  closeInput(event: "drain" | "serve"): void {
    this.ending.enter(event);
    this.#linger();
    this.#endInput();
  }

  /** FIN follows what was written, and what still comes is read until the peer's FIN, but not run. */
  #linger(): void {
    this.input.clear();
    this.#fin();
    this.input.readOn();
    // With both sides' FIN there is nothing to wait for.
    if (!this.input.isEnded || this.unsent > 0) this.#timed().linger();
    this.observe();
  }

  #fin(): void {
    if (this.output.isEnded) return;
    this.output.finish(this.ending.hasSaidGoodbye);
    this.host.unwritable(this);
  }

  /** Counts what came after our FIN, and is not run. */
  cameAfterFin(messages: number, bytes: number): void {
    const afterFin = this.#afterFin();
    afterFin.messages += messages;
    afterFin.bytes += bytes;
  }

  /** Counts a write that a goodbye has come before. */
  refused(bytes: number): void {
    const afterFin = this.#afterFin();
    afterFin.refusedWrites++;
    afterFin.refusedBytes += bytes;
  }

  #afterFin(): AfterFin {
    return this.afterFin ??= { messages: 0, bytes: 0, refusedWrites: 0, refusedBytes: 0 };
  }

  /** The error is built only if somebody waits: most connections end without anybody asking. */
  #failWaiters(error: Error | null): void {
    if (this.input.isAwaited) {
      if (error === null && (this.input.isEnded || this.ending.isClosing)) this.input.settle(null);
      else this.input.fail(error ?? closedError());
    }
    if (this.output.isAwaited) this.output.fail(error ?? closedError());
  }

  /** Tells the host's observer of a new state. */
  observe(): void {
    const observer = this.host.onState;
    if (observer === null) return;
    const state = this.state;
    if (state === this.#observed) return;
    const from = this.#observed;
    this.#observed = state;
    observer(this, from, state);
  }
}
