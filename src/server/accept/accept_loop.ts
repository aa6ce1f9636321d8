/**
 * Takes sockets from a listener and survives its errors.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Address } from "../../endpoint.ts";
import type { EndedHandshake, ListenerEvents, RawSocket, SocketListener } from "../../socket.ts";

/** First pause after descriptors ran out, in ms (Go: `net/http`). */
const BACKOFF_MIN = 5;
/** Longest pause, in ms. */
const BACKOFF_MAX = 1000;
/** Descriptors ran out, in this process or in the system. */
const EXHAUSTED: readonly string[] = ["EMFILE", "ENFILE"];

/** Who gets the sockets and hears of errors. */
export interface AcceptSink {
  accepted(socket: RawSocket): void;
  /** An accept failed; `first` in a burst of failures. */
  acceptFailed(error: Error, first: boolean): void;
  /** A peer has broken what comes before everything else; `first` in a burst of such. */
  peerBroke(peer: Address, error: Error, first: boolean): void;
  /** A TLS handshake has ended. */
  handshook?(ended: EndedHandshake): void;
}

/** Accepts until it is closed; backs off while descriptors are short. */
export class AcceptLoop implements ListenerEvents {
  readonly listener: SocketListener;
  readonly #clock: Clock;
  readonly #sink: AcceptSink;
  #delay = BACKOFF_MIN;
  #failedAt = -Infinity;
  #cancel: (() => void) | null = null;
  #closed: Promise<void> | null = null;

  constructor(listener: SocketListener, clock: Clock, sink: AcceptSink) {
    this.listener = listener;
    this.#clock = clock;
    this.#sink = sink;
    listener.start(this);
  }

  accepted(socket: RawSocket): void {
    this.#delay = BACKOFF_MIN;
    // Even when closed: some runtimes still hand over what waited in the kernel's queue.
    this.#sink.accepted(socket);
  }

  failed(error: Error & { readonly code?: string }): void {
    if (this.#closed !== null) return;
    const now = this.#clock.now();
    const first = now - this.#failedAt > BACKOFF_MAX * 2;
    this.#failedAt = now;
    if (EXHAUSTED.includes(error.code ?? "")) this.#backOff();
    this.#sink.acceptFailed(error, first);
  }

  broke(peer: Address, error: Error, first: boolean): void {
    this.#sink.peerBroke(peer, error, first);
  }

  handshook(ended: EndedHandshake): void {
    this.#sink.handshook?.(ended);
  }

  /** Stops accepting; interrupts the pause. Resolves when the port is free. */
  close(): Promise<void> {
    if (this.#closed === null) {
      this.#cancel?.();
      this.#closed = this.listener.close();
    }
    return this.#closed;
  }

  /** TLS handshakes under way. */
  get handshakes(): number {
    return this.listener.handshakes?.() ?? 0;
  }

  /** Ends them; gives the clients of those that had begun. */
  dropHandshakes(): readonly Address[] {
    return this.listener.dropHandshakes?.() ?? [];
  }

  #backOff(): void {
    this.#cancel?.();
    this.#cancel = this.#clock.setTimer(() => this.listener.resume(), this.#delay);
    this.#delay = Math.min(BACKOFF_MAX, this.#delay * 2);
  }
}
