/** An HTTP server and raw clients in memory and in virtual time. */
import { type Conn, Dialer, type DrainReport, type ShutdownOptions } from "../../mod.ts";
import { type HttpApp, type HttpHandler, type HttpOptions, type HttpServer, serveHttp } from "../../src/http/mod.ts";
import { defaultAdapter } from "../../src/runtime.ts";
import { type Answer, AnswerReader } from "./http_answers.ts";
import { trackedBy } from "./tracked.ts";
import { type NetworkOptions, placeIn, World } from "./world.ts";

export interface HttpWorldOptions extends HttpOptions, NetworkOptions {
  /** Bodies of Responses are taken from memory, as far as this runtime can. @default true */
  probe?: boolean;
}

export interface RequestText {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  version?: string;
}

/** A request as it goes over the wire; a body gets its Content-Length unless there is a Transfer-Encoding. */
export function request(target: string, { method, headers = {}, body, version = "1.1" }: RequestText = {}): string {
  const fields: Record<string, string> = { host: "test", ...headers };
  if (body !== undefined && fields["transfer-encoding"] === undefined) fields["content-length"] ??= `${body.length}`;
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method ?? (body === undefined ? "GET" : "POST")} ${target} HTTP/${version}\r\n${lines}\r\n${body ?? ""}`;
}

/** A body in chunks, with its last one. */
export function chunked(parts: readonly string[], trailers = ""): string {
  return parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("") + `0\r\n${trailers}\r\n`;
}

/** A body as text. */
export function bodyOf(answer: Answer): string {
  return new TextDecoder().decode(answer.body);
}

/** A character for each byte. */
function characters(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

/** One raw connection to an HTTP server. */
export class Peer {
  readonly conn: Conn;
  /** Whole answers, in order. */
  readonly answers: Answer[] = [];
  readonly reader: AnswerReader = new AnswerReader();
  /** Everything received, a character for each byte. */
  text = "";
  /** How its input ended. */
  end: "open" | "fin" | "reset" = "open";
  /** The clock when it ended. */
  endedAt = -1;
  /** The clock when it first could see the end: its input's, or an answer that says that it is the last one. */
  warnedAt = Infinity;
  /** What was received and isn't HTTP. */
  problem: Error | null = null;
  readonly #now: () => number;
  #waiting: (() => void)[] = [];

  constructor(conn: Conn, now: () => number, closeOnFin: boolean) {
    this.conn = conn;
    this.#now = now;
    this.#follow(closeOnFin);
  }

  /** Writes bytes, a character for each, without waiting. */
  send(text: string): void {
    this.conn.write(Uint8Array.from(text, (char) => char.charCodeAt(0))).catch(() => {});
  }

  /** Writes requests, or the first part of one. */
  ask(...requests: string[]): void {
    for (const text of requests) this.reader.methods.push(text.slice(0, text.indexOf(" ")));
    this.send(requests.join(""));
  }

  /** Each answer in short: `200 body`, with `, close` behind it if it says so. */
  get told(): string[] {
    return this.answers.map((answer) => {
      const body = bodyOf(answer);
      return `${answer.status}${body === "" ? "" : ` ${body.trimEnd()}`}${answer.closes ? ", close" : ""}`;
    });
  }

  get statuses(): number[] {
    return this.answers.map((answer) => answer.status);
  }

  get last(): Answer {
    return this.answers[this.answers.length - 1];
  }

  /** An answer said that it is the last one. */
  get saidClose(): boolean {
    return this.answers.some((answer) => answer.closes);
  }

  /** The next moment something arrives or the connection ends. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #follow(closeOnFin: boolean): Promise<void> {
    try {
      for await (const chunk of this.conn) {
        this.text += characters(chunk);
        this.#read(() => this.reader.feed(chunk));
      }
      this.#read(() => this.reader.finish());
      this.#over("fin");
      if (closeOnFin) await this.conn.close();
    } catch {
      this.#over("reset");
    }
  }

  #over(end: "fin" | "reset"): void {
    this.end = end;
    this.endedAt = this.#now();
    this.#tell();
  }

  #read(read: () => Answer[]): void {
    try {
      if (this.problem === null) this.answers.push(...read());
    } catch (error) {
      this.problem = error as Error;
    }
    this.#tell();
  }

  #tell(): void {
    if (this.warnedAt === Infinity && (this.end !== "open" || this.saidClose)) this.warnedAt = this.#now();
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** A world whose server speaks HTTP. Its end checks that nothing is left behind. */
export class HttpWorld extends World {
  declare server: HttpServer;
  readonly peers: Peer[] = [];
  readonly #dialer: Dialer;

  constructor(network: NetworkOptions = {}) {
    super(network);
    this.#dialer = new Dialer({ adapter: this.adapter, clock: this.clock, lingerTimeout: 60_000, keepAlive: 0 });
  }

  /** Connects a raw client; `stubborn` ones don't close when the server does, `unasked` ones get answers to nothing. */
  async peer(options: { stubborn?: boolean; from?: string; unasked?: number } = {}): Promise<Peer> {
    this.adapter.clientHost = options.from ?? null;
    const { address } = this.server;
    const target = address.transport === "tcp" ? { port: address.port } : { path: address.path };
    const conn = await this.until(this.#dialer.connect(target), 5000);
    const peer = new Peer(conn, () => this.clock.now(), options.stubborn !== true);
    for (let i = 0; i < (options.unasked ?? 0); i++) peer.reader.methods.push("GET");
    this.peers.push(peer);
    return peer;
  }

  /** A new client that asks all of this at once; gives it `ms` for the answers. */
  async ask(requests: string | readonly string[], ms = 10): Promise<Peer> {
    const peer = await this.peer();
    peer.ask(...(typeof requests === "string" ? [requests] : requests));
    await this.pass(ms);
    return peer;
  }

  /** Fulfils in so many ms of virtual time. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.clock.setTimer(resolve, ms));
  }

  /** Lets time pass, and what the last moment brought be sent. */
  override async pass(ms: number): Promise<void> {
    await super.pass(ms);
    await this.clock.settle();
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.peers) peer.conn.abort();
    await this.pass(10 + this.roundTrip);
    await super[Symbol.asyncDispose]();
    const { http } = this.server;
    const left = {
      active: http.active,
      queued: http.queued,
      connections: trackedBy(this.server),
      sockets: this.adapter.openSockets,
    };
    for (const [name, count] of Object.entries(left)) {
      if (count !== 0) throw new Error(`At the end of the world: ${count} ${name} left`);
    }
  }
}

/** Starts an HTTP server in a new world. */
export async function httpWorld(handler: HttpHandler | HttpApp, options: HttpWorldOptions = {}): Promise<HttpWorld> {
  const { seed, faults, wire, probe = true, ...rest } = options;
  const made = new HttpWorld({ seed, faults, wire });
  const { responseBody, deflater, inflater } = await defaultAdapter();
  Object.assign(made.adapter, { responseBody: probe ? responseBody : undefined, deflater, inflater });
  made.server = await serveHttp({ ...placeIn(made), ...rest }, handler);
  return made;
}

/** Begins a drain; `since` says when a peer's input ended, in ms from here. */
export function drain(
  w: HttpWorld,
  options: ShutdownOptions = {},
): { report: Promise<DrainReport>; since: (peer: Peer) => number } {
  const began = w.clock.now();
  return { report: w.server.shutdown(options), since: (peer) => peer.endedAt - began };
}

/** A promise that a test settles. */
export class Gate<T = void> {
  readonly promise: Promise<T>;
  open!: (value: T) => void;
  fail!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
  }
}

/** The path of a request's URL. */
export function pathOf(request: Request): string {
  return new URL(request.url).pathname;
}
