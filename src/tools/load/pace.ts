/**
 * When clients send: as answers come, after a pause, or by a plan.
 *
 * @module
 */
import { Agenda } from "./agenda.ts";
import type { Arrivals } from "./arrivals.ts";
import { type Random, within } from "./random.ts";
import type { LoadRange } from "./load_api.ts";
import type { Worker } from "./worker.ts";

/** What a pace needs of its owner. Times are the clock's. */
export interface PaceHost {
  /** More may be sent at that time. */
  maySend(now: number): boolean;
  /** Sends one request; its latency counts from `due`. */
  send(worker: Worker, due: number, now: number): void;
  /** Calls `tick` at that time. */
  wake(at: number): void;
}

/** Decides when a client sends. */
export interface Pace {
  /** When `tick` is to be called. */
  readonly next: number;
  /** Requests that were due and could not be sent so far. */
  readonly unsent: number;
  /** The client is connected. */
  opened(worker: Worker, now: number): void;
  /** A request of the client has an answer, or failed. */
  done(worker: Worker, now: number): void;
  /** The client has told all of that and may have room. */
  idle(worker: Worker, now: number): void;
  /** Time has passed. */
  tick(now: number): void;
}

/** Closed loop: the next request goes out when an answer is there. */
export class ClosedPace implements Pace {
  readonly next: number = Infinity;
  readonly unsent: number = 0;
  readonly #host: PaceHost;

  constructor(host: PaceHost) {
    this.#host = host;
  }

  opened(worker: Worker, now: number): void {
    this.idle(worker, now);
  }

  done(): void {}

  idle(worker: Worker, now: number): void {
    if (!this.#host.maySend(now)) return;
    for (let room = worker.room; room > 0 && this.#host.maySend(now); room--) this.#host.send(worker, now, now);
  }

  tick(): void {}
}

/** Closed loop with a pause between an answer and the next request. */
export class ThinkPace implements Pace {
  readonly unsent: number = 0;
  readonly #host: PaceHost;
  readonly #think: LoadRange;
  readonly #pipeline: number;
  readonly #random: Random;
  readonly #pauses: Agenda<Worker> = new Agenda();

  constructor(host: PaceHost, think: LoadRange, pipeline: number, random: Random) {
    this.#host = host;
    this.#think = think;
    this.#pipeline = pipeline;
    this.#random = random;
  }

  get next(): number {
    return this.#pauses.next;
  }

  opened(worker: Worker, now: number): void {
    if (worker.credits < 0) worker.credits = this.#pipeline;
    this.idle(worker, now);
  }

  done(worker: Worker, now: number): void {
    const at = now + within(this.#think, this.#random);
    this.#pauses.add(at, worker);
    this.#host.wake(at);
  }

  idle(worker: Worker, now: number): void {
    while (worker.credits > 0 && worker.room > 0 && this.#host.maySend(now)) {
      worker.credits--;
      this.#host.send(worker, now, now);
    }
  }

  tick(now: number): void {
    for (let worker = this.#pauses.take(now); worker !== undefined; worker = this.#pauses.take(now)) {
      worker.credits++;
      this.idle(worker, now);
    }
  }
}

/** Open loop: a plan says when, and the next client with room sends. */
export class OpenPace implements Pace {
  readonly #host: PaceHost;
  readonly #arrivals: Arrivals;
  /** The clock's time at which the plan begins and ends. */
  readonly #start: number;
  readonly #length: number;
  /** Clients with room, each once, as a ring: all of them take turns. */
  readonly #ready: Worker[];
  #first = 0;
  #size = 0;

  constructor(host: PaceHost, arrivals: Arrivals, clients: number, start: number, length: number) {
    this.#host = host;
    this.#arrivals = arrivals;
    this.#ready = new Array(clients);
    this.#start = start;
    this.#length = length;
  }

  get next(): number {
    return this.#start + this.#arrivals.next;
  }

  get unsent(): number {
    return this.#arrivals.unsent;
  }

  opened(worker: Worker, now: number): void {
    this.idle(worker, now);
  }

  done(): void {}

  idle(worker: Worker, now: number): void {
    if (!worker.isQueued) this.#push(worker);
    this.tick(now);
  }

  tick(now: number): void {
    const arrivals = this.#arrivals;
    arrivals.advance(now - this.#start, this.#length);
    while (arrivals.waiting > 0 && this.#size > 0 && this.#host.maySend(now)) {
      const worker = this.#shift();
      if (worker.room === 0) continue;
      this.#host.send(worker, this.#start + arrivals.take(), now);
      if (worker.room > 0) this.#push(worker);
    }
  }

  #push(worker: Worker): void {
    worker.isQueued = true;
    this.#ready[(this.#first + this.#size++) % this.#ready.length] = worker;
  }

  #shift(): Worker {
    const worker = this.#ready[this.#first];
    this.#first = (this.#first + 1) % this.#ready.length;
    this.#size--;
    worker.isQueued = false;
    return worker;
  }
}
