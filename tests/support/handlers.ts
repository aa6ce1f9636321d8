/**
 * Handlers as people write them, as data: each pattern says how it is served, what a client does, what it must see, what
 * the report must say and how long the stop may take. Every pattern is run in a drain, in ordinary life, and with a
 * client that vanishes, over the transports and round trips that it names, on real sockets.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import {
  type Address,
  defaultAdapter,
  type DrainReport,
  type Logger,
  type ServeOptions,
  type Server,
  type SluiceError,
  type TlsConnectOptions,
} from "../../mod.ts";
import { type FaultProxy, startFaultProxy } from "../../src/tools/faults/mod.ts";
import { type Caller, LIMIT, Peer } from "./handler_peer.ts";
import { Lag } from "./lag.ts";
import { leakCheck } from "./leaks.ts";
import { within } from "./rig.ts";
import { TEST_CERT, TEST_KEY } from "./tls.ts";

/** What is below the protocol. */
export type Transport = "tcp" | "tls" | "unix";

/** In a drain, in ordinary life, or with a client that vanishes in the middle. */
export type Mode = "drain" | "life" | "leaves";

/** What must come of a pattern in one mode; what is not said is as the pattern says. */
export interface Expected<C extends Caller = Caller> {
  /** All that the client sees: a text, what it matches, lines in any order, or a check. */
  readonly sees?: string | RegExp | readonly string[] | ((caller: C, scene: Scene<C>) => void);
  /** How the client's input ends; null where it is not for this pattern to say. @default a good end of its protocol */
  readonly end?: string | null;
  /** Null where it is not for this pattern to say. @default true */
  readonly clean?: boolean | null;
  /** Connections that are cut. @default 0 */
  readonly cut?: number;
  /** Connections that wrote after the drain's FIN. @default 0 where `clean` is not null */
  readonly truncated?: number;
  /** When, in ms after the stop (or after the client left), the last thing has been done that must be. @default 0 */
  readonly work?: number;
  /** Longest stop in ms. @default what `work`, a silence and the round trips add up to */
  readonly atMost?: number;
  /** Shortest stop in ms. @default none */
  readonly atLeast?: number;
  /** What the handler has noted at the end. */
  readonly notes?: readonly string[];
}

/** One way to write a handler, with its client. */
export interface Pattern<C extends Caller = Caller> extends Expected<C> {
  readonly name: string;
  /** Starts the server with what the harness gives. */
  readonly start: (scene: Scene<C>, options: ServeOptions) => Promise<Server>;
  /** Connects a client. */
  readonly open: (scene: Scene<C>) => Promise<C>;
  /** What the client does; the stop may come in the middle. */
  readonly client: (caller: C, scene: Scene<C>) => void | Promise<void>;
  /** How an input ends well: in a drain, and when the client leaves. */
  readonly goodEnds: Readonly<Record<"drain" | "life", string>>;
  /** What comes before: more clients, a login. */
  readonly prepare?: (caller: C, scene: Scene<C>) => void | Promise<void>;
  /** When to stop, in ms after the client's first bytes have arrived; below 0 they are still on their way. @default 200 */
  readonly stopAt?: number;
  /** When the client vanishes, likewise. @default 100 */
  readonly dropAt?: number;
  /** Budget of the stop. @default 5000 */
  readonly grace?: number;
  /** Something is owed or held until all is done: it is tried without the courtesy to idle connections, too. */
  readonly owes?: boolean;
  /** @default all that its protocol has */
  readonly over?: readonly Transport[];
  /** Round trips in ms. @default [0, 200] */
  readonly trips?: readonly number[];
  /** In a drain; false for not at all. */
  readonly drain?: Expected<C> | false;
  /** In ordinary life: the client leaves when it has seen it all. */
  readonly life?: Expected<C> | false;
  /** The client vanishes. */
  readonly leaves?: Expected<C> | false;
}

/** One pattern under one set of circumstances. */
interface Case {
  readonly pattern: Pattern;
  readonly mode: Mode;
  readonly transport: Transport;
  readonly trip: number;
  /** Without the courtesy to idle connections. */
  readonly isBare: boolean;
}

/** The stop's budget. */
const GRACE = 5000;
/** When the stop comes, and when a client vanishes, in ms after its first bytes have arrived. */
const STOP_AT = 200;
const DROP_AT = 100;
/** The longest silence that a connection of which little is known gets before its goodbye, in ms. */
const SILENCE = 1000;
/** The shortest. */
const QUIET = 150;
/** What a busy machine may add to any duration, in ms. */
const SLACK = 1800;
/** Cases at once: they mostly wait, but each handshake and each start costs. */
const AT_ONCE = 24;
/** Between two starts, in ms. */
const PAUSE = 10;
/** Longest time of one case. */
const CASE_LIMIT = 90_000;
/** A process whose timers are late by so many ms in all while it plays one case is starved. */
const STARVED = 400;
/** How often such a one may play it: first beside all others, then by itself. */
const TRIES = 3;

/** What one case has open, and what its handler wrote down. */
export class Scene<C extends Caller = Caller> {
  readonly transport: Transport;
  readonly trip: number;
  readonly mode: Mode;
  /** What handlers and clients note. */
  readonly notes: string[] = [];
  /** What the server logged as a warning or an error. */
  readonly errors: string[] = [];
  readonly callers: C[] = [];
  server!: Server;
  /** What the stop cost; there when the client is judged. */
  report: DrainReport | null = null;
  /** Where clients connect. */
  address!: Address;
  readonly #open: (scene: Scene<C>) => Promise<C>;
  readonly #deferred: (() => unknown)[] = [];
  #isOver = false;

  constructor(one: Case, open: (scene: Scene<C>) => Promise<C>) {
    this.transport = one.transport;
    this.trip = one.trip;
    this.mode = one.mode;
    this.#open = open;
  }

  /** One more client. */
  async open(): Promise<C> {
    const caller = await within("a connection", this.#open(this));
    if (this.#isOver) caller.dispose();
    this.callers.push(caller);
    return caller;
  }

  /** How to speak TLS to the server; undefined for not. */
  get tls(): TlsConnectOptions | undefined {
    return this.transport === "tls" ? { ca: TEST_CERT, serverName: "localhost" } : undefined;
  }

  /** A raw connection to the server. */
  async peer(): Promise<Peer> {
    const adapter = await defaultAdapter();
    return new Peer(await adapter.connect({ address: this.address, tls: this.tls }));
  }

  note(what: string): void {
    this.notes.push(what);
  }

  /** Does this at the end of the case, last first; at once, if that is over. */
  defer(fn: () => unknown): void {
    if (this.#isOver) fn();
    else this.#deferred.push(fn);
  }

  /** For a deferred check. */
  fail(what: string): never {
    throw new Error(what);
  }

  async dispose(): Promise<void> {
    this.#isOver = true;
    for (const caller of this.callers) caller.dispose();
    const failures: unknown[] = [];
    for (const fn of this.#deferred.reverse()) {
      try {
        await fn();
      } catch (error) {
        failures.push(error);
      }
    }
    for (const failure of failures) throw failure;
  }
}

/** Fulfils with `value` after `ms`. */
export function later<T>(ms: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), ms));
}

/** Waits. */
export function pause(ms: number): Promise<void> {
  return later(ms, undefined);
}

/** A job of 600 ms, or so many, and its result. */
export function job(line: string, ms = 600): Promise<string> {
  return later(ms, `${line}!`);
}

/** Fulfils when the signal aborts. */
export function once(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** A queue between a task that reads and one that writes. */
export class Mailbox {
  #items: (string | null)[] = [];
  #wake: (() => void) | null = null;

  push(item: string | null): void {
    this.#items.push(item);
    this.#wake?.();
  }

  async take(): Promise<string | null> {
    while (this.#items.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#items.shift()!;
  }
}

/**
 * Registers the tests of a table. All cases are started together when the first test is, and each test waits for its own.
 */
export function table(title: string, patterns: readonly Pattern[]): void {
  describe(title, () => {
    const leaks = leakCheck();
    const hall = new Hall(patterns.flatMap(casesOf));
    before(leaks.before);
    before(() => hall.begin());
    after(() => hall.end());
    after(leaks.after);
    for (const pattern of patterns) {
      describe(pattern.name, () => {
        for (const one of hall.cases) if (one.pattern === pattern) it(titleOf(one), () => hall.outcome(one));
      });
    }
    it("left no rejection unheard", () => hall.heard());
  });
}

function titleOf({ mode, transport, trip, isBare }: Case): string {
  const words = { drain: "in a drain", life: "in ordinary life", leaves: "with a client that vanishes" };
  return `${words[mode]} over ${transport} at ${trip} ms${isBare ? ", no courtesy to the idle" : ""}`;
}

/** Every transport and trip in a drain; a sample of them otherwise, since a drain is life and more. */
function casesOf(pattern: Pattern): Case[] {
  const { over = ["tcp", "tls", "unix"], trips = [0, 200] } = pattern;
  const near = trips.includes(0) ? 0 : trips[0];
  const far = trips.includes(200) ? 200 : near;
  const secure = over.includes("tls") ? "tls" : over[0];
  const cases: Case[] = [];
  const add = (mode: Mode, transport: Transport, trip: number, isBare = false) => {
    if (pattern[mode] !== false) cases.push({ pattern, mode, transport, trip, isBare });
  };
  // Nobody's Unix socket is far away.
  for (const transport of over) for (const trip of transport === "unix" ? [0] : trips) add("drain", transport, trip);
  if (pattern.owes === true) add("drain", over[0], near, true);
  add("life", over[0], near);
  add("life", secure, far);
  add("leaves", over[0], near);
  return cases;
}

/** Runs cases side by side. */
class Hall {
  readonly cases: readonly Case[];
  readonly #outcomes: Map<Case, Promise<void>> = new Map();
  readonly #unheard: unknown[] = [];
  readonly #onUnheard = (reason: unknown): void => void this.#unheard.push(reason);
  readonly #lag: Lag = new Lag();
  #folder = "";
  #sockets = 0;

  constructor(cases: readonly Case[]) {
    this.cases = cases;
  }

  begin(): void {
    this.#folder = mkdtempSync(join(tmpdir(), "sluice-handlers-"));
    process.on("unhandledRejection", this.#onUnheard);
    this.#lag.begin();
    const together = new Gate(AT_ONCE);
    const alone = new Gate(1);
    const firsts = this.cases.map((one) => together.pass(() => this.#isPlayed(one, TRIES)));
    const all = Promise.allSettled(firsts);
    for (const [i, one] of this.cases.entries()) {
      const outcome = firsts[i].then(async (played) => {
        if (played) return;
        await all;
        await alone.pass(() => this.#again(one));
      });
      outcome.catch(() => {});
      this.#outcomes.set(one, outcome);
    }
  }

  /** Some tests may have been left out: their cases end all the same. */
  async end(): Promise<void> {
    await Promise.allSettled(this.#outcomes.values());
    this.#lag.end();
    process.off("unhandledRejection", this.#onUnheard);
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async outcome(one: Case): Promise<void> {
    await this.#outcomes.get(one);
  }

  async heard(): Promise<void> {
    await Promise.allSettled(this.#outcomes.values());
    await pause(10);
    assertEquals(this.#unheard.map(String), []);
  }

  /**
   * False if it failed in a starved process, which says nothing of it: it is to be played again, and the run says so.
   *
   * @param left How often it may still be played: the last time it fails for good.
   */
  async #isPlayed(one: Case, left: number): Promise<boolean> {
    const lag = this.#lag.mark();
    try {
      await this.#attempt(one);
      return true;
    } catch (error) {
      if (left === 1 || lag() < STARVED) throw error;
      console.log(`timers were ${Math.round(lag())} ms late, again: ${one.pattern.name}: ${(error as Error).message}`);
      return false;
    }
  }

  /** By itself, when all others are over: they starve each other. */
  async #again(one: Case): Promise<void> {
    for (let left = TRIES - 1; left > 0; left--) if (await this.#isPlayed(one, left)) return;
  }

  async #attempt(one: Case): Promise<void> {
    const scene = new Scene(one, one.pattern.open);
    try {
      await within("this case", this.#play(one, scene), CASE_LIMIT);
    } finally {
      await within("the end of what it opened", scene.dispose());
    }
  }

  async #play(one: Case, scene: Scene): Promise<void> {
    await this.#set(one, scene);
    const caller = await scene.open();
    if (one.mode === "drain") await new Play(one, scene, caller, this.#lag).drain();
    else if (one.mode === "life") await new Play(one, scene, caller, this.#lag).life();
    else await new Play(one, scene, caller, this.#lag).leaves();
  }

  /** The server, and the distance in front of it. */
  async #set({ pattern, transport, trip, isBare }: Case, scene: Scene): Promise<void> {
    const where = transport === "unix"
      ? { path: join(this.#folder, `${++this.#sockets}.sock`) }
      : { port: 0, hostname: "127.0.0.1" };
    const tls = transport === "tls" ? { tls: { cert: TEST_CERT, key: TEST_KEY } } : {};
    const logger = noting(scene.errors);
    const courtesy = isBare ? { idleGrace: QUIET } : {};
    scene.server = await pattern.start(scene, { ...where, ...tls, ...courtesy, logger, grace: pattern.grace ?? GRACE });
    scene.defer(() => scene.server.close());
    scene.address = scene.server.address;
    if (trip === 0) return;
    const proxy = await distance(scene.address, trip);
    scene.defer(() => proxy.close());
    scene.address = proxy.address;
  }
}

/** One case as it goes on. */
class Play {
  readonly #one: Case;
  readonly #scene: Scene;
  readonly #caller: Caller;
  readonly #lag: Lag;
  readonly #expected: Expected;
  #script: Promise<void> = Promise.resolve();

  constructor(one: Case, scene: Scene, caller: Caller, lag: Lag) {
    this.#one = one;
    this.#scene = scene;
    this.#caller = caller;
    this.#lag = lag;
    this.#expected = { ...one.pattern, ...one.pattern[one.mode] };
  }

  /** The stop comes in the middle. */
  async drain(): Promise<void> {
    const { stopAt = STOP_AT, goodEnds } = this.#one.pattern;
    await this.#begin();
    await this.#passed(stopAt);
    const lag = this.#lag.mark();
    const report = await this.#stop();
    this.#scene.report = report;
    await this.#caller.over();
    await this.#script;
    this.#judgeClient(goodEnds.drain);
    this.#judgeReport(report, this.#expected.atMost ?? this.#usual(), lag());
  }

  /** The client leaves when it has seen all; nothing is left then, and a stop has nothing to do. */
  async life(): Promise<void> {
    await this.#begin();
    await this.#script;
    await this.#seenAll();
    const left = performance.now();
    const lag = this.#lag.mark();
    for (const caller of this.#scene.callers) caller.leave();
    await this.#caller.over();
    const took = performance.now() - left;
    await this.#emptied();
    this.#judgeClient(this.#one.pattern.goodEnds.life);
    const { work = 0 } = this.#expected;
    assertLess(took, work + 2 * this.#one.trip + SLACK + lag(), "the time from the client's leaving to its end");
    await this.#stopsAtOnce(0);
  }

  /** The client vanishes; what a handler still does is its own, and nobody hears of it. */
  async leaves(): Promise<void> {
    const { dropAt = DROP_AT } = this.#one.pattern;
    await this.#begin();
    await this.#passed(dropAt);
    for (const caller of this.#scene.callers) caller.drop();
    await this.#script;
    await this.#emptied();
    await this.#stopsAtOnce(this.#expected.work ?? 1000);
  }

  /** What a script can't do because the other side has gone is no failure: what was seen tells. */
  async #begin(): Promise<void> {
    await this.#accepted();
    await this.#one.pattern.prepare?.(this.#caller, this.#scene);
    await this.#accepted();
    this.#script = (async () => {
      try {
        await this.#one.pattern.client(this.#caller, this.#scene);
      } catch (error) {
        if (this.#one.mode !== "leaves") throw error;
      }
    })();
    this.#script.catch(() => {});
  }

  /** A TLS client is connected half a round trip before its server is. */
  async #accepted(): Promise<void> {
    const { server, callers } = this.#scene;
    const end = performance.now() + LIMIT;
    while (server.connections.size < callers.length && performance.now() < end) await pause(5);
  }

  /** So many ms after the first bytes arrive; what this process was late is added. */
  async #passed(ms: number): Promise<void> {
    const lag = this.#lag.mark();
    await pause(Math.max(0, ms + this.#one.trip / 2));
    if (ms > 0) await pause(Math.min(lag(), 1000));
  }

  #stop(): Promise<DrainReport> {
    return within("the stop", this.#scene.server.shutdown(), LIMIT);
  }

  async #stopsAtOnce(work: number): Promise<void> {
    const lag = this.#lag.mark();
    const report = await this.#stop();
    assertLess(report.duration, work + SLACK + lag(), "the duration of a stop without connections");
    if (this.#expected.clean !== null && this.#one.mode === "life") assertEquals(report.clean, true, shown(report));
  }

  async #seenAll(): Promise<void> {
    const { sees } = this.#expected;
    const caller = this.#caller;
    const all = () => {
      if (typeof sees === "string") return caller.saw.length >= sees.length;
      if (sees instanceof RegExp) return sees.test(caller.saw);
      return typeof sees !== "object" || caller.saw.split("\n").length > sees.length;
    };
    await caller.until("all that it should see", () => all() || caller.end !== "open");
  }

  async #emptied(): Promise<void> {
    const end = performance.now() + LIMIT;
    while (this.#scene.server.connections.size > 0 && performance.now() < end) await pause(10);
    assertEquals(this.#scene.server.connections.size, 0, "connections that are left");
  }

  #judgeClient(goodEnd: string): void {
    const { sees, end = goodEnd, notes } = this.#expected;
    const { saw } = this.#caller;
    if (typeof sees === "string") assertEquals(saw, sees);
    else if (sees instanceof RegExp) assertMatch(saw, sees);
    else if (typeof sees === "function") sees(this.#caller, this.#scene);
    else if (sees !== undefined) assertEquals(saw.split("\n").filter(Boolean).sort(), [...sees].sort());
    this.#judgeEnd(end);
    if (notes !== undefined) assertEquals(this.#scene.notes, notes);
  }

  #judgeEnd(end: string | null): void {
    const seen = this.#caller.end;
    if (end === null || (end === "reset" && seen === "fin" && !tellsResets(this.#one.transport))) return;
    assertEquals(seen, end, `the end of the client's input, which saw ${JSON.stringify(this.#caller.saw.slice(-100))}`);
  }

  #judgeReport(report: DrainReport, atMost: number, lag: number): void {
    const { clean = true, cut = 0, truncated = 0, atLeast = 0 } = this.#expected;
    if (clean !== null) {
      const said = [report.clean, report.cut.length, report.truncated.length];
      assertEquals(said, [clean, cut, truncated], `clean, cut, truncated in ${shown(report)}`);
    }
    assertLess(report.duration, atMost + lag, "the duration of the stop");
    assert(report.duration >= atLeast, `the stop took ${report.duration} ms, less than ${atLeast}`);
  }

  /** The work, a silence, the goodbye and its answer. */
  #usual(): number {
    const { work = 0 } = this.#expected;
    return work + SILENCE + 2 * this.#one.trip + SLACK;
  }
}

/** Where nothing is left unread a Unix socket's reset is a plain end; and so is every one to Deno's TLS. */
function tellsResets(transport: Transport): boolean {
  return transport === "tcp" || (transport === "tls" && !("Deno" in globalThis));
}

/** Lets so many pass at once, one after the other. */
class Gate {
  #free: number;
  #turn: Promise<void> = Promise.resolve();
  #waiting: (() => void)[] = [];

  constructor(free: number) {
    this.#free = free;
  }

  async pass<T>(fn: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await (this.#turn = this.#turn.then(() => pause(PAUSE)));
      return await fn();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/** A proxy that is `trip` ms of round trip away, a quarter of it by chance. */
function distance(to: Address, trip: number): Promise<FaultProxy> {
  const upstream = to.transport === "tcp" ? { port: to.port } : { path: to.path };
  const silent = noting([]);
  return startFaultProxy({
    upstream,
    faults: [{ kind: "latency", ms: trip / 2, jitter: trip / 8 }],
    seed: 1,
    logger: silent,
  });
}

function noting(errors: string[]): Logger {
  const note = (what: string, ...[fields]: unknown[]) => {
    // A record's error is plain data.
    const { error } = (fields ?? {}) as { error?: { message?: string } };
    errors.push(`${what}: ${error?.message ?? String(error)}`);
  };
  return { debug: () => {}, info: () => {}, warn: note, error: note, critical: note };
}

function shown({ connections, cut, afterFin, duration, clean }: DrainReport): string {
  return JSON.stringify({ clean, duration, connections, cut, afterFin });
}

/** The stable identifier of an error of the library; the name of any other. */
export function codeOf(error: unknown): string {
  return (error as SluiceError | undefined)?.code ?? (error as Error | undefined)?.name ?? String(error);
}
