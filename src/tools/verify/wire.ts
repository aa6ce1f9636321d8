/**
 * A long way between a client and its server: what either end sends arrives later, in order, with much of it under way
 * at the same time.
 *
 * @module
 */
import type { Bytes, Clock, Conn, Consumer } from "@sluice/sluice";

/** What a client uses of its connection. */
export type ClientConn = Pick<
  Conn,
  "consume" | "write" | "flush" | "closeWrite" | "close" | "abort" | "pause" | "resume" | "local"
>;

/** How long the way is. */
export interface WireOptions {
  /** Time. */
  readonly clock: Clock;
  /** The next random number in [0, 1). */
  readonly random: () => number;
  /** Time in ms that it takes to the server and back. */
  readonly roundTrip: number;
  /** How far a delay may be off either way, as a share of it from 0 to 1. */
  readonly jitter: number;
}

/**
 * What leaves at the most so many ms behind what left before is delayed like it: jitter that tore a FIN from the answer
 * that it rides with would give the client time to send between the two, which no real network does.
 */
const BURST = 10;
/** What leaves within so many ms arrives at one moment: what is written in one turn is one packet. */
const PACKET = 1;
/**
 * Bytes on their way to the client and not taken by it, above which the server's socket is not read: as a window of TCP,
 * large enough for a few MB a second over the longest way.
 */
const WINDOW = 512 * 1024;

/** One direction. */
class Way {
  readonly #options: WireOptions;
  readonly #loads: { readonly at: number; readonly arrive: () => void }[] = [];
  #leftAt = -Infinity;
  /** When the packet has left that is being filled. */
  #packetAt = -Infinity;
  #lastAt = 0;
  #delay = 0;
  #stopTimer: (() => void) | null = null;
  #landing = false;

  constructor(options: WireOptions) {
    this.#options = options;
  }

  /** Sends something off; `arrive` is called when it is there, behind everything that was sent off before. */
  carry(arrive: () => void): void {
    const now = this.#options.clock.now();
    if (now - this.#leftAt > BURST) this.#delay = this.#nextDelay();
    this.#leftAt = now;
    if (now - this.#packetAt > PACKET) this.#packetAt = now;
    this.#lastAt = Math.max(this.#lastAt, this.#packetAt + this.#delay);
    this.#loads.push({ at: this.#lastAt, arrive });
    if (this.#stopTimer === null && !this.#landing) this.#await(now);
  }

  /** Fulfils when somebody who leaves now is there. */
  trip(): Promise<void> {
    return new Promise((resolve) => this.carry(resolve));
  }

  /** Nobody waits at its end any more. */
  cancel(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
    this.#loads.length = 0;
  }

  #nextDelay(): number {
    const { random, roundTrip, jitter } = this.#options;
    return roundTrip / 2 * (1 + jitter * (random() * 2 - 1));
  }

  #await(now: number): void {
    this.#stopTimer = this.#options.clock.setTimer(() => this.#land(), Math.max(0, this.#loads[0].at - now));
  }

  /** Everything arrives that is due with the first load; a timer may be early by its own clock. */
  #land(): void {
    const now = Math.max(this.#options.clock.now(), this.#loads[0].at);
    this.#stopTimer = null;
    this.#landing = true;
    do this.#loads.shift()!.arrive(); while (this.#loads.length > 0 && this.#loads[0].at <= now);
    this.#landing = false;
    if (this.#loads.length > 0) this.#await(now);
  }
}

/**
 * Connects over a long way: half of the round trip before `dial` is called, half after it has settled. The client may
 * begin to send then, and its first bytes are there half a round trip later.
 *
 * @throws What `dial` rejects with.
 */
export async function connectOver(options: WireOptions, dial: () => Promise<Conn>): Promise<ClientConn> {
  const there = new Way(options);
  const back = new Way(options);
  await there.trip();
  try {
    const far = new FarConn(options.clock, await dial(), there, back);
    await back.trip();
    return far;
  } catch (error) {
    await back.trip();
    throw error;
  }
}

/** Something that has come the whole way, or is on it. */
interface Arrival {
  readonly bytes: number;
  tell(consumer: Consumer): void;
}

/** The client's end of a connection whose other end is far away. */
class FarConn implements ClientConn, Consumer {
  readonly #clock: Clock;
  readonly #real: Conn;
  readonly #there: Way;
  readonly #back: Way;
  readonly #arrived: Arrival[] = [];
  #consumer: Consumer | null = null;
  /** Bytes on their way to the client, and arrived but not taken. */
  #unread = 0;
  #full = false;
  #paused = false;
  #telling = false;
  #over = false;

  constructor(clock: Clock, real: Conn, there: Way, back: Way) {
    this.#clock = clock;
    this.#real = real;
    this.#there = there;
    this.#back = back;
    real.consume(this);
  }

  /** As the server sees it. */
  get local(): Conn["local"] {
    return this.#real.local;
  }

  // What the client does.

  consume(consumer: Consumer): void {
    this.#consumer = consumer;
    this.#tell();
  }

  write(data: Bytes | string): Promise<void> {
    return this.#send((real) => real.write(data));
  }

  flush(): Promise<void> {
    return this.#send((real) => real.flush());
  }

  closeWrite(): Promise<void> {
    return this.#send((real) => real.closeWrite());
  }

  close(): Promise<void> {
    return this.#send((real) => real.close());
  }

  /** Hears nothing more from here on; the reset leaves behind what was written. */
  abort(reason?: unknown): void {
    if (this.#over) return;
    this.#end();
    this.#clock.soon(() => this.#consumer?.closed(reason instanceof Error ? reason : undefined));
    this.#there.carry(() => this.#real.abort(reason));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#tell();
  }

  // What the server's end says.

  data(chunk: Uint8Array): void {
    this.#come({ bytes: chunk.length, tell: (consumer) => consumer.data(chunk) });
  }

  end(): void {
    this.#come({ bytes: 0, tell: (consumer) => consumer.end() });
  }

  closed(error?: Error): void {
    this.#come({
      bytes: 0,
      tell: (consumer) => {
        this.#end();
        consumer.closed(error);
      },
    });
  }

  /** What can't be sent any more when it is there, the client hears of by the reset that comes back. */
  #send(act: (real: Conn) => Promise<void>): Promise<void> {
    const done = new Promise<void>((resolve, reject) => {
      this.#there.carry(() => act(this.#real).then(resolve, reject));
    });
    // Who does not wait for it need not hear of its failure.
    done.catch(() => {});
    return done;
  }

  #come(arrival: Arrival): void {
    if (this.#over) return;
    this.#unread += arrival.bytes;
    this.#watchWindow();
    this.#back.carry(() => {
      this.#arrived.push(arrival);
      this.#tell();
    });
  }

  /** Passes on what has arrived, one after the other: what hears it may pause or abort. */
  #tell(): void {
    if (this.#telling || this.#consumer === null) return;
    this.#telling = true;
    while (this.#arrived.length > 0 && !this.#paused) {
      const { bytes, tell } = this.#arrived.shift()!;
      this.#unread -= bytes;
      try {
        tell(this.#consumer);
      } catch (error) {
        this.abort(error);
      }
    }
    this.#telling = false;
    this.#watchWindow();
  }

  #watchWindow(): void {
    const full = this.#unread >= WINDOW;
    if (full === this.#full || this.#over) return;
    this.#full = full;
    if (full) this.#real.pause();
    else this.#real.resume();
  }

  #end(): void {
    this.#over = true;
    this.#arrived.length = 0;
    this.#back.cancel();
  }
}
