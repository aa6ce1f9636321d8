/**
 * How a connection ends gracefully: a quiet moment, goodbye, FIN. One path for a drain, for `maxLifetime` and for
 * `idleTimeout`.
 *
 * @module
 */
import type { DrainPlan } from "./drain_plan.ts";
import type { HostedConn } from "./host.ts";
import { owedUntil, quietAt, restAt, type RestingConn, windowOf } from "./rest.ts";
import { TIMER_GRANULARITY } from "./timers.ts";

/** What this needs of a connection. */
export interface GoodbyeConn extends RestingConn, HostedConn {
  readonly ctx: { beginDraining(cause: unknown): void } | null;
  readonly isBusy: boolean;
  readonly unread: number;
  /** Looks at what is due at `at`, ms on the clock. */
  armAt(at: number): void;
  /** Says what its keeper has to say where the protocol has no word of its own. */
  hostsGoodbye(): void | Promise<void>;
  /** Closes the input by our FIN. */
  closeInput(event: "drain" | "serve"): void;
  /** Counts what comes after our FIN. */
  cameAfterFin(messages: number, bytes: number): void;
  abort(reason?: unknown): void;
}

/** So much of what patience leaves of the budget, deaf or not. */
const HOLD_SHARE = 0.4;

/** The reason of `ctx.draining`. */
const DRAINING = "draining";

/** One connection's goodbye, from the moment at which it is wished for. */
export class Goodbye {
  readonly #conn: GoodbyeConn;
  #plan: DrainPlan | null = null;
  /** Answers are withheld until then, in heard time; 0 while nothing was withheld. */
  #holdUntil = 0;
  /** Its turn among those that a drain says goodbye to. */
  #turnAt = 0;
  /** When the FIN waits for the last words no longer. */
  #finAt = Infinity;

  constructor(conn: GoodbyeConn) {
    this.#conn = conn;
  }

  /** The terms of a drain, or of its own end; null where it ended for being idle. */
  get plan(): DrainPlan | null {
    return this.#plan;
  }

  /** Is to leave on these terms; `check` finds the quiet moment. */
  follow(plan: DrainPlan): void {
    const conn = this.#conn;
    if (conn.ending.isEnding) return;
    conn.ctx?.beginDraining(DRAINING);
    this.#plan = plan;
    this.#holdUntil = 0;
    const now = conn.host.clock.now();
    this.#turnAt = plan.spread === 0 ? 0 : now + plan.idleGrace + Math.random() * plan.spread;
    conn.armAt(Math.min(now + Math.min(plan.quiet, plan.idleGrace), plan.patienceAt));
  }

  /** Says goodbye, then closes the input; FIN rides with the last answer, and reading goes on until the peer's FIN. */
  say(): void {
    const conn = this.#conn;
    if (conn.ending.isEnding) return;
    conn.ending.enter("goodbye");
    conn.host.unwritable(conn);
    const said = this.#lastWords();
    if (said instanceof Promise) this.#await(said);
    else this.#finish();
  }

  /** A moment that is not busy, perhaps: in a drain, the quiet window begins here. */
  boundary(): void {
    const conn = this.#conn;
    if (this.#plan === null || conn.isBusy) return;
    if (conn.ending.isDue) this.say();
    else conn.armAt(conn.host.clock.now() + this.#plan.quiet);
  }

  /** Something has changed that may let it rest: bytes were written, or somebody asks for the end. */
  lookAgain(): void {
    if (this.#plan !== null) this.#conn.armAt(this.#conn.host.clock.now() + this.#plan.quiet);
  }

  /** Acts on what is due and returns when to look again, ms on the clock; Infinity for never. */
  check(now: number): number {
    return Math.min(this.#checkPlan(now), this.#checkFin(now));
  }

  #checkPlan(now: number): number {
    const conn = this.#conn;
    const plan = this.#plan;
    if (plan === null || conn.ending.isEnding) return Infinity;
    const isLate = now >= plan.patienceAt;
    const next = this.#dueAt(plan, isLate);
    if (now >= next) {
      conn.host.goodbyes.add(conn);
      return Infinity;
    }
    if (!isLate) return Math.min(next, plan.patienceAt);
    if (conn.ending.isDue && !conn.output.isWithheld) {
      if (conn.consumer?.longLived === true) return this.#insist();
      // A handler that waits for the end is at rest when its debt lapses, which is no event.
      return conn.work.endAwaited === "no" ? next : Math.min(next, now + Math.max(plan.quiet, TIMER_GRANULARITY));
    }
    return Math.min(next, this.#checkHold(plan, now));
  }

  /** When it may be said: a drain looks at what the connection does from T1 on, and at what it was like before. */
  #dueAt(plan: DrainPlan, isLate: boolean): number {
    const conn = this.#conn;
    // That time is rounded up.
    const asked = conn.rhythm.lastIn >= plan.since + 1;
    const heardOut = plan.since + (asked ? plan.quiet : Math.max(plan.quiet, plan.idleGrace)) +
      conn.host.timers.deaf - plan.deafAt;
    const window = windowOf(conn, plan);
    return Math.max(this.#turnAt, heardOut, isLate ? quietAt(conn, window) : restAt(conn, window));
  }

  /** At the end of patience answers are withheld, so that who waits for them falls quiet: not for long. */
  #checkHold(plan: DrainPlan, now: number): number {
    const conn = this.#conn;
    const { timers } = conn.host;
    if (this.#holdUntil === 0) {
      if (!this.#waitsForAnswers()) return this.#next();
      // What is on its way comes within one window, lost once or not. Who never waits for answers never falls quiet.
      this.#holdUntil = timers.heard() + plan.quiet + conn.rhythm.shown;
      conn.output.withhold();
    }
    const windowsEnd = Math.min(this.#holdUntil + timers.deaf, holdEnd(plan));
    if (now < windowsEnd) return windowsEnd;
    const { dues } = conn.work;
    if (plan.alone || now >= holdEnd(plan) || !conn.isBusy || dues === null || dues.owed === 0) return this.#next();
    // What was received is answered first: to let go now would bring more. When all that was on its way must have come,
    // nothing more is taken in.
    if (now >= windowsEnd + plan.idleGrace) this.#finishReceived();
    return Math.min(holdEnd(plan), now + Math.max(plan.quiet, TIMER_GRANULARITY));
  }

  /** Whoever was never seen to be answered does not fall quiet when answers are withheld; protocols answer in their way. */
  #waitsForAnswers(): boolean {
    const { consumer, work: { dues } } = this.#conn;
    return dues !== null ? dues.hasPaid : consumer !== null && consumer.attended !== true;
  }

  /**
   * Says goodbye at the next moment that is not busy, however short. What was withheld leaves with the FIN, or now if that
   * moment is still to come. Returns when to look again, in ms on the clock.
   */
  #next(): number {
    const conn = this.#conn;
    conn.ending.enter("due");
    if (!conn.isBusy) {
      conn.host.goodbyes.add(conn);
      return Infinity;
    }
    conn.output.flushAll();
    conn.consumer?.hurry?.();
    if (conn.consumer?.longLived === true) return this.#insist();
    // Who waits for the end is at rest when its debt lapses, and that is no event.
    return conn.work.endAwaited === "no" ? Infinity : conn.host.clock.now() + TIMER_GRANULARITY;
  }

  /** What was received is worked off, withheld or not; the goodbye comes at the next moment that is not busy. */
  #finishReceived(): void {
    const conn = this.#conn;
    if (conn.ending.isDue) return;
    conn.ending.enter("due");
    conn.consumer?.hurry?.();
    if (!conn.work.isPartial && (conn.consumer === null || conn.consumer.attended === true)) conn.input.stall(true);
  }

  /**
   * A protocol of long silences can be said goodbye to at any moment; what was taken is waited for as long as an answer
   * is presumed to follow.
   */
  #insist(): number {
    const conn = this.#conn;
    const owed = Math.min(owedUntil(conn), this.#plan === null ? Infinity : holdEnd(this.#plan));
    if (conn.work.holds > 0) return Infinity;
    if (owed > conn.host.clock.now()) return owed;
    this.say();
    return Infinity;
  }

  #lastWords(): void | Promise<void> {
    const conn = this.#conn;
    try {
      if (conn.consumer?.goodbye !== undefined) return conn.consumer.goodbye();
      return conn.hostsGoodbye();
    } catch (error) {
      conn.abort(error);
    }
  }

  /** The FIN waits for the last words, but not for ever: it is the user who finds them. */
  #await(said: Promise<void>): void {
    const conn = this.#conn;
    const failed = (error: unknown): void => conn.ending.isClosing ? undefined : conn.abort(error);
    said.then(() => this.#finish(), failed);
    if (conn.consumer?.timesGoodbye === true) return;
    const latest = conn.host.clock.now() + conn.host.limits.lingerTimeout;
    this.#finAt = Math.min(latest, (this.#plan?.endsAt ?? Infinity) - TIMER_GRANULARITY);
    conn.armAt(this.#finAt);
  }

  #checkFin(now: number): number {
    if (now < this.#finAt) return this.#finAt;
    this.#finAt = Infinity;
    this.#finish();
    return Infinity;
  }

  /** Closes the input; FIN follows what was written. */
  #finish(): void {
    const conn = this.#conn;
    const { ending } = conn;
    if (ending.isClosing || ending.isGone) return;
    // Part of a message came before our FIN and the rest, if any, comes after it.
    if (conn.work.isPartial) conn.cameAfterFin(1, conn.unread);
    conn.closeInput(conn.input.isEnded ? "serve" : "drain");
  }
}

/** The terms of one that ends by itself, now. */
export function aloneFrom({ clock, timers, limits }: GoodbyeConn["host"]): DrainPlan {
  const now = clock.now();
  const { quiet, idleGrace, patience } = limits;
  const patienceAt = now + patience;
  const deafAt = timers.deaf;
  return { since: now, deafAt, quiet, idleGrace, patienceAt, endsAt: Infinity, spread: 0, alone: true };
}

/** What patience has not brought to an end is waited for up to here: the rest is for the answers, and the peer's FIN. */
function holdEnd({ patienceAt, endsAt }: DrainPlan): number {
  return patienceAt + (endsAt - patienceAt) * HOLD_SHARE;
}
