/**
 * How many handlers run at once, and who waits for a turn.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { TIMER_GRANULARITY } from "../../server/conn/timers.ts";

/** The limits; they can change while requests wait. */
export interface RequestLimits {
  /** Handlers that run at once. */
  readonly maxConcurrentRequests: number;
  /** Requests that may wait for a turn. */
  readonly maxQueuedRequests: number;
  /** How long one may wait, in ms; 0 for no limit. */
  readonly queueTimeout: number;
}

/** A request that waits. Neither function may throw; at most one of them is called, and only once. */
export interface RequestWaiter {
  /** Its turn has come: it has entered, and owes a `leave`. */
  run(): void;
  /** It waited too long. */
  expired(): void;
}

/** A place in the queue, for `cancel`. */
export class QueuePlace {
  readonly waiter: RequestWaiter;
  readonly since: number;
  /** False once its turn has come, its time has passed, or it was withdrawn. */
  waiting = true;
  previous: QueuePlace | null = null;
  next: QueuePlace | null = null;

  constructor(waiter: RequestWaiter, since: number) {
    this.waiter = waiter;
    this.since = since;
  }
}

/**
 * Counts running handlers, and keeps a bounded queue in order of arrival. All are given the same time to wait, so one
 * timer for the head of the queue serves everybody; it is up to 25 ms late.
 */
export class RequestLimit {
  readonly #clock: Clock;
  #limits: RequestLimits;
  #active = 0;
  #queued = 0;
  #head: QueuePlace | null = null;
  #tail: QueuePlace | null = null;
  #starting = false;
  #cancelTimer: (() => void) | null = null;

  /** @param active Handlers that run already. */
  constructor(limits: RequestLimits, clock: Clock, active = 0) {
    this.#limits = limits;
    this.#clock = clock;
    this.#active = active;
  }

  /** Handlers that run now. */
  get active(): number {
    return this.#active;
  }

  /** Requests that wait now. */
  get queued(): number {
    return this.#queued;
  }

  /** Takes a turn if one is free and nobody waits; then a `leave` is owed. */
  tryEnter(): boolean {
    if (this.#queued > 0 || this.#active >= this.#limits.maxConcurrentRequests) return false;
    this.#active++;
    return true;
  }

  /** Waits for a turn, after `tryEnter` said false; null if the queue is full. */
  enqueue(waiter: RequestWaiter): QueuePlace | null {
    if (this.#queued >= this.#limits.maxQueuedRequests) return null;
    const place = new QueuePlace(waiter, this.#clock.now());
    place.previous = this.#tail;
    if (this.#tail === null) this.#head = place;
    else this.#tail.next = place;
    this.#tail = place;
    this.#queued++;
    if (this.#cancelTimer === null) this.#awaitHead();
    return place;
  }

  /** Gives a place up; false if it was over already. */
  cancel(place: QueuePlace): boolean {
    if (!place.waiting) return false;
    this.#remove(place);
    return true;
  }

  /** A handler has ended: the next one in the queue runs, before this returns. */
  leave(): void {
    this.#active--;
    if (this.#queued > 0) this.#startNext();
  }

  /** Changes the limits. Who waits keeps the place, even in a queue that is now too long. */
  configure(limits: RequestLimits): void {
    this.#limits = limits;
    this.#startNext();
    this.#awaitHead();
  }

  /** A handler that ends within its `run` calls `leave` from in here: the loop goes on, and the stack stays flat. */
  #startNext(): void {
    if (this.#starting) return;
    this.#starting = true;
    try {
      while (this.#head !== null && this.#active < this.#limits.maxConcurrentRequests) {
        const place = this.#head;
        this.#remove(place);
        this.#active++;
        place.waiter.run();
      }
    } finally {
      this.#starting = false;
    }
  }

  #remove(place: QueuePlace): void {
    place.waiting = false;
    this.#queued--;
    if (place.previous === null) this.#head = place.next;
    else place.previous.next = place.next;
    if (place.next === null) this.#tail = place.previous;
    else place.next.previous = place.previous;
    place.previous = null;
    place.next = null;
    if (this.#queued === 0) this.#stopTimer();
  }

  #stopTimer(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** The timer stays when the head leaves: it fires early then, and waits for the new head. */
  #awaitHead(): void {
    this.#stopTimer();
    if (this.#head === null || this.#limits.queueTimeout === 0) return;
    const due = this.#head.since + this.#limits.queueTimeout - this.#clock.now();
    this.#cancelTimer = this.#clock.setTimer(() => this.#expire(), Math.max(due, TIMER_GRANULARITY));
  }

  #expire(): void {
    this.#cancelTimer = null;
    const latest = this.#clock.now() - this.#limits.queueTimeout;
    while (this.#head !== null && this.#head.since <= latest) {
      const place = this.#head;
      this.#remove(place);
      place.waiter.expired();
    }
    this.#awaitHead();
  }
}
