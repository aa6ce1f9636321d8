/**
 * Finds out that a silent peer is gone.
 *
 * @module
 */
import { type Clock, MAX_TIMER_DELAY, systemClock } from "../clock.ts";
import { ConnClosedError, DeadlineError, OptionError } from "../errors.ts";
import { checkNames, gotNumber, type Names } from "../names.ts";
import type { Conn } from "../server/conn/conn.ts";
import { oneOf, positiveInteger } from "./option_checks.ts";

/** What a heartbeat needs of a framed connection. */
export interface HeartbeatTarget<Out> {
  /** The connection to watch, and to end. */
  readonly conn: Pick<Conn, "bytesRead" | "closed" | "close" | "abort"> & {
    /** A goodbye of ours is on its way: no ping is due any more. @default false */
    readonly isEnding?: boolean;
    /** As `closed`, where asking for that says that somebody waits. @default closed */
    readonly whenGone?: Promise<void>;
    /** What is written is withheld for a moment, so an answer could not come. @default false */
    readonly isWithheld?: boolean;
  };
  /** The connection is paused, so an answer could not be seen. */
  readonly paused: boolean;
  /** Writes one frame. */
  send(frame: Out): Promise<void>;
}

/** Options of `heartbeat`. */
export interface HeartbeatOptions<Out> {
  /** The ping, sent every interval; a function makes a new one each time. */
  readonly ping: Out | (() => Out);
  /** Milliseconds between two pings. */
  readonly interval: number;
  /** Pings in a row without any inbound byte, after which the connection is closed. @default 3 */
  readonly misses?: number;
  /** `"abort"` resets the connection; `"close"` flushes and sends FIN first. @default "abort" */
  readonly onDead?: "abort" | "close";
  /** Where time comes from. @default the system's */
  readonly clock?: Clock;
}

const NAMES: Names<HeartbeatOptions<unknown>> = {
  ping: true,
  interval: true,
  misses: true,
  onDead: true,
  clock: true,
};

/** A running heartbeat. */
export interface Heartbeat {
  /** Pings in a row without any inbound byte. */
  readonly missed: number;
  /** Ends it and clears its timer. Idempotent. */
  stop(): void;
}

/** One lost answer may be chance, three in a row are not. */
const DEFAULT_MISSES = 3;

/**
 * Sends a ping every interval and closes the connection after some in a row went unanswered. Any inbound byte counts
 * as life; while the connection is paused, a silence is ours and isn't counted. It ends with the connection.
 *
 * @throws {OptionError} An option can't be used.
 * @example
 * ```ts
 * const text = lines(conn);
 * heartbeat(text, { ping: "PING", interval: 15_000 });
 * ```
 */
export function heartbeat<Out>(framed: HeartbeatTarget<Out>, options: HeartbeatOptions<Out>): Heartbeat {
  checkNames("heartbeat()", options, NAMES);
  return new PingLoop(framed, options);
}

class PingLoop<Out> implements Heartbeat {
  readonly #framed: HeartbeatTarget<Out>;
  readonly #ping: Out | (() => Out);
  readonly #interval: number;
  readonly #misses: number;
  readonly #onDead: "abort" | "close";
  readonly #clock: Clock;
  #cancel: (() => void) | null = null;
  #stopped = false;
  #missed = 0;
  /** Bytes that had arrived when the last ping was due; null before the first. */
  #seen: number | null = null;
  /** The last ping still waits for the connection to drain. */
  #sending = false;

  constructor(framed: HeartbeatTarget<Out>, options: HeartbeatOptions<Out>) {
    this.#framed = framed;
    this.#ping = options.ping;
    this.#interval = checkInterval(options.interval);
    this.#misses = positiveInteger("misses", options.misses, DEFAULT_MISSES);
    this.#onDead = oneOf("onDead", options.onDead, ["abort", "close"] as const);
    this.#clock = options.clock ?? systemClock;
    (framed.conn.whenGone ?? framed.conn.closed).then(() => this.stop());
    this.#arm();
  }

  get missed(): number {
    return this.#missed;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#cancel = null;
  }

  #arm(): void {
    this.#cancel = this.#clock.setTimer(() => this.#beat(), this.#interval);
  }

  #beat(): void {
    const { conn } = this.#framed;
    // Said goodbye to: the last word is out.
    if (conn.isEnding === true) return this.stop();
    this.#count();
    if (this.#missed >= this.#misses) return this.#giveUp();
    this.#sendPing();
    if (!this.#stopped) this.#arm();
  }

  #count(): void {
    const { bytesRead, isWithheld } = this.#framed.conn;
    const silent = bytesRead === this.#seen && !this.#framed.paused && isWithheld !== true;
    this.#missed = silent ? this.#missed + 1 : 0;
    this.#seen = bytesRead;
  }

  #sendPing(): void {
    // A peer that doesn't read gets no second ping behind one that is still stuck.
    if (this.#sending) return;
    this.#sending = true;
    try {
      const ping = this.#ping;
      const sent = this.#framed.send(typeof ping === "function" ? (ping as () => Out)() : ping);
      sent.then(() => this.#sending = false, (error) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    this.stop();
    // A side that is already closed is in good hands; any other failure is the end of this connection alone.
    if (!(error instanceof ConnClosedError)) this.#framed.conn.abort(error);
  }

  #giveUp(): void {
    this.stop();
    if (this.#onDead === "abort") {
      this.#framed.conn.abort(new DeadlineError(`The peer left ${this.#missed} heartbeats unanswered`));
    } else {
      this.#framed.conn.close().catch(() => {});
    }
  }
}

function checkInterval(interval: number): number {
  if (typeof interval === "number" && interval > 0 && interval <= MAX_TIMER_DELAY) return interval;
  const got = gotNumber(interval);
  throw new OptionError("interval", `interval must be above 0 and at most ${MAX_TIMER_DELAY} ms, got ${got}`);
}
