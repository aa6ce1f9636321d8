/**
 * What a runtime gives besides sockets, where it does: compression, memory, the kernel's tables, async contexts. Types
 * only.
 *
 * @module
 */
import type { Address, TlsCertificate, TlsIdentity } from "./endpoint.ts";
import type { FileAccess } from "./files.ts";
import type { Parent, SocketHolder } from "./parent.ts";
import type { SocketAdapter } from "./socket.ts";

/** A `Response`'s body that is in memory anyway. */
export interface ResponseBody {
  /** Null for no body. */
  readonly content: string | Uint8Array | null;
  /** The Content-Type that goes with it, if its fields have none; empty for none. */
  readonly type: string;
}

/** How a `Deflater` compresses; the terms are zlib's. */
export interface DeflateOptions {
  /** Size of the window, 9 to 15 (log2 of bytes). */
  readonly windowBits: number;
  /** From 0, fast, to 9, small. */
  readonly level: number;
  /** Memory for the search, 1 to 9. */
  readonly memLevel: number;
}

/** Compresses one message after the other as a single raw deflate stream (RFC 1951). */
export interface Deflater {
  /**
   * One whole message, ended at a byte boundary without the 00 00 ff ff that a flush leaves there (RFC 7692 §7.2.1), as
   * bytes of its own. It may refer to messages before, back to the last `reset`.
   */
  push(data: Uint8Array): Uint8Array;
  /** What follows refers to nothing before; the memory is given back until then. */
  reset(): void;
  /** Gives the memory back for good. Calling it twice is harmless. */
  close(): void;
}

/** Undoes what a `Deflater` of any make has done. */
export interface Inflater {
  /**
   * One whole message, given without its 00 00 ff ff, as bytes of its own. What follows a block with BFINAL refers to
   * nothing before it. After an error nothing before is remembered.
   *
   * @throws {RangeError} The message is longer than `limit`; what is beyond has not been inflated.
   * @throws {Error} The bytes are not deflate, or refer to what is not there.
   */
  push(data: Uint8Array, limit: number): Uint8Array;
  /** What follows refers to nothing before; the memory is given back until then. */
  reset(): void;
  /** Gives the memory back for good. Calling it twice is harmless. */
  close(): void;
}

/** What the process uses at one moment; null where the runtime or the system doesn't tell. */
export interface ResourceUse {
  /** Open descriptors. */
  readonly descriptors: number | null;
  /** How many there may be: the soft limit; Infinity for no limit. */
  readonly descriptorLimit: number | null;
  /** Bytes of the garbage-collected heap that are in use. */
  readonly heapUsed: number | null;
  /** Bytes at which the runtime gives up. */
  readonly heapLimit: number | null;
  /** Bytes of memory that the whole process occupies. */
  readonly rss: number | null;
  /** Why a member is null, by its name. */
  readonly missing: Readonly<Partial<Record<Exclude<keyof ResourceUse, "missing">, string>>>;
}

/**
 * Calls `run(given)` in the async context that was remembered, as often as wanted. What the function enters there
 * (`AsyncLocalStorage.enterWith()`) lasts for its own work, and for nothing else.
 */
export type Isolated = <A, T>(run: (given: A) => T, given: A) => T;

/** Certificates and the files that they lie in. */
export interface TlsParts {
  /** Text of a file. */
  readText(path: string): Promise<string>;
  /**
   * Calls `changed` when something happens to one of the files, or to a link on the way to it. The returned function
   * ends it. Best effort: what can't be watched is not.
   */
  watch(files: readonly string[], changed: () => void): () => void;
  /**
   * The first certificate of a chain.
   *
   * @throws {ListenError} Chain or key can't be read, is cut off, or they don't belong together.
   */
  inspect(identity: TlsIdentity): TlsCertificate;
  /** Certificates of authorities. @throws {ListenError} One can't be read, or there is none. */
  inspectAll(pem: string): TlsCertificate[];
}

/** What is not a matter of sockets. Members that a runtime lacks are left out, and what they say is done without. */
export interface Platform {
  /** The kernel's TCP tables (`/proc/self/net/tcp` and `tcp6`) as text; null where there are none or no permission. */
  kernelTable(): Promise<string | null>;
  /** How many connections wait in the kernel to be accepted by the listener there; null where that can't be told. */
  acceptQueue(address: Address): number | null;
  /**
   * Takes a `Response`'s body if it was made of text or bytes; undefined if it flows, or that can't be told.
   *
   * @param isTyped Its fields say what it is: nobody has to find that out.
   */
  responseBody?: (response: Response, isTyped?: boolean) => ResponseBody | undefined;
  /** Whether this runtime's `fetch()` decodes a body of that Content-Encoding, and leaves the field as it was. */
  fetchDecodes?(coding: string): boolean;
  /** Makes a compressor; without it and `inflater` no WebSocket is compressed. It takes memory at its first use. */
  deflater?: (options: DeflateOptions) => Deflater;
  /** Makes a decompressor for windows up to `windowBits`, 9 to 15. It takes memory at its first use. */
  inflater?: (options: { readonly windowBits: number }) => Inflater;
  /** Remembers the async context of its caller. Without it handlers run in the context of whatever woke them. */
  isolate?(): Isolated;
  /** What certificates in files, and several of them, need; loaded at the first use. */
  tlsParts?(): Promise<TlsParts>;
  /** What the process uses now; cheap enough to ask each second. It never throws. */
  resources?(): ResourceUse;
  /** Whoever holds sockets for this process; null if nobody does. It is known when the first `listen()` is over. */
  readonly parent?: Parent | null;
  /** Files and folders; loaded at the first use. */
  files?(): Promise<FileAccess>;
  /** Holds sockets for other processes. Rejects with `UnsupportedError` where that can't be. */
  holder?(): Promise<SocketHolder>;
}

/** Everything Sluice needs of a runtime. */
export interface Adapter extends SocketAdapter, Platform {}
