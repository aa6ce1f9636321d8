/**
 * Pings that wait for their pongs.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";

interface Ping {
  readonly data: Uint8Array;
  readonly sentAt: number;
  readonly resolve: (roundTrip: number) => void;
  readonly reject: (error: Error) => void;
}

/** Every ping that was sent and not answered. A pong answers the pings before its own, too (RFC 6455 §5.5.3). */
export class Pings {
  readonly #clock: Clock;
  #waiting: Ping[] = [];
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A payload that no other ping of this connection has. */
  payload(): Uint8Array {
    const number = ++this.#count;
    return Uint8Array.of(number >>> 24, number >>> 16, number >>> 8, number);
  }

  /** Fulfils with the round trip in ms. Who doesn't look at it hears of no failure. */
  sent(data: Uint8Array): Promise<number> {
    const answered = new Promise<number>((resolve, reject) => {
      this.#waiting.push({ data, sentAt: this.#clock.now(), resolve, reject });
    });
    answered.catch(() => {});
    return answered;
  }

  /** Settles the ping that this pong answers, and those before it; gives its round trip, null if it answers none. */
  answered(data: Uint8Array): number | null {
    const at = this.#waiting.findIndex((ping) => isSame(ping.data, data));
    if (at < 0) return null;
    const now = this.#clock.now();
    const done = this.#waiting.splice(0, at + 1);
    for (const ping of done) ping.resolve(now - ping.sentAt);
    return now - done[at].sentAt;
  }

  fail(error: Error): void {
    for (const ping of this.#waiting.splice(0)) ping.reject(error);
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
