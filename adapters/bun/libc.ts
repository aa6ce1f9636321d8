/**
 * Calls of the C library that Bun has no function for: binding a socket without accepting from it, and sending
 * descriptors from process to process. By `bun:ffi`, on Linux only, whose structures these are (64-bit, little-endian).
 *
 * @module
 */
import process from "node:process";
import { UnsupportedError } from "../../src/errors.ts";

/** What is used of `bun:ffi`. */
interface Ffi {
  dlopen(name: string, symbols: object): { readonly symbols: Libc };
  ptr(view: ArrayBufferView): number;
  readonly read: { i32(pointer: number, offset: number): number };
}

/** The calls. */
interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: number, length: number): number;
  setsockopt(fd: number, level: number, name: number, value: number, length: number): number;
  getsockname(fd: number, address: number, length: number): number;
  socketpair(domain: number, type: number, protocol: number, pair: number): number;
  sendmsg(fd: number, message: number, flags: number): bigint;
  recvmsg(fd: number, message: number, flags: number): bigint;
  close(fd: number): number;
  __errno_location(): number;
}

/** The C library of most distributions, and those of Alpine. */
const NAMES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

const I32 = "int32_t";
const PTR = "ptr";
const SYMBOLS: Readonly<Record<keyof Libc, object>> = {
  socket: { args: [I32, I32, I32], returns: I32 },
  bind: { args: [I32, PTR, "uint32_t"], returns: I32 },
  setsockopt: { args: [I32, I32, I32, PTR, "uint32_t"], returns: I32 },
  getsockname: { args: [I32, PTR, PTR], returns: I32 },
  socketpair: { args: [I32, I32, I32, PTR], returns: I32 },
  sendmsg: { args: [I32, PTR, I32], returns: "int64_t" },
  recvmsg: { args: [I32, PTR, I32], returns: "int64_t" },
  close: { args: [I32], returns: I32 },
  __errno_location: { args: [], returns: PTR },
};

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SCM_RIGHTS = 1;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_DONTWAIT = 0x40;
/** Bytes of a control message with one descriptor, and its length without padding. */
const CONTROL_SIZE = 24;
const CONTROL_LENGTH = 20n;

let loaded: { readonly libc: Libc; readonly ffi: Ffi } | null = null;

async function load(): Promise<{ readonly libc: Libc; readonly ffi: Ffi }> {
  if (loaded !== null) return loaded;
  if (process.platform !== "linux") {
    throw new UnsupportedError(`Bun can hand sockets over on Linux only, this is ${process.platform}`);
  }
  const name: string = "bun:ffi";
  const ffi: Ffi = await import(name);
  for (const file of NAMES) {
    try {
      return loaded = { libc: ffi.dlopen(file, SYMBOLS).symbols, ffi };
    } catch {
      // Another distribution's.
    }
  }
  throw new UnsupportedError(`Bun can hand sockets over only with a C library among ${NAMES.join(", ")}`);
}

/** Calls of one process; loaded once. */
export class Calls {
  readonly #libc: Libc;
  readonly #ffi: Ffi;

  private constructor(libc: Libc, ffi: Ffi) {
    this.#libc = libc;
    this.#ffi = ffi;
  }

  /** Rejects with `UnsupportedError` where there is no such library. */
  static async load(): Promise<Calls> {
    const { libc, ffi } = await load();
    return new Calls(libc, ffi);
  }

  /** Binds a TCP socket to an IP address, whose 4 or 16 bytes these are; gives its descriptor. */
  bindTcp(ip: Uint8Array, port: number): number {
    const isV6 = ip.length === 16;
    const address = new Uint8Array(isV6 ? 28 : 16);
    const view = new DataView(address.buffer);
    view.setUint16(0, isV6 ? AF_INET6 : AF_INET, true);
    view.setUint16(2, port);
    address.set(ip, isV6 ? 8 : 4);
    return this.#bind(isV6 ? AF_INET6 : AF_INET, address);
  }

  /** Binds a Unix socket; gives its descriptor. */
  bindUnix(path: string): number {
    const name = new TextEncoder().encode(path);
    const address = new Uint8Array(110);
    new DataView(address.buffer).setUint16(0, AF_UNIX, true);
    address.set(name, 2);
    return this.#bind(AF_UNIX, address.subarray(0, 2 + name.length + 1));
  }

  /** The port that a TCP socket got. */
  portOf(fd: number): number {
    const address = new Uint8Array(28);
    const length = new Uint32Array([28]);
    this.#done("getsockname", this.#libc.getsockname(fd, this.#ffi.ptr(address), this.#ffi.ptr(length)));
    return new DataView(address.buffer).getUint16(2);
  }

  /** Two connected sockets, whose messages stay apart. */
  pair(): readonly [number, number] {
    const pair = new Int32Array(2);
    this.#done("socketpair", this.#libc.socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, this.#ffi.ptr(pair)));
    return [pair[0], pair[1]];
  }

  /** Sends a descriptor over a pair's end. */
  send(over: number, fd: number): void {
    const control = new Uint8Array(CONTROL_SIZE);
    const view = new DataView(control.buffer);
    view.setBigUint64(0, CONTROL_LENGTH, true);
    view.setInt32(8, SOL_SOCKET, true);
    view.setInt32(12, SCM_RIGHTS, true);
    view.setInt32(16, fd, true);
    const [message] = this.#message(control);
    this.#done("sendmsg", Number(this.#libc.sendmsg(over, this.#ffi.ptr(message), 0)));
  }

  /** Takes a descriptor that was sent before. */
  receive(over: number): number {
    const control = new Uint8Array(CONTROL_SIZE);
    const [message] = this.#message(control);
    const flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT;
    this.#done("recvmsg", Number(this.#libc.recvmsg(over, this.#ffi.ptr(message), flags)));
    return new DataView(control.buffer).getInt32(16, true);
  }

  close(fd: number): void {
    this.#libc.close(fd);
  }

  /** A `msghdr` of one byte with that control message; what it points to is returned too, to be kept alive. */
  #message(control: Uint8Array): readonly [message: BigUint64Array, ...kept: ArrayBufferView[]] {
    const { ptr } = this.#ffi;
    const body = new Uint8Array([1]);
    const vector = new BigUint64Array([BigInt(ptr(body)), 1n]);
    const message = new BigUint64Array([
      0n,
      0n,
      BigInt(ptr(vector)),
      1n,
      BigInt(ptr(control)),
      BigInt(control.length),
      0n,
    ]);
    return [message, vector, body];
  }

  #bind(domain: number, address: Uint8Array): number {
    const { ptr } = this.#ffi;
    const fd = this.#done("socket", this.#libc.socket(domain, SOCK_STREAM | SOCK_CLOEXEC, 0));
    try {
      const on = new Int32Array([1]);
      if (domain !== AF_UNIX) {
        this.#done("setsockopt", this.#libc.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, ptr(on), 4));
      }
      this.#done("bind", this.#libc.bind(fd, ptr(address), address.length));
      return fd;
    } catch (error) {
      this.#libc.close(fd);
      throw error;
    }
  }

  #done(call: string, result: number): number {
    if (result >= 0) return result;
    const errno = this.#ffi.read.i32(this.#libc.__errno_location(), 0);
    throw systemFault(call, errno);
  }
}

/** What an error of these calls may be, by its number on Linux. */
const CODES: Readonly<Record<number, string>> = {
  2: "ENOENT",
  13: "EACCES",
  20: "ENOTDIR",
  22: "EINVAL",
  24: "EMFILE",
  30: "EROFS",
  97: "EAFNOSUPPORT",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
};

function systemFault(call: string, errno: number): Error {
  const code = CODES[errno] ?? `errno ${errno}`;
  return Object.assign(new Error(`${call} ${code}`), { code });
}

/** Takes a descriptor that the parent has sent over this one. */
export async function receiveDescriptor(over: number): Promise<number> {
  return (await Calls.load()).receive(over);
}
