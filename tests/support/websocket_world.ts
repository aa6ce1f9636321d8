/** A server of WebSockets with raw peers and our own clients, in memory and in virtual time. */
import process from "node:process";
import { Dialer, type DrainReport, type Logger, type LogLevel } from "../../mod.ts";
import { upgradeWebSocket } from "../../src/websocket/mod.ts";
import { reply, serveHttp } from "../../src/http/mod.ts";
import { defaultAdapter } from "../../src/runtime.ts";
import type { HandlerContext } from "../../src/server/conn/handler_context.ts";
import { connectWebSocket, type ConnectWebSocketOptions } from "../../src/websocket/client/connect.ts";
import type {
  WebSocketConn,
  WebSocketHandler,
  WebSocketMessage,
  WebSocketOptions,
} from "../../src/websocket/websocket_api.ts";
import { HttpWorld, type HttpWorldOptions } from "./http_world.ts";
import type { NetworkOptions } from "./world.ts";
import { bytesOf, handshake, type RawOptions, RawPeer } from "./ws_raw.ts";

/** Options of the server and, in `ws`, of its WebSockets. */
export interface WsWorldOptions extends HttpWorldOptions {
  ws?: WebSocketOptions;
}

/** One record of the server's log, with its error's class or message. */
export interface Logged {
  readonly level: LogLevel;
  readonly what: string;
  readonly error: unknown;
}

/**
 * A world whose server speaks WebSocket. Its end checks that nothing is left behind, no frame was wrong and no
 * rejection went unheard.
 */
export class WsWorld extends HttpWorld {
  /** The server's WebSockets and their contexts, in the order in which they began. */
  readonly served: WebSocketConn[] = [];
  readonly contexts: HandlerContext[] = [];
  readonly logged: Logged[] = [];
  readonly raws: RawPeer[] = [];
  readonly opened: WebSocketConn[] = [];
  readonly unheard: unknown[] = [];
  readonly #dialer: Dialer;
  readonly #onUnheard = (reason: unknown): void => void this.unheard.push(reason);

  constructor(network: NetworkOptions = {}) {
    super(network);
    this.#dialer = new Dialer({ adapter: this.adapter, clock: this.clock, lingerTimeout: 60_000, keepAlive: 0 });
    process.on("unhandledRejection", this.#onUnheard);
  }

  /** The WebSocket of the only client. */
  get ws(): WebSocketConn {
    return this.served[0];
  }

  get port(): number {
    const { address } = this.server;
    if (address.transport !== "tcp") throw new Error("The server has no port");
    return address.port;
  }

  /** What was logged, without the phases of a drain and what is for people who look for a fault. */
  get log(): string[] {
    const told = this.logged.filter(({ level, what }) => level !== "debug" && !what.startsWith("Drain: "));
    return told.map(({ level, what }) => `${level}: ${what}`);
  }

  /** A raw peer with a WebSocket, or with the server's refusal. */
  async raw(options: RawOptions = {}): Promise<RawPeer> {
    const peer = await this.dial(options);
    for (let i = 0; i < 400 && !peer.head.endsWith("\r\n\r\n") && peer.end === "open"; i++) await this.pass(5);
    return peer;
  }

  /** Raw peers. */
  async many(number: number, options: RawOptions = {}): Promise<RawPeer[]> {
    const peers: RawPeer[] = [];
    for (let i = 0; i < number; i++) peers.push(await this.dial(options));
    await this.pass(1);
    return peers;
  }

  /** A raw peer whose handshake is on its way. */
  async dial(options: RawOptions = {}): Promise<RawPeer> {
    const conn = await this.until(this.#dialer.connect({ port: this.port }), 5000);
    const peer = new RawPeer(conn, () => this.clock.now(), options);
    this.raws.push(peer);
    peer.write(bytesOf(handshake(options.path, options.headers)), options.behind ?? new Uint8Array(0));
    return peer;
  }

  /** A WebSocket of our own client. */
  async connect(options: ConnectWebSocketOptions = {}): Promise<WebSocketConn> {
    const { adapter, clock } = this;
    const ws = await this.until(
      connectWebSocket(`ws://127.0.0.1:${this.port}/`, { adapter, clock, heartbeat: false, ...options }),
    );
    this.opened.push(ws);
    return ws;
  }

  /** Lets time pass in small steps: what takes several turns of the event loop, as a goodbye does, takes no time. */
  override async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms;
    const step = Math.max(5, ms / 400);
    while (this.clock.now() + step < end) await this.#step(step);
    await this.#step(Math.max(0, end - this.clock.now()));
  }

  override async until<T>(promise: Promise<T>, limit = 60_000): Promise<T> {
    let done = false;
    promise.then(() => done = true, () => done = true);
    const end = this.clock.now() + limit;
    await this.clock.settle();
    while (!done && this.clock.now() < end) await this.#step(5);
    if (!done) throw new Error(`Still pending after ${limit} ms of virtual time`);
    return promise;
  }

  async #step(ms: number): Promise<void> {
    await super.pass(ms);
    await this.adapter.settled();
    await this.clock.settle();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const { conn } of [...this.raws, ...this.opened]) conn.abort();
    await this.pass(10 + this.roundTrip);
    await super[Symbol.asyncDispose]();
    await new Promise((resolve) => setTimeout(resolve, 0));
    process.off("unhandledRejection", this.#onUnheard);
    for (const { problem } of this.raws) if (problem !== null) throw problem;
    if (this.unheard.length > 0) throw new Error(`A rejection went unheard: ${String(this.unheard[0])}`);
  }
}

/** Starts a server of WebSockets in a new world; `/plain` is answered with `plain`. */
export async function wsWorld(handler: WebSocketHandler, options: WsWorldOptions = {}): Promise<WsWorld> {
  const { seed, faults, wire, probe: _probe, ws: wsOptions, ...rest } = options;
  const made = new WsWorld({ seed, faults, wire });
  const { deflater, inflater } = await defaultAdapter();
  Object.assign(made.adapter, { deflater, inflater });
  const noted: WebSocketHandler = (ws, ctx) => {
    made.served.push(ws);
    made.contexts.push(ctx);
    return handler(ws, ctx);
  };
  const { adapter, clock } = made;
  const common = { port: 0, hostname: "127.0.0.1", adapter, clock, logger: loggerTo(made.logged) };
  made.server = await serveHttp({ ...common, ...rest }, (request) => {
    return request.url.endsWith("/plain") ? reply("plain") : upgradeWebSocket(request, noted, wsOptions);
  });
  return made;
}

function loggerTo(records: Logged[]): Logger {
  const at = (level: LogLevel) => (what: string, ...[fields]: unknown[]) =>
    records.push({ level, what, error: (fields as { error?: unknown } | undefined)?.error });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), critical: at("critical") };
}

/** Answers each message with itself, from the data callback. */
export const echo: WebSocketHandler = (ws) => ws.forEach((message) => void ws.send(message));

/** Answers each message with itself, one after the other. */
export const echoInTurn: WebSocketHandler = async (ws) => {
  for await (const message of ws) await ws.send(message);
};

/** Notes messages, texts as they are and bytes as `<length>`. */
export function noting(into: string[]): (message: WebSocketMessage) => void {
  return (message) => void into.push(typeof message === "string" ? message : `<${message.length}>`);
}

/** Drains; the report, and when it began. */
export async function drained(w: WsWorld, limit?: number): Promise<{ report: DrainReport; began: number }> {
  const began = w.clock.now();
  return { report: await w.until(w.server.shutdown(), limit), began };
}

/** As `drain`, for raw peers: `since` tells when the Close came, in ms from the drain's beginning. */
export function drainOf(w: WsWorld): { report: Promise<DrainReport>; since: (peer: RawPeer) => number } {
  const began = w.clock.now();
  return { report: w.server.shutdown(), since: (peer) => peer.closedAt - began };
}

/** Sends `0`, and each next number when the one before is answered. */
export function pingPong(peer: RawPeer): void {
  let at = 0;
  peer.onMessage = () => peer.close === null && peer.send(`${++at}`);
  peer.send("0");
}
