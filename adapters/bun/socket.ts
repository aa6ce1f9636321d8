/**
 * One socket of Bun's native API behind `RawSocket`.
 *
 * What Bun does and this file answers:
 * - `end()` closes both ways even with `allowHalfOpen`, so FIN is `shutdown()`; after it the peer's FIN comes as a
 *   clean `close` with no `end` before it.
 * - A write takes what the kernel takes and says how much, or -1; `drain` also fires when nothing waits.
 * - A reset of a paused socket delivers its bytes all the same.
 * - A write that is the first to meet a reset takes it away from the kernel: it gives -1, and the read behind it an end.
 * - An accepted socket says `timeout` when it is two minutes old, asked to or not, idle or not: only a handshake listens.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Address, ConnTls } from "../../src/endpoint.ts";
import type { RawSocket, SocketEvents } from "../../src/socket.ts";
import { plainIp } from "../shared/plain_ip.ts";
import { type TlsSocket, TlsState } from "../shared/tls_state.ts";

/** An error as the system gives it. */
export type SystemError = Error & { readonly code?: string };

/** What is used of Bun's socket. */
export interface NativeSocket extends TlsSocket {
  data: Owner;
  readonly fd: number;
  readonly alpnProtocol: string | false | null;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  write(data: Uint8Array | string): number;
  shutdown(): void;
  end(): void;
  terminate(): void;
  pause(): void;
  resume(): void;
  timeout(seconds: number): void;
  setNoDelay(on: boolean): void;
  setKeepAlive(on: boolean, delay: number): void;
}

/** Receives the events of a native socket: its listener or its dial at first, then the socket itself. */
export interface Owner {
  /** The connection is there; TLS has not begun. */
  opened(raw: NativeSocket): void;
  /** The TLS handshake is over. */
  secured(raw: NativeSocket, ok: boolean, error: Error | null): void;
  received(chunk: Uint8Array): void;
  ended(): void;
  writable(): void;
  closed(error?: SystemError): void;
  /** So many seconds have passed since Bun began to count: those of `timeout()`, or its own. */
  timedOut(raw: NativeSocket): void;
}

/** An owner that does nothing yet: to be extended by those who have a socket before anybody reads it. */
export class IdleOwner implements Owner {
  opened(_raw: NativeSocket): void {}
  secured(_raw: NativeSocket, _ok: boolean, _error: Error | null): void {}
  received(_chunk: Uint8Array): void {}
  ended(): void {}
  writable(): void {}
  closed(_error?: SystemError): void {}
  timedOut(raw: NativeSocket): void {
    raw.terminate();
  }
}

/** The handlers of every socket: an object for each would cost memory for each. */
export const HANDLERS: { readonly timeout: (raw: NativeSocket) => void; readonly [event: string]: unknown } = {
  binaryType: "uint8array",
  open: (raw: NativeSocket) => raw.data.opened(raw),
  handshake: (raw: NativeSocket, ok: boolean, error: Error | null) => raw.data.secured(raw, ok, error),
  data: (raw: NativeSocket, chunk: Uint8Array) => raw.data.received(chunk),
  end: (raw: NativeSocket) => raw.data.ended(),
  drain: (raw: NativeSocket) => raw.data.writable(),
  close: (raw: NativeSocket, error?: SystemError) => raw.data.closed(error),
  timeout: (raw: NativeSocket) => raw.data.timedOut(raw),
  connectError: () => {},
  error: (_raw: NativeSocket, thrown: unknown) => {
    // Bun catches what a handler throws; to swallow it would hide a fault of the socket's owner.
    queueMicrotask(() => {
      throw thrown;
    });
  },
};

/** The socket was dialled here, not accepted. */
export const CLIENT = 1;
/** It speaks TLS. */
export const SECURE = 131_072;
const STARTED = 2;
const PAUSED = 4;
/** Bun reads nothing. */
const HELD = 8;
const SHUT = 16;
const FIN_SENT = 32;
const FIN_CAME = 64;
const END_TOLD = 128;
const DRAIN_DUE = 256;
/** `detach` was called; when all was flushed, `DETACHED` follows. */
const DETACHING = 512;
const DETACHED = 1024;
const DESTROYED = 2048;
/** Bun's socket is closed. */
const CLOSED = 4096;
const GONE_TOLD = 8192;
/** Bytes wait in `queue` until Bun says `drain`. */
const BLOCKED = 16_384;
/** Bytes wait in `early` until the owner reads. */
const EARLY = 32_768;
/** The last write gave -1. */
const FAILED = 65_536;

/** What few sockets need, and not for long. */
class Rarity {
  unsent = 0;
  /** Written, and not with the kernel. */
  queue: Uint8Array[] | null = null;
  /** Came while it could not be told. */
  early: Uint8Array[] | null = null;
  error: SystemError | undefined = undefined;
  local: Address | null = null;
  tls: TlsState | null = null;

  clear(): void {
    this.unsent = 0;
    this.queue = null;
    this.early = null;
    this.error = undefined;
  }
}

/** A socket of Bun. There may be many thousands, so it has few fields and no closures. */
export class BunSocket implements RawSocket, Owner {
  readonly #raw: NativeSocket;
  /** The listener's address, or the one dialled. */
  readonly #home: Address;
  #flags: number;
  #events: SocketEvents | null = null;
  #remote: Address | null = null;
  #rare: Rarity | null = null;

  /** Takes over the events of `raw`; `flags` are of `CLIENT` and `SECURE`. */
  constructor(raw: NativeSocket, home: Address, flags: number) {
    this.#raw = raw;
    this.#home = home;
    this.#flags = flags;
    raw.data = this;
  }

  get tls(): ConnTls | null {
    if (!this.#is(SECURE)) return null;
    const rare = this.#own();
    if (rare.tls !== null) return rare.tls;
    rare.tls = new TlsState(this.#raw);
    // A listener that asks clients for certificates isn't one of Bun's own.
    if (!this.#is(CLIENT)) rare.tls.trust = "hidden";
    return rare.tls;
  }

  get unsent(): number {
    return this.#rare === null ? 0 : this.#rare.unsent;
  }

  get local(): Address {
    const { transport } = this.#home;
    if (transport === "unix") return this.#is(CLIENT) ? { transport, path: "" } : this.#home;
    const { localAddress = "", localPort = 0 } = this.#raw;
    return this.#own().local ??= { transport, hostname: plainIp(localAddress), port: localPort };
  }

  get remote(): Address {
    const { transport } = this.#home;
    if (transport === "unix") return this.#is(CLIENT) ? this.#home : { transport, path: "" };
    const { remoteAddress = "", remotePort = 0 } = this.#raw;
    return this.#remote ??= { transport, hostname: plainIp(remoteAddress), port: remotePort };
  }

  get alpnProtocol(): string | null {
    return this.#raw.alpnProtocol || null;
  }

  start(events: SocketEvents): void {
    this.#events = events;
    this.#flags |= STARTED;
    this.#steer();
    if (this.#is(CLOSED | DESTROYED | DRAIN_DUE)) this.#tellLater();
  }

  pause(): void {
    this.#flags |= PAUSED;
    this.#steer();
  }

  resume(): void {
    this.#flags &= ~PAUSED;
    this.#steer();
  }

  /** Lets Bun read only if somebody has started the socket. An owner that starts at once costs no system call. */
  settle(): void {
    if (!this.#is(STARTED)) this.#steer();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#is(SHUT | DESTROYED | CLOSED)) return false;
    if (this.#is(BLOCKED)) return this.#enqueue(bytes);
    const taken = this.#raw.write(bytes);
    if (taken === bytes.length) return true;
    this.#flags |= taken < 0 ? BLOCKED | FAILED : BLOCKED;
    return this.#enqueue(taken > 0 ? bytes.subarray(taken) : bytes);
  }

  writeText(text: string): number {
    if (this.#is(SHUT | DESTROYED | CLOSED)) return Buffer.byteLength(text);
    const taken = this.#is(BLOCKED) ? 0 : this.#raw.write(text);
    // Text that was written is flat, so that to count it is cheap.
    const length = Buffer.byteLength(text);
    if (taken === length) return length;
    this.#flags |= taken < 0 ? BLOCKED | FAILED : BLOCKED;
    const bytes = Buffer.from(text);
    this.#enqueue(taken > 0 ? bytes.subarray(taken) : bytes);
    return length;
  }

  shutdown(): void {
    this.#flags |= SHUT;
    this.#finish();
  }

  detach(): void {
    this.#flags |= SHUT | DETACHING;
    this.#finish();
  }

  destroy(): void {
    if (this.#is(DESTROYED | GONE_TOLD)) return;
    this.#flags |= DESTROYED;
    this.#rare?.clear();
    const bothFinished = this.#is(FIN_SENT) && this.#is(FIN_CAME);
    if (bothFinished) this.#raw.end();
    else if (!this.#is(CLOSED)) this.#raw.terminate();
    this.#tellLater();
  }

  setNoDelay(on: boolean): void {
    if (!this.#is(CLOSED)) this.#raw.setNoDelay(on);
  }

  setKeepAlive(on: boolean, delay: number): void {
    if (!this.#is(CLOSED)) this.#raw.setKeepAlive(on, delay);
  }

  opened(): void {}

  secured(): void {}

  timedOut(): void {}

  received(chunk: Uint8Array): void {
    if (this.#readable() && !this.#is(EARLY)) return this.#events!.data(chunk);
    if (this.#is(DESTROYED)) return;
    this.#flags |= EARLY;
    (this.#own().early ??= []).push(chunk);
  }

  ended(): void {
    if (this.#is(FAILED)) this.#own().error = resetError();
    else this.#flags |= FIN_CAME;
    this.#tell();
  }

  writable(): void {
    if (!this.#is(BLOCKED) || this.#is(CLOSED | DESTROYED)) return;
    const rare = this.#own();
    const queue = rare.queue!;
    while (queue.length > 0) {
      const written = this.#raw.write(queue[0]);
      this.#flags = written < 0 ? this.#flags | FAILED : this.#flags & ~FAILED;
      const taken = Math.max(0, written);
      rare.unsent -= taken;
      if (taken < queue[0].length) return void (queue[0] = queue[0].subarray(taken));
      queue.shift();
    }
    rare.queue = null;
    this.#flags = (this.#flags & ~BLOCKED) | DRAIN_DUE;
    this.#finish();
    this.#tell();
  }

  closed(error?: SystemError): void {
    this.#flags |= CLOSED;
    if (this.#is(DESTROYED)) return;
    if (error === undefined && this.#is(FIN_SENT)) this.#flags |= this.#is(DETACHED) ? 0 : FIN_CAME;
    else this.#own().error = error === undefined || error.code === "EPIPE" ? resetError(error) : error;
    // Later, for this may be inside a call of the owner's.
    this.#tellLater();
  }

  #is(flags: number): boolean {
    return (this.#flags & flags) !== 0;
  }

  #own(): Rarity {
    return this.#rare ??= new Rarity();
  }

  #enqueue(bytes: Uint8Array): false {
    const rare = this.#own();
    (rare.queue ??= []).push(bytes);
    rare.unsent += bytes.length;
    return false;
  }

  #readable(): boolean {
    return (this.#flags & (STARTED | PAUSED | DESTROYED)) === STARTED;
  }

  /** Lets Bun read exactly while the owner wants bytes. */
  #steer(): void {
    const readable = this.#readable();
    if (readable === this.#is(HELD) && !this.#is(CLOSED)) {
      this.#flags ^= HELD;
      if (readable) this.#raw.resume();
      else this.#raw.pause();
    }
    if (readable && this.#is(EARLY | FIN_CAME)) this.#tellLater();
  }

  /** Sends the FIN, and lets go, as soon as everything is with the kernel. */
  #finish(): void {
    if (this.#is(BLOCKED | DESTROYED | CLOSED)) return;
    if (this.#is(SHUT) && !this.#is(FIN_SENT)) {
      this.#flags |= FIN_SENT;
      this.#raw.shutdown();
    }
    if (this.#is(DETACHING) && !this.#is(DETACHED)) {
      this.#flags |= DETACHED;
      this.#raw.end();
    }
  }

  #tellLater(): void {
    queueMicrotask(() => this.#tell());
  }

  /** Tells the owner all that it may know now, in order. Each call of the owner's may change what is next. */
  #tell(): void {
    const events = this.#events;
    if (events === null || this.#is(GONE_TOLD)) return;
    if (this.#is(DRAIN_DUE) && !this.#is(DESTROYED)) {
      this.#flags &= ~DRAIN_DUE;
      events.drained();
    }
    this.#tellEarly(events);
    if (this.#endDue() && this.#readable()) {
      this.#flags |= END_TOLD;
      events.end();
    }
    if (!this.#over() || this.#is(GONE_TOLD)) return;
    this.#flags |= GONE_TOLD;
    const error = this.#rare?.error;
    this.#rare?.clear();
    events.gone(error);
  }

  #tellEarly(events: SocketEvents): void {
    while (this.#is(EARLY) && this.#readable()) {
      const early = this.#own().early!;
      const chunk = early.shift()!;
      if (early.length === 0) this.#flags &= ~EARLY;
      events.data(chunk);
    }
  }

  #endDue(): boolean {
    return this.#is(FIN_CAME) && !this.#is(END_TOLD | EARLY) && this.#rare?.error === undefined;
  }

  /** Nothing but `gone` is left to tell. */
  #over(): boolean {
    if (this.#is(DESTROYED)) return true;
    if (!this.#is(CLOSED)) return false;
    // A reset while a write is blocked is told at once: the reader may be waiting for that very write.
    const stuck = this.#is(BLOCKED) && this.#rare?.error !== undefined;
    return this.#is(DETACHED) || stuck || !(this.#is(EARLY) || this.#endDue());
  }
}

/** A reset, which Bun tells as EPIPE after the peer's FIN and without an error when it comes out of the blue. */
function resetError(cause?: SystemError): SystemError {
  return Object.assign(new Error("read ECONNRESET", { cause }), { code: "ECONNRESET" });
}
