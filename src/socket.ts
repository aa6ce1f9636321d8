/**
 * The seam between Sluice and a runtime: types only.
 *
 * An adapter turns a runtime's sockets into these shapes. It is push-based: bytes arrive by callback, so that a
 * parser fed from the callback costs no promise per read. Flow control is explicit.
 *
 * @module
 */
import type { Address, ConnTls, TlsConnectOptions, TlsListenOptions } from "./endpoint.ts";
import type { ProxyHeader } from "./proxied.ts";

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
  /** Its sockets are plain until `secure()` begins TLS on them. */
  readonly secureLater?: boolean;
  /** Permissions of a Unix socket's file; what the process's mask leaves if it is not there. */
  readonly mode?: number;
  /** Name of a socket that whoever started this process holds for it; the address is that socket's then. */
  readonly inherit?: string;
}

/** A listening socket that is open already, opened by another process. */
export interface HeldSocket {
  /** Where it is bound. */
  readonly address: Address;
  /** The runtime's own object, if it came as one; else null. */
  readonly handle: object | null;
  /** Its descriptor, if it came as one; else -1. */
  readonly fd: number;
  /** The listener on it is closed. */
  release(): void;
}

/** What an adapter connects to. The caller has validated it. */
export interface SocketConnectOptions {
  /** Where it is, or should be. */
  readonly address: Address;
  /** Speaks TLS. */
  readonly tls?: TlsConnectOptions;
  /** What goes before TLS, for a connection between these ends. */
  readonly preface?: (local: Address, remote: Address) => Uint8Array;
  /** Gives up, and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a socket tells its owner. An adapter never throws out of these and emits nothing after `gone`. */
export interface SocketEvents {
  /** Bytes from the peer; they belong to the receiver. Never called while paused, nor after `end`. */
  data(chunk: Uint8Array): void;
  /**
   * In place of `data`: the first bytes of a buffer that the adapter overwrites once this returns. False: it takes none,
   * and gets a copy by `data`. @default false
   */
  lend?(buffer: Uint8Array, length: number): boolean;
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
  /** The peer's end, or that of whom the peer speaks for. */
  readonly remote: Address;
  /** The peer's end where it speaks for another. */
  readonly via?: Address | null;
  /** What the peer has said of whom it speaks for. */
  readonly proxy?: ProxyHeader | null;
  /** Protocol agreed by ALPN, or null. */
  readonly alpnProtocol: string | null;
  /** What TLS has agreed on; null or missing where none is spoken. */
  readonly tls?: ConnTls | null;
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
  /** After `shutdown`: the socket is closed here, and the kernel delivers what it has, then FIN. */
  detach(): void;
  /** TCP_NODELAY: small packets leave at once. */
  setNoDelay(on: boolean): void;
  /** TCP keep-alive; `delay` in ms before the first probe. */
  setKeepAlive(on: boolean, delay: number): void;
}

/** A TLS handshake that is over. */
export interface EndedHandshake {
  /** Since the connection was accepted, in ms. */
  readonly duration: number;
  /** What was agreed on, such as `TLSv1.3`; null if nothing was, or the runtime does not tell. */
  readonly version: string | null;
  /** Why it failed, in one word; null if it did not. */
  readonly error: string | null;
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
  /** A peer has broken what comes before everything else, and was reset; `first` in a burst of such. */
  broke?(peer: Address, error: Error, first: boolean): void;
  /** A TLS handshake has ended, well or not; where it did well `accepted` follows. */
  handshook?(ended: EndedHandshake): void;
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
  /**
   * Begins TLS on one of its plain sockets, which has been started and is paused; `unread` is what was read of it and
   * belongs to TLS. The handshake is one of those under way. Gives null when it fails; then the socket is gone.
   */
  secure?(socket: RawSocket, unread: Uint8Array): Promise<RawSocket | null>;
  /**
   * Replaces what certificates are shown, and whose clients' are good; the rest of the options stays. Handshakes from
   * now on see the new ones, connections live on. Throws `ListenError`, and changes nothing. Of `tls.replaceable` ones.
   */
  replaceTls?(tls: TlsListenOptions): void;
  /** TLS handshakes under way. */
  handshakes?(): number;
  /** Ends all handshakes; gives the clients of those that are known to have begun. */
  dropHandshakes?(): readonly Address[];
}

/** A runtime's sockets and signals. What else it gives is in `Platform`. */
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
}
