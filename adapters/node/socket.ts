/**
 * One `net.Socket` or `tls.TLSSocket` behind `RawSocket`.
 *
 * The event listeners are shared functions that find their owner on the socket, so that an idle connection costs no
 * closures.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type net from "node:net";
import type { Address } from "../../src/endpoint.ts";
import type { RawSocket, SocketEvents } from "../../src/socket.ts";
import { PORTION, Portions } from "./portions.ts";
import { plainIp } from "../shared/plain_ip.ts";
import { type TlsSocket, TlsState } from "../shared/tls_state.ts";

const OWNER = Symbol("owner");
type Owned = net.Socket & { [OWNER]: NodeSocket };

/** Parts of `net.Socket` that are not in its types. */
interface Inner {
  /** The plain socket underneath a TLS one. */
  readonly _parent?: net.Socket | null;
  readonly _handle?: { getpeername?(out: object): number; readonly _nativeTcpHandle?: ReadSwitch } | null;
  readonly _writableState?: { highWaterMark: number };
  readonly alpnProtocol?: string | false | null;
  /** True for TLS. */
  readonly encrypted?: boolean;
}

/** Deno's TLS reads on while its stream is paused, without a bound, unless the handle below it is stopped. */
interface ReadSwitch {
  readStart(): void;
  readStop(): void;
}

const PAUSED = 1;
/** The peer's FIN was seen. */
const ENDED = 2;
/** Our FIN was asked for. */
const SHUT = 4;
const DESTROYED = 8;
const CLOSED = 16;
/** `write` said false and `drained` is owed. */
const OWING = 32;
/** A listener for "drain" is attached. */
const DRAINING = 64;
const DETACHED = 128;

/**
 * Numbers all reads. libuv takes bytes that arrive together with a reset for bytes and an end, which it tells without
 * another socket's bytes in between; only then is it worth a system call to ask which of the two it was.
 */
const reads = { last: 0 };

/** How long a shutdown under way may defer a destroy, in ms: TLS may wait for a peer that does not read. */
const SHUTDOWN_TIMEOUT = 50;

/** A connected socket. */
export class NodeSocket implements RawSocket {
  readonly #socket: Owned;
  #events: SocketEvents | null = null;
  #flags = 0;
  #textExcess = 0;
  /** What the stream is not given yet; then it has something under way. */
  #later: Portions | null = null;
  /** Number of its last read. */
  #read = -1;
  #error: Error | undefined = undefined;
  #local: Address | null;
  #remote: Address | null;
  #tls: TlsState | undefined;

  /** Addresses are given for Unix sockets only, which don't know theirs. */
  constructor(socket: net.Socket, local: Address | null, remote: Address | null) {
    this.#socket = socket as Owned;
    this.#local = local;
    this.#remote = remote;
    this.#socket[OWNER] = this;
    // "drain" then comes after every write that did not reach the kernel at once, however small. Not the option
    // `highWaterMark`: TLS servers and Deno's servers don't have it.
    const state = (socket as Inner)._writableState;
    if (state) state.highWaterMark = 1;
    this.#socket.on("error", NodeSocket.#onError);
    this.#socket.on("close", NodeSocket.#onClose);
    nativeReader(socket)?.readStop();
  }

  get local(): Address {
    return this.#local ??= known(this.#socket.localAddress, this.#socket.localPort) ?? NOWHERE;
  }

  get remote(): Address {
    return this.#remote ??= known(this.#socket.remoteAddress, this.#socket.remotePort) ?? NOWHERE;
  }

  get alpnProtocol(): string | null {
    return (this.#socket as Inner).alpnProtocol || null;
  }

  get tls(): TlsState | null {
    if ((this.#socket as Inner).encrypted !== true) return null;
    return this.#tls ??= new TlsState(this.#socket as TlsSocket);
  }

  get unsent(): number {
    const waiting = this.#socket.writableLength;
    return waiting === 0 ? 0 : waiting + this.#textExcess + (this.#later?.size ?? 0);
  }

  start(events: SocketEvents): void {
    const socket = this.#socket;
    this.#events = events;
    if (this.#flags & CLOSED) return queueMicrotask(() => this.#tellGone());
    if (this.#flags & OWING) queueMicrotask(() => this.#drained());
    socket.on("data", NodeSocket.#onData);
    socket.on("end", NodeSocket.#onEnd);
    if (this.#flags & PAUSED) this.pause();
    else this.resume();
  }

  pause(): void {
    this.#flags |= PAUSED;
    if (this.#events === null) return;
    this.#socket.pause();
    nativeReader(this.#socket)?.readStop();
  }

  resume(): void {
    this.#flags &= ~PAUSED;
    if (this.#events === null || this.#flags & (DESTROYED | CLOSED)) return;
    this.#socket.resume();
    nativeReader(this.#socket)?.readStart();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#flags & (SHUT | DESTROYED | CLOSED)) return false;
    const socket = this.#socket;
    if (bytes.length > PORTION || this.#isUnderWay) return this.#writeLater([bytes]);
    if (bytes.length > 0) socket.write(bytes);
    return this.#isTaken();
  }

  /** Something was given to the stream before, or waits to be: what comes now goes behind it. */
  get #isUnderWay(): boolean {
    return this.#later !== null || this.#socket.writableLength > 0;
  }

  #writeLater(pieces: readonly Uint8Array[]): boolean {
    const later = this.#later ?? (this.#later = new Portions());
    for (const piece of pieces) later.add(piece);
    return this.#pump();
  }

  /** Gives portions as long as the kernel takes them at once; true if it has taken all. */
  #pump(): boolean {
    const socket = this.#socket;
    while (this.#later !== null && socket.writableLength === 0 && !socket.destroyed) {
      const portion = this.#later.take();
      if (this.#later.size === 0) this.#later = null;
      this.#writeCorked(portion);
    }
    return this.#isTaken();
  }

  /** Whether the kernel has all of it; if not, it is told when. */
  #isTaken(): boolean {
    if (!this.#isUnderWay) return true;
    this.#owe();
    return false;
  }

  #writeCorked(pieces: readonly Uint8Array[]): void {
    this.#socket.cork();
    for (const piece of pieces) if (piece.length > 0) this.#socket.write(piece);
    this.#socket.uncork();
  }

  #owe(): void {
    if (!(this.#flags & DRAINING)) this.#socket.on("drain", NodeSocket.#onDrain);
    this.#flags |= OWING | DRAINING;
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    if (this.#flags & (SHUT | DESTROYED | CLOSED)) return false;
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (size > PORTION || this.#isUnderWay) return this.#writeLater(pieces);
    // A corked stream gives all of it to the kernel at once.
    this.#writeCorked(pieces);
    return this.#isTaken();
  }

  writeText(text: string): number {
    const bytes = Buffer.byteLength(text);
    if (this.#flags & (SHUT | DESTROYED | CLOSED)) return bytes;
    const socket = this.#socket;
    if (this.#isUnderWay) {
      this.#writeLater([Buffer.from(text)]);
      return bytes;
    }
    socket.write(text);
    if (socket.writableLength === 0) return bytes;
    // A stream counts waiting text by its UTF-16 units.
    this.#textExcess += bytes - text.length;
    this.#owe();
    return bytes;
  }

  shutdown(): void {
    if (this.#flags & (SHUT | DESTROYED | CLOSED)) return;
    this.#flags |= SHUT;
    if (this.#later === null) this.#finish();
  }

  #finish(): void {
    // After end() a stream tells "finish" instead of "drain".
    if (this.#flags & OWING) this.#socket.once("finish", NodeSocket.#onDrain);
    this.#socket.end();
  }

  destroy(): void {
    if (this.#flags & (DESTROYED | CLOSED)) return;
    this.#flags |= DESTROYED;
    this.#keepAddresses();
    const socket = this.#socket;
    if (!(this.#flags & SHUT) || socket.writableFinished || socket.writableLength > 0) return this.#drop();
    // libuv refuses to reset while its shutdown is under way, and Node then forgets the descriptor.
    const timer = setTimeout(() => this.#drop(), SHUTDOWN_TIMEOUT);
    socket.once("finish", () => {
      clearTimeout(timer);
      this.#drop();
    });
  }

  detach(): void {
    if (this.#flags & (DETACHED | DESTROYED | CLOSED)) return;
    this.shutdown();
    this.#flags |= DETACHED;
    if (this.#socket.writableFinished) this.#leave();
    else this.#socket.once("finish", () => this.#leave());
  }

  setNoDelay(on: boolean): void {
    // A TLS socket of a server believes that it is off already, and does nothing then (Node 20.20, issue 10).
    if (!on) this.#socket.setNoDelay(true);
    this.#socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean, delay: number): void {
    this.#socket.setKeepAlive(on, delay);
  }

  /** Resets, unless both sides' FIN are through. A Unix socket can't be reset. */
  #drop(): void {
    const socket = this.#socket;
    const complete = (this.#flags & ENDED) && socket.writableFinished;
    const plain = (socket as Inner)._parent ?? socket;
    if (complete || plain.destroyed || plain.remotePort === undefined) socket.destroy();
    // A TLS socket follows when the plain one below it has closed; to destroy both at once crashes Node 20.
    else plain.resetAndDestroy();
  }

  #leave(): void {
    this.#flags |= DESTROYED;
    this.#keepAddresses();
    this.#socket.destroy();
  }

  /** A closed socket knows them no more, and a report may ask. */
  #keepAddresses(): void {
    this.#local = this.local;
    this.#remote = this.remote;
  }

  #data(chunk: Uint8Array): void {
    this.#read = reads.last = (reads.last + 1) | 0;
    if (!(this.#flags & (DESTROYED | CLOSED))) this.#events?.data(chunk);
  }

  #end(): void {
    if (this.#flags & (DESTROYED | CLOSED | ENDED)) return;
    if (!(this.#flags & SHUT) && this.#read === reads.last && isReset(this.#socket)) {
      this.#error ??= Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
      return void this.#socket.destroy();
    }
    this.#flags |= ENDED;
    this.#events?.end();
  }

  #drained(): void {
    if (!(this.#flags & OWING) || this.#flags & (DESTROYED | CLOSED)) return;
    if (this.#later !== null) {
      const taken = this.#pump();
      if (this.#later === null && this.#flags & SHUT) return this.#finish();
      if (!taken) return;
    }
    if (this.#events === null || this.#socket.writableLength > 0) return;
    this.#flags &= ~OWING;
    this.#textExcess = 0;
    this.#events.drained();
  }

  #close(): void {
    if (this.#flags & CLOSED) return;
    this.#flags |= CLOSED;
    this.#later = null;
    if (this.#events) this.#tellGone();
  }

  #tellGone(): void {
    if (this.#flags & DESTROYED) return this.#events?.gone();
    const complete = this.#flags & ENDED && this.#socket.writableFinished;
    if (!complete) this.#error ??= new Error("The socket closed before both sides had ended");
    this.#events?.gone(this.#error);
  }

  static readonly #onData = function (this: Owned, chunk: Uint8Array): void {
    this[OWNER].#data(chunk);
  };
  static readonly #onEnd = function (this: Owned): void {
    this[OWNER].#end();
  };
  static readonly #onDrain = function (this: Owned): void {
    this[OWNER].#drained();
  };
  static readonly #onError = function (this: Owned, error: Error): void {
    this[OWNER].#error ??= error;
  };
  static readonly #onClose = function (this: Owned): void {
    this[OWNER].#close();
  };
}

/** The address of an end that was reset before anybody asked. */
const NOWHERE: Address = { transport: "tcp", hostname: "", port: 0 };

/** An IP address and port in the seam's shape. */
export function addressOf(hostname: string, port: number): Address {
  return { transport: "tcp", hostname: plainIp(hostname), port };
}

function known(hostname: string | undefined, port: number | undefined): Address | null {
  return hostname === undefined || port === undefined ? null : addressOf(hostname, port);
}

function nativeReader(socket: net.Socket): ReadSwitch | undefined {
  return (socket as Inner)._handle?._nativeTcpHandle;
}

/**
 * True for an end that is a reset in truth. A socket that the peer has merely half-closed still has a peer. Pipes have
 * no such question, and no reset.
 */
function isReset(socket: net.Socket): boolean {
  const handle = (socket as Inner)._handle;
  return typeof handle?.getpeername === "function" && handle.getpeername({}) !== 0;
}
