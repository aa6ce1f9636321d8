/**
 * Clients of channels that are live, in a process of their own: how late their messages are, and how late this process
 * itself was, which is nobody's fault at the other end.
 *
 * @module
 */
import type { Heard, ListenJob } from "./jobs.ts";
import { Block, NOTHING, open, Poll, receive, received } from "./libc.ts";
import { FrameReader, shakeHands, textFrame } from "./ws_wire.ts";

/** The channel in which the server says again and again when it was due to say so. */
const LIVE = "live";
const WAIT_MS = 2;

/** Live ones, until this process ends. */
class Ears {
  readonly #poll = new Poll();
  readonly #readers = new Map<number, FrameReader>();
  #latest = 0;
  #heard = 0;
  #deaf = 0;
  #lookedAt = performance.now();

  open({ port, live }: ListenJob): void {
    const fds = Array.from({ length: live }, () => open(port));
    shakeHands(port, fds);
    const hello = new Block(textFrame(JSON.stringify(["hello", 1, null, null, [[LIVE, null]]])));
    for (const fd of fds) {
      this.#readers.set(fd, new FrameReader());
      this.#poll.add(fd);
      hello.send(fd);
    }
    this.#lookedAt = performance.now();
    this.#turn();
  }

  /** What was heard since the last time. */
  take(): Heard {
    const heard = { latest: this.#latest, deaf: this.#deaf, heard: this.#heard };
    this.#latest = this.#deaf = this.#heard = 0;
    return heard;
  }

  readonly #turn = (): void => {
    const from = performance.now();
    const ready = this.#poll.wait(WAIT_MS);
    const to = performance.now();
    // Of one who had something to hear nobody knows since when it was there.
    this.#deaf = Math.max(this.#deaf, from - this.#lookedAt, ready === 0 ? to - from - WAIT_MS : 0);
    this.#lookedAt = to;
    for (let i = 0; i < ready; i++) this.#hear(this.#poll.fd(i));
    setImmediate(this.#turn);
  };

  #hear(fd: number): void {
    const length = receive(fd);
    if (length === NOTHING) return;
    if (length <= 0) throw new Error(`the server closed a live WebSocket (${length})`);
    for (const text of this.#readers.get(fd)!.texts(received, length)) {
      const [word, channel, , due] = JSON.parse(text);
      if (word !== "m" || channel !== LIVE) continue;
      this.#heard++;
      this.#latest = Math.max(this.#latest, Date.now() - due);
    }
  }
}

let ears: Ears | null = null;

/** Begins to listen. */
export function listen(job: ListenJob): { readonly live: number } {
  ears = new Ears();
  ears.open(job);
  return { live: job.live };
}

/** What was heard since the last time. */
export function heard(): Heard {
  if (ears === null) throw new Error("nobody listens yet");
  return ears.take();
}
