/**
 * The drain: from the signal to the report. DESIGN's timeline, T0 to T4.
 *
 * @module
 */
import { type Clock, nextTurn } from "../../clock.ts";
import { DrainTimeoutError, OptionError } from "../../errors.ts";
import type { ConnLimits } from "../conn/host.ts";
import type { DrainPlan } from "../conn/drain_plan.ts";
import type { Connection } from "../conn/connection.ts";
import { DrainGate } from "./gate.ts";
import { DrainLedger, isServed } from "./ledger.ts";
import type { Dues, Habits } from "../conn/dues.ts";
import { type Hook, runHooks } from "./hooks.ts";
import { type KernelTable, parseKernelTable, parseRoundTrips } from "./kernel_table.ts";
import type { DrainLimits } from "../serve_options.ts";
import type { DrainPhase, DrainReport, HookResult } from "./report.ts";
import type { TimerQueue } from "../conn/timers.ts";
import { DrainWatch } from "./watch.ts";

/** Time kept at the end of the budget for the report itself: a tenth of a second, less of a short budget. */
const REPORT_MARGIN = 100;

/** How often to see whether the accept queue is taken in, in ms. */
const QUEUE_POLL = 5;

/** Lines of the kernel's table that are read in one turn. */
const TABLE_TURN = 500;

/** What a drain needs of its server. */
export interface DrainTarget {
  readonly name: string;
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly habits: Habits;
  readonly limits: ConnLimits;
  readonly hooks: readonly Hook[];
  readonly tracked: Iterable<Connection>;
  /** Connections whose socket is open or whose handler is running, and work that handlers left behind. */
  readonly size: number;
  /** Work that handlers left behind and that has not settled. */
  readonly work: number;
  /** Sockets accepted so far, whatever became of them. */
  readonly acceptCount: number;
  /** It is draining from now on. */
  beginDraining(): void;
  endDraining(): void;
  /** How many wait in the kernel to be accepted; null if it can't be told. */
  acceptQueue(): number | null;
  /** Somebody else holds its listening sockets as well. */
  readonly sharesQueue: boolean;
  closeListeners(): void;
  /** TLS handshakes under way. */
  handshakes(): number;
  /** Ends them; names the clients of those that had begun. */
  dropHandshakes(): string[];
  /** Drops what still waits for admission; returns how many. */
  dropQueued(): number;
  /** Ends handlers' contexts. */
  cancelHandlers(error: Error): void;
  kernelTable(): Promise<string | null>;
  onPhase(phase: DrainPhase): void;
}

/** Points in time of one drain, in ms after T0. */
export interface DrainSchedule {
  /** Kept at the end. */
  readonly margin: number;
  /** What idle connections get: less than it says where nobody asked for that much. */
  readonly idleGrace: number;
  readonly patienceAt: number;
  readonly abortAt: number;
  readonly cutAt: number;
}

/** What of a budget is kept for the report, in ms. */
export function reportMargin(grace: number): number {
  return Math.min(REPORT_MARGIN, grace / 20);
}

/** Lays out the budget; refuses sums that exceed it. */
export function drainSchedule(limits: DrainLimits, hookTime: number): DrainSchedule {
  const margin = reportMargin(limits.grace);
  const cutAt = limits.grace - margin - hookTime;
  const abortAt = cutAt - limits.abortGrace;
  const patienceAt = Math.min(limits.patience, abortAt);
  // What nobody asked for gives way to what somebody did.
  const room = Math.min((abortAt - limits.lameDuck) / 2, patienceAt - limits.lameDuck - limits.spread);
  const courtesy = limits.idleGraceGiven ? limits.idleGrace : Math.min(limits.idleGrace, room);
  const idleGrace = Math.max(limits.quiet, courtesy);
  if (limits.lameDuck + idleGrace > abortAt) {
    const word = idleGrace > limits.quiet ? "idleGrace" : "quiet";
    const parts = `lameDuck ${limits.lameDuck}, ${word} ${idleGrace}, abortGrace ${limits.abortGrace}, ` +
      `hooks ${hookTime} and ${margin} for the report`;
    throw new OptionError(
      "grace",
      `grace ${limits.grace} ms is less than its parts: ${parts}; raise grace or lower them`,
    );
  }
  if (limits.spread > 0 && limits.lameDuck + idleGrace + limits.spread > patienceAt) {
    const word = idleGrace > limits.quiet ? "idleGrace" : "quiet";
    throw new OptionError(
      "spread",
      `spread ${limits.spread} ms, with lameDuck ${limits.lameDuck} and ${word} ${idleGrace}, ends after patience ` +
        `(${patienceAt} ms after the signal); lower spread or raise patience`,
    );
  }
  return { margin, idleGrace, patienceAt, abortAt, cutAt };
}

/** One stop of one server. */
export class Drain {
  readonly report: Promise<DrainReport>;
  #settle: (report: DrainReport | Promise<DrainReport>) => void = () => {};
  /** For the server that is drained. */
  readonly watch: DrainWatch;
  readonly #ledger: DrainLedger;
  readonly #target: DrainTarget;
  readonly #limits: DrainLimits;
  readonly #cause: string;
  readonly #gate: DrainGate;
  readonly #began: number;
  readonly #phases = { lameDuck: 0, drain: 0, abort: 0, hooks: 0 };
  readonly #schedule: DrainSchedule;
  #forced = false;
  #calledOff = false;
  /** The lame duck is over, whatever its time says. */
  #hurried = false;
  #queueLeft: number | null = null;
  #queueShared = false;
  #acceptedBefore = 0;
  #handshakesCut: readonly string[] = [];

  constructor(target: DrainTarget, limits: DrainLimits, schedule: DrainSchedule, cause: string) {
    this.#target = target;
    this.#limits = limits;
    this.#cause = cause;
    this.#schedule = schedule;
    this.#gate = new DrainGate(target.clock);
    this.#began = target.clock.now();
    this.#ledger = new DrainLedger(target.clock, [...target.tracked]);
    this.watch = new DrainWatch(target.clock, this.#gate, this.#ledger);
    this.report = new Promise((resolve) => this.#settle = resolve);
  }

  /** T0. Apart from the constructor, so that whoever is told of the first phase finds the drain in its place. */
  begin(): void {
    this.#settle(this.#run());
  }

  /** Calls it off, whoever asks and whatever the drain is about to do; false when the listeners are closing already. */
  resume(): boolean {
    if (!this.watch.isLameDuck || this.#forced) return false;
    this.#calledOff = true;
    this.#gate.tell("resumed");
    return true;
  }

  /** It was called off, and has not ended yet. */
  get isCalledOff(): boolean {
    return this.#calledOff;
  }

  /** Ends the lame duck; false if it is over. */
  endLameDuck(): boolean {
    if (!this.watch.isLameDuck || this.#calledOff) return false;
    this.#hurried = true;
    this.#gate.tell("hurried");
    return true;
  }

  /** Skips what is left of the budget. */
  force(): void {
    this.#forced = true;
    this.#gate.tell("forced");
  }

  async #run(): Promise<DrainReport> {
    this.#phase("lameDuck");
    this.#target.beginDraining();
    this.#each((conn) => conn.ctx!.beginDraining(this.#cause));
    await this.#lameDuck();
    if (this.#calledOff) return this.#resumed();
    this.#closeListeners();
    await this.#serveOut();
    await this.#abortHandlers();
    await this.#cut();
    const queued = this.#target.dropQueued();
    const workLeft = this.#target.work;
    const table = this.#ledger.needsTable ? await this.#table() : null;
    const hooks = await this.#runHooks();
    this.#phase("done");
    return this.#report(false, { queued, workLeft }, hooks, table);
  }

  /** Still accepting, and ready to be called off. */
  async #lameDuck(): Promise<void> {
    const end = this.#began + this.#limits.lameDuck;
    while (!this.#forced && !this.#calledOff && !this.#hurried && this.#now() < end) {
      const quietAt = this.watch.acceptedAt + this.#limits.acceptQuiet;
      if (this.#now() >= quietAt) break;
      await this.#gate.wait(Math.min(end, quietAt), ["forced", "resumed", "hurried"]);
    }
    // A queue that others empty is theirs.
    if (!this.#target.sharesQueue) await this.#emptyQueue();
    this.#phases.lameDuck = this.#now() - this.#began;
  }

  /**
   * Takes in who waits in the kernel's queue at this moment: whoever still waits when the listening socket closes is
   * reset. A runtime may accept one connection a turn, so the others are not read meanwhile. Others come while these are
   * taken in: for up to `quiet` it waits for a moment at which nobody is left.
   */
  async #emptyQueue(): Promise<void> {
    const target = this.#target;
    const goal = target.acceptCount + (target.acceptQueue() ?? 0);
    const end = this.#began + Math.max(this.#limits.lameDuck, this.#schedule.patienceAt);
    let until = Infinity;
    await this.#whileAccepting(this.#limits.quiet, end, () => {
      const isBehind = target.acceptCount < goal;
      if (!isBehind) until = Math.min(until, this.#now() + this.#limits.quiet);
      const goesOn = !this.#calledOff && (isBehind || (this.#now() < until && (target.acceptQueue() ?? 0) > 0));
      if (goesOn) this.#each((conn) => conn.input.stall(true));
      return goesOn;
    });
    this.#each((conn) => conn.input.stall(false));
  }

  /** Looks again while `goesOn` says so, up to `end`, and for `wait` ms behind the last one that was accepted. */
  async #whileAccepting(wait: number, end: number, goesOn: () => boolean): Promise<void> {
    let [seen, seenAt] = [this.#target.acceptCount, this.#now()];
    while (!this.#forced && this.#now() < Math.min(end, seenAt + wait) && goesOn()) {
      await this.#gate.wait(this.#now() + QUEUE_POLL, ["forced", "resumed"]);
      if (this.#target.acceptCount > seen) [seen, seenAt] = [this.#target.acceptCount, this.#now()];
    }
  }

  /** A step for every connection: what one throws, whoever's fault it is, costs that one only (issue 11). */
  #each(step: (conn: Connection) => void): void {
    for (const conn of [...this.#target.tracked]) {
      try {
        step(conn);
      } catch (error) {
        conn.abort(error);
      }
    }
  }

  /** Counts who is left in the queue and closes, in one turn, so that the count is true. */
  #closeListeners(): void {
    this.watch.closing(() => this.#plan());
    this.#phase("drain");
    this.#queueLeft = this.#target.acceptQueue();
    this.#queueShared = this.#target.sharesQueue;
    this.#acceptedBefore = this.#target.acceptCount;
    this.#target.closeListeners();
  }

  /** Bun still hands over what waited in the queue of a closed listener. */
  #lostInQueue(): number | null {
    if (this.#queueLeft === null) return null;
    return Math.max(0, this.#queueLeft - (this.#target.acceptCount - this.#acceptedBefore));
  }

  async #serveOut(): Promise<void> {
    const began = this.#now();
    const plan = this.#plan();
    this.#survey();
    this.#each((conn) => conn.drain(plan));
    const unattend = this.#target.timers.attend();
    this.#measure().catch(() => {});
    await this.#finishHandshakes();
    if (this.#target.size > 0 && !this.#forced) {
      const toPatience = Math.max(0, plan.patienceAt - began);
      const cancel = this.#target.clock.setTimer(() => this.#phase("patience"), toPatience);
      await this.#gate.wait(this.#began + this.#schedule.abortAt, ["empty", "forced"]);
      cancel();
    }
    unattend();
    this.#phases.drain = this.#now() - began;
  }

  /**
   * Who was let in while the listener was open is served, once its handshake is over. One that is silent gets what an
   * idle connection gets; each that comes to its end gives the others as much again.
   */
  async #finishHandshakes(): Promise<void> {
    const wait = Math.max(this.#limits.quiet, this.#schedule.idleGrace);
    const end = this.#began + this.#schedule.patienceAt;
    await this.#whileAccepting(wait, end, () => this.#target.handshakes() > 0);
    this.#handshakesCut = this.#target.dropHandshakes();
  }

  /** What some connections have shown of the protocol tells what others may owe. */
  #survey(): void {
    const { tracked, habits, limits } = this.#target;
    const dues: Dues[] = [];
    for (const conn of tracked) if (conn.work.dues !== null) dues.push(conn.work.dues);
    habits.survey(dues, this.#now(), limits.patience);
  }

  /** Learns from the kernel how far away the peers are; it knows even those that have said nothing yet. */
  async #measure(): Promise<void> {
    if (this.#target.size === 0) return;
    const text = await this.#target.kernelTable();
    if (text === null) return;
    const conns = this.#ledger.byKey();
    let seen = 0;
    for (const [key, roundTrip] of parseRoundTrips(text, this.#ledger.ports)) {
      const conn = conns.get(key);
      conn?.rhythm.measured(roundTrip, conn.host.limits.patience / 2);
      if (++seen % TABLE_TURN === 0) await new Promise<void>((resolve) => nextTurn(this.#target.clock, resolve));
    }
  }

  #plan(): DrainPlan {
    const { quiet, spread } = this.#limits;
    const { idleGrace } = this.#schedule;
    const patienceAt = this.#began + this.#schedule.patienceAt;
    const endsAt = this.#began + this.#schedule.abortAt;
    return {
      since: this.#now(),
      deafAt: this.#target.timers.deaf,
      quiet,
      idleGrace,
      patienceAt,
      endsAt,
      spread,
      alone: false,
    };
  }

  async #abortHandlers(): Promise<void> {
    this.#detachServed();
    if (this.#target.size === 0) return;
    const began = this.#now();
    this.#phase("abort");
    const error = new DrainTimeoutError(
      this.#forced ? "The drain was forced by a second stop" : `The drain's grace of ${this.#limits.grace} ms is over`,
    );
    this.#each((conn) => conn.output.flushAll());
    this.#target.cancelHandlers(error);
    if (!this.#forced) await this.#gate.wait(this.#began + this.#schedule.cutAt, ["empty", "forced"]);
    this.#phases.abort = this.#now() - began;
  }

  /** Whoever is served whole, and only does not close, needs neither abort nor cut. */
  #detachServed(): void {
    this.#each((conn) => isServed(conn) && conn.detach());
  }

  async #cut(): Promise<void> {
    this.#detachServed();
    if (this.#target.size === 0) return;
    this.#phase("cut");
    const table = await this.#table();
    const error = new DrainTimeoutError("The connection was cut at the end of the drain");
    this.#each((conn) => this.#ledger.cut(conn, table, error));
    // A handler that never returns is not waited for; a socket that was just reset is, briefly.
    if (this.#target.size > 0) await this.#gate.wait(this.#now() + this.#schedule.margin / 4, ["empty"]);
  }

  async #runHooks(): Promise<HookResult[]> {
    if (this.#target.hooks.length === 0) return [];
    this.#phase("hooks");
    const began = this.#now();
    const results = await runHooks(this.#target.hooks, this.#target.clock);
    this.#phases.hooks = this.#now() - began;
    return results;
  }

  /** The kernel's knowledge, if it comes in time: its table grows with every socket of the machine. */
  async #table(): Promise<KernelTable | null> {
    let cancel = (): void => {};
    const late = new Promise<null>((resolve) => {
      cancel = this.#target.clock.setTimer(() => resolve(null), this.#schedule.margin / 4);
    });
    const text = await Promise.race([this.#target.kernelTable().catch(() => null), late]);
    cancel();
    return text === null ? null : parseKernelTable(text, this.#ledger.ports);
  }

  #resumed(): DrainReport {
    this.#target.endDraining();
    this.#each((conn) => conn.ctx!.endDraining());
    this.#phase("resumed");
    return this.#report(true, { queued: 0, workLeft: 0 }, [], null);
  }

  #report(
    resumed: boolean,
    { queued, workLeft }: { queued: number; workLeft: number },
    hooks: readonly HookResult[],
    table: KernelTable | null,
  ): DrainReport {
    const summary = this.#ledger.summary(table);
    return {
      server: this.#target.name,
      cause: this.#cause,
      clean: summary.cut.length + summary.truncated.length + this.#handshakesCut.length + queued + workLeft === 0 &&
        hooks.every((hook) => hook.ok),
      resumed,
      forced: this.#forced,
      duration: this.#now() - this.#began,
      phases: this.#phases,
      ...summary,
      acceptQueueLeft: this.#lostInQueue(),
      acceptQueueShared: this.#queueShared,
      admissionQueueLeft: queued,
      handshakesCut: this.#handshakesCut,
      workLeft,
      hooks,
    };
  }

  #now(): number {
    return this.#target.clock.now();
  }

  #phase(phase: DrainPhase): void {
    this.#target.onPhase(phase);
  }
}
