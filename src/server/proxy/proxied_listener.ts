/**
 * A listener whose clients come through proxies that name them.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Address, TlsListenOptions } from "../../endpoint.ts";
import type { ProxyHeader } from "../../proxied.ts";
import type { EndedHandshake, ListenerEvents, RawSocket, SocketListener } from "../../socket.ts";
import { Arrival, type ArrivalSink } from "./arrival.ts";
import { broken } from "./header.ts";
import { ProxiedSocket } from "./proxied_socket.ts";
import type { ProxySettings } from "./settings.ts";

/** Faults that follow each other within so many ms are one burst. */
const BURST = 2000;

const NOTHING = new Uint8Array(0);

/** Gives sockets away when their header is here; those that owe it belong to the handshakes under way. */
export class ProxiedListener implements SocketListener, ListenerEvents, ArrivalSink {
  readonly #listener: SocketListener;
  /** TLS follows the header. */
  readonly #isSecure: boolean;
  readonly #settings: ProxySettings;
  readonly #clock: Clock;
  /** In the order in which they came: the first is late first. */
  readonly #arrivals = new Set<Arrival>();
  #events: ListenerEvents | null = null;
  #cancelTimer: (() => void) | null = null;
  #brokeAt = -Infinity;

  constructor(listener: SocketListener, isSecure: boolean, settings: ProxySettings, clock: Clock) {
    this.#listener = listener;
    this.#isSecure = isSecure;
    this.#settings = settings;
    this.#clock = clock;
  }

  // As a listener.

  get address(): Address {
    return this.#listener.address;
  }

  start(events: ListenerEvents): void {
    this.#events = events;
    this.#listener.start(this);
  }

  resume(): void {
    this.#listener.resume();
  }

  close(): Promise<void> {
    return this.#listener.close();
  }

  replaceTls(tls: TlsListenOptions): void {
    this.#listener.replaceTls!(tls);
  }

  handshakes(): number {
    return this.#arrivals.size + (this.#listener.handshakes?.() ?? 0);
  }

  dropHandshakes(): readonly Address[] {
    const begun: Address[] = [];
    for (const arrival of [...this.#arrivals]) {
      if (arrival.hasBegun) begun.push(arrival.remote);
      this.#drop(arrival);
    }
    return [...begun, ...this.#listener.dropHandshakes?.() ?? []];
  }

  // What the listener below says.

  accepted(socket: RawSocket): void {
    const { from, required } = this.#settings;
    const { remote } = socket;
    if (from.has(remote)) return this.#await(socket);
    if (!required) return this.#give(socket, null, () => [socket, NOTHING]);
    socket.destroy();
    // Whoever has left before anybody asked has no address any more: health checks reset at once.
    if (remote.transport === "unix" || remote.hostname !== "") {
      this.#broke(remote, "The option proxyProtocol.from has no such address");
    }
  }

  failed(error: Error): void {
    this.#events!.failed(error);
  }

  handshook(ended: EndedHandshake): void {
    this.#events!.handshook?.(ended);
  }

  // What arrivals say.

  told(arrival: Arrival): void {
    this.#leave(arrival);
  }

  untold(arrival: Arrival, empty: boolean): void {
    if (!this.#settings.required) this.#leave(arrival);
    // Whoever connects, says nothing and closes wants to know whether the port is open.
    else if (empty) this.#drop(arrival);
    else this.#end(arrival, "The proxy has sent something else than a PROXY header");
  }

  broken(arrival: Arrival, error: Error): void {
    this.#drop(arrival);
    this.#tell(arrival.remote, error);
  }

  left(arrival: Arrival, begun: boolean): void {
    this.#forget(arrival);
    if (begun) this.#broke(arrival.remote, "The proxy has left within its PROXY header");
  }

  // The wait for headers.

  #await(socket: RawSocket): void {
    const arrival = new Arrival(socket, this.#clock.now(), this);
    this.#arrivals.add(arrival);
    this.#watch();
    arrival.begin();
  }

  /** One timer is enough for all: they come in order, and have equally long. */
  #watch(): void {
    const { timeout } = this.#settings;
    const [first] = this.#arrivals;
    if (first === undefined || timeout === Infinity || this.#cancelTimer !== null) return;
    const wait = Math.max(0, Math.ceil(first.since + timeout - this.#clock.now()));
    this.#cancelTimer = this.#clock.setTimer(() => this.#endLate(), wait);
  }

  #endLate(): void {
    const { required, timeout } = this.#settings;
    const lateBefore = this.#clock.now() - timeout;
    this.#cancelTimer = null;
    for (const arrival of this.#arrivals) {
      if (arrival.since > lateBefore) break;
      if (required) this.#end(arrival, `The proxy has sent no whole PROXY header within ${timeout} ms`);
      else {
        arrival.giveUp();
        this.#leave(arrival);
      }
    }
    this.#watch();
  }

  #forget(arrival: Arrival): void {
    this.#arrivals.delete(arrival);
    if (this.#arrivals.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #drop(arrival: Arrival): void {
    this.#forget(arrival);
    arrival.drop();
  }

  #end(arrival: Arrival, why: string): void {
    this.#drop(arrival);
    this.#broke(arrival.remote, why);
  }

  #broke(peer: Address, why: string): void {
    this.#tell(peer, broken(why));
  }

  #tell(peer: Address, error: Error): void {
    const now = this.#clock.now();
    const first = now - this.#brokeAt > BURST;
    this.#brokeAt = now;
    this.#events!.broke?.(peer, error, first);
  }

  // What comes of it.

  #leave(arrival: Arrival): void {
    this.#forget(arrival);
    this.#give(arrival, arrival.proxy, () => arrival.take());
  }

  /** Gives a plain socket as it is, and what TLS makes of it where that follows. */
  #give(socket: RawSocket, proxy: ProxyHeader | null, take: () => [plain: RawSocket, unread: Uint8Array]): void {
    if (!this.#isSecure) return this.#events!.accepted(socket);
    this.#listener.secure!(...take()).then((secure) => {
      if (secure !== null) this.#events!.accepted(proxy === null ? secure : new ProxiedSocket(secure, proxy));
    });
  }
}
