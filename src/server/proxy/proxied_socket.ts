/**
 * A socket whose peer has said for whom it speaks.
 *
 * @module
 */
import type { Address, ConnTls } from "../../endpoint.ts";
import type { ProxyHeader } from "../../proxied.ts";
import type { RawSocket, SocketEvents } from "../../socket.ts";

/** All is the socket's, but for who its client is. */
export class ProxiedSocket implements RawSocket {
  readonly writeText?: (text: string) => number;
  readonly writeMany?: (pieces: readonly Uint8Array[]) => boolean;
  protected readonly socket: RawSocket;
  #proxy: ProxyHeader | null;

  constructor(socket: RawSocket, proxy: ProxyHeader | null) {
    this.socket = socket;
    this.#proxy = proxy;
    // Only what the socket has: without it others are faster than what would stand in here.
    if (socket.writeText !== undefined) this.writeText = (text) => socket.writeText!(text);
    if (socket.writeMany !== undefined) this.writeMany = (pieces) => socket.writeMany!(pieces);
  }

  get proxy(): ProxyHeader | null {
    return this.#proxy;
  }

  protected set proxy(header: ProxyHeader) {
    this.#proxy = header;
  }

  get local(): Address {
    return this.socket.local;
  }

  get remote(): Address {
    return this.#proxy?.source ?? this.socket.remote;
  }

  /** Null where the peer speaks for itself. */
  get via(): Address | null {
    return this.#proxy === null || this.#proxy.source === null ? null : this.socket.remote;
  }

  get alpnProtocol(): string | null {
    return this.socket.alpnProtocol;
  }

  get tls(): ConnTls | null {
    return this.socket.tls ?? null;
  }

  get unsent(): number {
    return this.socket.unsent;
  }

  start(events: SocketEvents): void {
    this.socket.start(events);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  write(bytes: Uint8Array): boolean {
    return this.socket.write(bytes);
  }

  shutdown(): void {
    this.socket.shutdown();
  }

  destroy(): void {
    this.socket.destroy();
  }

  detach(): void {
    this.socket.detach();
  }

  setNoDelay(on: boolean): void {
    this.socket.setNoDelay(on);
  }

  setKeepAlive(on: boolean, delay: number): void {
    this.socket.setKeepAlive(on, delay);
  }
}
