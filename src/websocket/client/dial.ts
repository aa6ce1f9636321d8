/**
 * A client's way to a connection whose handshake is done.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import { afterFunc, background, type ContextParent, withTimeout } from "../../context/mod.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { defaultAdapter } from "../../runtime.ts";
import type { Conn } from "../../server/conn/conn.ts";
import { type ConnectOptions, Dialer } from "../../server/connect.ts";
import { duration, text } from "../../validate.ts";
import type { TlsConnectOptions } from "../../endpoint.ts";
import type { Adapter } from "../../platform.ts";
import { canCompress } from "../deflate/mod.ts";
import { HandshakeError } from "../websocket_errors.ts";
import { AnswerHead } from "../handshake/answer_head.ts";
import { type Agreement, checkAnswer, type HandshakeRequest, makeRequest } from "../handshake/client.ts";
import { kindOf } from "../fields.ts";
import { parseTarget, type WebSocketTarget } from "../handshake/url.ts";
import { clientHandshakeOptions, LIMIT_NAMES, type WebSocketLimits, webSocketLimits } from "../websocket_options.ts";
import type { WebSocketLimitOptions } from "../websocket_api.ts";

/** Everything `connectWebSocket()` takes. */
export interface ConnectWebSocketOptions extends WebSocketLimitOptions {
  /** Subprotocols to offer, most wanted first. @default none */
  readonly protocols?: readonly string[];
  /** The Origin to send, as a page's would be, such as `"https://app.example"`. @default none */
  readonly origin?: string;
  /** Fields to add to the request. @default none */
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest wait in ms for connection, TLS and the server's answer together, 0 for none. @default 10000 */
  readonly handshakeTimeout?: number;
  /** Path of a Unix socket to connect to; the url's host is what is asked for there. @default none */
  readonly socketPath?: string;
  /** How to check and greet a server whose url begins with `wss:`. @default the runtime's own authorities */
  readonly tls?: TlsConnectOptions;
  /** Gives up when it ends; without effect once the WebSocket is open. @default none */
  readonly context?: ContextParent;
  /** Shares its timer and its write batch: for programs that hold many. @default one of its own */
  readonly dialer?: Dialer;
  /** The runtime's sockets. @default the runtime that runs this */
  readonly adapter?: Adapter;
  /** Time, for tests. @default the machine's */
  readonly clock?: Clock;
}

const NAMES: Names<ConnectWebSocketOptions> = {
  ...LIMIT_NAMES,
  protocols: true,
  origin: true,
  headers: true,
  handshakeTimeout: true,
  socketPath: true,
  tls: true,
  context: true,
  dialer: true,
  adapter: true,
  clock: true,
};

/** A connection that speaks WebSocket from its next byte on. */
export interface Dialled {
  readonly conn: Conn;
  readonly agreement: Agreement;
  readonly limits: WebSocketLimits;
  readonly adapter: Adapter;
}

/** A slow TLS handshake over a bad line takes seconds; the answer to it one round trip. */
const HANDSHAKE_TIMEOUT = 10_000;

/** What is spoken inside of TLS (RFC 7301): a server that prefers another protocol would not answer. */
const ALPN: readonly string[] = ["http/1.1"];

/**
 * Connects and shakes hands. A failure leaves nothing open.
 *
 * @throws {OptionError} The url or an option can't be used.
 * @throws {ConnectError} Refused, unreachable, timed out, or the name or certificate is wrong.
 * @throws {HandshakeError} The server doesn't answer, or not as a WebSocket server.
 */
export async function dialWebSocket(address: string | URL, options: ConnectWebSocketOptions): Promise<Dialled> {
  checkNames("connectWebSocket()", options, NAMES);
  const limits = webSocketLimits(options, "client");
  const target = parseTarget(address);
  const handshake = clientHandshakeOptions(options);
  const where = destination(target, options);
  const timeout = duration("handshakeTimeout", options.handshakeTimeout, HANDSHAKE_TIMEOUT);
  const clock = options.clock ?? systemClock;
  const parent = options.context ?? background(clock);
  const end = timeout === 0 ? Infinity : clock.now() + timeout;
  const adapter = options.adapter ?? await defaultAdapter();
  const request = makeRequest(target, canCompress(adapter) ? handshake : { ...handshake, compression: null });
  const dialer = options.dialer ?? new Dialer({ clock });
  const conn = await dialer.connect({ ...where, connectTimeout: timeout, context: parent, adapter });
  const late = new HandshakeError(0, `No answer to the handshake within ${timeout} ms: is it a WebSocket server?`, {
    failure: "timeout",
  });
  const agreement = await shakeHands(conn, request, parent, end - clock.now(), late);
  return { conn, agreement, limits, adapter };
}

function destination(target: WebSocketTarget, options: ConnectWebSocketOptions): ConnectOptions {
  const { socketPath, tls } = options;
  if (tls !== undefined && (typeof tls !== "object" || tls === null)) {
    throw new OptionError("tls", `tls must be an object such as { ca }, got ${kindOf(tls)}`);
  }
  if (tls !== undefined && !target.secure) {
    throw new OptionError("tls", `tls goes with a url that begins with wss:, got the host ${target.host} without`);
  }
  const secured = target.secure ? { serverName: target.hostname, alpnProtocols: ALPN, ...tls } : false;
  if (socketPath !== undefined) return { path: text("socketPath", socketPath, ""), tls: secured };
  return { hostname: target.hostname, port: target.port, tls: secured };
}

async function shakeHands(
  conn: Conn,
  request: HandshakeRequest,
  parent: ContextParent,
  limit: number,
  late: HandshakeError,
): Promise<Agreement> {
  const [ctx, cancel] = withTimeout(parent, limit, late);
  const stop = afterFunc(ctx, () => conn.abort(ctx.cause()));
  try {
    const agreement = await exchange(conn, request);
    if (!stop()) throw ctx.cause();
    return agreement;
  } catch (error) {
    const cause = ctx.err() === null ? error : ctx.cause();
    stop();
    conn.abort(cause);
    throw cause;
  } finally {
    cancel();
  }
}

/** Sends the request and reads the answer's head; what came behind it is left on the connection. */
async function exchange(conn: Conn, request: HandshakeRequest): Promise<Agreement> {
  conn.write(request.text).catch(() => {
    // The read hears of it, too.
  });
  const head = new AnswerHead();
  for (let began = false;; began = true) {
    const chunk = await nextChunk(conn);
    if (chunk === null) {
      throw new HandshakeError(0, `The server closed the connection ${without(began)}`, { failure: "closed" });
    }
    if (!head.feed(chunk)) continue;
    const agreement = checkAnswer(head, request);
    conn.release(head.rest);
    return agreement;
  }
}

async function nextChunk(conn: Conn): Promise<Uint8Array | null> {
  try {
    return await conn.read();
  } catch (cause) {
    const message = "The server dropped the connection before its answer was complete";
    throw new HandshakeError(0, message, { failure: "closed", cause });
  }
}

function without(began: boolean): string {
  return began ? "in the middle of its answer" : "without an answer: does this port speak HTTP, and without TLS?";
}
