/**
 * Load of short connections: connect, one line, its answer, close.
 *
 * @module
 */
import { makeBlock } from "./echo.ts";
import type { RateJob, Sample, Target } from "./jobs.ts";
import { type Block, NOTHING, open, Poll, receive, shut } from "./libc.ts";
import { measureLoad } from "./window.ts";

const TURN_MS = 100;

class RateLoad {
  readonly #poll = new Poll();
  readonly #open = new Set<number>();
  readonly #port: number;
  readonly #block: Block;
  #done = 0;

  constructor(job: RateJob & Target) {
    this.#port = job.port;
    this.#block = makeBlock(job.size, 1);
    for (let i = 0; i < job.conns; i++) this.#begin();
  }

  /** Ends what is answered and begins anew; returns the connections so far. */
  turn(): number {
    const ready = this.#poll.wait(TURN_MS);
    for (let i = 0; i < ready; i++) this.#finish(this.#poll.fd(i));
    return this.#done;
  }

  close(): void {
    for (const fd of this.#open) shut(fd);
    this.#poll.close();
  }

  #begin(): void {
    const fd = open(this.#port);
    this.#open.add(fd);
    this.#poll.add(fd);
    this.#block.send(fd);
  }

  #finish(fd: number): void {
    const length = receive(fd);
    if (length === NOTHING) return;
    if (length !== this.#block.bytes.length) throw new Error(`an answer of ${length} bytes`);
    shut(fd);
    this.#open.delete(fd);
    this.#done++;
    this.#begin();
  }
}

/** Runs a rate job. */
export function runRate(job: RateJob & Target): Sample {
  return measureLoad(job, new RateLoad(job));
}
