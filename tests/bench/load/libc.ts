/**
 * The C library's socket calls, through Bun's foreign functions: a client with as little between it and the kernel as
 * there can be, so that the server is the slower of the two.
 *
 * @module
 */

import process from "node:process";

/** A function of a C library. */
export type Call = (...args: number[]) => number;

/** What is used of the module `bun:ffi`. */
export interface ForeignFunctions {
  dlopen<Name extends string>(library: string, symbols: Record<Name, object>): {
    readonly symbols: Record<Name, Call>;
  };
  ptr(bytes: ArrayBufferView): number;
  readonly read: { i32(at: number, offset: number): number };
}

const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 0o2000001;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLOUT = 4;
/** Room for what one `recv` takes. */
export const BUFFER_BYTES = 65_536;
/** The most that is thrown away at a time. */
const DISCARD_BYTES = 16_777_216;
const MAX_EVENTS = 256;
/** `struct epoll_event` is packed on x86-64 only. */
const EVENT_WORDS = process.arch === "x64" ? 3 : 4;

const name = "bun:ffi";
export const { dlopen, ptr, read }: ForeignFunctions = await import(name);
const { symbols: libc } = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  recv: { args: ["i32", "ptr", "u64", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
  __errno_location: { args: [], returns: "ptr" },
});

const one = Int32Array.of(1);
const buffer = new Uint8Array(BUFFER_BYTES);
/** Where `received` is. */
export const bufferAt: number = ptr(buffer);

/** Bytes that are sent again and again. */
export class Block {
  readonly bytes: Uint8Array;
  /** Where they are. */
  readonly at: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.at = ptr(bytes);
  }

  send(fd: number): void {
    const sent = libc.send(fd, this.at, this.bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent !== this.bytes.length) throw new Error(`send: ${sent} of ${this.bytes.length} bytes`);
  }

  /** Sends as much as the kernel takes of what begins at `at`; returns where the rest begins. */
  sendFrom(fd: number, at: number): number {
    const sent = libc.send(fd, this.at + at, this.bytes.length - at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return at + sent;
    const error = -lastError();
    if (error !== NOTHING) throw new Error(`send: error ${-error}`);
    return at;
  }
}

/** Connects to a port of this machine; returns the descriptor. */
export function open(port: number): number {
  const address = new Uint8Array([AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const fd = libc.socket(AF_INET, SOCK_STREAM_CLOEXEC, 0);
  if (fd < 0) throw new Error("socket: no descriptor");
  if (libc.connect(fd, ptr(address), address.length) !== 0) throw new Error(`connect: port ${port}`);
  libc.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, ptr(one), 4);
  return fd;
}

/** What `receive` returns when there was nothing after all; `epoll_wait` promises too much now and then. */
export const NOTHING = -11;

/** Takes what is there into `received`; 0 is the peer's FIN, less is an error's number. */
export function receive(fd: number): number {
  const length = libc.recv(fd, bufferAt, BUFFER_BYTES, MSG_DONTWAIT);
  return length >= 0 ? length : -lastError();
}

/** The same, but what is there is thrown away uncopied: TCP's meaning of `MSG_TRUNC`. */
export function discard(fd: number): number {
  const length = libc.recv(fd, bufferAt, DISCARD_BYTES, MSG_DONTWAIT | MSG_TRUNC);
  return length >= 0 ? length : -lastError();
}

function lastError(): number {
  return read.i32(libc.__errno_location(), 0);
}

/** What the last `receive` took lies at its beginning. */
export const received: Uint8Array = buffer;

/** Closes a descriptor. */
export function shut(fd: number): void {
  libc.close(fd);
}

/** How bytes get to a server and back. */
export interface Wire {
  open(port: number): number;
  send(fd: number, block: Block): void;
  /** What the function `receive` does. */
  receive(fd: number): number;
  shut(fd: number): void;
}

export const plainWire: Wire = { open, send: (fd, block) => block.send(fd), receive, shut };

/** Waits for descriptors to become readable, or writable where asked. */
export class Poll {
  readonly #fd = libc.epoll_create1(0);
  // On a buffer of its own: the memory of a small array moves when it gets one later, and the kernel is not told (Bun).
  readonly #events = new Int32Array(new ArrayBuffer(4 * MAX_EVENTS * EVENT_WORDS));
  readonly #eventsAt = ptr(this.#events);
  readonly #one = new Int32Array(EVENT_WORDS);

  add(fd: number): void {
    this.#control(EPOLL_CTL_ADD, fd, EPOLLIN);
  }

  /** Waits, or no longer waits, for room to send too. */
  awaitRoom(fd: number, wanted: boolean): void {
    this.#control(EPOLL_CTL_MOD, fd, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  /** Number of ready descriptors, `fd(0)` and on; `timeout` in ms. */
  wait(timeout: number): number {
    return libc.epoll_wait(this.#fd, this.#eventsAt, MAX_EVENTS, timeout);
  }

  fd(index: number): number {
    return this.#events[index * EVENT_WORDS + EVENT_WORDS - 2];
  }

  hasRoom(index: number): boolean {
    return (this.#events[index * EVENT_WORDS] & EPOLLOUT) !== 0;
  }

  close(): void {
    libc.close(this.#fd);
  }

  #control(operation: number, fd: number, events: number): void {
    this.#one[0] = events;
    this.#one[EVENT_WORDS - 2] = fd;
    libc.epoll_ctl(this.#fd, operation, fd, ptr(this.#one));
  }
}
