/**
 * A request as its observers see it, and how they are told.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Address } from "../../endpoint.ts";
import type { Observers } from "../../observers.ts";
import type { Conn } from "../../server/conn/conn.ts";
import type { HandlerContext } from "../../server/conn/handler_context.ts";
import type { HttpObserver, ObservedRequest } from "../http_observer.ts";
import type { RequestHead } from "../parser/mod.ts";

/** What it is seen of. */
export interface ObservableExchange extends HandlerContext {
  readonly conn: Conn;
  readonly head: RequestHead;
  readonly requestId: string;
  readonly remote: Address;
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly route: string;
  traceparent: string;
  readonly status: number;
  readonly startedAt: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly upgradedTo: string;
}

/** One request; made only where somebody listens. */
export class ObservedExchange implements ObservedRequest {
  readonly #exchange: ObservableExchange;
  readonly #clock: Clock;
  /** Who has heard of its beginning: nobody else hears of its end. */
  readonly #heard: readonly HttpObserver[];
  #duration = -1;
  #error: unknown = undefined;

  constructor(exchange: ObservableExchange, clock: Clock, heard: readonly HttpObserver[]) {
    this.#exchange = exchange;
    this.#clock = clock;
    this.#heard = heard;
  }

  get ctx(): HandlerContext {
    return this.#exchange;
  }

  get id(): string {
    return this.#exchange.requestId;
  }

  get conn(): Conn {
    return this.#exchange.conn;
  }

  get method(): string {
    return this.#exchange.head.method;
  }

  get target(): string {
    return this.#exchange.head.target;
  }

  get scheme(): "http" | "https" {
    return this.#exchange.scheme;
  }

  get host(): string {
    return this.#exchange.host;
  }

  get protocol(): "1.0" | "1.1" {
    return this.#exchange.head.minor === 0 ? "1.0" : "1.1";
  }

  get route(): string {
    return this.#exchange.route;
  }

  get remote(): Address {
    return this.#exchange.remote;
  }

  get traceparent(): string {
    return this.#exchange.traceparent;
  }

  set traceparent(value: string) {
    this.#exchange.traceparent = value;
  }

  get status(): number {
    return this.#exchange.status;
  }

  get duration(): number {
    return this.#duration < 0 ? this.#clock.now() - this.#exchange.startedAt : this.#duration;
  }

  get bytesIn(): number {
    return this.#exchange.bytesIn;
  }

  get bytesOut(): number {
    return this.#exchange.bytesOut;
  }

  get error(): unknown {
    return this.#error;
  }

  get upgrade(): string {
    return this.#exchange.upgradedTo;
  }

  header(name: string): string | null {
    return this.#exchange.head.header(name.toLowerCase());
  }

  /** It has begun. */
  tellBegin(observers: Observers<HttpObserver>): void {
    for (const observer of this.#heard) {
      if (observer.began === undefined) continue;
      try {
        observer.began(this);
      } catch (error) {
        observers.failed(error);
      }
    }
  }

  /** It is over. */
  tellEnd(observers: Observers<HttpObserver>, cause: unknown): void {
    this.#duration = this.#clock.now() - this.#exchange.startedAt;
    this.#error = cause;
    const { list } = observers;
    for (const observer of this.#heard) {
      if (observer.ended === undefined || (list !== this.#heard && !list?.includes(observer))) continue;
      try {
        observer.ended(this);
      } catch (error) {
        observers.failed(error);
      }
    }
  }

  /** Somebody wants to be around its handler. */
  get isSurrounded(): boolean {
    for (const observer of this.#heard) if (observer.around !== undefined) return true;
    return false;
  }

  /** Calls `run` with all that want to be around it, the first one outermost. @throws What `run` throws. */
  around<T>(observers: Observers<HttpObserver>, run: () => T): T {
    let next = run;
    for (const observer of [...this.#heard].reverse()) {
      if (observer.around !== undefined) next = surrounded(this, observer, next, observers);
    }
    return next();
  }
}

/** Whatever an observer does, `run` runs once, and what it gives or throws is what its caller sees. */
function surrounded<T>(
  request: ObservedRequest,
  observer: HttpObserver,
  run: () => T,
  observers: Observers<HttpObserver>,
): () => T {
  return () => {
    let outcome: { readonly value: T } | { readonly error: unknown } | null = null;
    const once = (): void => {
      if (outcome !== null) return;
      try {
        outcome = { value: run() };
      } catch (error) {
        outcome = { error };
      }
    };
    try {
      observer.around!(request, once);
    } catch (error) {
      observers.failed(error);
    }
    once();
    const settled = outcome as unknown as { readonly value: T } | { readonly error: unknown };
    if ("error" in settled) throw settled.error;
    return settled.value;
  };
}
