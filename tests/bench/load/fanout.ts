/**
 * Load of publishing in three protocols: one client publishes, subscribers count the messages that they get, and when
 * all have come it publishes again.
 *
 * @module
 */
import type { FanoutJob, Sample, Target } from "./jobs.ts";
import { Block, NOTHING, Poll, receive, received, shut } from "./libc.ts";
import { measureLoad } from "./window.ts";
import { FrameReader, openWebSockets, textFrame } from "./ws_wire.ts";

const TURN_MS = 100;
const LAST_ROUND_MS = 30_000;
/** Messages that are published in one write. */
const BATCH = 256;

/** What is said to a server, and how many messages it says to that. */
interface Speech {
  readonly path: string;
  /** What each says first, in turn; the next when `answers` messages have come. */
  open(index: number, channel: string): readonly { readonly text: string; readonly answers: number }[];
  publish(seq: number, channel: string, message: string): string;
  /** Messages that the publisher alone gets to each. */
  readonly receipts: number;
}

const SPEECH: Readonly<Record<FanoutJob["protocol"], Speech>> = {
  hub: {
    path: "/ws",
    open: (_, channel) => [{ text: `sub ${channel}`, answers: 1 }],
    publish: (_, channel, message) => `pub ${channel} ${message}`,
    receipts: 0,
  },
  channels: {
    path: "/ws",
    // welcome, subbed, live
    open: (_, channel) => [{ text: JSON.stringify(["hello", 1, null, null, [[channel, null]]]), answers: 3 }],
    publish: (seq, channel, message) => JSON.stringify(["pub", seq, channel, message]),
    receipts: 1,
  },
  socketio: {
    path: "/socket.io/?EIO=4&transport=websocket",
    open: (_, channel) => [
      { text: "40", answers: 2 },
      { text: `42${JSON.stringify(["sub", channel])}`, answers: 1 },
    ],
    publish: (_, channel, message) => `42${JSON.stringify(["pub", channel, message])}`,
    receipts: 0,
  },
};

class FanoutLoad {
  readonly #poll = new Poll();
  readonly #fds: number[];
  readonly #frames: FrameReader[] = [];
  readonly #job: FanoutJob;
  readonly #speech: Speech;
  readonly #message: string;
  /** Messages that came with the handshakes. */
  #early = 0;
  /** Messages that are still to come. */
  #missing = 0;
  #deliveries = 0;
  #seq = 0;

  constructor(job: FanoutJob & Target) {
    this.#job = job;
    this.#speech = SPEECH[job.protocol];
    this.#message = "x".repeat(job.size);
    this.#fds = openWebSockets(job.port, job.conns, this.#speech.path, (fd, bytes) => {
      this.#early += this.#readerOf(fd).count(bytes, bytes.length);
    });
    for (const fd of this.#fds) this.#poll.add(fd);
    this.#greet();
    this.#begin();
  }

  /** Takes what has arrived; returns the deliveries so far. */
  turn(): number {
    this.#take();
    if (this.#missing === 0) this.#begin();
    return this.#deliveries;
  }

  finish(): void {
    this.#await("the last round");
    if (this.#missing < 0) throw new Error(`${-this.#missing} messages more than were published`);
  }

  close(): void {
    for (const fd of this.#fds) shut(fd);
    this.#poll.close();
  }

  #readerOf(fd: number): FrameReader {
    return this.#frames[fd] ??= new FrameReader();
  }

  /** All say the same at a time: what one is told unasked must not be taken for another's answer. */
  #greet(): void {
    const steps = this.#speech.open(0, "").length;
    this.#missing = -this.#early;
    for (let step = 0; step < steps; step++) {
      this.#fds.forEach((fd, i) => {
        const { text, answers } = this.#speech.open(i, this.#channelOf(i))[step];
        this.#missing += answers;
        say(fd, text);
      });
      this.#await("greetings");
    }
    this.#deliveries = 0;
  }

  #channelOf(index: number): string {
    return this.#job.spread ? `channel-${index}` : "all";
  }

  /** As many messages to each channel as may be in flight, in turns. */
  #begin(): void {
    const { conns, spread, inFlight } = this.#job;
    const { receipts } = this.#speech;
    const publishes = (spread ? conns : 1) * inFlight;
    this.#missing = conns * inFlight + publishes * receipts;
    const texts = Array.from(
      { length: publishes },
      (_, i) => this.#speech.publish(++this.#seq, this.#channelOf(i % conns), this.#message),
    );
    for (let at = 0; at < texts.length; at += BATCH) say(this.#fds[0], ...texts.slice(at, at + BATCH));
  }

  #await(what: string): void {
    const end = performance.now() + LAST_ROUND_MS;
    while (this.#missing > 0) {
      if (performance.now() > end) throw new Error(`${this.#missing} messages did not come: ${what}`);
      this.#take();
    }
  }

  #take(): void {
    const ready = this.#poll.wait(TURN_MS);
    for (let i = 0; i < ready; i++) {
      const fd = this.#poll.fd(i);
      const length = receive(fd);
      if (length === NOTHING) continue;
      if (length <= 0) throw new Error(`the server closed a WebSocket (${length})`);
      const messages = this.#readerOf(fd).count(received, length);
      this.#missing -= messages;
      this.#deliveries += messages;
    }
  }
}

/** The kernel takes it: what is said here is little. */
function say(fd: number, ...texts: string[]): void {
  const block = new Block(textFrame(...texts));
  for (let sent = 0; sent < block.bytes.length;) sent = block.sendFrom(fd, sent);
}

/** Runs a fan-out job. */
export function runFanout(job: FanoutJob & Target): Sample {
  return measureLoad(job, new FanoutLoad(job));
}
