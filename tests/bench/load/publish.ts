/**
 * Load of publishing: one of many WebSockets says its messages, and again when all of them have heard them.
 *
 * @module
 */
import type { PublishJob, Sample, Target } from "./jobs.ts";
import { Poll, shut } from "./libc.ts";
import { measureLoad } from "./window.ts";
import { makeRound, openWebSockets, type Round, takeAnswer } from "./ws_wire.ts";

const TURN_MS = 100;
/** One round of so many is compared byte by byte, besides the first and the last. */
const CHECK_EVERY = 256;
/** A segment that the kernel dropped may take several tries to come through. */
const LAST_ROUND_MS = 30_000;

class PublishLoad {
  readonly #poll = new Poll();
  readonly #fds: number[];
  readonly #round: Round;
  readonly #frameBytes: number;
  /** Of each descriptor, the bytes of this round that are there. */
  readonly #got: Int32Array;
  /** Connections that have not heard all yet. */
  #missing = 0;
  #rounds = 0;
  #checked = true;
  #bytes = 0;

  constructor({ port, conns, size, inFlight }: PublishJob & Target) {
    this.#round = makeRound("text", size, inFlight);
    this.#frameBytes = this.#round.answer.length / inFlight;
    this.#fds = openWebSockets(port, conns);
    this.#got = new Int32Array(Math.max(...this.#fds) + 1);
    for (const fd of this.#fds) this.#poll.add(fd);
    this.#begin(true);
  }

  /** Takes what has arrived; returns the deliveries so far. */
  turn(): number {
    this.#take();
    if (this.#missing === 0) this.#begin(++this.#rounds % CHECK_EVERY === 0);
    return this.#bytes / this.#frameBytes;
  }

  /** Lets the round end, and compares one more on each connection. */
  finish(): void {
    this.#hearAll();
    this.#begin(true);
    this.#hearAll();
  }

  close(): void {
    for (const fd of this.#fds) shut(fd);
    this.#poll.close();
  }

  #begin(checked: boolean): void {
    this.#got.fill(0);
    this.#missing = this.#fds.length;
    this.#checked = checked;
    this.#round.block.send(this.#fds[0]);
  }

  #hearAll(): void {
    const end = performance.now() + LAST_ROUND_MS;
    while (this.#missing > 0) {
      if (performance.now() > end) {
        throw new Error(`${this.#missing} subscribers heard too little in round ${this.#rounds}`);
      }
      this.#take();
    }
  }

  #take(): void {
    const { answer } = this.#round;
    const ready = this.#poll.wait(TURN_MS);
    for (let i = 0; i < ready; i++) {
      const fd = this.#poll.fd(i);
      const before = this.#got[fd];
      this.#got[fd] = takeAnswer(fd, answer, before, this.#checked);
      this.#bytes += this.#got[fd] - before;
      if (before < answer.length && this.#got[fd] === answer.length) this.#missing--;
    }
  }
}

/** Runs a publish job. */
export function runPublish(job: PublishJob & Target): Sample {
  return measureLoad(job, new PublishLoad(job));
}
