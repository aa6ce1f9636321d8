/**
 * The tracked connection: its state, its buffers both ways, its boundaries, and its ways to end.
 *
 * @module
 */
import { type Bytes, dataOf } from "../../bytes.ts";
import { ConnClosedError, ConnResetError, DrainedError } from "../../errors.ts";
import type { SocketEvents } from "../../socket.ts";
import { ConnBase } from "./base.ts";
import * as flag from "./flags.ts";
import * as leave from "./leave.ts";
import { ChunkIterator, readableOf, writableOf } from "./streams.ts";
import { checkTimes } from "./times.ts";
import type { Conn, Consumer } from "./conn.ts";
import type { Dues } from "./dues.ts";
import { Inbound, type ReadWaiter } from "./inbound.ts";
import { Outbound, quietly } from "./outbound.ts";
import type { TimerTarget } from "./timers.ts";
import { closedError, drainedError, lateWrite, readRefusal, takenBy } from "./refusal.ts";
import { checkPromise } from "../../validate.ts";
import { type Flushable, SCRATCH_BYTES, SMALL_BYTES } from "./write_batch.ts";

const DONE: Promise<void> = Promise.resolve();
const END: Promise<null> = Promise.resolve(null);

/** A connection as its host sees it; handlers see it as `Conn`. */
export class Connection extends ConnBase implements Conn, SocketEvents, Flushable, TimerTarget {
  /** For who waits until no promise holds it. */
  #freed: Promise<void> | null = null;
  #free: (() => void) | null = null;

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

  data(chunk: Uint8Array): void {
    this.bytesRead += chunk.length;
    if (this.isSealed) return this.#late(chunk);
    this.rhythm.heard(this.host.clock.now(), this.host.timers.deaf, this.#longestGap, this.isPartial);
    if (this.consumer !== null) this.#feed(chunk);
    else this.#enqueue(chunk);
    this.observe();
  }

  end(): void {
    this.flags |= flag.READ_ENDED;
    if (this.isSealed) return;
    this.endInput();
    this.watchEnd();
  }

  drained(): void {
    this.flags &= ~flag.CLOGGED;
    this.rhythm.flushed(this.host.clock.now(), this.host.timers.deaf);
    this.outbound?.releaseWaiters();
    // Whoever waited for this may write on in this turn.
    if (this.isParting) this.host.clock.soon(() => leave.boundary(this));
    this.consumer?.drained?.();
  }

  gone(error?: Error): void {
    this.flags |= flag.GONE;
    this.host.leaving(this);
    if (error !== undefined && this.failure === null) {
      this.failure = new ConnResetError("The peer dropped the connection", { cause: error });
    }
    this.host.timers.disarm(this);
    // Only a peer that has left by itself shows what it had waited for.
    if (this.dues !== null && this.failure === null && !this.hasSaidGoodbye) this.#teach(this.dues);
    this.#failWaiters(this.failure);
    const consumer = this.consumer;
    this.consumer = null;
    if (consumer !== null) this.#guarded(() => consumer.closed(this.failure ?? undefined));
    this.tellClosed();
    this.observe();
    this.host.gone(this);
  }

  #teach(dues: Dues): void {
    const { clock, habits, limits } = this.host;
    habits.learn(dues, clock.now(), limits.patience);
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
    const chunk = this.#takeQueued();
    if (chunk !== null) this.owe("bytes");
    return chunk;
  }

  #takeQueued(): Uint8Array | null {
    const inbound = this.inbound;
    if (inbound === null || inbound.size === 0) return null;
    const chunk = inbound.take();
    if (this.is(flag.FULL) && inbound.size < this.host.limits.readHighWaterMark) this.#resumeFrom(flag.FULL);
    return chunk;
  }

  /** Why there is nothing to wait for: an error, null for the end, undefined when waiting makes sense. */
  refusal(): Error | null | undefined {
    const refusal = readRefusal(this);
    if (refusal === null) this.flags |= flag.END_TOLD;
    return refusal;
  }

  /** Waits for the next chunk; the caller has taken what was queued and seen no refusal. */
  awaitChunk(waiter: ReadWaiter): void {
    if (this.inbound === null) this.inbound = new Inbound();
    this.inbound.wait(waiter);
    this.flushNow();
    if (this.times !== null) {
      this.times.readSince = this.host.clock.now();
      leave.boundary(this);
    }
    this.observe();
  }

  /** Rejects a pending read. */
  failRead(error: Error): void {
    this.inbound?.fail(error);
  }

  #enqueue(chunk: Uint8Array): void {
    if (this.inbound === null) this.inbound = new Inbound();
    if (this.inbound.isAwaited) this.owe("bytes");
    this.inbound.push(chunk);
    if (this.inbound.size >= this.host.limits.readHighWaterMark) this.#pauseFor(flag.FULL);
  }

  /** Tells whoever reads that nothing more will come. */
  endInput(): void {
    const consumer = this.consumer;
    if (consumer !== null) this.#guarded(() => consumer.end());
    else if (this.isDrained) this.failRead(drainedError());
    else if (this.isAwaitingRead) this.#tellEnd();
    this.observe();
  }

  #tellEnd(): void {
    this.flags |= flag.END_TOLD;
    this.inbound!.settle(null);
  }

  #late(chunk: Uint8Array): void {
    this.lateBytes += chunk.length;
    if (!this.isClosedHere) this.lateMessages += this.consumer?.late?.(chunk) ?? 1;
  }

  // Protocols that take the bytes from the callback.

  consume(consumer: Consumer): void {
    const taken = takenBy(this);
    if (taken !== null) throw taken;
    this.consumer = null;
    if (consumer.firstWithin !== undefined) this.#awaitFirst(consumer.firstWithin);
    for (let chunk = this.#takeQueued(); chunk !== null; chunk = this.#takeQueued()) {
      this.consumer = consumer;
      this.#feed(chunk);
      if (this.consumer !== consumer) return;
      this.consumer = null;
    }
    this.consumer = this.is(flag.GONE) ? null : consumer;
    if (this.is(flag.GONE)) this.#guarded(() => consumer.closed(this.failure ?? undefined));
    else if (this.hasPeerFinished || this.isSealed) this.endInput();
    else leave.boundary(this);
  }

  #awaitFirst(limit: number): void {
    this.timed().firstAt = this.host.timers.heard() + limit;
    this.armAt(this.host.clock.now() + limit);
  }

  release(unread?: Uint8Array): void {
    this.consumer = null;
    if (this.times !== null) this.times.firstAt = Infinity;
    this.flags &= ~(flag.BUSY | flag.PARTIAL);
    this.resume();
    if (unread === undefined || unread.length === 0) {
      if (this.is(flag.READ_ENDED)) this.flags |= flag.END_TOLD;
      return;
    }
    if (this.inbound === null) this.inbound = new Inbound();
    this.inbound.unshift(unread);
  }

  pause(): void {
    this.#pauseFor(flag.PAUSED);
  }

  resume(): void {
    this.#resumeFrom(flag.PAUSED);
  }

  /** Stops and restarts reading for the drain. */
  stall(on: boolean): void {
    if (on) this.#pauseFor(flag.STALLED);
    else this.#resumeFrom(flag.STALLED);
  }

  #pauseFor(reason: number): void {
    if (this.is(reason | flag.GONE) || this.isSealed) return;
    if (!this.is(flag.ANY_PAUSE)) this.socket.pause();
    this.flags |= reason;
  }

  #resumeFrom(reason: number): void {
    if (!this.is(reason)) return;
    this.flags &= ~reason;
    if (!this.is(flag.ANY_PAUSE) && !this.isReset) this.socket.resume();
  }

  report(busy: boolean, partial: boolean): void {
    const had = this.flags;
    this.flags = (had & ~(flag.BUSY | flag.PARTIAL)) | (busy ? flag.BUSY : 0) | (partial ? flag.PARTIAL : 0);
    if (!busy && (had & flag.FEEDING) === 0) this.flushNow();
    if (this.times !== null) {
      if (busy) this.times.firstAt = Infinity;
      if (partial && (had & flag.PARTIAL) === 0) this.times.partialSince = this.host.clock.now();
      if (!busy) leave.boundary(this);
    }
    this.observe();
  }

  #feed(chunk: Uint8Array): void {
    this.flags |= flag.FEEDING;
    try {
      this.consumer!.data(chunk);
      this.flags &= ~flag.FEEDING;
      this.flushNow();
    } catch (error) {
      this.flags &= ~flag.FEEDING;
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
    if ((this.flags & (flag.WRITE_ENDED | flag.GONE)) !== 0) return quietly(Promise.reject(this.#refuse(data)));
    const late = lateWrite(this);
    if (late !== null) return quietly(Promise.reject(late));
    if (data.length === 0) return this.pass(0);
    if (this.dues !== null) this.dues.wrote();
    const out = this.outbound ?? (this.outbound = new Outbound());
    out.add(data);
    if ((this.flags & (flag.DIRTY | flag.FEEDING)) === 0) {
      this.flags |= flag.DIRTY;
      this.host.batch.add(this);
    }
    const { writeHighWaterMark } = this.host.limits;
    if (out.size >= SCRATCH_BYTES || out.size >= writeHighWaterMark) this.unhold();
    if ((this.flags & flag.CLOGGED) === 0 || this.socket.unsent + out.size < writeHighWaterMark) {
      return this.pass(data.length);
    }
    return out.wait();
  }

  /** What a writer waits for whose bytes are taken, or dropped: nothing, or the others' turn. */
  pass(bytes: number): Promise<void> {
    return this.host.batch.spend(bytes);
  }

  /** Rejects what waits for the peer to take bytes. */
  failWrites(error: Error): void {
    this.outbound?.failWaiters(error);
  }

  /**
   * Large pieces are not copied: they go to the kernel at once, and the writer waits for it where it doesn't take all.
   * What is withheld has to be copied.
   */
  #writeLarge(data: Uint8Array): Promise<void> {
    const held = this.is(flag.HOLD);
    const below = this.writeOwn(held ? this.host.batch.copy(data) : data);
    if (held || this.is(flag.WRITE_ENDED | flag.GONE)) return below;
    this.flushNow();
    return this.is(flag.CLOGGED) ? this.outbound!.wait() : below;
  }

  /** What is written after a goodbye's FIN is lost to the peer: a drain tells of it. */
  #refuse(data: Uint8Array | string): Error {
    if (this.failure !== null) return this.failure;
    if (!this.hasSaidGoodbye || this.isClosedHere) return closedError();
    if (data.length > 0) {
      this.refusedWrites++;
      this.refusedBytes += data.length;
    }
    return drainedError();
  }

  flush(): Promise<void> {
    this.unhold();
    if (this.is(flag.GONE)) return this.failure === null ? DONE : quietly(Promise.reject(this.failure));
    if (!this.is(flag.CLOGGED)) return DONE;
    const late = lateWrite(this);
    return late === null ? this.outbound!.wait() : quietly(Promise.reject(late));
  }

  flushLate(): void {
    this.flags &= ~flag.DIRTY;
    this.flushNow();
  }

  /** Gives what was written to the socket. */
  flushNow(): void {
    const out = this.outbound;
    if (out === null || out.size === 0 || this.is(flag.HOLD | flag.GONE)) return;
    this.moved += out.moveTo(this.socket, this.host.batch, this.is(flag.SLOW) ? SMALL_BYTES : SCRATCH_BYTES);
    const now = this.host.clock.now();
    this.rhythm.said(now, this.host.timers.deaf, this.#isAnswering ? this.#longestGap : 0);
    // What was owed may be paid.
    if (this.times !== null && this.times.plan !== null) this.armAt(now + this.times.plan.quiet);
    if ((this.flags & flag.CLOGGED) !== 0 || this.socket.unsent === 0) return;
    this.flags |= flag.CLOGGED | flag.SLOW;
    if (this.times !== null) this.times.flushedAt = this.host.clock.now();
  }

  /** Withholds answers, so that a client with a window of requests in flight falls quiet. */
  hold(): void {
    this.flags |= flag.HOLD;
  }

  /** Hands over what was written, withheld or not. */
  unhold(): void {
    this.flags &= ~flag.HOLD;
    this.flushNow();
  }

  /** What is written from here to `uncork` leaves together. */
  cork(): void {
    this.flags |= flag.FEEDING;
  }

  /** Undoes `cork`: hands over at once, or at the end of the turn if more is to come. */
  uncork(more: boolean): void {
    this.flags &= ~flag.FEEDING;
    if (!more) this.flushNow();
    else if (this.outbound !== null && this.outbound.size > 0 && !this.is(flag.DIRTY)) {
      this.flags |= flag.DIRTY;
      this.host.batch.add(this);
    }
  }

  /** Whether pieces are copied together for one write: a stream's large chunks are better given as they are. */
  gather(on: boolean): void {
    if (on) this.flags &= ~flag.SLOW;
    else this.flags |= flag.SLOW;
  }

  // Time.

  onTimer(now: number): void {
    if (this.times !== null && !this.is(flag.GONE)) this.armAt(checkTimes(this, this.times, now));
  }

  timerFailed(error: unknown): void {
    this.abort(error);
  }

  /** Looks at the limits, at the start and after they changed. */
  applyLimits(): void {
    const { readTimeout, writeTimeout, idleTimeout, maxLifetime, lifetimeJitter } = this.host.limits;
    if (readTimeout + writeTimeout + idleTimeout + maxLifetime === 0) return;
    const times = this.timed();
    const spread = 1 + (Math.random() * 2 - 1) * lifetimeJitter;
    times.lifeAt = maxLifetime === 0 ? Infinity : this.openedAt + maxLifetime * spread;
    this.onTimer(this.host.clock.now());
  }

  // Ending.

  /** It is handed to its handler. */
  handed(): void {
    this.flags |= flag.HANDLED;
  }

  /** Begins: `handled` while a handler is running. @param ahead Reads the socket already. */
  start(ahead: { handTo(to: SocketEvents): void } | null = null): void {
    this.handed();
    this.applyLimits();
    if (ahead === null) this.socket.start(this);
    else ahead.handTo(this);
  }

  /** A message was taken since the last byte came: what is written now may answer it. */
  get #isAnswering(): boolean {
    return this.dues !== null && this.dues.tookAt >= this.rhythm.lastIn;
  }

  /** A longer gap says nothing: twice as long a silence would be no shorter than patience. */
  get #longestGap(): number {
    return this.host.limits.patience / 2;
  }

  waitUntil(work: Promise<unknown>): void {
    checkPromise("waitUntil()", work);
    // Forgotten already: then it is its host's to wait for.
    if (this.is(flag.GONE) && !this.is(flag.HANDLED) && this.holds === 0) return this.host.waitUntil(work);
    this.holds++;
    this.observe();
    const done = (): void => this.#released();
    Promise.resolve(work).then(done, (error) => {
      this.host.workFailed(this, error);
      done();
    });
  }

  #released(): void {
    if (--this.holds > 0) return;
    this.#free?.();
    this.#freed = this.#free = null;
    if (this.times !== null && !this.is(flag.GONE)) leave.boundary(this);
    this.observe();
    this.host.released(this);
  }

  /** Fulfils when no promise holds the connection. */
  freed(): Promise<void> {
    if (this.holds === 0) return DONE;
    return this.#freed ??= new Promise((resolve) => this.#free = resolve);
  }

  took(messages: number = 1): void {
    for (let i = 0; i < messages; i++) this.owe("frames");
  }

  /** The handler has settled. */
  handlerDone(): void {
    this.flags &= ~flag.HANDLED;
  }

  closeWrite(): Promise<void> {
    this.#fin();
    return this.flush();
  }

  close(): Promise<void> {
    // What the drain has closed stays the drain's: what comes late is still counted.
    if (!this.isSealed && this.enter("close")) {
      if (this.isAwaitingRead) this.failRead(closedError());
      this.seal();
    }
    return this.whenGone;
  }

  abort(reason?: unknown): void {
    if (this.isReset || this.isGone) return;
    // Whoever passes on what ended the reading means no reset of what was ended well: pipes do, and loops of proxies.
    if (reason instanceof DrainedError) return this.#closeFor(reason);
    if (this.failure === null) {
      this.failure = reason instanceof Error
        ? reason
        : new ConnClosedError("The connection was aborted", { cause: reason });
    }
    this.flushedAtReset = this.bytesFlushed;
    this.enter("reset");
    this.flags |= flag.WRITE_ENDED;
    this.host.leaving(this);
    this.#failWaiters(this.failure);
    this.socket.destroy();
  }

  /** What was written is delivered, and whoever reads learns why: a proxy's other side has done nothing wrong. */
  #closeFor(reason: DrainedError): void {
    if (!this.isDrained && !this.isSealed) this.failure ??= reason;
    if (this.isAwaitingRead) this.failRead(reason);
    void this.close();
  }

  /** Lets go of a connection that was served whole and whose peer does not close; the kernel finishes it. */
  letGo(): void {
    if (!this.is(flag.GONE)) this.socket.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  keepersGoodbye(): void | Promise<void> {
    return this.host.goodbye?.(this);
  }

  closeWhenIdle(): void {
    leave.closeWhenIdle(this);
  }

  /** Closes the input; FIN follows what was written, and reading goes on until the peer's FIN. */
  seal(): void {
    this.inbound?.clear();
    this.#fin();
    if (this.is(flag.ANY_PAUSE)) {
      // A paused socket would never show the peer's FIN, and unread input turns a close into a reset.
      this.flags &= ~flag.ANY_PAUSE;
      this.socket.resume();
    }
    // With both sides' FIN there is nothing to wait for.
    if (!this.is(flag.READ_ENDED) || this.unsent > 0) this.#linger();
    this.observe();
  }

  #linger(): void {
    this.timed().lingerAt = this.host.clock.now() + this.host.limits.lingerTimeout;
    this.armAt(this.times!.lingerAt);
  }

  #fin(): void {
    if (this.is(flag.WRITE_ENDED | flag.GONE)) return;
    if (this.hasSaidGoodbye) this.#joinWithFin();
    this.unhold();
    this.flags |= flag.WRITE_ENDED;
    this.host.leaving(this);
    this.socket.shutdown();
  }

  /**
   * Last words and FIN are two system calls, and a client that never pauses has its next messages out between them: of
   * 400 such on loopback 387 (issue 10). So all but the first byte waits in the kernel for the FIN: Nagle's algorithm
   * does that for less than a packet while anything is on its way (RFC 9293, section 3.7.4). Where it doesn't, nothing
   * is lost by it.
   */
  #joinWithFin(): void {
    const out = this.outbound;
    if (out === null || out.size < 2) return;
    const rest = out.keepFirst();
    this.unhold();
    this.socket.setNoDelay(false);
    for (const chunk of rest) out.add(chunk);
  }

  /** The error is built only if somebody waits: most connections end without anybody asking. */
  #failWaiters(error: Error | null): void {
    if (this.isAwaitingRead) {
      if (error === null && (this.hasPeerFinished || this.isSealed)) this.inbound!.settle(null);
      else this.failRead(error ?? closedError());
    }
    if (this.outbound?.isAwaited) this.outbound.failWaiters(error ?? closedError());
  }
}
