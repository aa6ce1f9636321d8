/**
 * Clients that write down what they saw: raw `node:net` sockets, which the three runtimes have, so that a server is
 * judged by something that is not Sluice.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import { within } from "./rig.ts";

/** How a client's input ended; `closed` is an end of its own making. */
export type End = "open" | "fin" | "reset" | "refused" | "closed";

export interface ClientOptions {
  /** What it does with its input: read all, read one piece every 20 ms, or nothing. @default "all" */
  readonly reads?: "all" | "slowly" | "never";
  /** Answers a FIN with its own. @default true */
  readonly closesOnFin?: boolean;
}

/** A slow reader takes one piece of at most this size, then rests. */
const PIECE = 64 * 1024;
const REST = 20;

/**
 * How far a FIN may be behind the answer that it rides with, in ms: a server whose core is taken between the two calls
 * has it back after some slices of others. What is lost in that time shows in the server's own count of what came late.
 */
const FIN_DELAY = 40;

const LF = 10;

/** One connection as its client sees it. */
export class NetClient {
  readonly socket: net.Socket;
  /** Local port: the name under which the server's report has it. */
  port = 0;
  /** Lines written, and lines received. */
  sent = 0;
  answered = 0;
  /** Of the lines written, those that count: see `confirm`. */
  owed = 0;
  received = 0;
  end: End = "open";
  /** `performance.now()` at the end. */
  endedAt = 0;
  /** The beginning of what was received, as text. */
  text = "";
  /** Called after every change. */
  onChange: (() => void) | null = null;
  readonly #reads: ClientOptions["reads"];
  readonly #closesOnFin: boolean;
  #finished = false;
  #gone = false;
  #waiting: { readonly ready: () => boolean; readonly resolve: () => void }[] = [];

  constructor(port: number, options: ClientOptions = {}) {
    this.#reads = options.reads ?? "all";
    this.#closesOnFin = options.closesOnFin ?? true;
    this.socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    this.socket.on("connect", () => this.#connected());
    this.socket.on("error", (error: Error & { code?: string }) => this.#over(error.code));
    this.socket.on("end", () => this.#ended());
    this.socket.on("close", () => this.#closed());
    if (this.#reads === "never") this.socket.pause();
    else this.socket.on("data", (chunk: Uint8Array) => this.#data(chunk));
  }

  get connected(): boolean {
    return this.port !== 0;
  }

  get isOpen(): boolean {
    return this.end === "open";
  }

  /** Writes text, without waiting; every LF in it is a line that wants an answer. */
  send(text: string): void {
    this.sent += count(text);
    this.socket.write(text);
  }

  /** Half-close. */
  finish(): void {
    this.#finished = true;
    this.socket.end();
  }

  /** Drops the connection, and calls that the end. */
  reset(): void {
    this.#settle("closed");
    this.socket.resetAndDestroy();
  }

  /** Lets go of the socket, whatever its state. */
  close(): void {
    this.#settle("closed");
    this.socket.destroy();
  }

  /** Fulfils when `ready` holds; fails after `limit` ms. */
  async until(what: string, ready: () => boolean, limit = 60_000): Promise<void> {
    if (ready()) return;
    const held = new Promise<void>((resolve) => this.#waiting.push({ ready, resolve }));
    await within(`${what} at client ${this.port} (${this.describe()})`, held, limit);
  }

  /** Fulfils when its socket is closed. */
  async gone(limit?: number): Promise<void> {
    await this.until("its socket's close", () => this.#gone, limit);
  }

  /** Fulfils with how its input ended. */
  async over(limit?: number): Promise<End> {
    await this.until("its end", () => !this.isOpen, limit);
    return this.end;
  }

  /**
   * Counts `lines` just written as owed, unless the FIN was there already, or followed within `FIN_DELAY`: on the wire
   * it is a segment of its own behind the last answer.
   */
  confirm(lines: number): void {
    setTimeout(() => setImmediate(() => this.isOpen && (this.owed += lines)), FIN_DELAY);
  }

  /** Reads what a client that never reads was sent, to find out how it ended. */
  look(): void {
    this.socket.on("data", (chunk: Uint8Array) => this.#note(chunk));
    this.socket.resume();
  }

  describe(): string {
    return `${this.end}, ${this.sent} sent, ${this.answered} answered`;
  }

  #connected(): void {
    this.port = this.socket.localPort ?? 0;
    this.#changed();
  }

  #data(chunk: Uint8Array): void {
    this.#note(chunk);
    if (this.#reads !== "slowly") return;
    this.socket.pause();
    setTimeout(() => this.socket.resume(), REST * Math.ceil(chunk.length / PIECE));
  }

  #note(chunk: Uint8Array): void {
    this.received += chunk.length;
    this.answered += countBytes(chunk);
    if (this.text.length < PIECE) this.text += Buffer.from(chunk).toString("latin1");
    this.#changed();
  }

  #ended(): void {
    this.#settle(!this.#finished && hasNoPeer(this.socket) ? "reset" : "fin");
    if (this.#closesOnFin) this.socket.end();
  }

  #closed(): void {
    this.#gone = true;
    this.#over("closed");
    this.#changed();
  }

  #over(code?: string): void {
    if (!this.connected) this.#settle(code === "ECONNREFUSED" ? "refused" : "reset");
    else this.#settle(code === "closed" ? "closed" : "reset");
  }

  #settle(end: End): void {
    if (!this.isOpen) return;
    this.end = end;
    this.endedAt = performance.now();
    this.#changed();
  }

  #changed(): void {
    const woken = this.#waiting.filter((waiter) => waiter.ready());
    if (woken.length > 0) this.#waiting = this.#waiting.filter((waiter) => !woken.includes(waiter));
    for (const waiter of woken) waiter.resolve();
    this.onChange?.();
  }
}

/** Clients of one server, let go of at the end of a block. */
export class Swarm implements Disposable {
  readonly port: number;
  readonly clients: NetClient[] = [];

  constructor(port: number) {
    this.port = port;
  }

  /** A client that is not connected yet. */
  open(options?: ClientOptions): NetClient {
    const client = new NetClient(this.port, options);
    this.clients.push(client);
    return client;
  }

  /** A connected client. */
  async client(options?: ClientOptions): Promise<NetClient> {
    const client = this.open(options);
    await client.until("the connection", () => client.connected || !client.isOpen);
    return client;
  }

  /** Connected clients whose `greeting` the server has answered: it has accepted them all. */
  async greeted(number: number, options?: ClientOptions): Promise<NetClient[]> {
    const clients = await Promise.all(Array.from({ length: number }, () => this.client(options)));
    for (const client of clients) client.send("hello\n");
    await Promise.all(clients.map((client) => client.until("the greeting's answer", () => client.answered === 1)));
    return clients;
  }

  [Symbol.dispose](): void {
    for (const client of this.clients) client.close();
  }
}

/** Sends a line, waits for its answer, thinks 0 to `think` ms, and goes on until the end, or until `stops` says so. */
export function pingPong(client: NetClient, think: number, stops: () => boolean = () => false): void {
  let due = false;
  const ask = () => {
    due = false;
    if (!client.isOpen || stops()) return;
    client.send(`${client.sent}\n`);
    client.confirm(1);
  };
  client.onChange = () => {
    if (due || client.answered < client.sent || !client.isOpen || !client.connected) return;
    due = true;
    setTimeout(ask, Math.random() * think);
  };
  client.onChange();
}

/** Sends `size` lines at once, waits for all their answers, and goes on until the end. */
export function batches(client: NetClient, size: number): void {
  client.onChange = () => {
    if (client.answered < client.sent || !client.isOpen) return;
    client.send(numbered(client.sent, size));
    client.confirm(size);
  };
  client.onChange();
}

/** Keeps `size` lines in flight until the end. */
export function slidingWindow(client: NetClient, size: number): void {
  client.onChange = () => {
    const free = client.answered + size - client.sent;
    if (free === 0 || !client.isOpen) return;
    client.send(numbered(client.sent, free));
    client.confirm(free);
  };
  client.onChange();
}

/** Lines that were sent and never answered. */
export function unansweredOf(clients: readonly NetClient[]): number {
  return clients.reduce((sum, client) => sum + client.sent - client.answered, 0);
}

/** True if the text is the answers to `numbered` lines in their order, from `from` on. */
export function inOrder(text: string, from = 0): boolean {
  return text.split("\n").slice(0, -1).every((line, i) => line === `echo: ${from + i}`);
}

/** On Node a reset that arrives together with bytes looks like an end; but the peer is gone then. */
function hasNoPeer(socket: net.Socket): boolean {
  const handle = (socket as { _handle?: { getpeername?(into: object): number } })._handle;
  return handle?.getpeername !== undefined && handle.getpeername({}) !== 0;
}

function numbered(from: number, lines: number): string {
  return Array.from({ length: lines }, (_, i) => `${from + i}\n`).join("");
}

function count(text: string): number {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  return lines;
}

function countBytes(chunk: Uint8Array): number {
  let lines = 0;
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) lines++;
  return lines;
}
