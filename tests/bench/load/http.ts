/**
 * Load of HTTP requests on kept connections: each connection sends its requests again when all answers are in.
 *
 * @module
 */
import { Answers } from "./answers.ts";
import { exchanges, requestBytes } from "./exchanges.ts";
import type { HttpJob, Sample, Target } from "./jobs.ts";
import { Block, NOTHING, plainWire, Poll, type Wire } from "./libc.ts";
import { measureLoad } from "./window.ts";

const TURN_MS = 100;
const MIB = 1_048_576;

interface Connection {
  readonly fd: number;
  readonly answers: Answers;
  /** Answers to come. */
  left: number;
}

class HttpLoad {
  readonly #poll = new Poll();
  readonly #connections: Connection[] = [];
  readonly #byFd: Connection[] = [];
  readonly #job: HttpJob;
  readonly #wire: Wire;
  readonly #block: Block;
  readonly #begun = performance.now();
  #answered = 0;

  constructor(job: HttpJob & Target, wire: Wire) {
    this.#job = job;
    this.#wire = wire;
    const exchange = exchanges[job.exchange]();
    this.#block = new Block(requestBytes(exchange, job.port, job.inFlight));
    for (let i = 0; i < job.conns; i++) {
      const connection = { fd: wire.open(job.port), answers: new Answers(exchange.expected), left: job.inFlight };
      this.#connections.push(connection);
      this.#byFd[connection.fd] = connection;
    }
    for (const { fd } of this.#connections) {
      this.#poll.add(fd);
      wire.send(fd, this.#block);
    }
  }

  /** Takes what has arrived; returns the answers, or MiB of bodies, so far. */
  turn(): number {
    if (!this.#early()) {
      const ready = this.#poll.wait(TURN_MS);
      for (let i = 0; i < ready; i++) this.#take(this.#byFd[this.#poll.fd(i)]);
    }
    return this.#job.count === "answers" ? this.#answered : this.#bodyBytes() / MIB;
  }

  close(): void {
    for (const { fd } of this.#connections) this.#wire.shut(fd);
    this.#poll.close();
  }

  #take(connection: Connection): void {
    const length = this.#wire.receive(connection.fd);
    if (length === NOTHING) return;
    if (length <= 0) throw new Error(`the server closed a connection (${length})`);
    const done = connection.answers.take(length);
    this.#answered += done;
    connection.left -= done;
    if (connection.left > 0) return;
    if (connection.left < 0) throw new Error("more answers than requests");
    connection.left = this.#job.inFlight;
    this.#wire.send(connection.fd, this.#block);
  }

  /** A slow reader has had its share for now. */
  #early(): boolean {
    const { mibPerSecond } = this.#job;
    if (mibPerSecond === undefined) return false;
    return this.#bodyBytes() / MIB > mibPerSecond * (performance.now() - this.#begun) / 1000;
  }

  #bodyBytes(): number {
    let bytes = 0;
    for (const { answers } of this.#connections) bytes += answers.bodyBytes;
    return bytes;
  }
}

/** Runs an HTTP job. */
export async function runHttp(job: HttpJob & Target): Promise<Sample> {
  // The library of TLS is loaded only for who needs it.
  const wire = job.tls === true ? (await import("./tls.ts")).tlsWire : plainWire;
  return measureLoad(job, new HttpLoad(job, wire));
}
