/** Servers by hand that stop well, or lose in one way that is known. */
import { type Conn, type Consumer, listen, type Listener } from "../../mod.ts";
import type { Home, Subject } from "./verify_world.ts";
import { type Speaker, speaker } from "./verify_speakers.ts";

/** What a server does wrong; nothing by itself. */
export interface Faults {
  /** Messages that come so many ms after the signal, or later, are not answered as they should be. @default never */
  readonly from?: number;
  /** And that come before this, in ms. @default for ever */
  readonly until?: number;
  /** What they get: half of the answer, or nothing; then FIN. */
  readonly give?: "half" | "nothing";
  /** A reset takes the place of FIN. */
  readonly reset?: boolean;
  /** Connections that come after the signal are reset at once. */
  readonly resetNew?: boolean;
  /** Code of the Close; null for an empty one, "none" for no Close. @default 1001 */
  readonly code?: number | null | "none";
  /** FIN at once, whatever is on its way; nothing is read after it. */
  readonly hasty?: boolean;
  /** It leaves after so many answers on a connection. @default Infinity */
  readonly maxMessages?: number;
  /** It never ends. */
  readonly stays?: boolean;
  /** @default 0 */
  readonly exitCode?: number;
}

/** Silence after which a connection is idle, the time for new connections, and the time for busy ones: ms. */
const QUIET = 600;
const ACCEPTING = 1200;
const PATIENCE = 1500;
/** Longest wait for the answer to a Close, in ms. */
const CLOSE_WAIT = 1000;
/** How far a reset stays behind the answer before it, in ms: it would destroy the answer. */
const RESET_DELAY = 5;

/** A server with these faults. */
export function loser(faults: Faults = {}): (home: Home) => Promise<HandServer> {
  return async (home) => {
    const { adapter, clock } = home;
    const listener = await listen({ port: 0, hostname: "127.0.0.1", adapter, clock, lingerTimeout: 1000 });
    return new HandServer(home, listener, faults);
  };
}

/** What a server by hand needs of its listener. */
export type Accepting = Pick<Listener, "address" | "close"> & AsyncIterable<Conn>;

export class HandServer implements Subject {
  readonly port: number;
  readonly adapter: Home["adapter"];
  readonly home: Home;
  readonly faults: Faults;
  readonly conns: Set<HandConn> = new Set();
  stoppedAt = Infinity;
  readonly #listener: Accepting;

  constructor(home: Home, listener: Accepting, faults: Faults) {
    this.home = home;
    this.adapter = home.adapter;
    this.faults = faults;
    this.#listener = listener;
    this.port = listener.address.transport === "tcp" ? listener.address.port : 0;
    this.#accept();
  }

  get age(): number {
    return this.home.clock.now() - this.stoppedAt;
  }

  async signal(): Promise<number> {
    const { faults } = this;
    this.stoppedAt = this.home.clock.now();
    if (faults.stays === true) return new Promise(() => {});
    for (const conn of this.conns) conn.stop();
    await this.sleep(ACCEPTING);
    await this.#listener.close();
    while (this.conns.size > 0) await this.sleep(5);
    return faults.exitCode ?? 0;
  }

  again(): void {
    for (const conn of this.conns) conn.conn.abort();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.home.clock.setTimer(resolve, ms));
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) {
      if (this.age >= 0 && this.faults.resetNew === true) conn.abort();
      else new HandConn(this, conn);
    }
  }
}

/** One connection: answers, and after the signal waits for a quiet moment to leave. */
class HandConn implements Consumer {
  readonly conn: Conn;
  readonly #server: HandServer;
  readonly #speaker: Speaker;
  #left = false;
  #count = 0;
  #patient = true;
  #quiet: () => void = () => {};

  constructor(server: HandServer, conn: Conn) {
    this.#server = server;
    this.conn = conn;
    this.#speaker = speaker(server.home.kind);
    server.conns.add(this);
    conn.consume(this);
    if (server.stoppedAt < Infinity) this.stop();
  }

  stop(): void {
    const { faults, home } = this.#server;
    if (faults.stays === true) return;
    if (faults.hasty === true) return this.#leave();
    this.#wait();
    home.clock.setTimer(() => this.#patient = false, PATIENCE - this.#server.age);
  }

  data(chunk: Uint8Array): void {
    if (this.#left && (this.#server.faults.hasty === true || !this.#speaker.closes)) return;
    const answers = this.#speaker.feed(chunk);
    if (this.#left) return this.#speaker.closed ? this.#fin() : undefined;
    if (this.#speaker.closed) return this.#leave(1000);
    for (const answer of answers) this.#answer(answer);
    this.#count += answers.length;
    if (this.#count >= (this.#server.faults.maxMessages ?? Infinity)) return this.#leave();
    if (this.#server.age < 0 || this.#left) return;
    if (this.#patient || this.#speaker.partial) this.#wait();
    else this.#leave();
  }

  end(): void {
    this.#fin();
  }

  closed(): void {
    this.#quiet();
    this.#server.conns.delete(this);
  }

  #answer(answer: Uint8Array): void {
    const { faults: { from = Infinity, until = Infinity, give }, age } = this.#server;
    if (this.#left) return;
    if (give === undefined || age < from || age >= until) return void this.conn.write(answer);
    this.#left = true;
    if (give === "half") void this.conn.write(answer.subarray(0, Math.floor(answer.length / 2)));
    else if (this.#speaker.closes) return void this.conn.write(this.#speaker.close(1001));
    void this.conn.close();
  }

  #wait(): void {
    this.#quiet();
    if (this.#server.faults.stays === true) return;
    this.#quiet = this.#server.home.clock.setTimer(() => this.#speaker.partial ? this.#wait() : this.#leave(), QUIET);
  }

  /** Says goodbye, and closes: a WebSocket when the Close is answered. */
  #leave(
    code: number | null | "none" = this.#server.faults.code === undefined ? 1001 : this.#server.faults.code,
  ): void {
    if (this.#left) return;
    this.#left = true;
    this.#quiet();
    if (!this.#speaker.closes || code === "none") return this.#fin();
    void this.conn.write(this.#speaker.close(code));
    if (this.#speaker.closed) return this.#fin();
    // Who is deaf does not hear the answer to its Close.
    const { faults, home } = this.#server;
    home.clock.setTimer(() => this.#fin(), faults.hasty === true ? RESET_DELAY : CLOSE_WAIT);
  }

  #fin(): void {
    const { faults, home, age } = this.#server;
    this.#left = true;
    if (faults.reset !== true || age < 0) void this.conn.close();
    else home.clock.setTimer(() => this.conn.abort(), RESET_DELAY);
  }
}
