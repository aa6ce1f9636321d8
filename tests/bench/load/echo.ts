/**
 * Load for established connections: each sends its messages again when all answers are in.
 *
 * @module
 */
import type { EchoJob, Sample, Target } from "./jobs.ts";
import { Block, NOTHING, open, Poll, receive, received, shut } from "./libc.ts";
import { measureLoad } from "./window.ts";

/** One answer of so many is compared byte by byte. */
const CHECK_EVERY = 1024;
const TURN_MS = 100;

/** Lines that differ from each other. */
export function makeBlock(size: number, count: number): Block {
  const bytes = new Uint8Array(size * count);
  for (let i = 0; i < bytes.length; i++) bytes[i] = i % size === size - 1 ? 10 : 97 + (i + Math.floor(i / size)) % 26;
  return new Block(bytes);
}

class EchoLoad {
  readonly #poll = new Poll();
  readonly #fds: number[] = [];
  readonly #block: Block;
  readonly #size: number;
  #got = new Int32Array(0);
  #bytes = 0;
  #untilCheck = 1;

  constructor(job: EchoJob & Target) {
    this.#size = job.size;
    this.#block = makeBlock(job.size, job.inFlight);
    for (let i = 0; i < job.conns; i++) this.#fds.push(open(job.port));
    this.#got = new Int32Array(Math.max(...this.#fds) + 1);
    for (const fd of this.#fds) {
      this.#poll.add(fd);
      this.#block.send(fd);
    }
  }

  /** Answers what has arrived; returns the messages so far. */
  turn(): number {
    const ready = this.#poll.wait(TURN_MS);
    for (let i = 0; i < ready; i++) this.#answer(this.#poll.fd(i));
    return this.#bytes / this.#size;
  }

  close(): void {
    for (const fd of this.#fds) shut(fd);
    this.#poll.close();
  }

  #answer(fd: number): void {
    const length = receive(fd);
    if (length === NOTHING) return;
    if (length <= 0) throw new Error(`the server closed a connection (${length})`);
    if (--this.#untilCheck === 0) this.#check(this.#got[fd], length);
    this.#bytes += length;
    const got = this.#got[fd] + length;
    if (got === this.#block.bytes.length) {
      this.#got[fd] = 0;
      this.#block.send(fd);
    } else {
      this.#got[fd] = got;
    }
  }

  #check(at: number, length: number): void {
    this.#untilCheck = CHECK_EVERY;
    for (let i = 0; i < length; i++) {
      if (received[i] !== this.#block.bytes[at + i]) throw new Error(`wrong answer at byte ${at + i} of a block`);
    }
  }
}

/** Runs an echo job. */
export function runEcho(job: EchoJob & Target): Sample {
  return measureLoad(job, new EchoLoad(job));
}
