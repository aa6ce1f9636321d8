/**
 * From a request of an HTTP server to a WebSocket.
 *
 * @module
 */
import { formatAddress } from "../../address.ts";
import { nameOf } from "../../bytes.ts";
import { OptionError } from "../../errors.ts";
import type { HttpExchange } from "../../http/conn/exchange.ts";
import { exchangeOf, refusalInDrain, switchingTo } from "../../http/conn/upgrade.ts";
import { reply } from "../../http/mod.ts";
import { checkNames } from "../../names.ts";
import type { Connection } from "../../server/conn/connection.ts";
import { Decoders, FrameEncoder } from "../codec/mod.ts";
import { WebSocketCounts } from "../conn/counts.ts";
import type { WebSocketAgreement, WebSocketSettings } from "../conn/settings.ts";
import { WsConn } from "../conn/ws_conn.ts";
import { canCompress, PerMessageDeflate } from "../deflate/mod.ts";
import type { ServerHandshakeOptions } from "../handshake/handshake_options.ts";
import { checkUpgrade, type UpgradeAnswer, type UpgradeRefusal, type UpgradeRequest } from "../handshake/server.ts";
import { farewellOptions, handshakeOptions, WEBSOCKET_NAMES, webSocketLimits } from "../websocket_options.ts";
import type { WebSocketHandler, WebSocketOptions } from "../websocket_api.ts";
import { serveWebSocket } from "./run_handler.ts";

/** By this name metrics and logs know it. */
const PROTOCOL = "websocket";
const FORBIDDEN = 403;
const ACCEPT = "sec-websocket-accept";
/** Fields that are the handshake's. */
const OWN = [ACCEPT, "sec-websocket-protocol", "sec-websocket-extensions"];

/** Where no options are given. */
const DEFAULTS: WebSocketOptions = {};

type HttpService = HttpExchange["http"]["service"];

/** Options, checked. */
interface Checked {
  readonly settings: WebSocketSettings;
  readonly handshake: ServerHandshakeOptions;
}

/** What most have agreed on: nothing. */
const PLAIN: WebSocketAgreement = { protocol: "", extensions: "", deflate: null, farewell: false, beats: false };

/** What the WebSockets of one server share, made once for all whose options say the same, as far as can be told. */
class Shared {
  readonly #service: HttpService;
  readonly #encoder: FrameEncoder = new FrameEncoder("server");
  readonly #counts: WebSocketCounts = new WebSocketCounts();
  readonly #known: WeakMap<WebSocketOptions, Checked> = new WeakMap();
  /** The last that were checked, as they were then: most programs write them down anew for each request. */
  #last: readonly [options: WebSocketOptions, checked: Checked] | null = null;
  /** What was agreed on last, without a compressor: most agree on the same. */
  #agreed: WebSocketAgreement = PLAIN;

  constructor(service: HttpService) {
    this.#service = service;
    service.upgrades.set(PROTOCOL, this.#counts);
  }

  /** @throws {OptionError} An option can't be used. */
  check(options: WebSocketOptions): Checked {
    const known = this.#known.get(options);
    if (known !== undefined) return known;
    if (this.#last !== null && saysTheSame(options, this.#last[0])) return this.#last[1];
    const checked = this.#check(options);
    this.#known.set(options, checked);
    this.#last = [{ ...options }, checked];
    return checked;
  }

  #check(options: WebSocketOptions): Checked {
    checkNames("upgradeWebSocket()", options, WEBSOCKET_NAMES);
    const limits = webSocketLimits(options, "server");
    const settings: WebSocketSettings = {
      role: "server",
      limits,
      encoder: this.#encoder,
      decoders: new Decoders({ role: "server", ...limits }),
      manners: farewellOptions(options),
      counts: this.#counts,
      ended: ({ code, error }, conn, openedAt) => {
        const duration = conn.host.clock.now() - openedAt;
        this.#service.upgradeEnded({ protocol: PROTOCOL, conn, duration, code, error });
      },
      failed: (what, error, conn) => this.#failed(what, error, conn),
    };
    const handshake = handshakeOptions(options);
    const { adapter } = this.#service.server;
    return { settings, handshake: canCompress(adapter!) ? handshake : { ...handshake, compression: null } };
  }

  /** What was agreed on; one object for all who agree on the same. */
  agree(answer: UpgradeAnswer, deflate: PerMessageDeflate | null): WebSocketAgreement {
    const { protocol, extensions, farewell, beats } = answer;
    const last = this.#agreed;
    const isSame = last.protocol === protocol && last.extensions === extensions;
    if (deflate === null && isSame && last.farewell === farewell && last.beats === beats) return last;
    const agreed: WebSocketAgreement = { protocol, extensions, deflate, farewell, beats };
    if (deflate === null) this.#agreed = agreed;
    return agreed;
  }

  #failed(what: string, error: unknown, conn: Connection): void {
    const { server } = this.#service;
    server.log.info(what, { server: server.name, conn: conn.id, peer: formatAddress(conn.remote), error });
  }
}

/** What is nested may have changed behind the same name, so only bare values and functions are compared. */
function saysTheSame(options: WebSocketOptions, last: WebSocketOptions): boolean {
  let names = 0;
  for (const name in options) {
    const value = options[name as keyof WebSocketOptions];
    if ((typeof value === "object" && value !== null) || !Object.hasOwn(last, name)) return false;
    if (value !== last[name as keyof WebSocketOptions]) return false;
    names++;
  }
  return names === Object.keys(last).length;
}

const SHARED: WeakMap<HttpService, Shared> = new WeakMap();

function sharedOf(service: HttpService): Shared {
  let found = SHARED.get(service);
  if (found === undefined) SHARED.set(service, found = new Shared(service));
  return found;
}

/**
 * The exchange that a request belongs to.
 *
 * @param what Who needs it, for the message.
 * @throws {TypeError} The request has no connection: it is a copy, or another server's.
 */
export function exchangeFor(what: string, request: Request): HttpExchange {
  const exchange = exchangeOf(request);
  if (exchange !== undefined) return exchange;
  const got = `got ${nameOf(request)}; a copy of it has no connection`;
  throw new TypeError(`${what} needs the request that the handler of serveHttp() was given, ${got}`);
}

/**
 * Answers a WebSocket's handshake (RFC 6455 §4.2) and serves it with `handler`: return the `Response` that it gives, of
 * status 101. The handshake's answer leaves when the HTTP handler returns it, with the fields that middleware has added,
 * on it or on a copy; whoever returns another answer refuses the WebSocket. A request that is no handshake is answered
 * with 400, 403, 405 or 426, and with 503 in a drain. The request's context lives as long as the WebSocket.
 *
 * @param request The one that the handler of `serveHttp()` was given, or a framework handed on (Hono: `c.req.raw`).
 * @example
 * ```ts
 * await serveHttp({ port: 8080 }, (request) =>
 *   upgradeWebSocket(request, async (ws) => {
 *     for await (const message of ws) await ws.send(message);
 *   }));
 * ```
 * @throws {TypeError} The request has no connection: it is a copy, or another server's.
 * @throws {OptionError} An option can't be used.
 * @throws {SluiceError} The request is answered already, or its connection is gone.
 */
export function upgradeWebSocket(
  request: Request,
  handler: WebSocketHandler,
  options: WebSocketOptions = DEFAULTS,
): Response {
  const exchange = exchangeFor("upgradeWebSocket()", request);
  if (typeof handler !== "function") {
    throw new OptionError("handler", `upgradeWebSocket() needs a function to serve with, got ${typeof handler}`);
  }
  const shared = sharedOf(exchange.http.service);
  const { settings, handshake } = shared.check(options);
  exchange.checkFree("upgradeWebSocket()");
  const late = refusalInDrain(exchange);
  if (late !== null) return late;
  const answer = checkUpgrade(requestOf(exchange), handshake);
  if ("status" in answer) return refusal(exchange, answer);
  return switchingTo({
    name: PROTOCOL,
    lines: answer.lines,
    extra: answer.extra,
    owns: OWN,
    proof: [ACCEPT, answer.accept],
    take: (handOver) => {
      const deflate = deflateFor(exchange.http.service, settings, answer);
      const ws = new WsConn(handOver(), settings, shared.agree(answer, deflate));
      ws.start();
      return (takeover) => serveWebSocket(ws, handler, takeover);
    },
  }, exchange);
}

function deflateFor(
  { server }: HttpService,
  { limits }: WebSocketSettings,
  { deflate }: UpgradeAnswer,
): PerMessageDeflate | null {
  return deflate === null ? null : new PerMessageDeflate(server.adapter!, "server", deflate, limits.compression!);
}

/** Whoever set the server up has to hear of an origin that is not let in: to the page it is a failed connection. */
function refusal(exchange: HttpExchange, { status, headers, message }: UpgradeRefusal): Response {
  if (status === FORBIDDEN) {
    const { server } = exchange.http.service;
    const origin = exchange.head.header("origin");
    exchange.log.warn("Refused a WebSocket for its origin", { server: server.name, origin, host: exchange.host });
  }
  return reply(`${message}\n`, { status, headers });
}

function requestOf(exchange: HttpExchange): UpgradeRequest {
  const { head } = exchange;
  const { method, minor } = head;
  return { method, minor, host: exchange.host, scheme: exchange.scheme, header: (name) => head.header(name) };
}
