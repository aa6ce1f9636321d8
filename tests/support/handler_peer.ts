/**
 * A client of one connection that is judged by nothing of Sluice's core: an adapter's socket, and what it saw.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { RawSocket } from "../../mod.ts";
import { bytes, within } from "./rig.ts";

/** How a client's input ended: `closed` is an end of its own making; for a WebSocket, the code that it saw. */
export type CallerEnd = string;

/** What every kind of client can do and tell. */
export interface Caller {
  /** What it has seen so far, as text. */
  readonly saw: string;
  readonly end: CallerEnd;
  /** Fulfils when `ready` holds; it is asked at every change. */
  until(what: string, ready: () => boolean, limit?: number): Promise<void>;
  /** Fulfils when its input has ended. */
  over(limit?: number): Promise<CallerEnd>;
  /** Ends well: half-close, or Close 1000. */
  leave(): void;
  /** Vanishes: a reset. */
  drop(): void;
  /** Lets go of its socket, whatever its state. */
  dispose(): void;
}

/** Those who wait for a change. */
export class Watch {
  #waiting: { readonly ready: () => boolean; readonly resolve: () => void }[] = [];

  until(what: string, ready: () => boolean, limit: number, saw: () => string): Promise<void> {
    if (ready()) return Promise.resolve();
    const held = new Promise<void>((resolve) => this.#waiting.push({ ready, resolve }));
    return within(what, held, limit).catch((error: Error) => {
      throw new Error(`${error.message}; it saw ${JSON.stringify(saw().slice(-200))}`);
    });
  }

  tell(): void {
    const woken = this.#waiting.filter((waiter) => waiter.ready());
    if (woken.length > 0) this.#waiting = this.#waiting.filter((waiter) => !woken.includes(waiter));
    for (const waiter of woken) waiter.resolve();
  }
}

/** As much of what came as a test prints or compares. */
const KEPT = 256 * 1024;
/** How long a client waits for what must come. */
export const LIMIT = 60_000;

/** One raw connection. */
export class Peer implements Caller {
  readonly socket: RawSocket;
  saw = "";
  /** Bytes received. */
  length = 0;
  /** `performance.now()` at each arrival. */
  readonly times: number[] = [];
  end: CallerEnd = "open";
  /** Does not close when the server does. */
  stubborn = false;
  /** Takes each chunk, before those who wait are woken. */
  onChunk: ((chunk: Uint8Array) => void) | null = null;
  readonly #watch: Watch = new Watch();
  #rate = Infinity;
  /** When it began to read at a rate. */
  #since = 0;

  constructor(socket: RawSocket) {
    this.socket = socket;
    socket.start({
      data: (chunk) => this.#take(chunk),
      end: () => this.#finished(),
      drained: () => {},
      gone: () => this.#settle("reset"),
    });
  }

  get lines(): string[] {
    return this.saw.split("\n").slice(0, -1);
  }

  get isOpen(): boolean {
    return this.end === "open";
  }

  send(data: string | Uint8Array): void {
    this.socket.write(typeof data === "string" ? bytes(data) : data);
  }

  /** Half-close. */
  leave(): void {
    this.socket.shutdown();
  }

  drop(): void {
    this.#settle("closed");
    this.socket.destroy();
  }

  dispose(): void {
    this.drop();
  }

  /** Reads so many bytes a millisecond from now on. */
  readAt(rate: number): void {
    this.#rate = rate;
    this.#since = performance.now() - this.length / rate;
  }

  until(what: string, ready: () => boolean, limit: number = LIMIT): Promise<void> {
    return this.#watch.until(what, ready, limit, () => `${this.saw} (${this.length} bytes, ${this.end})`);
  }

  /** Waits for so many lines. */
  async answered(lines: number): Promise<void> {
    await this.until(`${lines} lines`, () => this.lines.length >= lines || !this.isOpen);
  }

  async over(limit?: number): Promise<CallerEnd> {
    await this.until("the end of its input", () => !this.isOpen, limit);
    return this.end;
  }

  #take(chunk: Uint8Array): void {
    this.length += chunk.length;
    this.times.push(performance.now());
    if (this.saw.length < KEPT) this.saw += Buffer.from(chunk).toString("latin1");
    this.onChunk?.(chunk);
    this.#watch.tell();
    // By the clock: what a busy machine has kept it from reading it catches up with.
    const early = this.length / this.#rate - (performance.now() - this.#since);
    if (this.#rate === Infinity || early < 1) return;
    this.socket.pause();
    setTimeout(() => this.socket.resume(), early);
  }

  #finished(): void {
    this.#settle("fin");
    if (!this.stubborn) this.socket.shutdown();
  }

  #settle(end: CallerEnd): void {
    if (!this.isOpen) return;
    this.end = end;
    this.#watch.tell();
  }
}
