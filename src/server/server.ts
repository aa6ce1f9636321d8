/**
 * The server: the accept loop with everything around it.
 *
 * @module
 */
import { type Clock, systemClock } from "../clock.ts";
import { background, CancelContext } from "../context/mod.ts";
import { ServerClosedError } from "../errors.ts";
import { checkNames, type Names } from "../names.ts";
import { jsonLogger, type Logger, safeLogger } from "../log.ts";
import { checkObserver, Observers } from "../observers.ts";
import type { Address, TlsCertificate } from "../endpoint.ts";
import type { Adapter, Isolated } from "../platform.ts";
import type { EndedHandshake, RawSocket } from "../socket.ts";
import { AcceptLoop, type AcceptSink } from "./accept/accept_loop.ts";
import { Admission, type AdmissionReason, longestIdle } from "./accept/admission.ts";
import { AdmissionQueue } from "./accept/admission_queue.ts";
import { ConnContext } from "./conn/handler_context.ts";
import { formatAddress, queuedAt, urlOf } from "../address.ts";
import type { ConnHost, ConnLimits } from "./conn/host.ts";
import type { Conn, ConnState } from "./conn/conn.ts";
import { Connection } from "./conn/connection.ts";
import { GoodbyeQueue } from "./conn/goodbye_queue.ts";
import { Habits } from "./conn/dues.ts";
import { Drain, type DrainSchedule, drainSchedule, type DrainTarget } from "./drain/drain.ts";
import type { DrainWatch } from "./drain/watch.ts";
import { lateLimits, leastBudget } from "./drain/late_start.ts";
import { endFailed } from "./conn/handler_end.ts";
import { busyOf, holdersOf } from "./drain/holders.ts";
import { type Hook, type HookFunction, hooksBudget } from "./drain/hooks.ts";
import { KeepAlive } from "./conn/keep_alive.ts";
import { type Listener, notReloadable } from "./accept/listener.ts";
import {
  admissionLimits,
  CONFIGURE_NAMES,
  type ConfigureOptions,
  connLimits,
  DRAIN_NAMES,
  type DrainLimits,
  drainLimits,
  type ServeOptions,
} from "./serve_options.ts";
import type { BusyConn, DrainPhase, DrainReport, Holder } from "./drain/report.ts";
import { type MetricSource, SERVER_EVENTS, type ServerObserver } from "./server_observer.ts";
import type { Handler, HookOptions, Server, ServerStats, ShutdownBudget, ShutdownOptions } from "./server_api.ts";
import type { ReadAhead } from "./accept/read_ahead.ts";
import { TimerQueue } from "./conn/timers.ts";
import type { TlsCertificates } from "./tls/tls_options.ts";
import { checkParts, checkPromise, duration, text } from "../validate.ts";
import { Moment } from "./conn/moment.ts";
import { WriteBatch } from "./conn/write_batch.ts";

/** Default time of a shutdown hook, in ms. */
const HOOK_TIMEOUT = 1000;

const SHUTDOWN_NAMES: Names<ShutdownOptions> = { ...DRAIN_NAMES, cause: true, reserve: true, begun: true };
const HOOK_NAMES: Names<HookOptions> = { timeout: true };

/** The server of connections; `HttpServer` is one whose handler speaks HTTP. */
export class TcpServer implements Server, ConnHost, DrainTarget, AcceptSink {
  readonly name: string;
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly batch: WriteBatch;
  readonly moment: Moment;
  readonly goodbyes: GoodbyeQueue;
  readonly habits: Habits = new Habits();
  readonly hooks: Hook[] = [];
  readonly log: Required<Logger>;
  readonly onState: ((conn: Conn, from: ConnState, to: ConnState) => void) | null;
  readonly goodbye: ((conn: Conn) => void | Promise<void>) | null;
  /** Those whose socket is open or whose handler is running. */
  readonly tracked: Set<Connection> = new Set();
  /** Those of them that can still be talked to. */
  readonly connections: Set<Connection> = new Set();
  readonly closed: Promise<DrainReport>;
  adapter: Adapter | null;
  /** Handlers begin in the async context in which the server began to serve, whoever's turn starts them (issue 11). */
  isolated: Isolated = (run, given) => run(given);
  limits: ConnLimits;
  state: "running" | "draining" | "closed" = "running";
  readonly #observers: Observers<ServerObserver> = new Observers((error) => this.observerFailed(error));
  readonly #handler: Handler;
  readonly #options: ServeOptions;
  readonly #admission: Admission;
  readonly #queue: AdmissionQueue;
  readonly #root: CancelContext;
  readonly #keepAlive: KeepAlive;
  readonly #loops: AcceptLoop[] = [];
  readonly #listeners: Listener[] = [];
  readonly #count = { accepted: 0, shed: 0, handlerErrors: 0, peerErrors: 0, acceptErrors: 0 };
  work = 0;
  #drainLimits: DrainLimits;
  /** By which it is stopped. */
  #drain: Drain | null = null;
  /** Which is told what happens meanwhile. */
  #watch: DrainWatch | null = null;
  #stopExpected = false;
  #resolveClosed: (report: DrainReport) => void = () => {};

  constructor(options: ServeOptions, handler: Handler) {
    this.name = text("name", options.name, "server");
    checkParts(options);
    this.clock = options.clock ?? systemClock;
    this.timers = new TimerQueue(this.clock);
    this.batch = new WriteBatch(this.clock);
    this.moment = new Moment(this.clock);
    this.goodbyes = new GoodbyeQueue(this.clock);
    this.log = safeLogger(options.logger ?? jsonLogger());
    this.goodbye = options.goodbye ?? null;
    this.onState = options.onStateChange === undefined ? null : this.#observer(options.onStateChange);
    this.#options = options;
    this.#handler = handler;
    this.adapter = options.adapter ?? null;
    this.#drainLimits = drainLimits(options);
    drainSchedule(this.#drainLimits, 0);
    this.limits = connLimits(options);
    const failed = (error: unknown) => this.log.error("admit() failed, going on", { server: this.name, error });
    this.#admission = new Admission(admissionLimits(options), this.clock.now(), failed);
    this.#queue = new AdmissionQueue(this.clock, this.#admission, (socket, ahead) => this.#admit(socket, ahead));
    this.#keepAlive = new KeepAlive(this.clock, this.tracked);
    this.#root = new CancelContext(background(this.clock));
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
  }

  get ready(): boolean {
    return this.state === "running" && !this.#stopExpected && this.#loops.length > 0;
  }

  get forProbes(): boolean {
    return false;
  }

  get isLameDuck(): boolean {
    return this.state === "draining" && this.#watch?.isLameDuck === true;
  }

  get addresses(): readonly Address[] {
    return this.#loops.map((loop) => loop.listener.address);
  }

  get address(): Address {
    if (this.#loops.length === 0) {
      throw new ServerClosedError(`Server ${this.name} has no listener, call serve() first`);
    }
    return this.#loops[0].listener.address;
  }

  get url(): string {
    return urlOf(this.address, this.scheme);
  }

  /** What is spoken here, as a URL's scheme. */
  protected get scheme(): string {
    return this.#options.tls === undefined ? "tcp" : "tls";
  }

  get size(): number {
    return this.tracked.size + this.work;
  }

  get acceptCount(): number {
    return this.#count.accepted;
  }

  get stats(): ServerStats {
    const { rejected } = this.#queue;
    return {
      ...this.#count,
      active: this.#admission.total,
      queued: this.#queue.size,
      rejected: { ...rejected },
      handshakes: this.handshakes(),
    };
  }

  serve(listener: Listener): void {
    if (this.state !== "running") throw new ServerClosedError(`Server ${this.name} is ${this.state}, it can't serve`);
    this.adapter ??= listener.adapter;
    const isFirst = this.#loops.length === 0;
    if (isFirst) this.isolated = this.adapter.isolate?.() ?? this.isolated;
    const { name } = this;
    const open = listener.take({
      info: (message, fields) => this.log.info(message, { server: name, ...fields as object }),
      warn: (message, fields) => this.log.warn(message, { server: name, ...fields as object }),
    });
    this.#listeners.push(listener);
    for (const socket of open) this.#loops.push(new AcceptLoop(socket, this.clock, this));
    if (isFirst) this.adapter.parent?.serving(this);
  }

  reloadTls(given?: TlsCertificates): Promise<readonly TlsCertificate[]> {
    if (this.state === "closed") throw new ServerClosedError(`Server ${this.name} is closed`);
    const due = this.#listeners.filter((listener) => listener.isReloadable);
    if (due.length === 0) throw notReloadable();
    return Promise.all(due.map((listener) => listener.reloadTls(given))).then((all) => all.flat());
  }

  configure(options: ConfigureOptions): void {
    checkNames("configure()", options, CONFIGURE_NAMES);
    this.reconfigure(options);
  }

  /** As `configure()`, of checked names. */
  protected reconfigure(options: ConfigureOptions): void {
    const limits = connLimits(options, this.limits);
    this.#admission.limits = admissionLimits(options, this.#admission.limits);
    this.limits = limits;
    const open = [...this.tracked].filter((conn) => !conn.ending.isGone).map((conn) => conn.socket);
    this.#admission.recount(open, this.clock.now());
    for (const conn of this.tracked) conn.applyLimits();
    this.#queue.admit();
  }

  observe(observer: ServerObserver): () => void {
    checkObserver(observer, SERVER_EVENTS);
    return this.#observers.add(observer);
  }

  /** What its observers count with, each once. */
  get sources(): readonly MetricSource[] {
    const all = (this.#observers.list ?? []).flatMap(({ source }) => source === undefined ? [] : [source]);
    return [...new Set(all)];
  }

  onShutdown(name: string, run: HookFunction, options: HookOptions = {}): () => void {
    checkNames("onShutdown()", options, HOOK_NAMES);
    const fallback = Math.min(HOOK_TIMEOUT, this.#drainLimits.grace / 10);
    const hook = { name, run, timeout: duration("timeout", options.timeout, fallback) };
    drainSchedule(this.#drainLimits, hooksBudget([...this.hooks, hook]));
    this.hooks.push(hook);
    return () => {
      const at = this.hooks.indexOf(hook);
      if (at >= 0) this.hooks.splice(at, 1);
    };
  }

  // Accepting.

  accepted(socket: RawSocket): void {
    if (this.state === "closed") return socket.destroy();
    this.#count.accepted++;
    const { policy } = this.#admission.limits;
    // First come, first served: time may have brought a place that those who wait have not been given yet.
    this.#queue.admit();
    const reason = this.#queue.isBlocked ? "maxConnections" : this.#admission.enter(socket, this.clock.now());
    if (reason === null) return this.#admit(socket);
    if (policy === "queue" && this.#queue.push(socket, reason)) return;
    if (
      policy === "shedIdle" && reason !== "acceptRate" && this.#shed(reason === "maxConnectionsPerIp" ? socket : null)
    ) {
      this.#admission.force(socket);
      return this.#admit(socket);
    }
    this.#reject(socket, policy === "queue" ? "queueFull" : reason);
  }

  #reject(socket: RawSocket, reason: AdmissionReason | "queueFull"): void {
    // A socket that is gone has no addresses any more on some runtimes.
    if (this.#observers.list !== null) {
      const { remote } = socket;
      this.#observers.tell((observer) => observer.rejected?.(reason, remote));
    }
    this.#queue.reject(socket, reason, this);
  }

  handshook(ended: EndedHandshake): void {
    if (this.#observers.list !== null) this.#observers.tell((observer) => observer.handshake?.(ended));
  }

  acceptFailed(error: Error, first: boolean): void {
    this.#count.acceptErrors++;
    if (first) this.log.warn("Accepting failed, going on", { server: this.name, error });
  }

  peerBroke(peer: Address, error: Error, first: boolean): void {
    this.#count.peerErrors++;
    const record = { server: this.name, peer: formatAddress(peer), reason: error.message };
    this.log[first ? "warn" : "debug"]("Peer broke the PROXY protocol, dropping its connection", record);
  }

  /** Serves a socket that is counted already. */
  #admit(socket: RawSocket, ahead: ReadAhead | null = null): void {
    const conn = new Connection(this.#queue.nextId(), socket, this);
    const ctx = new ConnContext(this.#root, conn);
    conn.ctx = ctx;
    this.tracked.add(conn);
    this.connections.add(conn);
    if (this.limits.keepAlive > 0) this.#keepAlive.wake();
    if (!this.limits.noDelay) socket.setNoDelay(false);
    // Who comes in the lame duck is served like all others, and asked to finish when that is over.
    this.#watch?.accepted(conn);
    if (this.#observers.list !== null) this.#observers.tell((observer) => observer.accepted?.(conn));
    conn.start(ahead);
    this.#handle(conn, ctx);
  }

  /** Closes the connection that has been idle longest, of one peer or of all; false if none is idle. */
  #shed(peer: RawSocket | null): boolean {
    const key = peer === null ? null : this.#admission.keyOf(peer.remote);
    const victim = longestIdle(
      this.tracked,
      this.clock.now(),
      (conn) => key === null || this.#admission.keyOf(conn.remote) === key,
    );
    if (victim === null) return false;
    this.#count.shed++;
    victim.sayGoodbye();
    return true;
  }

  // Handlers.

  #handle(conn: Connection, ctx: ConnContext): void {
    let result: void | Promise<void>;
    try {
      result = this.isolated(() => this.#handler(conn, ctx), null);
    } catch (error) {
      return this.handlerFailed(conn, error);
    }
    if (result === undefined) this.handlerLeft(conn);
    else Promise.resolve(result).then(() => this.handlerLeft(conn), (error) => this.handlerFailed(conn, error));
  }

  /** Its handler has left. */
  handlerLeft(conn: Connection): void {
    // Who returns at once may have left work behind that still answers.
    if (conn.work.holds > 0 && !conn.ending.isGone) return void conn.work.freed().then(() => this.handlerLeft(conn));
    conn.work.handlerDone();
    if (!conn.outlivesHandler) {
      conn.ctx!.cancel();
      conn.close();
    }
    this.#forget(conn);
  }

  /** Its handler threw. */
  handlerFailed(conn: Connection, error: unknown): void {
    conn.work.handlerDone();
    const kind = endFailed(conn, error, this);
    if (kind !== null) this.#count[kind]++;
    conn.ctx!.cancel(error);
    this.#forget(conn);
  }

  unwritable(conn: Connection): void {
    this.connections.delete(conn);
  }

  gone(conn: Connection): void {
    if (!this.tracked.has(conn)) return;
    this.#admission.leave(conn.socket);
    conn.ctx!.cancel(conn.ending.failure ?? undefined);
    if (this.#observers.list !== null) this.#tellEnd(conn);
    // First who waits, then who leaves: a drain must not find nobody in between.
    this.#queue.admit();
    this.#forget(conn);
  }

  #tellEnd(conn: Connection): void {
    const { messages, bytes } = conn.afterFin ?? { messages: 0, bytes: 0 };
    const ended = {
      conn,
      duration: this.clock.now() - conn.openedAt,
      error: conn.ending.failure,
      afterFin: { messages, bytes },
    };
    this.#observers.tell((observer) => observer.closed?.(ended));
  }

  released(conn: Connection): void {
    this.#forget(conn);
  }

  workFailed(conn: Connection, error: unknown): void {
    const peer = formatAddress(conn.remote);
    this.log.error("Work that held a connection failed", { server: this.name, conn: conn.id, peer, error });
  }

  /** Forgets a connection whose socket is gone, whose handler has settled, and that no work holds. */
  #forget(conn: Connection): void {
    if (!conn.ending.isGone || conn.work.isHandled || conn.work.holds > 0) return;
    if (this.tracked.delete(conn)) this.#left();
  }

  #left(): void {
    if (this.size === 0) this.#watch?.empty();
  }

  /** A handler took the connection over from its protocol: from now on it lives as with a handler of its own. */
  attend(conn: Connection, handling: Promise<void>): void {
    conn.work.handed();
    handling.then(() => this.handlerLeft(conn), (error) => this.handlerFailed(conn, error));
  }

  /** @param log Hears of its failure, if it is not the server's. */
  waitUntil(work: Promise<unknown>, log: () => Required<Logger> = () => this.log): void {
    checkPromise("waitUntil()", work);
    this.work++;
    const done = (): void => {
      this.work--;
      this.#left();
    };
    // Of a promise of its own: somebody else's thenable may settle twice, or throw.
    Promise.resolve(work).then(done, (error) => {
      log().error("Work left behind by a handler failed", { server: this.name, error });
      done();
    });
  }

  // Stopping.

  shutdown(options: ShutdownOptions = {}): Promise<DrainReport> {
    if (this.#drain !== null) return this.#afterCalledOff(() => this.shutdown(options)) ?? this.#drain.report;
    const [limits, schedule] = this.#layOut(options);
    const drain = new Drain(this, limits, schedule, options.cause ?? "shutdown()");
    this.#drain = drain;
    this.#watch = drain.watch;
    drain.report.then((report) => this.#drained(report));
    drain.begin();
    return drain.report;
  }

  /** A drain that was just called off ends first: what is asked for then is done behind it. Null where none was. */
  #afterCalledOff(then: () => Promise<DrainReport>): Promise<DrainReport> | null {
    return this.#drain?.isCalledOff === true ? this.#drain.report.then(then) : null;
  }

  checkShutdown(options: ShutdownOptions): ShutdownBudget {
    const [limits] = this.#layOut(options);
    const wait = limits.ownLameDuck ? limits.lameDuck : 0;
    return { grace: limits.grace, wait, least: leastBudget(limits, hooksBudget(this.hooks)) };
  }

  expectStop(on: boolean = true): void {
    this.#stopExpected = on;
  }

  #layOut(options: ShutdownOptions): [DrainLimits, DrainSchedule] {
    checkNames("shutdown()", options, SHUTDOWN_NAMES);
    // Only who stops several servers keeps a part for others.
    const isOwn = this.#drainLimits.ownLameDuck && options.reserve !== undefined;
    const { lameDuck, acceptQuiet } = isOwn ? this.#drainLimits : options;
    const asked = drainLimits({ ...options, lameDuck, acceptQuiet }, this.#drainLimits);
    // Who has a successor on the same socket need not wait until balancers have noticed.
    const given = this.adapter?.parent?.isSucceeded === true ? { ...asked, lameDuck: 0, acceptQuiet: 0 } : asked;
    const hookTime = hooksBudget(this.hooks) + duration("reserve", options.reserve, 0);
    const limits = options.begun === undefined && !isOwn
      ? given
      : lateLimits(given, duration("begun", options.begun, 0), hookTime);
    return [limits, drainSchedule(limits, hookTime)];
  }

  resume(): boolean {
    return this.#drain !== null && this.#drain.resume();
  }

  endLameDuck(): boolean {
    return this.#drain !== null && this.#drain.endLameDuck();
  }

  close(): Promise<DrainReport> {
    const later = this.#afterCalledOff(() => this.close());
    if (later !== null) return later;
    const report = this.shutdown({ cause: "close()" });
    this.#drain!.force();
    return report;
  }

  holders(): Holder[] {
    return this.#drain !== null && this.state === "draining" ? holdersOf(this.tracked, this.clock.now()) : [];
  }

  busy(): BusyConn[] {
    return busyOf(this.tracked, this.clock.now());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown().then(() => {});
  }

  #drained(report: DrainReport): void {
    this.#observers.tell((observer) => observer.drained?.(report));
    if (report.resumed) {
      this.#drain = null;
      this.#watch = null;
      this.#stopExpected = false;
      return;
    }
    this.state = "closed";
    this.#keepAlive.stop();
    this.#resolveClosed(report);
  }

  beginDraining(): void {
    this.state = "draining";
  }

  endDraining(): void {
    this.state = "running";
  }

  closeListeners(): void {
    for (const listener of this.#listeners) listener.endWatch();
    for (const loop of this.#loops) loop.close();
  }

  handshakes(): number {
    return this.#loops.reduce((sum, loop) => sum + loop.handshakes, 0);
  }

  dropHandshakes(): string[] {
    return this.#loops.flatMap((loop) => loop.dropHandshakes()).map(formatAddress);
  }

  dropQueued(): number {
    return this.#queue.close();
  }

  cancelHandlers(error: Error): void {
    this.#root.cancel(error);
  }

  acceptQueue(): number | null {
    return this.adapter === null ? null : queuedAt(this.adapter, this.addresses);
  }

  get sharesQueue(): boolean {
    return this.adapter?.parent?.holdsSockets === true;
  }

  kernelTable(): Promise<string | null> {
    return this.adapter?.kernelTable() ?? Promise.resolve(null);
  }

  onPhase(phase: DrainPhase): void {
    this.log.info(`Drain: ${phase}`, { server: this.name, connections: this.size });
    this.#guarded(() => this.#options.onDrainPhase?.(phase));
    this.#observers.tell((observer) => observer.drainPhase?.(phase));
  }

  #observer(observe: (conn: Conn, from: ConnState, to: ConnState) => void) {
    return (conn: Conn, from: ConnState, to: ConnState) => this.#guarded(() => observe(conn, from, to));
  }

  /** What an observer throws is its own affair. */
  protected observerFailed(error: unknown): void {
    this.log.error("An observer failed", { server: this.name, error });
  }

  /** Runs an observer of the user's: what it throws is its own affair. */
  #guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.observerFailed(error);
    }
  }
}
