/**
 * Load of HTTP requests on kept connections: each connection sends its requests again when all answers are in.
 *
 * @module
 */
import { HELLO, makeChunk, STREAM_BYTES } from "../bodies.ts";
import { Answers, bytesOf, type Expected } from "./answers.ts";
import type { HttpJob, Sample, Target } from "./jobs.ts";
import { Block, NOTHING, open, Poll, receive, shut } from "./libc.ts";
import { measureLoad } from "./window.ts";

const TURN_MS = 100;
const MIB = 1_048_576;

/** A request's line and body, and the body of its answer. */
interface Exchange {
  readonly line: string;
  readonly body: Uint8Array | null;
  readonly expected: Expected;
}

const exchanges: Record<HttpJob["exchange"], () => Exchange> = {
  hello() {
    const block = bytesOf(HELLO);
    return { line: "GET / HTTP/1.1", body: null, expected: { block, bytes: block.length } };
  },
  post() {
    const body = makeChunk();
    return { line: "POST /echo HTTP/1.1", body, expected: { block: body, bytes: body.length } };
  },
  stream() {
    return { line: "GET /stream HTTP/1.1", body: null, expected: { block: makeChunk(), bytes: STREAM_BYTES } };
  },
};

/** As curl says it: three fields, and what a body needs. */
function requestBytes({ line, body }: Exchange, port: number, count: number): Uint8Array {
  const fields = [`Host: 127.0.0.1:${port}`, "User-Agent: bench/1.0", "Accept: */*"];
  if (body !== null) fields.push("Content-Type: application/octet-stream", `Content-Length: ${body.length}`);
  const head = bytesOf([line, ...fields, "", ""].join("\r\n"));
  const one = new Uint8Array(head.length + (body?.length ?? 0));
  one.set(head);
  if (body !== null) one.set(body, head.length);
  const all = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) all.set(one, i * one.length);
  return all;
}

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
  readonly #block: Block;
  readonly #begun = performance.now();
  #answered = 0;

  constructor(job: HttpJob & Target) {
    this.#job = job;
    const exchange = exchanges[job.exchange]();
    this.#block = new Block(requestBytes(exchange, job.port, job.inFlight));
    for (let i = 0; i < job.conns; i++) {
      const connection = { fd: open(job.port), answers: new Answers(exchange.expected), left: job.inFlight };
      this.#connections.push(connection);
      this.#byFd[connection.fd] = connection;
    }
    for (const { fd } of this.#connections) {
      this.#poll.add(fd);
      this.#block.send(fd);
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
    for (const { fd } of this.#connections) shut(fd);
    this.#poll.close();
  }

  #take(connection: Connection): void {
    const length = receive(connection.fd);
    if (length === NOTHING) return;
    if (length <= 0) throw new Error(`the server closed a connection (${length})`);
    const done = connection.answers.take(length);
    this.#answered += done;
    connection.left -= done;
    if (connection.left > 0) return;
    if (connection.left < 0) throw new Error("more answers than requests");
    connection.left = this.#job.inFlight;
    this.#block.send(connection.fd);
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
export function runHttp(job: HttpJob & Target): Sample {
  return measureLoad(job, new HttpLoad(job));
}
