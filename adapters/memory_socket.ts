/**
 * The two ends of an in-process connection: bounded buffers, FIN, reset.
 *
 * @module
 */
import type { Address, RawSocket, SocketEvents } from "../src/socket.ts";
import type { Schedule } from "./memory_schedule.ts";

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
  const client = new Socket(world, here, there, alpn);
  const server = new Socket(world, there, here, alpn);
  client.peer = server;
  server.peer = client;
  return [client, server];
}

/** An error as the system gives it: `code` says what it is. */
export function systemError(call: string, code: string): Error & { readonly code: string } {
  return Object.assign(new Error(`${call} ${code}`), { code });
}

/** One direction of a connection. */
class Wire {
  /** With the kernel: on the way, or not read yet. */
  queue: Uint8Array[] = [];
  queued = 0;
  /** Written, and beyond the kernel's buffer. */
  held: Uint8Array[] = [];
  unsent = 0;
  shut = false;
  ended = false;

  /** The FIN is with the kernel, behind all data. */
  get finished(): boolean {
    return this.shut && this.unsent === 0;
  }

  /** There is something for the reader: bytes or the FIN. */
  get ready(): boolean {
    return this.queued > 0 || (this.finished && !this.ended);
  }

  fill(limit: number): void {
    while (this.held.length > 0 && this.queued < limit) {
      const first = this.held[0];
      const part = first.slice(0, limit - this.queued);
      if (part.length === first.length) this.held.shift();
      else this.held[0] = first.subarray(part.length);
      this.queue.push(part);
      this.queued += part.length;
      this.unsent -= part.length;
    }
  }

  take(merge: boolean, cut: number): Uint8Array {
    if (merge && this.queue.length > 1) this.queue = [concat(this.queue, this.queued)];
    const first = this.queue[0];
    const size = Math.ceil(first.length * cut);
    if (size < first.length) this.queue[0] = first.slice(size);
    else this.queue.shift();
    this.queued -= size;
    return first.slice(0, size);
  }
}

function concat(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

class Socket implements MemorySocket {
  readonly local: Address;
  readonly remote: Address;
  readonly alpnProtocol: string | null;
  peer!: Socket;
  readonly #world: MemoryWorld;
  readonly #schedule: Schedule;
  readonly #out = new Wire();
  #events: SocketEvents | null = null;
  #paused = false;
  #stalled = false;
  #vanished = false;
  #released = false;
  #broken = false;
  #gone = false;
  #error: Error | undefined;
  #wantsDrained = false;
  #cancelDelivery: (() => void) | null = null;

  constructor(world: MemoryWorld, local: Address, remote: Address, alpnProtocol: string | null) {
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
    if (this.peer.#gone) this.#breakLater();
    if (bytes.length > 0) {
      out.held.push(bytes);
      out.unsent += bytes.length;
      out.fill(this.#world.bufferSize);
      this.peer.#pump();
    }
    if (out.unsent > 0) this.#wantsDrained = true;
    return out.unsent === 0;
  }

  shutdown(): void {
    if (this.#gone || this.#out.shut) return;
    this.#out.shut = true;
    this.peer.#pump();
    this.#endIfDone();
  }

  destroy(): void {
    if (this.#gone) return;
    const incoming = this.peer.#out;
    const bothFinished = this.#out.finished && incoming.finished && incoming.queued === 0;
    this.#finish();
    if (!bothFinished) this.peer.#breakLater();
  }

  release(): void {
    this.shutdown();
    this.#released = true;
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
    this.#breakLater();
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
    if (incoming.queued > 0) {
      const cut = schedule.happens(schedule.faults.split) ? schedule.random() : 1;
      const chunk = incoming.take(schedule.happens(schedule.faults.merge), cut || 1);
      incoming.fill(this.#world.bufferSize);
      this.peer.#drain();
      this.peer.#endIfDone();
      this.#events!.data(chunk);
    } else {
      incoming.ended = true;
      this.#events!.end();
      this.#endIfDone();
    }
    this.#pump();
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
    if (this.#gone || !this.#out.finished || !(incoming.ended || this.#released)) return;
    if (this.#wantsDrained && this.#events !== null) return;
    this.#finish();
    if (incoming.queued > 0) this.peer.#breakLater();
  }

  /** A reset is on its way: what was in flight is lost, and no delivery comes before it. */
  #breakLater(): void {
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
    this.#out.held = [];
    this.#out.unsent = 0;
    this.#cancelDelivery?.();
    this.#world.sockets.delete(this);
    if (this.#events !== null) this.#emitGone();
  }

  #emitGone(): void {
    this.#schedule.later(0, () => this.#events!.gone(this.#error));
  }
}
