/**
 * Load of HTTP requests at a fixed rate. It never sleeps: its core is its own, and a sleep would be part of what is
 * measured.
 *
 * @module
 */
import { Answers } from "./answers.ts";
import { exchanges, requestBytes } from "./exchanges.ts";
import type { Sample, SteadyJob, Target } from "./jobs.ts";
import { Block, NOTHING, open, Poll, receive, shut } from "./libc.ts";
import { Plan } from "./plan.ts";
import { measure } from "./window.ts";

class SteadyLoad {
  readonly #poll = new Poll();
  readonly #answers = new Map<number, Answers>();
  readonly #block: Block;
  readonly #begun: number;
  readonly #plan: Plan;

  constructor({ exchange, port, conns, perSecond, warmUpMs }: SteadyJob & Target) {
    const { expected, ...request } = exchanges[exchange]();
    this.#block = new Block(requestBytes({ ...request, expected }, port, 1));
    for (let i = 0; i < conns; i++) {
      const fd = open(port);
      this.#answers.set(fd, new Answers(expected));
      this.#poll.add(fd);
    }
    this.#begun = performance.now();
    this.#plan = new Plan(perSecond, [...this.#answers.keys()], warmUpMs);
  }

  /** Takes what has arrived and sends what is due; returns the answers so far. */
  turn(): number {
    const ready = this.#poll.wait(0);
    for (let i = 0; i < ready; i++) this.#take(this.#poll.fd(i));
    for (let fd = this.#plan.next(this.#now()); fd !== undefined; fd = this.#plan.next(this.#now())) {
      this.#block.send(fd);
    }
    return this.#plan.answered;
  }

  /** The latency, with what is not answered. */
  p99(): number {
    return this.#plan.finish(this.#now());
  }

  close(): void {
    for (const fd of this.#answers.keys()) shut(fd);
    this.#poll.close();
  }

  #take(fd: number): void {
    const length = receive(fd);
    if (length === NOTHING) return;
    if (length <= 0) throw new Error(`the server closed a connection (${length})`);
    const done = this.#answers.get(fd)!.take(length);
    if (done > 1) throw new Error("more answers than requests");
    if (done === 1) this.#plan.take(fd, this.#now());
  }

  #now(): number {
    return performance.now() - this.#begun;
  }
}

/** Runs a steady job. */
export function runSteady(job: SteadyJob & Target): Sample {
  const load = new SteadyLoad(job);
  try {
    const sample = measure(job, () => load.turn());
    return { ...sample, p99: load.p99() };
  } finally {
    load.close();
  }
}
