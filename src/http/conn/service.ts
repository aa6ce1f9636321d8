/**
 * What all connections of one HTTP server share: its handler, its limits and its counters.
 *
 * @module
 */
import { type Clock, wallOf } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { Observers } from "../../observers.ts";
import type { Connection } from "../../server/conn/connection.ts";
import type { Conn } from "../../server/conn/conn.ts";
import type { Moment } from "../../server/conn/moment.ts";
import { holderOf } from "../../server/drain/holders.ts";
import type { BusyConn } from "../../server/drain/report.ts";
import type { Adapter, Isolated } from "../../platform.ts";
import { type HttpError, REFUSAL_REASONS, type RefusalReason } from "../http_errors.ts";
import type { EndedUpgrade, HttpObserver, ObservedRequest } from "../http_observer.ts";
import type { HttpLimits } from "../http_options.ts";
import { tellBegin, tellEnd } from "./observed.ts";
import type { ProxyTrust } from "../request/proxy.ts";
import { RequestLimit } from "./request_limit.ts";
import { Opening } from "./opening.ts";
import type { HandlerKeeper } from "./takeover.ts";
import { DateField } from "../answer/status.ts";
import type { HttpApp, HttpServer, HttpStats, UpgradeStats } from "../http_api.ts";

/** An eighth more than others is no reason to move anybody. */
const LEVEL_SLACK = 8;

/** The server below, as far as HTTP's connections need it. */
export interface ServiceServer extends HttpServer, HandlerKeeper {
  readonly log: Required<Logger>;
  readonly adapter: Adapter | null;
  readonly isolated: Isolated;
  /** A drain has begun, and newcomers are still let in. */
  readonly isLameDuck: boolean;
  /** A drain waits for it. @param log Hears of its failure. */
  waitUntil(work: Promise<unknown>, log?: () => Required<Logger>): void;
  /** A hijacked connection lives until `handling` settles. */
  attend(conn: Connection, handling: Promise<void>): void;
}

/** An exchange, as far as it is counted. */
export interface Accounted extends ObservedRequest {
  readonly conn: Conn;
  /** Number within its connection, from 1. */
  readonly number: number;
  /** Its handler was called and has not left. */
  running: boolean;
  /** The handler, while it goes on. */
  readonly handling: Promise<unknown> | null;
  /** Observers that have heard of its beginning; null for none. */
  heard: readonly HttpObserver[] | null;
  /** It is over, well or not. */
  over(error: unknown): void;
}

/** Parts that a service is made of. */
export interface ServiceParts {
  readonly server: ServiceServer;
  readonly handler: HttpApp["fetch"];
  /** For CONNECT; null where no tunnels are served. */
  readonly onConnect: HttpApp["fetch"] | null;
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly trust: ProxyTrust;
  /** Who hears of requests. */
  readonly observers: Observers<HttpObserver>;
  /** Every connection is TLS. */
  readonly secure: boolean;
}

/** One per server. */
export class HttpService {
  readonly server: ServiceServer;
  readonly handler: HttpApp["fetch"];
  readonly onConnect: HttpApp["fetch"] | null;
  readonly clock: Clock;
  readonly trust: ProxyTrust;
  readonly secure: boolean;
  readonly observers: Observers<HttpObserver>;
  limits: HttpLimits;
  /** Null while handlers are not limited. */
  limit: RequestLimit | null = null;
  requests = 0;
  active = 0;
  handlerErrors = 0;
  aborted = 0;
  readonly opening: Opening = new Opening();
  /** Counters of those that connections were handed over to, by their names. */
  readonly upgrades: Map<string, UpgradeStats> = new Map();
  /** Connections that are to be given away by their next answers. */
  #surplus = 0;
  /** Those whose handlers go on though no connection waits for them. */
  readonly #outliving: Set<Accounted> = new Set();
  readonly #statuses = [0, 0, 0, 0, 0, 0];
  readonly #refused: Record<RefusalReason, number>;
  readonly #date: DateField = new DateField();

  constructor(parts: ServiceParts) {
    this.server = parts.server;
    this.handler = parts.handler;
    this.onConnect = parts.onConnect;
    this.clock = parts.clock;
    this.trust = parts.trust;
    this.observers = parts.observers;
    this.secure = parts.secure;
    this.limits = parts.limits;
    this.#refused = Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, 0])) as Record<RefusalReason, number>;
    this.configure(parts.limits);
  }

  get stats(): HttpStats {
    const [, ones, twos, threes, fours, fives] = this.#statuses;
    return {
      requests: this.requests,
      active: this.active,
      queued: this.limit?.queued ?? 0,
      statuses: { "1xx": ones, "2xx": twos, "3xx": threes, "4xx": fours, "5xx": fives },
      refused: { ...this.#refused },
      handlerErrors: this.handlerErrors,
      aborted: this.aborted,
      upgraded: Object.fromEntries(Array.from(this.upgrades, ([name, stats]) => [name, snapshotOf(stats)])),
    };
  }

  configure(limits: HttpLimits): void {
    this.limits = limits;
    if (this.limit !== null) this.limit.configure(limits);
    else if (limits.maxConcurrentRequests !== Infinity) this.limit = new RequestLimit(limits, this.clock, this.active);
  }

  /** Others have so many connections on an average: those that this one has beyond are given away. */
  level(connections: number): void {
    const { active } = this.server.stats;
    this.#surplus = active > connections + connections / LEVEL_SLACK + 1 ? Math.floor(active - connections) : 0;
  }

  /** Whether a connection is given away: its answer says so, and its client comes back to whoever has the time. */
  givesAway(): boolean {
    return this.#surplus > 0 && this.#surplus-- > 0;
  }

  /** When a request begins; -1 where nobody asks. That what came before it is over is known only where somebody watches. */
  begins(moment: Moment): number {
    if (this.observers.list !== null) return moment.begun();
    return this.limits.handlerTimeout > 0 ? this.clock.now() : -1;
  }

  schemeOf(conn: Connection): "http" | "https" {
    return this.secure || conn.tls !== null || conn.proxy?.ssl?.secure === true ? "https" : "http";
  }

  /** The Date field's line. */
  date(): string {
    return this.#date.at(wallOf(this.clock));
  }

  /** An answer's head is on its way. */
  answered(status: number): void {
    this.#statuses[Math.floor(status / 100)]++;
  }

  refused(error: HttpError): void {
    this.#refused[error.reason]++;
  }

  /** Something that was no request is answered. */
  refusedHead({ reason, status }: HttpError, conn: Conn): void {
    this.answered(status);
    this.observers.tell((observer) => observer.refused?.({ reason, status, conn }));
  }

  /** A request has begun: whoever listens is told, and of its end as well. */
  began(exchange: Accounted): void {
    const { list } = this.observers;
    if (list === null) return;
    exchange.heard = list;
    tellBegin(exchange, list, this.observers);
  }

  /** What a connection was handed over to is over. */
  upgradeEnded(ended: EndedUpgrade): void {
    this.observers.tell((observer) => observer.upgradeEnded?.(ended));
  }

  /** An exchange is over, well or not. */
  finished(exchange: Accounted, error?: unknown): void {
    if (exchange.running) {
      const { handling } = exchange;
      // A handler that goes on behind its answer, or without its client, still counts, and a drain waits for it.
      if (handling === null) this.#left(exchange);
      else this.#outlived(exchange, handling);
    }
    if (exchange.heard === null) return;
    exchange.over(error);
    tellEnd(exchange, exchange.heard, this.observers);
  }

  /** The handlers that go on though their connection doesn't wait for them. */
  outliving(now: number): BusyConn[] {
    return Array.from(this.#outliving, ({ conn, number }) => {
      return { ...holderOf(conn as Connection, now), state: "closed", waitsFor: "handler", handling: number, bytes: 0 };
    });
  }

  /** A handler goes on by itself: a drain waits for it, and `busy()` names it. */
  #outlived(exchange: Accounted, handling: Promise<unknown>): void {
    const left = (): void => {
      this.#left(exchange);
      this.#outliving.delete(exchange);
    };
    this.#outliving.add(exchange);
    this.server.waitUntil(Promise.resolve(handling).then(left, left));
  }

  #left(exchange: Accounted): void {
    exchange.running = false;
    this.active--;
    this.limit?.leave();
  }
}

/** The counters go on. */
function snapshotOf({ began, active, received, sent, dropped, ends }: UpgradeStats): UpgradeStats {
  return { began, active, received, sent, dropped, ends };
}
