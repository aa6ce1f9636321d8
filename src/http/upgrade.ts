/**
 * From a request to a WebSocket: the one place in HTTP that knows WebSockets.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { checkNames } from "../names.ts";
import { formatAddress } from "../server/address.ts";
import type { Connection } from "../server/connection.ts";
import { FrameEncoder } from "../websocket/codec/mod.ts";
import { canCompress, type DeflateParams, PerMessageDeflate } from "../websocket/deflate/mod.ts";
import {
  checkUpgrade,
  type UpgradeAnswer,
  type UpgradeRefusal,
  type UpgradeRequest,
} from "../websocket/handshake/server.ts";
import {
  farewellOptions,
  handshakeOptions,
  type ServerHandshakeOptions,
  WEBSOCKET_NAMES,
  webSocketLimits,
} from "../websocket/options.ts";
import { serveWebSocket } from "../websocket/serve.ts";
import type { WebSocketSettings } from "../websocket/settings.ts";
import type { WebSocketHandler, WebSocketOptions } from "../websocket/types.ts";
import { WsConn } from "../websocket/ws_conn.ts";
import { HttpError } from "./errors.ts";
import type { HttpExchange } from "./exchange.ts";
import { fieldsOf, isAscii, latin1 } from "./fields.ts";
import { reply } from "./reply.ts";
import type { HttpService } from "./service.ts";
import { statusLine } from "./status.ts";
import { UpgradeResponse } from "./upgrade_response.ts";

const SWITCHING_PROTOCOLS = 101;
const FORBIDDEN = 403;
const ACCEPT = "sec-websocket-accept";
const HANDSHAKE = ["connection", "upgrade", ACCEPT, "sec-websocket-protocol", "sec-websocket-extensions"];

/** Where no options are given. */
const DEFAULTS: WebSocketOptions = {};

/** Options, checked. */
interface Checked {
  readonly settings: WebSocketSettings;
  readonly handshake: ServerHandshakeOptions;
}

/** The WebSockets of one server: what they share, made once for each object of options. */
export class WebSocketUpgrades {
  readonly #service: HttpService;
  readonly #encoder: FrameEncoder = new FrameEncoder("server");
  readonly #known: WeakMap<WebSocketOptions, Checked> = new WeakMap();

  constructor(service: HttpService) {
    this.#service = service;
  }

  /** Answers the handshake, when the handler returns what this gives. @throws {OptionError} An option can't be used. */
  upgrade(exchange: HttpExchange, handler: WebSocketHandler, options: WebSocketOptions = DEFAULTS): Response {
    if (typeof handler !== "function") {
      throw new OptionError("handler", `upgradeWebSocket() needs a function to serve with, got ${typeof handler}`);
    }
    const { settings, handshake } = this.#check(options);
    exchange.checkFree("upgradeWebSocket()");
    if (exchange.http.conn.isParting) return this.#tooLate();
    const answer = checkUpgrade(requestOf(exchange), handshake);
    if ("status" in answer) return this.#refusal(exchange, answer);
    const response = new UpgradeResponse(answer.lines + answer.extra);
    // It is called in the context of this moment, as if it were called here.
    const isolated = this.#service.server.adapter!.isolate?.() ?? ((run, given) => run(given));
    exchange.upgrading = {
      // A copy has the same fields, and the accept field is this handshake's alone.
      takes: (given) => given === asResponse(response) || given?.headers?.get?.(ACCEPT) === answer.accept,
      begin: (given) => {
        if (exchange.http.conn.isParting) return false;
        const isAsMade = given === asResponse(response) && !response.isTouched;
        const ws = this.#begin(exchange, settings, answer, isAsMade ? answer.extra : extraFields(given.headers));
        exchange.http.switched(exchange, isolated(() => serveWebSocket(ws, handler, ws.conn.ctx!), null));
        return true;
      },
      tooLate: () => this.#tooLate(),
    };
    return asResponse(response);
  }

  #begin(exchange: HttpExchange, settings: WebSocketSettings, answer: UpgradeAnswer, extra: string): WsConn {
    const deflate = answer.deflate === null ? null : this.#deflate(answer.deflate, settings);
    const conn = exchange.upgrade();
    // Begun in the lame duck, it is asked to finish when that is over, though its connection was asked already.
    if (this.#service.server.isLameDuck) conn.ctx!.endDraining();
    const text = `${statusLine(SWITCHING_PROTOCOLS)}${answer.lines}${extra}\r\n`;
    void conn.write(isAscii(text) ? text : latin1(text));
    const { protocol, extensions, farewell, beats } = answer;
    const ws = new WsConn(conn, settings, { protocol, extensions, deflate, farewell, beats });
    ws.start();
    return ws;
  }

  #check(options: WebSocketOptions): Checked {
    let checked = this.#known.get(options);
    if (checked === undefined) {
      checkNames("upgradeWebSocket()", options, WEBSOCKET_NAMES);
      const limits = webSocketLimits(options, "server");
      const settings: WebSocketSettings = {
        role: "server",
        limits,
        encoder: this.#encoder,
        manners: farewellOptions(options),
        failed: (what, error, conn) => this.#failed(what, error, conn),
      };
      const handshake = handshakeOptions(options);
      const { adapter } = this.#service.server;
      checked = { settings, handshake: canCompress(adapter!) ? handshake : { ...handshake, compression: null } };
      this.#known.set(options, checked);
    }
    return checked;
  }

  #deflate(params: DeflateParams, { limits }: WebSocketSettings): PerMessageDeflate {
    return new PerMessageDeflate(this.#service.server.adapter!, "server", params, limits.compression!);
  }

  /** A drain lets nobody begin. */
  #tooLate(): Response {
    const error = new HttpError("draining");
    this.#service.refused(error);
    const headers = { "retry-after": String(this.#service.limits.retryAfter) };
    return reply(`${error.message}\n`, { status: error.status, headers });
  }

  /** Whoever set the server up has to hear of an origin that is not let in: to the page it is a failed connection. */
  #refusal(exchange: HttpExchange, refusal: UpgradeRefusal): Response {
    if (refusal.status === FORBIDDEN) {
      const { server } = this.#service;
      const origin = exchange.head.header("origin");
      server.log.warn("Refused a WebSocket for its origin", { server: server.name, origin, host: exchange.host });
    }
    return refusalOf(refusal);
  }

  #failed(what: string, error: unknown, conn: Connection): void {
    const { server } = this.#service;
    server.log.info(what, { server: server.name, conn: conn.id, peer: formatAddress(conn.remote), error });
  }
}

function requestOf(exchange: HttpExchange): UpgradeRequest {
  const { head } = exchange;
  const { method, minor } = head;
  return { method, minor, host: exchange.host, scheme: exchange.scheme, header: (name) => head.header(name) };
}

function refusalOf({ status, headers, message }: UpgradeRefusal): Response {
  return reply(`${message}\n`, { status, headers });
}

function asResponse(response: UpgradeResponse): Response {
  return response as unknown as Response;
}

/** The fields besides the handshake's, middleware's too; of a body there is none. @throws {TypeError} One can't stand in a head. */
function extraFields(headers: Headers): string {
  const rest = new Headers(headers);
  for (const name of [...HANDSHAKE, "content-type"]) rest.delete(name);
  return fieldsOf(rest).lines;
}
