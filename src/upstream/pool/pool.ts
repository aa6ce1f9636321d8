/**
 * A pool of connections of any kind, in the manner of HikariCP: of fixed size unless told otherwise, fair to those who
 * wait, and never at the cost of who has a connection.
 *
 * @module
 */
import { idleTimer } from "../../clock.ts";
import {
  afterFunc,
  background,
  CancelContext,
  type Context,
  type ContextParent,
  withTimeout,
} from "../../context/mod.ts";
import { ConnectError, OptionError } from "../../errors.ts";
import { endOf } from "../../sync.ts";
import { PoolClosedError, PoolTimeoutError } from "../upstream_errors.ts";
import { ConnLoan, type Lender, stackOf } from "./loan.ts";
import { Member } from "./member.ts";
import type { CloseReason, Connect, Pool, PoolOptions, PoolReport, PoolStats } from "./pool_api.ts";
import { type PoolLimits, poolLimits } from "./pool_options.ts";
import { closeByItself, isConn } from "./resting.ts";
import { Waiters } from "./waiters.ts";

/** How long a pool waits after a connect that failed, in ms: twice as long each time. */
const FIRST_BACKOFF = 50;
const MAX_BACKOFF = 5000;
/** A connection that ends within so many ms, and before anybody had it, was none. */
const YOUNG = 1000;

const REASONS: readonly CloseReason[] = ["died", "invalid", "lifetime", "idle", "discarded", "drained"];

/**
 * Makes a pool. Its connections are made at once, up to `minIdle`, and in the background; nothing keeps the process
 * alive but those who wait.
 *
 * @param connect Makes one connection.
 * @throws {OptionError} `connect` is no function, or an option can't be used.
 * @example
 * ```ts ignore
 * const db = pool((ctx) => connect({ port: 5432, context: ctx }), { name: "db", max: 10, leakWarning: 30_000 });
 * server.onShutdown("db", (signal) => db.drain(signal));
 * {
 *   using loan = await db.acquire(ctx);
 *   await loan.conn.write("select 1\n");
 * }
 * ```
 */
export function pool<T>(connect: Connect<T>, options: PoolOptions<T> = {}): Pool<T> {
  if (typeof connect !== "function") {
    throw new OptionError("connect", `connect must be a function that makes a connection, got ${String(connect)}`);
  }
  return new ConnPool(connect, options);
}

/** The pool behind `pool()`, with what calls to an upstream need besides. */
export class ConnPool<T> implements Pool<T>, Lender<T> {
  readonly #connect: Connect<T>;
  readonly #limits: PoolLimits<T>;
  /** What connects and checks end with: the drain ends it. */
  readonly #root: CancelContext;
  readonly #members: Set<Member<T>> = new Set();
  /** Those that nobody has; who was used last stands last, and goes out first. */
  readonly #idle: Member<T>[] = [];
  readonly #waiters: Waiters<T>;
  readonly #closing: Set<Promise<unknown>> = new Set();
  readonly #closed: Record<CloseReason, number>;
  #state: Pool<T>["state"] = "open";
  #connecting = 0;
  #checking = 0;
  /** Connects that failed since the last one that did not. */
  #failures = 0;
  #lastFailure: unknown = undefined;
  #stopBackoff: (() => void) | null = null;
  #sweepAt = Infinity;
  #stopSweep: (() => void) | null = null;
  #drained: Promise<PoolReport> | null = null;
  #onEmpty: (() => void) | null = null;
  #acquired = 0;
  #gaveUp = 0;
  #connects = 0;
  #connectErrors = 0;
  #leaks = 0;
  #waitTime = 0;
  #useTime = 0;
  #connectTime = 0;

  constructor(connect: Connect<T>, options: PoolOptions<T>) {
    this.#connect = connect;
    this.#limits = poolLimits(options);
    this.#root = new CancelContext(background(this.#limits.clock));
    this.#waiters = new Waiters(this.#limits.clock);
    this.#closed = Object.fromEntries(REASONS.map((reason) => [reason, 0])) as Record<CloseReason, number>;
    this.#grow();
  }

  get name(): string {
    return this.#limits.name;
  }

  get state(): Pool<T>["state"] {
    return this.#state;
  }

  get stats(): PoolStats {
    const { max, minIdle } = this.#limits;
    const total = this.#members.size;
    const idle = this.#idle.length;
    return {
      max,
      minIdle,
      total,
      idle,
      inUse: total - idle - this.#checking,
      connecting: this.#connecting,
      waiting: this.#waiters.size,
      acquired: this.#acquired,
      gaveUp: this.#gaveUp,
      connects: this.#connects,
      connectErrors: this.#connectErrors,
      closed: { ...this.#closed },
      leaks: this.#leaks,
      waitTime: this.#waitTime,
      useTime: this.#useTime,
      connectTime: this.#connectTime,
    };
  }

  get #now(): number {
    return this.#limits.clock.now();
  }

  // Taking.

  /** @param fresh No connection will do that was used before. */
  acquire(ctx?: ContextParent, fresh: boolean = false): Promise<ConnLoan<T>> {
    const end = endOf(ctx);
    if (this.#state !== "open") return Promise.reject(this.#closedError());
    if (end !== null) return Promise.reject(end.reason);
    const trace = this.#trace();
    const loan = fresh ? null : this.#takeIdle(trace);
    return loan === null ? this.#wait(ctx, fresh, trace) : Promise.resolve(loan);
  }

  tryAcquire(): ConnLoan<T> | null {
    if (this.#state !== "open") throw this.#closedError();
    return this.#takeIdle(this.#trace());
  }

  use<R>(work: (conn: T) => R | Promise<R>, ctx?: ContextParent): Promise<R> {
    if (typeof work !== "function") throw new TypeError(`use() takes a function, got ${typeof work}; pass (conn) => …`);
    return this.acquire(ctx).then((loan) => this.#run(loan, work));
  }

  async #run<R>(loan: ConnLoan<T>, work: (conn: T) => R | Promise<R>): Promise<R> {
    try {
      const result = await work(loan.conn);
      loan.release();
      return result;
    } catch (error) {
      if (this.#limits.validate === undefined) loan.discard(error);
      else loan.releaseDoubtful();
      throw error;
    }
  }

  /** Where `acquire()` was called; costs something, so only if leaks are watched for. */
  #trace(): Error | null {
    return this.#limits.leakWarning === Infinity ? null : new Error("Taken");
  }

  #takeIdle(trace: Error | null): ConnLoan<T> | null {
    if (this.#waiters.size > 0) return null;
    for (let member = this.#idle.at(-1); member !== undefined; member = this.#idle.at(-1)) {
      if (member.endsAt <= this.#now) this.#end(member, "lifetime");
      else return this.#needsCheck(member) ? null : this.#lend(this.#idle.pop()!, trace);
    }
    return null;
  }

  #wait(ctx: ContextParent | undefined, fresh: boolean, trace: Error | null): Promise<ConnLoan<T>> {
    const { acquireTimeout: timeout } = this.#limits;
    const began = this.#now;
    const left = (): void => {
      this.#gaveUp++;
      this.#waitTime += this.#now - began;
    };
    const loan = this.#waiters.join(fresh, trace, { ctx, timeout, late: () => this.#lateError(), left });
    if (fresh) this.#makeRoom();
    this.#serve();
    this.#grow();
    return loan;
  }

  /** Those who wait get what is idle, or have it checked. */
  #serve(): void {
    while (this.#idle.length > 0 && this.#waiters.size > this.#checking && this.#waiters.first(true) !== null) {
      this.#settle(this.#idle.pop()!);
    }
  }

  /** Who waits for a fresh connection needs a place for it. */
  #makeRoom(): void {
    if (this.#members.size + this.#connecting >= this.#limits.max && this.#idle.length > 0) {
      this.#end(this.#idle[0], "discarded");
    }
  }

  #lend(member: Member<T>, trace: Error | null): ConnLoan<T> {
    const { clock, leakWarning } = this.#limits;
    member.wake();
    member.enter("take");
    if (this.#failures > 0) this.#recovered();
    const loan = new ConnLoan<T>(this, member, clock.now(), trace);
    member.uses++;
    member.loan = loan;
    this.#acquired++;
    if (trace !== null) loan.stopWarning = idleTimer(clock, () => this.#warn(loan), leakWarning);
    return loan;
  }

  #warn(loan: ConnLoan<T>): void {
    const { log, name } = this.#limits;
    this.#leaks++;
    loan.isWarned = true;
    log.warn("Connection not given back", { pool: name, age: this.#now - loan.since, stack: stackOf(loan.trace) });
  }

  // Giving back.

  giveBack(loan: ConnLoan<T>, isDoubtful: boolean): void {
    const member = this.#takeBack(loan);
    if (member === null) return;
    member.isDoubtful ||= isDoubtful;
    member.idleSince = this.#now;
    if (member.enter("giveBack") === "idle") this.#settle(member);
    else this.#end(member, member.why);
  }

  discard(loan: ConnLoan<T>, reason: unknown): void {
    const member = this.#takeBack(loan);
    if (member !== null) this.#end(member, member.state === "doomed" ? member.why : "discarded", reason, true);
  }

  #takeBack(loan: ConnLoan<T>): Member<T> | null {
    const { member } = loan;
    if (member === null) return null;
    const { log, name } = this.#limits;
    const age = this.#now - loan.since;
    loan.member = null;
    member.loan = null;
    loan.stopWarning?.();
    this.#useTime += age;
    if (loan.isWarned) log.info("Connection given back after all", { pool: name, age, stack: stackOf(loan.trace) });
    return member;
  }

  /** Nobody has it: who waits longest gets it, once it is known to live; else it rests. */
  #settle(member: Member<T>, isChecked: boolean = false): void {
    if (member.endsAt <= this.#now) return this.#end(member, "lifetime");
    const waiter = this.#waiters.first(member.uses > 0);
    if (waiter === null) return this.#rest(member);
    if (!isChecked && this.#needsCheck(member)) return void this.#check(member);
    this.#waitTime += this.#now - waiter.since;
    waiter.resolve(this.#lend(member, waiter.trace));
  }

  #rest(member: Member<T>): void {
    this.#idle.push(member);
    member.rest((reason) => this.#died(member, reason));
    // Who died of it, or whose place is wanted, is not there any more.
    if (member.state !== "idle") return;
    if (this.#waiters.size > 0) this.#makeRoom();
    this.#sweepBy(member.endsAt);
    this.#sweepBy(member.idleSince + this.#limits.idleTimeout);
    this.#grow();
  }

  #needsCheck(member: Member<T>): boolean {
    const { validate, validateAfter } = this.#limits;
    return validate !== undefined && (member.isDoubtful || this.#now - member.idleSince >= validateAfter);
  }

  async #check(member: Member<T>): Promise<void> {
    member.wake();
    member.enter("check");
    this.#checking++;
    const lives = await this.#lives(member);
    this.#checking--;
    if (member.enter("lives") !== "idle") {
      // It died meanwhile, when whoever waits was still thought to be about to get it.
      this.#serve();
      return this.#grow();
    }
    if (!lives) return this.#end(member, "invalid");
    member.isDoubtful = false;
    member.idleSince = this.#now;
    this.#settle(member, true);
  }

  async #lives(member: Member<T>): Promise<boolean> {
    const { validate, validateTimeout, log, name } = this.#limits;
    const [ctx, cancel] = withTimeout(this.#root, validateTimeout);
    try {
      return await within(ctx, async () => await validate!(member.conn, ctx)) === true;
    } catch (error) {
      log.debug("Connection is invalid", { pool: name, error });
      return false;
    } finally {
      cancel();
    }
  }

  // Making.

  /** Makes as many connections as those who wait need, and as are kept ready. */
  #grow(): void {
    if (this.#state !== "open") return;
    const { max, minIdle, retryConnect } = this.#limits;
    const awaited = this.#waiters.size - this.#checking;
    const room = max - this.#members.size - this.#connecting;
    if (this.#stopBackoff !== null) {
      // Who is told of failures at once decides alone whether to ask again.
      if (!retryConnect) this.#begin(Math.min(room, awaited - this.#connecting));
      return;
    }
    const wanted = Math.max(awaited, minIdle - this.#idle.length) - this.#connecting;
    // While connects fail, one at a time is enough to find out when they don't.
    const most = this.#failures > 0 && retryConnect ? Math.max(0, 1 - this.#connecting) : Infinity;
    this.#begin(Math.min(room, wanted, most));
  }

  #begin(count: number): void {
    for (let i = 0; i < count; i++) void this.#add();
  }

  async #add(): Promise<void> {
    const { connectTimeout, clock, name } = this.#limits;
    const began = clock.now();
    this.#connecting++;
    const late = new ConnectError("ETIMEDOUT", `No connection for pool ${name} within ${connectTimeout} ms`);
    const [ctx, cancel] = withTimeout(this.#root, connectTimeout, late);
    try {
      const conn = await within(ctx, () => this.#connect(ctx), (late) => this.#closeConn(late));
      this.#connecting--;
      this.#connectTime += clock.now() - began;
      this.#made(conn);
    } catch (error) {
      this.#connecting--;
      this.#failed(error);
    } finally {
      cancel();
    }
  }

  /** Nobody would hear of its end, so it is none. */
  #unwatched(member: Member<T>, error: unknown): void {
    if (member.state === "gone") return;
    this.#end(member, "discarded", error, false, true);
    this.#failed(error);
  }

  #made(conn: T): void {
    const { clock, lifetimeJitter, maxLifetime, watch } = this.#limits;
    if (this.#state !== "open") return this.#closeConn(conn);
    this.#connects++;
    this.#stopBackoff?.();
    this.#stopBackoff = null;
    const now = clock.now();
    const member = new Member(conn, now, now + maxLifetime * (1 - Math.random() * lifetimeJitter));
    this.#members.add(member);
    try {
      watch?.(conn, (reason) => this.#died(member, reason));
    } catch (error) {
      return this.#unwatched(member, error);
    }
    if (member.state === "idle") this.#settle(member);
    this.#grow();
  }

  /** A connection has lived long enough to be given out. */
  #recovered(): void {
    const { log, name } = this.#limits;
    log.info("Connections are made again", { pool: name, failures: this.#failures });
    this.#failures = 0;
  }

  #failed(error: unknown): void {
    if (this.#state !== "open") return;
    const { clock, log, name, retryConnect } = this.#limits;
    this.#connectErrors++;
    this.#failures++;
    this.#lastFailure = error;
    if (this.#failures === 1) log.warn("Connect failed", { pool: name, error });
    const first = retryConnect ? null : this.#waiters.first(false);
    first?.reject(error);
    if (this.#stopBackoff === null) {
      const full = Math.min(MAX_BACKOFF, FIRST_BACKOFF * 2 ** (this.#failures - 1));
      const wait = full * (0.5 + Math.random() / 2);
      const again = (): void => {
        this.#stopBackoff = null;
        this.#grow();
      };
      this.#stopBackoff = idleTimer(clock, again, wait);
    }
    this.#grow();
  }

  // Ending.

  /** It ended by itself, whoever has it. */
  #died(member: Member<T>, reason: unknown): void {
    member.why = "died";
    if (member.enter("doom") !== "gone") return;
    // Whoever accepts and closes at once is no better than who refuses: without a pause this would never end.
    const isStillborn = member.uses === 0 && this.#now - member.idleSince < YOUNG;
    this.#end(member, "died", reason, false, isStillborn);
    if (!isStillborn) return;
    const { name } = this.#limits;
    this.#failed(
      new ConnectError("ECONNRESET", `A connection of pool ${name} ended as soon as it was made`, { cause: reason }),
    );
  }

  /** It is not used again: closes it, and makes another in its place where one is wanted, unless that `waits`. */
  #end(member: Member<T>, why: CloseReason, reason?: unknown, drop: boolean = false, waits: boolean = false): void {
    member.enter("discard");
    member.wake();
    if (!this.#members.delete(member)) return;
    const at = this.#idle.indexOf(member);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#closed[why]++;
    this.#limits.log.debug("Connection closed", { pool: this.name, reason: why, error: reason });
    // Whoever discards one may be in the middle of something: that must not look like an end.
    if (drop && this.#limits.close === undefined && isConn(member.conn)) member.conn.abort(reason);
    else this.#closeConn(member.conn);
    if (this.#members.size === 0) this.#onEmpty?.();
    if (waits) return;
    this.#serve();
    this.#grow();
  }

  #closeConn(conn: T): void {
    const { close, log, name } = this.#limits;
    const closing = (async () => await (close === undefined ? closeByItself(conn) : close(conn)))()
      .catch((error) => log.warn("Connection could not be closed", { pool: name, error }))
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  /** Looks at ages at `at`, if nothing is due before. */
  #sweepBy(at: number): void {
    if (at >= this.#sweepAt) return;
    this.#stopSweep?.();
    this.#sweepAt = at;
    this.#stopSweep = idleTimer(this.#limits.clock, () => this.#sweep(), at - this.#now);
  }

  #sweep(): void {
    const now = this.#now;
    this.#stopSweep = null;
    this.#sweepAt = Infinity;
    for (const member of this.#members) {
      if (member.endsAt > now) this.#sweepBy(member.endsAt);
      else if (member.state === "idle") this.#end(member, "lifetime");
      else {
        member.why = member.state === "doomed" ? member.why : "lifetime";
        member.enter("doom");
        if (member.state === "gone") this.#end(member, "lifetime");
      }
    }
    this.#shrink(now);
  }

  /** Closes those that nobody has used for long, but for `minIdle` of them. */
  #shrink(now: number): void {
    const { idleTimeout, minIdle } = this.#limits;
    while (this.#idle.length > minIdle && this.#idle[0].idleSince + idleTimeout <= now) {
      this.#end(this.#idle[0], "idle");
    }
    if (this.#idle.length > minIdle) this.#sweepBy(this.#idle[0].idleSince + idleTimeout);
  }

  drain(ctx?: ContextParent): Promise<PoolReport> {
    endOf(ctx);
    return this.#drained ??= this.#drain(ctx);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.drain().then(() => {});
  }

  async #drain(ctx: ContextParent | undefined): Promise<PoolReport> {
    const began = this.#now;
    this.#state = "draining";
    this.#stopBackoff?.();
    this.#stopSweep?.();
    this.#waiters.rejectAll(this.#closedError());
    this.#root.cancel(this.#closedError());
    for (const member of [...this.#members]) {
      if (member.state !== "doomed") member.why = "drained";
      if (member.enter("doom") === "gone") this.#end(member, "drained");
    }
    const limit: Context = ctx === undefined ? background(this.#limits.clock) : new CancelContext(ctx);
    const empty = this.#members.size === 0 ? undefined : new Promise<void>((resolve) => this.#onEmpty = resolve);
    await within(limit, async () => {
      await empty;
      await Promise.all(this.#closing);
    }).catch(() => {});
    if (limit instanceof CancelContext) limit.cancel();
    this.#state = "closed";
    return this.#report(began);
  }

  #report(began: number): PoolReport {
    const now = this.#now;
    const { log, name } = this.#limits;
    const left = Array.from(this.#members, ({ loan }) => ({ age: now - loan!.since, stack: stackOf(loan!.trace) }));
    if (left.length > 0) log.warn("Connections still out at the end of the drain", { pool: name, left });
    return { name, duration: now - began, closed: this.#closed.drained, left };
  }

  #closedError(): PoolClosedError {
    return new PoolClosedError(`The pool ${this.name} is ${this.#state === "closed" ? "closed" : "draining"}`);
  }

  #lateError(): PoolTimeoutError {
    const { acquireTimeout, name } = this.#limits;
    const { inUse, connecting, waiting } = this.stats;
    const told = `${inUse} in use, ${connecting} being made, ${waiting} waiting`;
    const cause = this.#failures > 0 ? this.#lastFailure : undefined;
    return new PoolTimeoutError(`No connection of pool ${name} within ${acquireTimeout} ms: ${told}`, { cause });
  }
}

/** What `work` gives, unless `ctx` ends first: then its cause, and what comes late goes to `dropped`. */
function within<R>(ctx: Context, work: () => R | Promise<R>, dropped: (late: R) => void = () => {}): Promise<R> {
  return new Promise((resolve, reject) => {
    let isOver = ctx.err() !== null;
    const giveUp = (): void => {
      isOver = true;
      reject(ctx.cause());
    };
    if (isOver) return giveUp();
    const stop = afterFunc(ctx, giveUp);
    (async () => await work())().then((value) => {
      if (isOver) return dropped(value);
      stop();
      resolve(value);
    }, (error) => {
      if (!isOver) stop();
      reject(error);
    });
  });
}
