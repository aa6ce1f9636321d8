/**
 * What lies below `node:net`: the handles of libuv (on Deno, what takes their place), and what they are asked with.
 * None of it is documented, so it is used only in versions on which the suite has run, and only if every member is
 * there.
 *
 * Memory is in the callers' hands here. libuv reads bytes that are being sent from where they are until it says that it
 * is done, and writes what it receives into the buffer that it was given: both must be kept alive meanwhile. (Found
 * with Node 22 and 24: a Buffer that was written and forgotten was collected, and the write failed with EFAULT.)
 *
 * @module
 */
import process from "node:process";
import { getSystemErrorName } from "node:util";

/** An address as a handle gives it. */
export interface NativeAddress {
  address?: string;
  port?: number;
}

/** What is used of a TCP or Unix socket's handle. Functions return 0, or an error's number below it. */
export interface Handle {
  /** Called at each read: how much came is in `Native.streamBaseState`. Node reads on into the buffer that it gives. */
  onread: ((this: Handle) => Uint8Array | undefined) | null;
  /** Bytes taken and not with the kernel. */
  readonly writeQueueSize: number;
  /** All that comes is written to the beginning of this buffer. The handle does not keep it alive. */
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  /** The pieces one after the other; `true` says that none is a string. */
  writev(request: WriteRequest, pieces: readonly Uint8Array[], areBytes: true): number;
  /** What the kernel does not take at once is copied. */
  writeUtf8String(request: WriteRequest, text: string): number;
  /** 1 if it is done already. */
  shutdown(request: ShutdownRequest): number;
  close(done: () => void): void;
}

/** What a Unix socket has not. */
export interface TcpHandle extends Handle {
  /** Closes with a reset. While a `shutdown` is under way it fails, and the descriptor is lost. */
  reset(done: () => void): number;
  getsockname(out: NativeAddress): number;
  getpeername(out: NativeAddress): number;
  setNoDelay(on: boolean): number;
  /** The delay is in seconds. */
  setKeepAlive(on: boolean, delay: number): number;
}

/** A listening handle. */
export interface ListenHandle {
  /** Takes an error's number, or 0 and the handle of an accepted connection; on Deno it must be asked for. */
  onconnection: (status: number, handle?: Handle) => void;
}

/** A write under way. It can be used for the next one if it was done at once. */
export interface WriteRequest {
  /** Called when it is done, unless it was done at once. */
  oncomplete: (this: WriteRequest, status: number) => void;
  /** Keeps the bytes alive that are being sent. */
  held?: Uint8Array | readonly Uint8Array[] | null;
}

/** A FIN on its way. */
export interface ShutdownRequest {
  oncomplete: (this: ShutdownRequest, status: number) => void;
}

/** The classes, and where the results of calls are found. */
export interface Native {
  readonly TCP: new (type: number) => TcpHandle;
  readonly Pipe: new (type: number) => Handle;
  readonly WriteWrap: new () => WriteRequest;
  readonly ShutdownWrap: new () => ShutdownRequest;
  /** Results of the last call, at the three places below. */
  readonly streamBaseState: ArrayLike<number>;
  /** Bytes of a read, or an error's number. */
  readonly kReadBytesOrError: number;
  /** Bytes of a write, with those that the kernel has not taken yet. */
  readonly kBytesWritten: number;
  /** 1 if the last write will call `oncomplete`. */
  readonly kLastWriteWasAsync: number;
}

/** Versions of Node on which the suite has run. */
const TESTED: readonly string[] = ["20", "22", "24"];

const CLASSES: readonly (keyof Native)[] = ["TCP", "Pipe", "WriteWrap", "ShutdownWrap"];
const PLACES: readonly (keyof Native)[] = ["kReadBytesOrError", "kBytesWritten", "kLastWriteWasAsync"];
const STREAM_MEMBERS: readonly (keyof Handle)[] = [
  "useUserBuffer",
  "readStart",
  "readStop",
  "writeBuffer",
  "writev",
  "writeUtf8String",
  "shutdown",
  "close",
];
const TCP_MEMBERS: readonly (keyof TcpHandle)[] = [
  "reset",
  "getsockname",
  "getpeername",
  "setNoDelay",
  "setKeepAlive",
];

/** Not in the types of `node:process`. */
type Binding = (name: string) => Partial<Native>;

/** What lies below `node:net`; null if it can't be used here, which `node:net` can always. */
export function findNative(): Native | null {
  if (!TESTED.includes(process.versions.node.split(".")[0]) || wouldWarn()) return null;
  return nativeWith(["onread", "writeQueueSize"]);
}

/** The same, if handles have these members too, whatever the version is. */
export function nativeWith(members: readonly string[]): Native | null {
  const binding = (process as unknown as { binding?: Binding }).binding;
  if (binding === undefined) return null;
  try {
    const native = { ...binding("tcp_wrap"), ...binding("pipe_wrap"), ...binding("stream_wrap") };
    return isWhole(native, [...STREAM_MEMBERS, ...members]) ? native : null;
  } catch {
    // With --permission nobody may ask.
    return null;
  }
}

/** What a call has met; its code is the name of the error's number, like `ECONNRESET`, and `EOF` for the peer's FIN. */
export function systemError(call: string, number: number): Error & { readonly code: string } {
  const code = getSystemErrorName(number);
  return Object.assign(new Error(`${call} ${code}`), { code, errno: number, syscall: call });
}

/** Whoever asks for the warnings of things that may go one day gets what stays. */
function wouldWarn(): boolean {
  const flag = "--pending-deprecation";
  const { NODE_OPTIONS = "", NODE_PENDING_DEPRECATION } = process.env;
  return process.execArgv.includes(flag) || NODE_OPTIONS.includes(flag) || NODE_PENDING_DEPRECATION === "1";
}

function isWhole(native: Partial<Native>, members: readonly string[]): native is Native {
  const { TCP, Pipe, streamBaseState } = native;
  const has = (prototype: object, members: readonly string[]) => members.every((member) => member in prototype);
  return CLASSES.every((name) => typeof native[name] === "function") &&
    PLACES.every((name) => typeof native[name] === "number" && native[name] as number < streamBaseState!.length) &&
    has(TCP!.prototype, members) && has(Pipe!.prototype, members) && has(TCP!.prototype, TCP_MEMBERS);
}
