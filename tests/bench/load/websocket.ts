/**
 * Load of WebSocket messages: each connection sends its messages again when all are back.
 *
 * @module
 */
import type { Sample, Target, WebSocketJob } from "./jobs.ts";
import { Poll, shut } from "./libc.ts";
import { measureLoad } from "./window.ts";
import { makeRound, openWebSockets, type Round, takeAnswer } from "./ws_wire.ts";

const TURN_MS = 100;
/** One round of so many is compared byte by byte, besides each connection's first and last. */
const CHECK_EVERY = 1024;
const LAST_ROUND_MS = 10_000;

interface Connection {
  readonly fd: number;
  /** Bytes of the round that are sent, and that are back. */
  sent: number;
  got: number;
  checked: boolean;
}

class WebSocketLoad {
  readonly #poll = new Poll();
  readonly #fds: number[];
  readonly #byFd: Connection[] = [];
  readonly #round: Round;
  readonly #frameBytes: number;
  #bytes = 0;
  #untilCheck = CHECK_EVERY;
  /** Connections that have their last round behind them; null before there is a last one. */
  #done: Set<Connection> | null = null;

  constructor({ port, kind, conns, size, inFlight }: WebSocketJob & Target) {
    this.#round = makeRound(kind, size, inFlight);
    this.#frameBytes = this.#round.answer.length / inFlight;
    this.#fds = openWebSockets(port, conns);
    for (const fd of this.#fds) {
      this.#poll.add(fd);
      const connection = { fd, sent: 0, got: 0, checked: true };
      this.#byFd[fd] = connection;
      this.#send(connection, false);
    }
  }

  /** Takes what has arrived; returns the messages so far. */
  turn(): number {
    const ready = this.#poll.wait(TURN_MS);
    for (let i = 0; i < ready; i++) {
      const connection = this.#byFd[this.#poll.fd(i)];
      if (this.#poll.hasRoom(i)) this.#send(connection, true);
      this.#take(connection);
    }
    return this.#bytes / this.#frameBytes;
  }

  /** Lets every connection finish its round, and compares one more of each. */
  finish(): void {
    const end = performance.now() + LAST_ROUND_MS;
    this.#done = new Set();
    while (this.#done.size < this.#fds.length) {
      if (performance.now() > end) throw new Error("a last round without its answers");
      this.turn();
    }
  }

  close(): void {
    for (const fd of this.#fds) shut(fd);
    this.#poll.close();
  }

  #send(connection: Connection, waited: boolean): void {
    const { block } = this.#round;
    connection.sent = block.sendFrom(connection.fd, connection.sent);
    const more = connection.sent < block.bytes.length;
    if (more !== waited) this.#poll.awaitRoom(connection.fd, more);
  }

  #take(connection: Connection): void {
    const { fd, got, checked } = connection;
    const { answer } = this.#round;
    connection.got = takeAnswer(fd, answer, got, checked);
    this.#bytes += connection.got - got;
    if (connection.got === answer.length) this.#again(connection);
  }

  #again(connection: Connection): void {
    if (this.#done !== null && connection.checked) {
      this.#done.add(connection);
      return;
    }
    connection.sent = connection.got = 0;
    connection.checked = this.#done !== null || --this.#untilCheck === 0;
    if (this.#untilCheck === 0) this.#untilCheck = CHECK_EVERY;
    this.#send(connection, false);
  }
}

/** Runs a WebSocket job. */
export function runWebSocket(job: WebSocketJob & Target): Sample {
  return measureLoad(job, new WebSocketLoad(job));
}
