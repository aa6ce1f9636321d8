/**
 * One direction of an in-process connection: bounded, in order, and as late as its wire.
 *
 * @module
 */
import { concat } from "../../src/bytes.ts";
import type { Schedule } from "./schedule.ts";

/** What goes over the wire. */
export type Cargo = Uint8Array | "fin" | "reset";

/** How a direction is set up. */
export interface DirectionOptions {
  /** Time and the wire. */
  readonly schedule: Schedule;
  /** Which way it leads: towards the end that listened, or towards the end that dialled. */
  readonly towards: "up" | "down";
  /** Bytes that may be under way or unread at the same time. */
  readonly limit: number;
  /** Called when something was late and has now arrived. */
  landed(cargo: Cargo): void;
}

/** One direction of a connection. */
export class Direction {
  /** The writer has said that nothing more follows. */
  shut = false;
  /** The reader has been told of the FIN. */
  ended = false;
  readonly #options: DirectionOptions;
  /** On the wire: when it left, and when it arrives. */
  readonly #transit: { readonly left: number; readonly at: number; readonly cargo: Cargo }[] = [];
  /** With the reader's kernel. */
  #queue: Uint8Array[] = [];
  /** Bytes on the wire and in the queue. */
  #taken = 0;
  /** Written, and beyond the kernel's buffer. */
  #held: Uint8Array[] = [];
  #unsent = 0;
  #sentFin = false;
  #gotFin = false;
  #stopTimer: (() => void) | null = null;

  constructor(options: DirectionOptions) {
    this.#options = options;
  }

  /** Bytes beyond the kernel's buffer. */
  get unsent(): number {
    return this.#unsent;
  }

  /** The FIN is with the writer's kernel, behind all data. */
  get finished(): boolean {
    return this.shut && this.#unsent === 0;
  }

  /** The FIN has arrived, and there is nothing to read before it. */
  get whole(): boolean {
    return this.#gotFin && !this.unread;
  }

  /** Bytes have arrived and wait for the reader. */
  get unread(): boolean {
    return this.#queue.length > 0;
  }

  /** There is something for the reader: bytes or the FIN. */
  get ready(): boolean {
    return this.unread || (this.#gotFin && !this.ended);
  }

  /** Something is on the wire. */
  get underWay(): boolean {
    return this.#transit.length > 0;
  }

  write(bytes: Uint8Array): void {
    this.#held.push(bytes);
    this.#unsent += bytes.length;
    this.#fill();
  }

  /** Nothing more follows: the FIN leaves when everything has left. */
  finish(): void {
    this.shut = true;
    this.#finishWire();
  }

  /** A reset leaves, behind what is on the wire; false: it has arrived already. */
  reset(): boolean {
    return this.#carry("reset");
  }

  /** What the writer has not handed over yet is lost. */
  drop(): void {
    this.#held = [];
    this.#unsent = 0;
  }

  /** Nobody is at either end any more. */
  cancel(): void {
    this.#stopTimer?.();
    this.#transit.length = 0;
  }

  /** The next chunk, or a part of it; `merge`: of all that has arrived. */
  take(merge: boolean, cut: number): Uint8Array {
    if (merge && this.#queue.length > 1) this.#queue = [concat(this.#queue)];
    const first = this.#queue[0];
    const size = Math.ceil(first.length * cut);
    if (size < first.length) this.#queue[0] = first.slice(size);
    else this.#queue.shift();
    this.#taken -= size;
    this.#fill();
    return first.slice(0, size);
  }

  /** The reader gives back what it has taken last. */
  giveBack(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#queue.unshift(bytes);
    this.#taken += bytes.length;
  }

  #fill(): void {
    const { limit } = this.#options;
    while (this.#held.length > 0 && this.#taken < limit) {
      const first = this.#held[0];
      const part = first.slice(0, limit - this.#taken);
      if (part.length === first.length) this.#held.shift();
      else this.#held[0] = first.subarray(part.length);
      this.#taken += part.length;
      this.#unsent -= part.length;
      this.#carry(part);
    }
    this.#finishWire();
  }

  #finishWire(): void {
    if (this.#sentFin || !this.finished) return;
    this.#sentFin = true;
    this.#carry("fin");
  }

  /** Puts something on the wire, where what leaves together stays together; false: it is there at once. */
  #carry(cargo: Cargo): boolean {
    const { schedule, towards } = this.#options;
    const last = this.#transit.at(-1);
    const left = schedule.now();
    const wait = last?.left === left ? 0 : schedule.latency(towards);
    if (wait === 0 && last === undefined) {
      this.#arrive(cargo);
      return false;
    }
    this.#transit.push({ left, at: Math.max(last?.at ?? 0, left + wait), cargo });
    if (last === undefined) this.#await(wait);
    return true;
  }

  #await(wait: number): void {
    this.#stopTimer = this.#options.schedule.later(wait, () => this.#land());
  }

  /** The first thing on the wire arrives, and what comes with it. */
  #land(): void {
    const { schedule, landed } = this.#options;
    const now = schedule.now();
    const landing = this.#transit.splice(0, Math.max(1, this.#transit.findLastIndex(({ at }) => at <= now) + 1));
    if (this.underWay) this.#await(this.#transit[0].at - now);
    for (const { cargo } of landing) this.#arrive(cargo);
    for (const { cargo } of landing) landed(cargo);
  }

  #arrive(cargo: Cargo): void {
    if (cargo === "fin") this.#gotFin = true;
    else if (cargo !== "reset") this.#queue.push(cargo);
  }
}
