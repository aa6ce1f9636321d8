/**
 * A reverse proxy: the client's request goes to an upstream, and its answer back, both as they come.
 *
 * @module
 */
import { DeadlineExceeded } from "../../context/mod.ts";
import { OptionError } from "../../errors.ts";
import { addField, latin1, noFields, type OwnFields } from "../../http/answer/fields.ts";
import type { PartSource } from "../../http/answer/passing.ts";
import { reply } from "../../http/answer/reply.ts";
import { statusLine } from "../../http/answer/status.ts";
import type { ResponseHead } from "../../http/client/response_head.ts";
import type { HttpExchange } from "../../http/conn/exchange.ts";
import { exchangeOf, refusalInDrain } from "../../http/conn/upgrade.ts";
import type { HttpContext, HttpResult } from "../../http/http_api.ts";
import { endOf } from "../../sync.ts";
import type { UpstreamAnswer } from "../http/answer.ts";
import { checkTarget } from "../http/call_request.ts";
import { isIdempotent, type Outgoing } from "../http/outgoing.ts";
import { traceLines } from "../http/trace.ts";
import { HttpUpstream } from "../http/upstream.ts";
import type { Upstream } from "../http/upstream_api.ts";
import { PoolClosedError, PoolTimeoutError, UpstreamError } from "../upstream_errors.ts";
import { bodyOf } from "./exchange_body.ts";
import { forwardingLines, isForwarding, viaLine } from "./forwarding.ts";
import { isHopByHop, namedBy, trailerLines } from "./hop_by_hop.ts";
import { PassedOn } from "./passed_on.ts";
import { type ProxyOptions, type ProxyPlan, proxyPlan } from "./proxy_options.ts";
import { join } from "./tunnel.ts";

/** Statuses above are no HTTP (RFC 9110 §15). */
const MAX_STATUS = 599;

/**
 * Passes a request on, and gives the answer for the handler to return. What is for one connection stays behind, the
 * client is told to the upstream, bodies flow both ways as they are taken, and WebSockets are joined. An upstream that
 * has not answered is answered for; one that breaks off in the middle of an answer breaks the client's.
 *
 * @param request That of the handler.
 * @param ctx That of the handler: the call ends with it.
 * @throws {TypeError} `request` is not what a handler of this library got, or its body was read.
 * @throws {OptionError} An option can't be used.
 * @example
 * ```ts ignore
 * const app = upstream("http://127.0.0.1:3000");
 * await run(serveHttp({ port: 8080 }, (request, ctx) => proxy(request, ctx, app)));
 * ```
 */
export function proxy(request: Request, ctx: HttpContext, to: Upstream, options?: ProxyOptions): Promise<HttpResult> {
  const plan = proxyPlan(options);
  const exchange = exchangeOf(request);
  if (exchange === undefined) throw new TypeError("proxy() takes the request that a handler of serveHttp() was given");
  if (!(to instanceof HttpUpstream)) {
    throw new OptionError("upstream", `upstream must be what upstream() has made, got ${String(to)}`);
  }
  return new Passage(exchange, request, ctx, to, plan).run();
}

/** One request through the proxy. */
class Passage implements PartSource {
  readonly #exchange: HttpExchange;
  readonly #request: Request;
  readonly #ctx: HttpContext;
  readonly #to: HttpUpstream;
  readonly #plan: ProxyPlan;
  /** How many more may pass the request on; Infinity if nobody has said. */
  readonly #hops: number;
  #answer: UpstreamAnswer | null = null;

  constructor(exchange: HttpExchange, request: Request, ctx: HttpContext, to: HttpUpstream, plan: ProxyPlan) {
    this.#exchange = exchange;
    this.#request = request;
    this.#ctx = ctx;
    this.#to = to;
    this.#plan = plan;
    this.#hops = hopsOf(exchange);
  }

  async run(): Promise<HttpResult> {
    // Whoever looks for the way asks each on it in turn (RFC 9110 §7.6.2); what TRACE would show is nobody's to see.
    if (this.#hops === 0) return reply(null, { status: this.#exchange.head.method === "TRACE" ? 405 : 204 });
    const outgoing = this.#outgoing();
    if (outgoing.upgrade !== "") {
      const refusal = refusalInDrain(this.#exchange);
      if (refusal !== null) return refusal;
    }
    try {
      const answer = this.#answer = await this.#to.send(outgoing);
      if (answer.status === 101) return await this.#tunnel(answer);
      answer.checkWell();
      if (answer.status > MAX_STATUS) throw this.#wrongStatus(answer);
      return new PassedOn(answer.status, answer.reason, fieldsOf(answer.head), this) as unknown as Response;
    } catch (error) {
      return await this.#failed(error);
    }
  }

  // The request.

  #outgoing(): Outgoing {
    const exchange = this.#exchange;
    const { head } = exchange;
    const { context, keepsHost } = this.#plan;
    const { method } = head;
    const target = this.#target(method);
    const upgrade = this.#upgrade();
    const named = namedBy(head.header("connection"));
    const body = bodyOf(exchange, (name) => this.#staysBehind(name, named));
    return {
      method,
      target,
      host: keepsHost ? exchange.host : null,
      lines: this.#lines(named),
      body,
      expectContinue: head.expectContinue && body !== null && body.whole === null,
      upgrade,
      isIdempotent: isIdempotent(method),
      context: context ?? this.#ctx,
      inform: (interim) => this.#inform(interim),
    };
  }

  #target(method: string): string {
    const { head } = this.#exchange;
    let given = head.target;
    if (head.form === "absolute") given = pathIn(given, method);
    if (this.#plan.target === undefined) return given;
    const target = this.#plan.target(given);
    checkTarget(target, method);
    return target;
  }

  /** The protocol that the client asks for, if it may. */
  #upgrade(): string {
    const { head } = this.#exchange;
    if (!head.upgrade || head.hasBody) return "";
    const asked = (head.header("upgrade") ?? "").split(",").map((name) => name.trim());
    return asked.find((name) => this.#plan.upgrades.includes(name.toLowerCase())) ?? "";
  }

  #lines(named: ReadonlySet<string>): string {
    const exchange = this.#exchange;
    const { head } = exchange;
    const { lines: own, forwarded, via } = this.#plan;
    let lines = "";
    for (const [name, value] of head.fields()) {
      if (this.#staysBehind(name, named)) continue;
      const isCounted = name === "max-forwards" && this.#hops !== Infinity;
      lines += `${name}: ${isCounted ? this.#hops - 1 : value}\r\n`;
    }
    const { remote, scheme, host } = exchange;
    lines += forwardingLines(forwarded, { remote, peer: exchange.conn.remote, scheme, host });
    const takesTrailers = /(?:^|,)\s*trailers\s*(?:,|$)/i.test(head.header("te") ?? "");
    const trailers = takesTrailers ? "connection: te\r\nte: trailers\r\n" : "";
    return lines + own + trailers + viaLine(head.header("via"), head.minor, via) + traceLines(this.#ctx);
  }

  /** A client's field, or trailer, is not the upstream's to hear. @param named Those that Connection names. */
  #staysBehind(name: string, named: ReadonlySet<string>): boolean {
    // Servers that make variables of fields can't tell `x_real_ip` from `x-real-ip`.
    const meant = name.includes("_") ? name.replaceAll("_", "-") : name;
    if (isReplaced(meant) || isForwarding(meant) || this.#plan.sets.has(meant)) return true;
    return isHopByHop(meant, named) || named.has(name);
  }

  // The answer.

  #inform(interim: ResponseHead): void {
    const exchange = this.#exchange;
    // A 100 is the server's own to say, when the body is read.
    if (interim.status === 100 || exchange.head.minor === 0 || exchange.state !== "none" || exchange.done) return;
    exchange.http.inform(interim.status, fieldsOf(interim).lines);
  }

  async #tunnel(answer: UpstreamAnswer): Promise<undefined> {
    const there = answer.takeOver();
    try {
      const here = this.#exchange.switch();
      const { lines } = fieldsOf(answer.head);
      const upgrade = answer.head.header("upgrade");
      this.#exchange.upgrade = (upgrade ?? "").toLowerCase();
      void here.write(latin1(`${statusLine(101)}${lines}connection: Upgrade\r\nupgrade: ${upgrade}\r\n\r\n`));
      await join(here, there);
    } finally {
      there.abort();
    }
  }

  #wrongStatus({ address, status }: UpstreamAnswer): UpstreamError {
    return new UpstreamError("protocol", address, `${address} gave status ${status}, which is none of HTTP`);
  }

  take(): Uint8Array | null | undefined {
    return this.#answer!.take();
  }

  read(): Promise<Uint8Array | null> {
    return this.#answer!.read();
  }

  cancel(reason: unknown): void {
    this.#answer!.cancel(reason);
  }

  trailers(): string {
    return trailerLines(this.#answer!.trailers);
  }

  // Failures.

  async #failed(error: unknown): Promise<HttpResult> {
    this.#answer?.cancel(error);
    const exchange = this.#exchange;
    // Nobody is left to answer, or it is the client's own body that has failed: the server knows what to say.
    if (exchange.done || exchange.state !== "none" || exchange.body?.failed === true) throw error;
    const status = statusOf(error, endOf(this.#plan.context)?.reason);
    if (status === 0) throw error;
    const { server, log } = this.#ctx;
    log.warn("Upstream failed", { server: server.name, upstream: this.#to.name, error });
    const { onError } = this.#plan;
    if (onError !== undefined) return await onError(error, this.#request, this.#ctx);
    const headers: Record<string, string> = status === 503 ? { "retry-after": "1" } : {};
    return reply(`${TEXTS[status]}\n`, { status, headers });
  }
}

const TEXTS: Readonly<Record<number, string>> = {
  502: "the upstream fails",
  503: "the upstream is busy",
  504: "the upstream is too slow",
};

/** How a failure is answered for; 0 if it is none of the upstream's. @param ended Why the call's own context ended. */
function statusOf(error: unknown, ended: unknown): number {
  if (error instanceof UpstreamError) return error.failure === "timeout" ? 504 : 502;
  if (error instanceof PoolTimeoutError || error instanceof PoolClosedError) return 503;
  return error === ended && error instanceof DeadlineExceeded ? 504 : 0;
}

/** Max-Forwards, which is for OPTIONS and TRACE alone. */
function hopsOf({ head }: HttpExchange): number {
  const { method } = head;
  if (method !== "OPTIONS" && method !== "TRACE") return Infinity;
  const said = head.header("max-forwards") ?? "";
  return /^\d{1,9}$/.test(said) ? Number(said) : Infinity;
}

/** Fields that are written anew. */
function isReplaced(name: string): boolean {
  switch (name) {
    case "host":
    case "content-length":
    case "expect":
    case "via":
    case "traceparent":
    case "tracestate":
      return true;
    default:
      return false;
  }
}

/** The fields of an answer that go on. */
function fieldsOf(head: ResponseHead): OwnFields {
  const own = noFields();
  const named = namedBy(head.header("connection"));
  for (const [name, value] of head.headers()) if (!isHopByHop(name, named)) addField(own, name, value);
  return own;
}

/** Path and query of an absolute target; of one without either, OPTIONS is about the server itself (RFC 9112 §3.2.4). */
function pathIn(target: string, method: string): string {
  const start = target.indexOf("/", target.indexOf("//") + 2);
  const query = target.indexOf("?");
  if (start >= 0 && (query < 0 || start < query)) return target.slice(start);
  if (query >= 0) return `/${target.slice(query)}`;
  return method === "OPTIONS" ? "*" : "/";
}
