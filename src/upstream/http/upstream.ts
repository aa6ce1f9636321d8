/**
 * Calls to an upstream: which address, which connection, and when a second time.
 *
 * @module
 */
import type { ContextParent } from "../../context/mod.ts";
import { endOf } from "../../sync.ts";
import type { ConnLoan } from "../pool/loan.ts";
import type { PoolReport } from "../pool/pool_api.ts";
import { PoolClosedError, PoolTimeoutError, UpstreamError, type UpstreamFailure } from "../upstream_errors.ts";
import type { UpstreamAnswer } from "./answer.ts";
import type { Call, CallEnd } from "./call.ts";
import { requestOf } from "./call_request.ts";
import type { ClientConn } from "./client_conn.ts";
import type { Outgoing } from "./outgoing.ts";
import { nextTarget, Target } from "./target.ts";
import type { CallOptions, Upstream, UpstreamAddress, UpstreamOptions, UpstreamStats } from "./upstream_api.ts";
import { type UpstreamLimits, upstreamLimits } from "./upstream_options.ts";

const FAILURES: readonly UpstreamFailure[] = ["connect", "closed", "truncated", "protocol", "timeout", "body"];
const NOBODY: ReadonlySet<Target> = new Set();

type ClientLoan = ConnLoan<ClientConn>;

/** Where a call is. */
interface Attempt {
  readonly target: Target;
  /** It finds out whether the address is well. */
  readonly isTrial: boolean;
  /** No used connection will do. */
  readonly fresh: boolean;
}

/**
 * Makes an upstream of one address or several: HTTP/1.1 on connections of this library, the same on all runtimes.
 *
 * @param addresses Origins, such as `http://10.0.0.7:8080`, with weights where they differ.
 * @throws {OptionError} An address or an option can't be used.
 * @example
 * ```ts ignore
 * const prices = upstream(["http://10.0.0.7:8080", { url: "http://10.0.0.8:8080", weight: 3 }]);
 * const answer = await prices.fetch("/prices/tea", { context: ctx });
 * ```
 */
export function upstream(
  addresses: string | URL | UpstreamAddress | readonly (string | URL | UpstreamAddress)[],
  options: UpstreamOptions = {},
): Upstream {
  return new HttpUpstream(upstreamLimits(addresses, options));
}

/** The upstream behind `upstream()`, with what a proxy needs besides. */
export class HttpUpstream implements Upstream {
  readonly name: string;
  readonly #limits: UpstreamLimits;
  readonly #targets: readonly Target[];
  readonly #statuses = [0, 0, 0, 0, 0, 0];
  readonly #failures: Record<UpstreamFailure, number>;
  #calls = 0;
  #retries = 0;
  #cancelled = 0;

  constructor(limits: UpstreamLimits) {
    this.name = limits.name;
    this.#limits = limits;
    this.#targets = limits.places.map((place) => new Target(place, limits));
    this.#failures = Object.fromEntries(FAILURES.map((failure) => [failure, 0])) as Record<UpstreamFailure, number>;
  }

  get stats(): UpstreamStats {
    const [, ones, twos, threes, fours, fives] = this.#statuses;
    return {
      calls: this.#calls,
      active: this.#targets.reduce((sum, { active }) => sum + active, 0),
      retries: this.#retries,
      statuses: { "1xx": ones, "2xx": twos, "3xx": threes, "4xx": fours, "5xx": fives },
      failures: { ...this.#failures },
      cancelled: this.#cancelled,
      addresses: this.#targets.map(({ stats }) => stats),
    };
  }

  request(target: string, options: CallOptions = {}): Promise<UpstreamAnswer> {
    return this.send(requestOf(target, options));
  }

  fetch(target: string, options: CallOptions = {}): Promise<Response> {
    const request = requestOf(target, options);
    return this.send(request).then((answer) => responseOf(answer, request.method));
  }

  async drain(ctx?: ContextParent): Promise<readonly PoolReport[]> {
    return await Promise.all(this.#targets.map(({ pool }) => pool.drain(ctx)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.drain();
  }

  /** Sends what was checked. */
  async send(request: Outgoing): Promise<UpstreamAnswer> {
    this.#calls++;
    let tried = NOBODY;
    let attempt = this.#begin(nextTarget(this.#targets, tried, this.#limits.clock.now())!, false);
    for (;; this.#retries++) {
      const { target } = attempt;
      const found = this.#connect(request, attempt);
      const loan = found instanceof Promise ? await found : found;
      if (loan instanceof UpstreamError) {
        tried = new Set([...tried, target]);
        const other = nextTarget(this.#targets, tried, this.#limits.clock.now());
        if (other === null) return this.#giveUp(request, loan);
        attempt = this.#begin(other, false);
        continue;
      }
      // It ended on its way from the pool to here, in another microtask: nothing was sent.
      if (loan.conn.isGone && !attempt.fresh) {
        loan.discard();
        attempt = { ...attempt, fresh: true };
        continue;
      }
      const call = this.#call(request, attempt, loan);
      try {
        const answer = await call.answered;
        this.#answered(attempt, answer);
        return answer;
      } catch (error) {
        if (attempt.fresh || !mayRepeat(call, loan)) return this.#giveUp(request, error);
        attempt = this.#begin(target, true);
      }
    }
  }

  #begin(target: Target, fresh: boolean): Attempt {
    return { target, fresh, isTrial: target.health.begin(this.#limits.clock.now()) };
  }

  /** A connection, or why there is none to this address. @throws It is not the address that is to blame. */
  #connect(request: Outgoing, { target, fresh, isTrial }: Attempt): ClientLoan | Promise<ClientLoan | UpstreamError> {
    const { context } = request;
    const loan = fresh || endOf(context) !== null || target.pool.state !== "open" ? null : target.pool.tryAcquire();
    if (loan !== null) return loan;
    return target.pool.acquire(context, fresh).catch((error: unknown) => {
      const isOurs = error instanceof PoolTimeoutError || error instanceof PoolClosedError;
      if (isOurs || endOf(context)?.reason === error) {
        if (isTrial) target.health.unknown();
        if (!isOurs) this.#cancelled++;
        return this.#giveUp(request, error);
      }
      const { origin } = target.place;
      this.#failures.connect++;
      this.#bad(target, isTrial);
      return new UpstreamError("connect", origin, `No connection to ${origin}`, { cause: error });
    });
  }

  #giveUp(request: Outgoing, error: unknown): never {
    request.body?.cancel(error);
    throw error;
  }

  #call(request: Outgoing, attempt: Attempt, loan: ClientLoan): Call {
    const { target } = attempt;
    target.active++;
    target.calls++;
    const call: Call = loan.conn.send(request, (end) => this.#ended(call, attempt, loan, end));
    return call;
  }

  #answered({ target, isTrial }: Attempt, { status }: UpstreamAnswer): void {
    this.#statuses[Math.min(5, Math.floor(status / 100))]++;
    if (this.#limits.isFailure(status)) this.#bad(target, isTrial);
    else target.health.well(isTrial);
  }

  #ended(call: Call, { target, isTrial }: Attempt, loan: ClientLoan, end: CallEnd): void {
    const { isReusable, isFault, reason } = end;
    target.active--;
    if (isReusable) loan.release();
    else loan.discard(reason);
    if (reason === undefined) return;
    if (reason instanceof UpstreamError) this.#failures[reason.failure]++;
    else this.#cancelled++;
    // That a server closes what nobody uses says nothing of how it is.
    if (isFault && !isStale(call, loan)) this.#bad(target, isTrial);
    else if (isTrial && target.health.state === "trial") target.health.unknown();
  }

  /** Never the last one: somebody has to be asked. */
  #bad(target: Target, isTrial: boolean): void {
    const mayEject = this.#targets.some((other) => other !== target && other.health.state === "in");
    target.failures++;
    target.health.bad(isTrial, this.#limits.clock.now(), mayEject);
  }
}

/** It died before it got anything, on a connection that had been used: the upstream had closed it meanwhile. */
function isStale(call: Call, loan: ClientLoan): boolean {
  return loan.uses > 0 && call.gotNothing;
}

/** Nothing of an answer came, nothing of the body is lost, and doing it twice does no harm (RFC 9110 §9.2.2). */
function mayRepeat(call: Call, loan: ClientLoan): boolean {
  const { request, failure } = call;
  const isClosed = failure instanceof UpstreamError && failure.failure === "closed";
  return isClosed && isStale(call, loan) && request.isIdempotent && request.body?.isUsed !== true;
}

function responseOf(answer: UpstreamAnswer, method: string): Response {
  try {
    return answer.response(method === "HEAD");
  } catch (cause) {
    const { address, status } = answer;
    const error = new UpstreamError(
      "protocol",
      address,
      `${address} gave status ${status}, of which no Response can be made`,
      { cause },
    );
    answer.cancel(error);
    throw error;
  }
}
