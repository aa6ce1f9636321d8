/**
 * The seam between Sluice and a runtime: types only, no imports.
 *
 * An adapter turns a runtime's sockets into these shapes. It is push-based: bytes arrive by callback, so that a
 * parser fed from the callback costs no promise per read. Flow control is explicit.
 *
 * @module
 */

/** A TCP endpoint. */
export interface TcpAddress {
  /** Tells the two kinds of address apart. */
  readonly transport: "tcp";
  /** IP address as text, without brackets. */
  readonly hostname: string;
  /** Port number. */
  readonly port: number;
}

/** A Unix socket's path; empty for the unnamed end of a client. */
export interface UnixAddress {
  /** Tells the two kinds of address apart. */
  readonly transport: "unix";
  /** The socket's path. */
  readonly path: string;
}

/** Where a socket is bound or connected. */
export type Address = TcpAddress | UnixAddress;

/** Certificate and key of a TLS listener, as PEM text. */
export interface TlsListenOptions {
  /** Certificate chain. */
  readonly cert: string;
  /** The certificate's private key. */
  readonly key: string;
  /** Protocols offered by ALPN (RFC 7301), most wanted first. @default none */
  readonly alpnProtocols?: readonly string[];
}

/** How a TLS client checks and greets its server. */
export interface TlsConnectOptions {
  /** Authorities to trust instead of the runtime's own, as PEM text. @default the runtime's own */
  readonly ca?: string;
  /** Name to ask for (SNI) and to check. @default the host connected to */
  readonly serverName?: string;
  /** Protocols offered by ALPN. @default none */
  readonly alpnProtocols?: readonly string[];
  /** Accepts any certificate, whoever's it is: for tests against a server of one's own. @default false */
  readonly insecure?: boolean;
}

/** What an adapter listens on. The caller has validated it. */
export interface SocketListenOptions {
  /** Where it is, or should be. */
  readonly address: Address;
  /** Length of the kernel's accept queue. */
  readonly backlog: number;
  /** SO_REUSEPORT; an adapter that has no such thing throws `UnsupportedError`. */
  readonly reusePort: boolean;
  /** Makes it a TLS listener. */
  readonly tls?: TlsListenOptions;
  /** Permissions of a Unix socket's file; what the process's mask leaves if it is not there. */
  readonly mode?: number;
}

/** What an adapter connects to. The caller has validated it. */
export interface SocketConnectOptions {
  /** Where it is, or should be. */
  readonly address: Address;
  /** Speaks TLS. */
  readonly tls?: TlsConnectOptions;
  /** Gives up, and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a socket tells its owner. An adapter never throws out of these and emits nothing after `gone`. */
export interface SocketEvents {
  /** Bytes from the peer; they belong to the receiver. Never called while paused, nor after `end`. */
  data(chunk: Uint8Array): void;
  /** The peer's FIN: nothing more will arrive. Writing is still possible. */
  end(): void;
  /** After `write` said false: everything is handed to the kernel. */
  drained(): void;
  /** Exactly once, last. `error` is set when the connection did not end by both sides' FIN or our own `destroy`. */
  gone(error?: Error): void;
}

/** One connected stream socket. */
export interface RawSocket {
  /** Our end. */
  readonly local: Address;
  /** The peer's end. */
  readonly remote: Address;
  /** Protocol agreed by ALPN, or null. */
  readonly alpnProtocol: string | null;
  /** Bytes taken by `write` and not yet handed to the kernel. */
  readonly unsent: number;
  /** Begins reading. Called once; before it nothing is emitted, and the peer's bytes wait in the kernel. */
  start(events: SocketEvents): void;
  /** Stops `data` (and `end`) until `resume`; the peer's bytes wait in the kernel. */
  pause(): void;
  /** Undoes `pause`. */
  resume(): void;
  /**
   * Sends bytes. False: not all is with the kernel yet, wait for `drained`. The caller may reuse `bytes` as soon as
   * `unsent` is 0. After `shutdown`, `destroy` or `gone` it does nothing and returns false.
   */
  write(bytes: Uint8Array): boolean;
  /** The same for text, as UTF-8; returns its bytes. Only where the runtime has a faster way than encoding first. */
  writeText?(text: string): number;
  /** The same for several pieces in one system call, where the runtime has one for that. */
  writeMany?(pieces: readonly Uint8Array[]): boolean;
  /** Half-close: what was written is flushed, then FIN. Reading goes on. Calling it twice is harmless. */
  shutdown(): void;
  /** Drops the connection now; the peer sees a reset, unless both sides had finished. */
  destroy(): void;
  /** Lets go after `shutdown`: the socket is closed here, and the kernel delivers what it has, then FIN. */
  release(): void;
  /** TCP_NODELAY: small packets leave at once. */
  setNoDelay(on: boolean): void;
  /** TCP keep-alive; `delay` in ms before the first probe. */
  setKeepAlive(on: boolean, delay: number): void;
}

/** What a listener tells its owner. */
export interface ListenerEvents {
  /** A connection; nothing of it is read until its `start`. */
  accepted(socket: RawSocket): void;
  /**
   * Accepting failed (EMFILE, ENFILE, ECONNABORTED …). The listener is still open; after EMFILE or ENFILE it accepts
   * nothing more until `resume()`.
   */
  failed(error: Error & { readonly code?: string }): void;
}

/** An open listening socket. */
export interface SocketListener {
  /** Where it is, or should be. */
  readonly address: Address;
  /** Begins accepting. Called once; connections that arrived before wait in the kernel or in the adapter. */
  start(events: ListenerEvents): void;
  /** Accepts again after `failed` with EMFILE or ENFILE. */
  resume(): void;
  /**
   * Closes the listening socket; accepted sockets live on, and TLS handshakes under way go on and are handed over.
   * Resolves when the port is free.
   */
  close(): Promise<void>;
  /** TLS handshakes under way. */
  handshakes?(): number;
  /** Ends all handshakes; gives the clients of those that are known to have begun. */
  dropHandshakes?(): readonly Address[];
}

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

/** Everything Sluice needs of a runtime. */
export interface SocketAdapter {
  /** Its name. */
  readonly name: string;
  /** Rejects with `ListenError` and leaves nothing open. */
  listen(options: SocketListenOptions): Promise<SocketListener>;
  /** Rejects with `ConnectError`, or the signal's reason, and leaves nothing open. */
  connect(options: SocketConnectOptions): Promise<RawSocket>;
  /** Calls `fn` at each arrival of an operating-system signal, e.g. `SIGTERM`. The returned function stops it. */
  onSignal(name: string, fn: () => void): () => void;
  /** Ends the process. */
  exit(code: number): void;
  /** The kernel's TCP tables (`/proc/self/net/tcp` and `tcp6`) as text; null where there are none or no permission. */
  kernelTable(): Promise<string | null>;
  /** How many connections wait in the kernel to be accepted by the listener there; null where that can't be told. */
  acceptQueue(address: Address): number | null;
  /** Takes a `Response`'s body if it was made of text or bytes; undefined if it flows, or that can't be told. */
  responseBody?: (response: Response) => ResponseBody | undefined;
  /** Whether this runtime's `fetch()` decodes a body of that Content-Encoding, and leaves the field as it was. */
  fetchDecodes?(coding: string): boolean;
  /** Makes a compressor; without it and `inflater` no WebSocket is compressed. It takes memory at its first use. */
  deflater?: (options: DeflateOptions) => Deflater;
  /** Makes a decompressor for windows up to `windowBits`, 9 to 15. It takes memory at its first use. */
  inflater?: (options: { readonly windowBits: number }) => Inflater;
  /** Remembers the async context of its caller. Without it handlers run in the context of whatever woke them. */
  isolate?(): Isolated;
  /** What the process uses now; cheap enough to ask each second. It never throws. */
  resources?(): ResourceUse;
}
