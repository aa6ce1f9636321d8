/**
 * What goes out on one WebSocket, and what becomes of it when the peer doesn't take it.
 *
 * @module
 */
import type { Connection } from "../../server/conn/connection.ts";
import { quietly } from "../../server/conn/output.ts";
import { WebSocketClosedError } from "../websocket_errors.ts";
import type { WebSocketAgreement, WebSocketSettings } from "./settings.ts";
import type { SharedFrame } from "./shared_frame.ts";

const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** So many pings may come while the peer does not take their pong; more are a flood. */
const MAX_PINGS = 8;

const encoder = new TextEncoder();

/** The sending side. */
export class Outflow {
  /** Messages that were not sent: the peer was slow, or our Close was out. */
  dropped = 0;
  readonly #conn: Connection;
  readonly #settings: WebSocketSettings;
  readonly #deflate: WebSocketAgreement["deflate"];
  /** Frames gather in the encoder. */
  #gathers = false;
  /** A pong that waits until the peer takes what it has: of many pings, only the last is owed one. */
  #pong: Uint8Array | null = null;
  /** Pings that came while it waits. */
  #pings = 0;
  /** Size of what was sent though the peer was slow already: bytes, or UTF-16 units of text. */
  #piled = 0;

  constructor(conn: Connection, settings: WebSocketSettings, deflate: WebSocketAgreement["deflate"]) {
    this.#conn = conn;
    this.#settings = settings;
    this.#deflate = deflate;
  }

  /** The peer leaves more unread than it should. */
  get isSlow(): boolean {
    return this.#conn.output.isClogged && this.#conn.unsent >= this.#settings.limits.maxBufferedAmount;
  }

  /**
   * Messages are piled up on a peer that is slow. A sender that awaits its messages piles up nothing: if its own input
   * had to wait all the same, two ends that send to each other would wait for ever (issue 11).
   */
  get isPiled(): boolean {
    return this.#piled > this.#settings.limits.maxBufferedAmount / 2 && this.isSlow;
  }

  /** Pongs wait for the peer to take what it has: who floods with pings has to wait, too. */
  get owesPongs(): boolean {
    return this.#pings > MAX_PINGS;
  }

  /** What is sent from here to `uncork()` leaves as one piece: the answers to one chunk of the peer's. */
  cork(): void {
    // Who is made to wait has to be told so at each message.
    this.#gathers = !this.#conn.output.isClogged && this.#settings.encoder.cork(this.#conn);
  }

  /** Gives what was gathered to the connection. */
  uncork(): void {
    if (!this.#gathers) return;
    this.#gathers = false;
    this.#settings.encoder.uncork();
  }

  /** Sends one message. */
  message(data: string | Uint8Array, compress: boolean): Promise<void> {
    const { encoder } = this.#settings;
    if (this.isSlow) this.#piled += data.length;
    else if (this.#piled > 0) this.#piled = 0;
    if (compress && this.#deflate !== null) return this.#compressed(data);
    if (typeof data === "string") return encoder.text(this.#conn, data);
    return encoder.binary(this.#conn, data);
  }

  /** Sends a message that was encoded once for many. */
  shared(frame: SharedFrame): Promise<void> {
    this.uncork();
    return this.#conn.writeOwn(frame.bytesFor(this.#deflate));
  }

  ping(data: Uint8Array): void {
    this.#settings.encoder.control(this.#conn, OPCODE.ping, data);
  }

  pong(data: Uint8Array): void {
    if (this.#conn.output.isClogged) {
      this.#pong = data;
      this.#pings++;
    } else this.#settings.encoder.control(this.#conn, OPCODE.pong, data);
  }

  close(code: number | null, reason: string): void {
    this.#settings.encoder.close(this.#conn, code, reason);
    this.#pong = null;
  }

  /** The kernel has taken everything. */
  drained(): void {
    const data = this.#pong;
    this.#pong = null;
    this.#pings = 0;
    if (data !== null) this.pong(data);
  }

  /** Counts a message that is not sent. */
  drop(): Promise<void> {
    this.dropped++;
    this.#settings.counts.dropped++;
    return this.#conn.host.batch.spend(0);
  }

  #compressed(data: string | Uint8Array): Promise<void> {
    const { encoder: frames, limits } = this.#settings;
    const { threshold } = limits.compression!;
    if (typeof data === "string") {
      if (data.length * 3 < threshold) return frames.text(this.#conn, data);
      const bytes = encoder.encode(data);
      if (bytes.length < threshold) return frames.text(this.#conn, data);
      return frames.compressed(this.#conn, OPCODE.text, this.#deflate!.compress(bytes));
    }
    if (data.length < threshold) return frames.binary(this.#conn, data);
    return frames.compressed(this.#conn, OPCODE.binary, this.#deflate!.compress(data));
  }
}

/** A promise that is rejected, and whose rejection may go unheard. */
export function refused(message: string, cause?: unknown): Promise<void> {
  return quietly(Promise.reject(new WebSocketClosedError(message, { cause })));
}
