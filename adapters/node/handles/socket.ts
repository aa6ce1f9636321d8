/**
 * One handle of libuv behind `RawSocket`: no `net.Socket`, no stream.
 *
 * What libuv does and this file answers:
 * - All sockets read into one buffer, which the next read overwrites. It is lent to whoever copies what it keeps; to
 *   others bytes belong, so each chunk is a copy with memory of its own; who fills the buffer reads on into memory that
 *   is given away. A slab that chunks share would be cheaper by half a microsecond, but whoever gives one of them to a
 *   byte stream (`controller.enqueue()`) detaches its memory, and with it the bytes of all the others (Node 20 and 22,
 *   even of memory that is marked as untransferable).
 * - Bytes that are being sent are read from where they are, so the request keeps them alive.
 * - A reset is refused while a shutdown is under way (`dropping` in the table of states).
 * - Bytes that arrive together with a reset are told as bytes and an end.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Address } from "../../../src/endpoint.ts";
import type { RawSocket, SocketEvents } from "../../../src/socket.ts";
import { plainIp } from "../../shared/plain_ip.ts";
import { PORTION, Portions } from "../portions.ts";
import {
  type Handle,
  type ListenHandle,
  type Native,
  type NativeAddress,
  type ShutdownRequest,
  systemError,
  type TcpHandle,
  type WriteRequest,
} from "./native.ts";
import {
  CLOSED,
  CLOSING,
  DROPPING,
  FINISHED,
  FINISHING,
  FLUSHING,
  OPEN,
  type SocketEvent,
  type State,
  TRANSITIONS,
} from "./states.ts";

/**
 * Where a handle knows its socket: a property that all handles have, and only those that listen use. One of another name
 * would cost each connection more room.
 */
const SOCKET = "onconnection";
type Handled<T> = T & { [SOCKET]: HandleSocket };

const OWNER = Symbol("owner");
type Owned<T> = T & { [OWNER]: HandleSocket };

/** Twice what libuv asks for itself: a body of 64 KiB comes whole, with its head (issue 13). */
const READ_SIZE = 131_072;

/** From so many bytes on it pays not to fill memory with zeros first. */
const LARGE = 4096;

/** What the sockets of an adapter share. */
export class Handles {
  readonly native: Native;
  /** A handle reads on into the buffer that `onread` gives back. */
  readonly takesNext: boolean = true;
  /** Every read goes here. It is given to nobody. */
  readonly buffer: Uint8Array = new Uint8Array(READ_SIZE);
  /** Number of the last read. */
  reads = 0;
  /** For the next write: most are done at once, and leave it as it was. */
  #spare: Owned<WriteRequest>;

  constructor(native: Native) {
    this.native = native;
    this.#spare = this.#newRequest();
  }

  /** The handle, if it is one of those that are known here; else null. */
  known(handle: unknown): Handle | null {
    const { TCP, Pipe } = this.native;
    return handle instanceof TCP || handle instanceof Pipe ? handle : null;
  }

  /** The handle of a connection that has come; null if it is gone again. */
  accept(_listening: ListenHandle, handle: Handle | undefined): Handle | null {
    return handle ?? null;
  }

  /** Of a write of so many bytes that is under way, those that are not with the kernel. */
  waiting(handle: Handle, _size: number): number {
    return handle.writeQueueSize;
  }

  reset(tcp: TcpHandle, done: () => void): void {
    tcp.reset(done);
  }

  /** Bytes of the read that is being told, or the number of an error. */
  get received(): number {
    return this.native.streamBaseState[this.native.kReadBytesOrError];
  }

  /** Bytes that the last write was for. */
  get written(): number {
    return this.native.streamBaseState[this.native.kBytesWritten];
  }

  get request(): WriteRequest {
    return this.#spare;
  }

  /** Whether the write that was begun with `request` goes on; then it is `owner`'s from now on. */
  goesOn(owner: HandleSocket, held: WriteRequest["held"]): boolean {
    const { streamBaseState, kLastWriteWasAsync } = this.native;
    if (streamBaseState[kLastWriteWasAsync] === 0) return false;
    this.#spare[OWNER] = owner;
    this.#spare.held = held;
    this.#spare = this.#newRequest();
    return true;
  }

  #newRequest(): Owned<WriteRequest> {
    const request = new this.native.WriteWrap() as Owned<WriteRequest>;
    request.oncomplete = HandleSocket.onWritten;
    return request;
  }
}

const PAUSED = 1;
/** The peer's FIN was seen. */
const ENDED = 2;
/** `write` said false and `drained` is owed. */
const OWING = 4;
/** To be closed when our FIN is out. */
const DETACHED = 8;
/** A write is under way. */
const WRITING = 16;
/** Ended by `destroy` or `detach`: no error. */
const OWN_END = 32;
/** libuv reads. */
const READING = 64;
/** It is a Unix socket. */
const PIPE = 128;

/** A connected socket. There may be many thousands, so it has few fields and no closures. */
export class HandleSocket implements RawSocket {
  readonly #handles: Handles;
  readonly #handle: Handled<Handle>;
  #state: State = OPEN;
  #flags: number;
  #events: SocketEvents | null = null;
  /** Bytes of the write that is under way; at the end, those that the kernel did not get. */
  #flying = 0;
  /** What waits for that write, and whatever is too large to be written at once. */
  #later: Portions | null = null;
  /** Where the handle reads to, if not into the shared buffer. */
  #own: Uint8Array | null = null;
  /** Number of its last read. */
  #read = -1;
  #error: Error | undefined = undefined;
  #local: Address | null;
  #remote: Address | null;

  /** Addresses are given for Unix sockets only, which don't know theirs. */
  constructor(handles: Handles, handle: Handle, local: Address | null, remote: Address | null) {
    this.#handles = handles;
    this.#handle = handle as Handled<Handle>;
    this.#flags = handle instanceof handles.native.TCP ? 0 : PIPE;
    this.#local = local;
    this.#remote = remote;
    this.#handle[SOCKET] = this;
    handle.onread = HandleSocket.#onRead;
    handle.useUserBuffer(handles.buffer);
  }

  get alpnProtocol(): null {
    return null;
  }

  /** Null for a Unix socket. */
  get #tcp(): TcpHandle | null {
    return this.#flags & PIPE ? null : this.#handle as Handle as TcpHandle;
  }

  get local(): Address {
    return this.#local ??= this.#ask((tcp, out) => tcp.getsockname(out)) ?? NOWHERE;
  }

  get remote(): Address {
    return this.#remote ??= this.#ask((tcp, out) => tcp.getpeername(out)) ?? NOWHERE;
  }

  get unsent(): number {
    if ((this.#flags & WRITING) === 0) return this.#flying;
    return this.#handles.waiting(this.#handle, this.#flying) + (this.#later?.size ?? 0);
  }

  start(events: SocketEvents): void {
    this.#events = events;
    if (this.#state === CLOSED) return queueMicrotask(() => this.#tellGone());
    if (this.#flags & OWING) queueMicrotask(() => this.#tellDrained());
    if (!(this.#flags & PAUSED)) this.resume();
  }

  pause(): void {
    this.#flags |= PAUSED;
    this.#stopReading();
  }

  resume(): void {
    this.#flags &= ~PAUSED;
    if (this.#events === null || this.#flags & (READING | ENDED) || this.#state >= DROPPING) return;
    this.#flags |= READING;
    const code = this.#handle.readStart();
    if (code !== 0) this.#lose(systemError("read", code));
  }

  write(bytes: Uint8Array): boolean {
    if (this.#state !== OPEN) return false;
    if (bytes.length > PORTION || this.#flags & WRITING) return this.#writeLater([bytes]);
    if (bytes.length === 0) return true;
    return this.#begun(this.#handle.writeBuffer(this.#handles.request, bytes), bytes.length, bytes);
  }

  writeMany(pieces: readonly Uint8Array[]): boolean {
    if (this.#state !== OPEN) return false;
    const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (size > PORTION || this.#flags & WRITING) return this.#writeLater(pieces);
    // The caller may put other pieces into the array.
    return size === 0 || this.#writePieces(pieces.slice(), size);
  }

  writeText(text: string): number {
    if (this.#state !== OPEN) return Buffer.byteLength(text);
    if (this.#flags & WRITING) {
      const bytes = Buffer.from(text);
      this.#writeLater([bytes]);
      return bytes.length;
    }
    const code = this.#handle.writeUtf8String(this.#handles.request, text);
    const bytes = code === 0 ? this.#handles.written : Buffer.byteLength(text);
    this.#begun(code, bytes, null);
    return bytes;
  }

  shutdown(): void {
    this.#become("shutdown");
    if (this.#state === FLUSHING && !(this.#flags & WRITING)) this.#finish();
  }

  destroy(): void {
    if (this.#state >= DROPPING) return;
    this.#flags |= OWN_END;
    this.#keepAddresses();
    this.#become("drop");
    if (this.#state === CLOSING) this.#close(true);
    else this.#stopReading();
  }

  detach(): void {
    if (this.#flags & DETACHED || this.#state >= DROPPING) return;
    this.#flags |= DETACHED;
    this.shutdown();
    if (this.#state === FINISHED) this.#leave();
  }

  setNoDelay(on: boolean): void {
    if (this.#state < CLOSING) this.#tcp?.setNoDelay(on);
  }

  setKeepAlive(on: boolean, delay: number): void {
    if (this.#state < CLOSING) this.#tcp?.setKeepAlive(on, Math.trunc(delay / 1000));
  }

  #become(event: SocketEvent): void {
    this.#state = TRANSITIONS[event][this.#state];
  }

  // Reading.

  #stopReading(): void {
    if (!(this.#flags & READING) || this.#state >= CLOSING) return;
    this.#flags &= ~READING;
    this.#handle.readStop();
  }

  /** Gives back the buffer for the next read, if it is another one. */
  #received(): Uint8Array | undefined {
    const handles = this.#handles;
    const count = handles.received;
    if (count === 0 || this.#state >= DROPPING) return undefined;
    if (count < 0) return void this.#readFailed(count);
    this.#read = handles.reads = (handles.reads + 1) | 0;
    if (this.#own !== null || (count === READ_SIZE && handles.takesNext)) return this.#receivedMuch(count);
    const events = this.#events!;
    if (events.lend?.(handles.buffer, count) !== true) events.data(copyOf(handles.buffer, count));
    return undefined;
  }

  /**
   * Whoever fills the shared buffer may have more: it goes to a buffer of its own that is given away, which costs no
   * copy, until one is not filled.
   */
  #receivedMuch(count: number): Uint8Array {
    const { buffer } = this.#handles;
    const own = this.#own;
    this.#own = count === READ_SIZE ? fresh(READ_SIZE) : null;
    const next = this.#own ?? buffer;
    try {
      this.#events!.data(own !== null && count * 2 > READ_SIZE ? own.subarray(0, count) : copyOf(own ?? buffer, count));
    } catch (error) {
      // What is thrown keeps the next buffer from the handle, which would read into what was given away.
      this.destroy();
      throw error;
    }
    return next;
  }

  #readFailed(number: number): void {
    const error = systemError("read", number);
    if (error.code !== "EOF") this.#lose(error);
    else if (this.#isReset()) this.#lose(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    else this.#end();
  }

  /**
   * Whether an end is a reset in truth: a socket that the peer has merely half-closed still has a peer. It is worth a
   * system call only where the end follows this socket's bytes without another read in between.
   */
  #isReset(): boolean {
    if (this.#tcp === null || this.#state !== OPEN || this.#read !== this.#handles.reads) return false;
    return this.#tcp.getpeername({}) !== 0;
  }

  #end(): void {
    if (this.#flags & ENDED) return;
    this.#flags |= ENDED;
    this.#events!.end();
    if (this.#state === FINISHED) this.#closeBoth();
  }

  // Writing.

  #writeLater(pieces: readonly Uint8Array[]): boolean {
    const later = this.#later ??= new Portions();
    for (const piece of pieces) later.add(piece);
    return this.#pump();
  }

  /** Gives portions as long as the kernel takes them at once; true if it has taken all. */
  #pump(): boolean {
    while (this.#later !== null && !(this.#flags & WRITING)) {
      const before = this.#later.size;
      const portion = this.#later.take();
      const size = before - this.#later.size;
      if (this.#later.size === 0) this.#later = null;
      if (size > 0 && !this.#writePieces(portion, size)) return false;
    }
    return !(this.#flags & WRITING);
  }

  #writePieces(pieces: readonly Uint8Array[], size: number): boolean {
    return this.#begun(this.#handle.writev(this.#handles.request, pieces, true), size, pieces);
  }

  /** Whether the kernel has taken all of a write that was just begun; if not, `held` is kept until it has. */
  #begun(code: number, size: number, held: WriteRequest["held"]): boolean {
    if (code !== 0) {
      this.#lose(systemError("write", code));
      return false;
    }
    if (!this.#handles.goesOn(this, held)) return true;
    this.#flying = size;
    this.#flags |= WRITING | OWING;
    return false;
  }

  #written(status: number): void {
    if (this.#state >= CLOSING) return;
    this.#flags &= ~WRITING;
    this.#flying = 0;
    if (status < 0) return this.#lose(systemError("write", status));
    if (!this.#pump()) return;
    if (this.#state === FLUSHING) this.#finish();
    this.#tellDrained();
  }

  #tellDrained(): void {
    if (this.#events === null || (this.#flags & (OWING | WRITING)) !== OWING || this.#state >= DROPPING) return;
    this.#flags &= ~OWING;
    this.#events.drained();
  }

  // Ending.

  #finish(): void {
    this.#become("flushed");
    const request = new this.#handles.native.ShutdownWrap() as Owned<ShutdownRequest>;
    request[OWNER] = this;
    request.oncomplete = HandleSocket.#onFinished;
    // It is done at once, or there is no peer any more, which reading will tell.
    if (this.#handle.shutdown(request) !== 0) this.#finished();
  }

  #finished(): void {
    if (this.#state >= CLOSING) return;
    this.#become("finished");
    if (this.#state === CLOSING) this.#close(true);
    else if (this.#flags & DETACHED) this.#leave();
    else if (this.#flags & ENDED) this.#closeBoth();
  }

  #leave(): void {
    this.#flags |= OWN_END;
    this.#keepAddresses();
    this.#closeBoth();
  }

  #closeBoth(): void {
    this.#become("close");
    this.#close(false);
  }

  /** The connection is lost. What the peer has not got yet must not look whole to it. */
  #lose(error: Error): void {
    if (this.#state >= CLOSING) return;
    this.#error = error;
    const finishing = this.#state === FINISHING || this.#state === DROPPING;
    this.#become("close");
    this.#close(!finishing);
  }

  /** A Unix socket can't be reset. */
  #close(reset: boolean): void {
    // A closed handle does not know it any more.
    this.#flying = this.unsent;
    this.#flags &= ~WRITING;
    this.#later = null;
    const done = () => this.#closed();
    if (reset && this.#tcp !== null) this.#handles.reset(this.#tcp, done);
    else this.#handle.close(done);
  }

  #closed(): void {
    this.#become("closed");
    this.#own = null;
    if (this.#events !== null) this.#tellGone();
  }

  #tellGone(): void {
    this.#events!.gone(this.#flags & OWN_END ? undefined : this.#error);
  }

  // Addresses.

  #ask(name: (tcp: TcpHandle, out: NativeAddress) => number): Address | null {
    const out: NativeAddress = {};
    if (this.#tcp === null || this.#state >= CLOSING || name(this.#tcp, out) !== 0) return null;
    return { transport: "tcp", hostname: plainIp(out.address ?? ""), port: out.port ?? 0 };
  }

  /** A closed handle knows them no more, and a report may ask. */
  #keepAddresses(): void {
    this.#local = this.local;
    this.#remote = this.remote;
  }

  static readonly #onRead = function (this: Handle): Uint8Array | undefined {
    return (this as Handled<Handle>)[SOCKET].#received();
  };
  static readonly #onFinished = function (this: object): void {
    (this as Owned<object>)[OWNER].#finished();
  };
  /** What a request for a write calls when it is done. */
  static readonly onWritten = function (this: WriteRequest, status: number): void {
    this.held = null;
    (this as Owned<WriteRequest>)[OWNER].#written(status);
  };
}

/** Bytes that are not there yet: those of some other use are, so all of them must be written. */
function fresh(length: number): Uint8Array {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
}

function copyOf(buffer: Uint8Array, count: number): Uint8Array {
  if (count < LARGE) return new Uint8Array(buffer.subarray(0, count));
  const copy = fresh(count);
  copy.set(count === buffer.length ? buffer : buffer.subarray(0, count));
  return copy;
}

/** The address of an end that was reset before anybody asked. */
const NOWHERE: Address = { transport: "tcp", hostname: "", port: 0 };
