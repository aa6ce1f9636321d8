/**
 * One direction of one connection: takes bytes from its source, and gives them to its sink as the faults allow.
 *
 * @module
 */
import { type Clock, type Conn, ConnResetError } from "@sluice/sluice";
import type { Budget, Effect } from "./effect.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";

/** Bytes that one direction holds before it stops reading: the product of rate and latency that still fits. */
const PIPE_BYTES = 262_144;
/** At a limited rate bytes leave in pieces of so many ms. */
const TICK = 20;
/** Between the last byte and the reset that came behind it, in ms: a receiver shall find the byte first. */
const BREAK_PAUSE = 1;

/** What a direction needs of its connection. */
export interface PipeOwner {
  readonly clock: Clock;
  readonly tally: Tally;
  /** Nothing passes on any connection before this time on the clock. */
  readonly closedUntil: number;
  /** A fault asks for a reset of both ends. */
  reset(): void;
  /** Bytes or an end were passed on, or an end was withheld. */
  changed(): void;
}

/** What became of the source's FIN. */
export type Ending = "open" | "due" | "passed" | "withheld";

interface Item {
  bytes: Uint8Array;
  /** When it may pass, on the clock. */
  readonly at: number;
  /** Instead of it comes a reset. */
  readonly reset: boolean;
}

/** One direction. */
export class Pipe {
  readonly direction: "up" | "down";
  /** Bytes passed on. */
  bytes = 0;
  ending: Ending = "open";
  #effect: Effect;
  readonly #source: Conn;
  readonly #sink: Conn;
  readonly #owner: PipeOwner;
  readonly #random: Random;
  readonly #queue: Item[] = [];
  #queued = 0;
  /** Given to the sink and beyond its high-water mark. */
  #unsent = 0;
  #lastAt = 0;
  #finAt = 0;
  #breakAt = Infinity;
  /** What is withheld is a reset. */
  #isBreakWithheld = false;
  /** When the last bytes were passed on. */
  #passedAt = 0;
  /** When the last piece had left, at a limited rate. */
  #freeAt = 0;
  #cancel: (() => void) | null = null;
  #resting = false;
  #paused = false;
  #over = false;
  /** What was counted already: this partition, this stall. */
  #told: { closedUntil: number; stalled: boolean } = { closedUntil: 0, stalled: false };

  constructor(
    direction: "up" | "down",
    source: Conn,
    sink: Conn,
    effect: Effect,
    random: Random,
    owner: PipeOwner,
  ) {
    this.direction = direction;
    this.#source = source;
    this.#sink = sink;
    this.#effect = effect;
    this.#random = random;
    this.#owner = owner;
  }

  /** It holds something that is to pass. */
  get isBusy(): boolean {
    return !this.#over && (this.#queued > 0 || this.ending === "due");
  }

  /** Bytes that it holds. */
  get queued(): number {
    return this.#queued;
  }

  /** Nothing more will pass. */
  get isDone(): boolean {
    return this.#over || this.ending === "passed" || this.ending === "withheld";
  }

  /** Other faults from now on; what is under way keeps its delay. */
  apply(effect: Effect): void {
    this.#effect = effect;
    this.#told.stalled = false;
    if (!effect.halfOpen) this.#tellWithheld();
    this.kick();
  }

  /**
   * What holds things up for ever does so no more. Nor do slices: each is handed to the kernel by itself, and a drain
   * withholds what is to leave together with the FIN.
   */
  lift(): void {
    this.apply({ ...this.#effect, stalls: [], closedUntil: 0, sliceBytes: Infinity, halfOpen: false });
  }

  /** Looks again at what may pass. */
  kick(): void {
    this.#pump();
    this.#steer();
  }

  /** Bytes of the source. */
  receive(chunk: Uint8Array): void {
    if (this.#over) return;
    const { resetChance } = this.#effect;
    const reset = resetChance > 0 && this.#random() < resetChance;
    this.#queue.push({ bytes: chunk, at: this.#arrival(), reset });
    this.#queued += chunk.length;
    this.kick();
  }

  /** The source's FIN. */
  end(): void {
    if (this.#over || this.ending !== "open") return;
    if (this.#effect.halfOpen) return this.#withhold();
    const { closeDelay } = this.#effect;
    if (closeDelay > 0) this.#owner.tally.faults.slowClose++;
    this.#finAt = this.#arrival() + closeDelay;
    this.ending = "due";
    this.kick();
  }

  /** The source was reset. */
  break(): void {
    if (this.#over) return;
    if (this.#effect.halfOpen && this.ending !== "passed") return this.#withhold(true);
    this.#breakAt = this.#arrival();
    this.kick();
  }

  /** Nothing passes any more; what the source still sends is dropped. */
  stop(): void {
    this.#over = true;
    this.#cancel?.();
    this.#queue.length = this.#queued = this.#unsent = 0;
    this.#steer();
  }

  #withhold(isBreak = false): void {
    this.ending = "withheld";
    this.#isBreakWithheld = isBreak;
    this.#owner.tally.faults.halfOpen++;
    this.#owner.changed();
  }

  /** An end that was withheld is told now. */
  #tellWithheld(): void {
    if (this.#over || this.ending !== "withheld") return;
    this.ending = "due";
    if (this.#isBreakWithheld) this.#breakAt = this.#arrival();
    else this.#finAt = this.#arrival();
  }

  /** When what came now may pass: never before what came earlier. */
  #arrival(): number {
    const { latency, jitter } = this.#effect;
    const now = this.#owner.clock.now();
    if (latency + jitter === 0) return this.#lastAt = Math.max(this.#lastAt, now);
    this.#owner.tally.faults.latency++;
    const delay = Math.max(0, latency + jitter * (this.#random() * 2 - 1));
    return this.#lastAt = Math.max(this.#lastAt, now + delay);
  }

  /** Does all that is due, then sleeps until something is. */
  #pump(): void {
    let next = 0;
    while (next === 0 && !this.#over) next = this.#step(this.#owner.clock.now());
    this.#cancel?.();
    this.#cancel = null;
    if (this.#over || next === Infinity) return;
    this.#cancel = this.#owner.clock.setTimer(() => {
      this.#cancel = null;
      this.kick();
    }, next - this.#owner.clock.now());
  }

  /** One thing that is due; returns when the next is (ms on the clock), 0 for at once. */
  #step(now: number): number {
    const closedUntil = Math.max(this.#effect.closedUntil, this.#owner.closedUntil);
    if (closedUntil > now) return this.#hold(closedUntil);
    if (this.#effect.resets.some(isSpent)) return this.#passReset();
    const next = this.#stepNext(now);
    // What had arrived before a reset goes before it.
    const breakAt = Math.max(this.#breakAt, this.#passedAt + BREAK_PAUSE);
    if (next === 0 || breakAt > now) return Math.min(next, breakAt);
    return this.#passBreak();
  }

  #stepNext(now: number): number {
    if (this.#resting || this.#isStalled) return Infinity;
    return this.#queue.length === 0 ? this.#stepEnd(now) : this.#stepItem(this.#queue[0], now);
  }

  #stepItem(item: Item, now: number): number {
    if (item.at > now) return item.at;
    if (item.reset) return this.#passReset();
    const { bytesPerSecond, sliceBytes } = this.#effect;
    const size = this.#sizeOf(item.bytes.length);
    // From when it came or the piece before it had left, not from now: a late timer must not lower the rate.
    const readyAt = Math.max(this.#freeAt, item.at) + size * 1000 / bytesPerSecond;
    if (readyAt > now) return readyAt;
    this.#freeAt = Math.max(readyAt, now - TICK);
    if (bytesPerSecond < Infinity) this.#owner.tally.faults.bandwidth++;
    this.#pass(item, size);
    if (sliceBytes < Infinity) this.#rest();
    return 0;
  }

  #stepEnd(now: number): number {
    if (this.ending !== "due") return Infinity;
    if (this.#finAt > now) return this.#finAt;
    this.ending = "passed";
    this.#sink.closeWrite().catch(() => {});
    this.#owner.changed();
    return Infinity;
  }

  #sizeOf(length: number): number {
    const { bytesPerSecond, sliceBytes, resets, stalls } = this.#effect;
    let size = Math.min(length, sliceBytes, Math.max(1, Math.floor(bytesPerSecond * TICK / 1000)));
    for (const budget of resets) size = Math.min(size, budget.left);
    for (const budget of stalls) size = Math.min(size, budget.left);
    return size;
  }

  #pass(item: Item, size: number): void {
    const whole = size === item.bytes.length;
    const piece = whole ? item.bytes : item.bytes.subarray(0, size);
    if (whole) this.#queue.shift();
    else item.bytes = item.bytes.subarray(size);
    this.#queued -= size;
    this.bytes += size;
    this.#passedAt = this.#owner.clock.now();
    this.#owner.tally.bytes[this.direction] += size;
    for (const budget of this.#effect.resets) budget.left -= size;
    for (const budget of this.#effect.stalls) budget.left -= size;
    this.#unsent += size;
    // A sink that is gone is told to its owner, not here.
    this.#sink.write(piece).then(() => this.#written(size), () => {});
    this.#owner.changed();
  }

  #written(size: number): void {
    this.#unsent -= size;
    this.#steer();
  }

  /** Each slice is a write of its own: what was written leaves at the end of the turn. */
  #rest(): void {
    this.#owner.tally.faults.slice++;
    this.#resting = true;
    const rested = () => {
      this.#resting = false;
      if (!this.#over) this.kick();
    };
    const { sliceDelay } = this.#effect;
    if (sliceDelay > 0) this.#owner.clock.setTimer(rested, sliceDelay);
    else this.#owner.clock.soon(rested);
  }

  #passReset(): number {
    this.#owner.reset();
    return Infinity;
  }

  #passBreak(): number {
    // Bytes that came before the reset leave before it.
    this.#sink.flush().catch(() => {});
    this.#sink.abort(new ConnResetError("The other side of the proxy was reset"));
    this.stop();
    return Infinity;
  }

  #hold(until: number): number {
    if (this.#told.closedUntil !== until && (this.isBusy || this.#breakAt < Infinity)) {
      this.#told.closedUntil = until;
      this.#owner.tally.faults.partition++;
    }
    return until;
  }

  get #isStalled(): boolean {
    if (!this.#effect.stalls.some(isSpent)) return false;
    if (!this.#told.stalled) this.#owner.tally.faults.stall++;
    this.#told.stalled = true;
    return true;
  }

  /** Reads on or not: full, or stalled. */
  #steer(): void {
    const held = this.#queued + this.#unsent;
    const full = held >= (this.#paused ? PIPE_BYTES / 2 : PIPE_BYTES);
    const wanted = !this.#over && (full || this.#isStalled);
    if (wanted === this.#paused) return;
    this.#paused = wanted;
    if (wanted) this.#source.pause();
    else this.#source.resume();
  }
}

function isSpent(budget: Budget): boolean {
  return budget.left === 0;
}
