/**
 * The deadlines of one HTTP connection: of a head, of a body, of a handler.
 *
 * @module
 */
import type { TimerQueue, TimerTarget } from "../../server/conn/timers.ts";
import type { HttpExchange } from "./exchange.ts";
import type { HttpService } from "./service.ts";

/** Who is told that something is late. */
export interface Delayed {
  /** The request that is being answered. */
  readonly exchange: HttpExchange | null;
  readonly conn: { abort(reason?: unknown): void };
  headLate(): void;
  bodyLate(exchange: HttpExchange): void;
  handlerLate(exchange: HttpExchange): void;
}

/** Waits in the server's queue of timers, for the earliest of them. */
export class HttpDeadlines implements TimerTarget {
  timerSlot = 0;
  readonly #owner: Delayed;
  readonly #service: HttpService;
  readonly #timers: TimerQueue;
  /** When the incomplete head began; -1 for none. */
  #headSince = -1;

  constructor(owner: Delayed, service: HttpService, timers: TimerQueue) {
    this.#owner = owner;
    this.#service = service;
    this.#timers = timers;
  }

  /** Whether part of a head is here. */
  head(partial: boolean): void {
    if (!partial) this.#headSince = -1;
    else if (this.#headSince < 0) {
      this.#headSince = this.#service.clock.now();
      const { readHeaderTimeout } = this.#service.limits;
      if (readHeaderTimeout > 0) this.#timers.arm(this, this.#headSince + readHeaderTimeout);
    }
  }

  /** The body has not arrived whole. */
  body(exchange: HttpExchange): void {
    const { readTimeout } = this.#service.limits;
    if (exchange.startedAt < 0) exchange.startedAt = this.#service.clock.now();
    if (readTimeout > 0) this.#timers.arm(this, exchange.startedAt + readTimeout);
  }

  /** The handler's time is limited. */
  handler(exchange: HttpExchange): void {
    this.#timers.arm(this, exchange.dueAt);
  }

  stop(): void {
    this.#headSince = -1;
    this.#timers.disarm(this);
  }

  timerFailed(error: unknown): void {
    this.#owner.conn.abort(error);
  }

  onTimer(now: number): void {
    const { limits: { readHeaderTimeout, readTimeout } } = this.#service;
    const { exchange } = this.#owner;
    let next = Infinity;
    if (this.#headSince >= 0 && readHeaderTimeout > 0) {
      next = this.#headSince + readHeaderTimeout;
      if (now >= next) return this.#owner.headLate();
    }
    if (exchange !== null && !exchange.bodyDone && readTimeout > 0) {
      const due = exchange.startedAt + readTimeout;
      if (now >= due) this.#owner.bodyLate(exchange);
      else next = Math.min(next, due);
    }
    if (exchange !== null && exchange.state === "none") {
      if (now >= exchange.dueAt) this.#owner.handlerLate(exchange);
      else next = Math.min(next, exchange.dueAt);
    }
    if (next !== Infinity) this.#timers.arm(this, next);
  }
}
