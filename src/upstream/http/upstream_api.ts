/**
 * What users see of an upstream.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { ContextParent } from "../../context/mod.ts";
import type { TlsConnectOptions } from "../../endpoint.ts";
import type { ResponseHead } from "../../http/client/response_head.ts";
import type { HeaderFields } from "../../http/http_api.ts";
import type { Logger } from "../../log.ts";
import type { Adapter } from "../../platform.ts";
import type { PoolReport, PoolStats } from "../pool/pool_api.ts";
import type { UpstreamFailure } from "../upstream_errors.ts";
import type { UpstreamAnswer } from "./answer.ts";
import type { HealthState } from "./health_states.ts";
import type { UpstreamBody } from "./outgoing_body.ts";

/** One of the places where an upstream is. */
export interface UpstreamAddress {
  /** Its origin, such as `http://10.0.0.7:8080` or `https://api.example`. */
  readonly url: string | URL;
  /** Its share of the calls, beside those of the others. @default 1 */
  readonly weight?: number;
  /** Path of a Unix socket to connect to; the url's host is what is asked for there. @default none */
  readonly socketPath?: string;
}

/** Everything `upstream()` takes; durations in ms. */
export interface UpstreamOptions {
  /** Name in logs, pools and metrics. @default the first address's host */
  name?: string;
  /** Connections to each address at the most. @default 100 */
  max?: number;
  /** Idle connections to each address that are kept ready. @default 0 */
  minIdle?: number;
  /**
   * A connection that nobody used for so long is closed; it must be below the upstream's own (Node's is 5000). 0 for
   * never. @default 4000
   */
  idleTimeout?: number;
  /** Age at which a connection is replaced, once no call is on it; 0 for never. @default 300000 */
  maxLifetime?: number;
  /** Longest wait for a connection while all are in use; 0 for none. @default 5000 */
  acquireTimeout?: number;
  /** Longest time to make a connection, TLS included; 0 for none. @default 5000 */
  connectTimeout?: number;
  /** Longest time from a request's last byte to its answer's head; 0 for none. @default 30000 */
  headTimeout?: number;
  /** Longest silence in the middle of an answer that is being read; 0 for none. @default 30000 */
  bodyTimeout?: number;
  /** How long a body with `expectContinue` waits for a 100 before it is sent all the same. @default 1000 */
  continueTimeout?: number;
  /** Longest head of an answer, in bytes. @default 65536 */
  maxHeadBytes?: number;
  /** Whoever reads an answer for longer is named in a warning, with the place of the call; 0 for never. @default 0 */
  leakWarning?: number;
  /** Failures one after the other that take an address out, as long as another is in. @default 5 */
  failures?: number;
  /** How long it is out, the first time; each one after it is that much longer, up to ten times. @default 10000 */
  ejectFor?: number;
  /** Whether an answer counts as a failure of its address. @default 502, 503 and 504 do */
  isFailure?: (status: number) => boolean;
  /** How to check and greet addresses that begin with `https:`. @default the runtime's own authorities */
  tls?: TlsConnectOptions;
  /** Where records go. @default JSON lines on stderr */
  logger?: Logger;
  /** The runtime's sockets. @default the runtime that runs this */
  adapter?: Adapter;
  /** Time, for tests. @default the machine's */
  clock?: Clock;
}

/** One call. */
export interface CallOptions {
  /** The method. @default "GET" */
  readonly method?: string;
  /** Fields; those of the connection are the upstream's own to say. @default none */
  readonly headers?: HeaderFields;
  /** The body. @default none */
  readonly body?: UpstreamBody | null;
  /**
   * Whose call it is: it ends with this context, and passes its `traceparent` on. A handler's `ctx` ends when its client
   * leaves. @default nobody's
   */
  readonly context?: ContextParent;
  /** May be sent a second time on a fresh connection, when a used one died before it got anything. @default by the method */
  readonly idempotent?: boolean;
  /** Sends the body when the upstream says that it wants it (RFC 9110 §10.1.1). @default false */
  readonly expectContinue?: boolean;
  /** Asks for another protocol; with a 101 the answer has the connection. @default none */
  readonly upgrade?: string;
  /** Hears of interim answers, such as 103 (Early Hints). @default none */
  readonly inform?: (head: ResponseHead) => void;
}

/** Counts of one address. */
export interface AddressStats {
  /** Its origin. */
  readonly address: string;
  /** Whether it is asked. */
  readonly state: HealthState;
  /** Its share. */
  readonly weight: number;
  /** Calls on it now. */
  readonly active: number;
  /** Calls since. */
  readonly calls: number;
  /** Those that failed, and it was to blame. */
  readonly failures: number;
  /** How often it was taken out. */
  readonly ejections: number;
  /** Its connections. */
  readonly pool: PoolStats;
}

/** Counts of an upstream, since it began. */
export interface UpstreamStats {
  /** Calls. */
  readonly calls: number;
  /** Calls now. */
  readonly active: number;
  /** Calls that were sent again, on a fresh connection or to another address. */
  readonly retries: number;
  /** Answers, by the first digit of their status. */
  readonly statuses: Readonly<Record<"1xx" | "2xx" | "3xx" | "4xx" | "5xx", number>>;
  /** Calls without a whole answer, by what happened. */
  readonly failures: Readonly<Record<UpstreamFailure, number>>;
  /** Calls that their context has ended. */
  readonly cancelled: number;
  /** Each address. */
  readonly addresses: readonly AddressStats[];
}

/** Where calls go. */
export interface Upstream extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** Counts, for metrics. */
  readonly stats: UpstreamStats;
  /**
   * Calls, and gives the answer as it is: no redirect is followed and nothing is decoded.
   *
   * @param target Path and query, from the first `/` on.
   * @throws {OptionError} Synchronously: `target` or an option can't be used.
   * @throws {TypeError} Synchronously: a field can't stand in a head.
   * @throws {UpstreamError} There is no answer.
   * @throws {PoolTimeoutError} All connections are in use, for longer than `acquireTimeout`.
   * @throws The context's cause.
   */
  request(target: string, options?: CallOptions): Promise<UpstreamAnswer>;
  /** The same with the web's `Response`. */
  fetch(target: string, options?: CallOptions): Promise<Response>;
  /** Waits for calls under way, and closes all connections: a hook that is registered first comes last. */
  drain(ctx?: ContextParent): Promise<readonly PoolReport[]>;
}
