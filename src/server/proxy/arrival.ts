/**
 * A plain socket that owes its PROXY header, and is read for it. Then it is whoever's it is given to, and passes on what
 * the socket says.
 *
 * @module
 */
import { concat } from "../../bytes.ts";
import type { RawSocket, SocketEvents } from "../../socket.ts";
import { ProxyHeaderParser } from "./parser.ts";
import { ProxiedSocket } from "./proxied_socket.ts";

/** Hears once what has become of an arrival. */
export interface ArrivalSink {
  /** Its header is here. */
  told(arrival: Arrival): void;
  /** It begins with something else, or has ended; `empty`: not a byte has come. */
  untold(arrival: Arrival, empty: boolean): void;
  /** What has come is malformed. */
  broken(arrival: Arrival, error: Error): void;
  /** The peer is gone; `begun`: a part of a header had come. */
  left(arrival: Arrival, begun: boolean): void;
}

/** Reads one socket. */
export class Arrival extends ProxiedSocket implements SocketEvents {
  /** When it came, ms on the clock. */
  readonly since: number;
  #sink: ArrivalSink | null;
  #parser: ProxyHeaderParser | null = new ProxyHeaderParser();
  /** What came with the header, or in place of one. */
  #early: Uint8Array | null = null;
  #to: SocketEvents | null = null;
  #isPaused = false;
  /** Nothing stands between the socket and its owner any more. */
  #isFlowing = false;
  #hasEnded = false;
  #hasLeft = false;
  #isDestroyed = false;
  #error: Error | undefined = undefined;

  constructor(socket: RawSocket, since: number, sink: ArrivalSink) {
    super(socket, null);
    this.since = since;
    this.#sink = sink;
  }

  /** Begins to read. */
  begin(): void {
    this.socket.start(this);
  }

  /** Whether anything of a header has come. */
  get hasBegun(): boolean {
    return this.#parser?.hasBegun === true;
  }

  /** Ends the wait for a header: what came of it is the first of what its owner gets. */
  giveUp(): void {
    const parser = this.#parser;
    if (parser?.hasBegun === true) this.#early = parser.held;
    this.#settle();
  }

  /** The socket and what was read behind its header, for TLS. */
  take(): [socket: RawSocket, unread: Uint8Array] {
    const unread = this.#early ?? new Uint8Array(0);
    this.#early = null;
    return [this.socket, unread];
  }

  /** Its own end: nothing is told of it. */
  drop(): void {
    this.#sink = null;
    this.#parser = null;
    this.destroy();
  }

  // What the socket says.

  data(chunk: Uint8Array): void {
    if (this.#isFlowing) return this.#to!.data(chunk);
    if (this.#isDestroyed) return;
    if (this.#parser === null) this.#early = this.#early === null ? chunk : concat([this.#early, chunk]);
    else this.#parse(this.#parser, chunk);
  }

  end(): void {
    if (this.#isFlowing) return this.#to!.end();
    this.#hasEnded = true;
    if (this.#parser === null) return this.#flowLater();
    const sink = this.#sink;
    const empty = !this.hasBegun;
    this.giveUp();
    sink?.untold(this, empty);
  }

  drained(): void {
    this.#to?.drained();
  }

  gone(error?: Error): void {
    this.#hasLeft = true;
    this.#error = error;
    this.#early = null;
    const [sink, begun] = [this.#sink, this.hasBegun];
    this.#sink = null;
    this.#parser = null;
    sink?.left(this, begun);
    this.#to?.gone(error);
  }

  #parse(parser: ProxyHeaderParser, chunk: Uint8Array): void {
    const sink = this.#sink;
    let found;
    try {
      found = parser.feed(chunk);
    } catch (error) {
      return sink?.broken(this, error as Error);
    }
    if (found === "more") return;
    if (parser.rest.length > 0) this.#early = parser.rest;
    this.#settle();
    if (found === "none") return sink?.untold(this, false);
    this.proxy = found;
    sink?.told(this);
  }

  /** No header is waited for any more; the socket waits for its owner. */
  #settle(): void {
    this.#parser = null;
    this.#sink = null;
    this.socket.pause();
  }

  // What its owner asks.

  override start(events: SocketEvents): void {
    this.#to = events;
    if (this.#hasLeft) queueMicrotask(() => events.gone(this.#error));
    else this.#flowLater();
  }

  override pause(): void {
    this.#isPaused = true;
    if (this.#isFlowing) this.socket.pause();
  }

  override resume(): void {
    this.#isPaused = false;
    if (this.#isFlowing) this.socket.resume();
    else this.#flowLater();
  }

  override destroy(): void {
    this.#isDestroyed = true;
    super.destroy();
  }

  /** As every socket, it tells nothing inside of a call of its owner's. */
  #flowLater(): void {
    if (this.#to !== null && !this.#isFlowing) queueMicrotask(() => this.#flow(this.#to!));
  }

  /** Gives what came early; from then on the socket's events go through. */
  #flow(to: SocketEvents): void {
    if (this.#isFlowing || this.#isPaused || this.#hasLeft || this.#isDestroyed) return;
    const early = this.#early;
    this.#early = null;
    if (early !== null) to.data(early);
    // Its owner may have done anything meanwhile.
    if (this.#isPaused || this.#hasLeft || this.#isDestroyed) return;
    this.#isFlowing = true;
    this.socket.resume();
    if (this.#hasEnded) to.end();
  }
}
