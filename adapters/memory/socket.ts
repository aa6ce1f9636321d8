/**
 * The two ends of an in-process connection: bounded buffers, FIN, reset.
 *
 * @module
 */
import type { Address } from "../../src/endpoint.ts";
import type { RawSocket, SocketEvents } from "../../src/socket.ts";
import { type Cargo, Direction } from "./direction.ts";
import type { Schedule } from "./schedule.ts";

/** No byte of a protocol that tests speak, over and over. */
const SCRIBBLE = 0xa5;

/** An in-process socket, with what a test may do to it. */
export interface MemorySocket extends RawSocket {
  /** The other end. */
  readonly peer: MemorySocket;
  /** Stops and restarts taking bytes, as a busy peer does; no event tells. */
  stall(on: boolean): void;
  /** Cuts the link without FIN or reset: each side hears nothing more, and ends only by its own `destroy`. */
  vanish(): void;
  /** Breaks the connection: both sides see a reset. */
  reset(): void;
}

/** What the ends of one network share. */
export interface MemoryWorld {
  readonly schedule: Schedule;
  /** Bytes per direction that the "kernel" takes. */
  readonly bufferSize: number;
  /** Sockets that are not closed. */
  readonly sockets: Set<MemorySocket>;
}

/** Makes two connected sockets; `there` is the end that `here` dialled. */
export function socketPair(world: MemoryWorld, here: Address, there: Address, alpn: string | null): MemorySocket[] {
  const client = new Socket(world, here, there, alpn, "up");
  const server = new Socket(world, there, here, alpn, "down");
  client.peer = server;
  server.peer = client;
  return [client, server];
}

/** A socket that was started is as if it had not been: it can be started again, and `unread` comes first then. */
export function restart(socket: RawSocket, unread: Uint8Array): void {
  (socket as Socket).giveBack(unread);
}

/** An error as the system gives it: `code` says what it is. */
export function systemError(call: string, code: string): Error & { readonly code: string } {
  return Object.assign(new Error(`${call} ${code}`), { code });
}

class Socket implements MemorySocket {
  readonly local: Address;
  readonly remote: Address;
  readonly alpnProtocol: string | null;
  peer!: Socket;
  readonly #world: MemoryWorld;
  readonly #schedule: Schedule;
  readonly #out: Direction;
  #events: SocketEvents | null = null;
  #paused = false;
  #stalled = false;
  #vanished = false;
  #detached = false;
  #broken = false;
  #gone = false;
  #error: Error | undefined;
  #wantsDrained = false;
  #cancelDelivery: (() => void) | null = null;

  constructor(
    world: MemoryWorld,
    local: Address,
    remote: Address,
    alpnProtocol: string | null,
    towards: "up" | "down",
  ) {
    const { schedule, bufferSize: limit } = world;
    this.#out = new Direction({ schedule, towards, limit, landed: (cargo) => this.peer.#landed(cargo) });
    this.#world = world;
    this.#schedule = world.schedule;
    this.local = local;
    this.remote = remote;
    this.alpnProtocol = alpnProtocol;
    world.sockets.add(this);
  }

  get unsent(): number {
    return this.#out.unsent;
  }

  start(events: SocketEvents): void {
    this.#events = events;
    if (this.#gone) this.#emitGone();
    this.#pump();
    this.#drain();
  }

  /** Its owner leaves it to another. */
  giveBack(unread: Uint8Array): void {
    this.#events = null;
    this.#paused = false;
    this.peer.#out.giveBack(unread);
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#pump();
  }

  write(bytes: Uint8Array): boolean {
    const out = this.#out;
    if (this.#gone || out.shut) return false;
    if (bytes.length > 0) {
      out.write(bytes);
      this.peer.#pump();
    }
    if (this.peer.#gone && !out.underWay) this.#breakLater();
    if (out.unsent > 0) this.#wantsDrained = true;
    return out.unsent === 0;
  }

  shutdown(): void {
    if (this.#gone || this.#out.shut) return;
    this.#out.finish();
    this.peer.#pump();
    this.#endIfDone();
  }

  destroy(): void {
    if (this.#gone) return;
    const incoming = this.peer.#out;
    const bothFinished = this.#out.finished && incoming.whole;
    this.#finish();
    if (!bothFinished) this.peer.#breakLater();
  }

  detach(): void {
    this.shutdown();
    this.#detached = true;
    this.#endIfDone();
  }

  setNoDelay(_on: boolean): void {}

  setKeepAlive(_on: boolean, _delay: number): void {}

  stall(on: boolean): void {
    this.#stalled = on;
    this.#pump();
  }

  vanish(): void {
    this.#vanished = this.peer.#vanished = true;
  }

  reset(): void {
    this.#break();
    this.peer.#breakLater();
  }

  #readable(): boolean {
    return this.#events !== null && !this.#paused && !this.#stalled && !this.#vanished && !this.#gone;
  }

  /** Schedules the next delivery to this side, if there is one and none is scheduled. */
  #pump(): void {
    if (this.#cancelDelivery !== null || !this.#readable() || !this.peer.#out.ready) return;
    this.#cancelDelivery = this.#schedule.later(this.#schedule.deliveryDelay(), () => {
      this.#cancelDelivery = null;
      this.#deliver();
    });
  }

  #deliver(): void {
    const incoming = this.peer.#out;
    if (!this.#readable() || !incoming.ready) return;
    const schedule = this.#schedule;
    if (schedule.happens(schedule.faults.reset)) return this.reset();
    if (schedule.happens(schedule.faults.vanish)) return this.vanish();
    if (incoming.unread) {
      const cut = schedule.happens(schedule.faults.split) ? schedule.random() : 1;
      const chunk = incoming.take(schedule.happens(schedule.faults.merge), cut || 1);
      this.peer.#drain();
      this.peer.#endIfDone();
      this.#give(chunk);
    } else {
      incoming.ended = true;
      this.#events!.end();
      this.#endIfDone();
    }
    this.#pump();
  }

  /** As adapters do that lend their bytes: what is kept of them and not copied is wrong from now on. */
  #give(chunk: Uint8Array): void {
    const events = this.#events!;
    const lent = chunk.slice();
    if (events.lend?.(lent, lent.length) === true) lent.fill(SCRIBBLE);
    else events.data(chunk);
  }

  #drain(): void {
    if (!this.#wantsDrained || this.#out.unsent > 0 || this.#events === null) return;
    this.#schedule.later(0, () => {
      if (!this.#wantsDrained || this.#out.unsent > 0 || this.#gone) return;
      this.#wantsDrained = false;
      this.#events!.drained();
      this.#endIfDone();
    });
  }

  #endIfDone(): void {
    const incoming = this.peer.#out;
    if (this.#gone || !this.#out.finished || !(incoming.ended || this.#detached)) return;
    if (this.#wantsDrained && this.#events !== null) return;
    this.#finish();
    if (incoming.unread) this.peer.#breakLater();
  }

  /** Something late has arrived at this end. */
  #landed(cargo: Cargo): void {
    if (cargo === "reset") this.#break();
    else if (!this.#gone) this.#pump();
    else if (cargo !== "fin") this.peer.#breakLater();
  }

  /** The other end sends a reset. */
  #breakLater(): void {
    if (!this.#gone && !this.#broken && !this.peer.#out.reset()) this.#break();
  }

  /** A reset has arrived: what is unread is lost, and no delivery comes before it. */
  #break(): void {
    if (this.#gone || this.#broken || this.#vanished) return;
    this.#broken = true;
    this.#cancelDelivery?.();
    this.#cancelDelivery = this.#schedule.later(
      this.#schedule.deliveryDelay(),
      () => this.#finish(systemError("read", "ECONNRESET")),
    );
  }

  #finish(error?: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#error = error;
    this.#out.drop();
    this.#cancelDelivery?.();
    if (this.peer.#gone) { for (const end of [this, this.peer]) end.#out.cancel(); }
    this.#world.sockets.delete(this);
    if (this.#events !== null) this.#emitGone();
  }

  #emitGone(): void {
    this.#schedule.later(0, () => this.#events?.gone(this.#error));
  }
}
