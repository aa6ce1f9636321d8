/**
 * Connections that are opened and kept, for as long as it takes to look at the server.
 *
 * @module
 */
import { makeBlock } from "./echo.ts";
import type { Held, Hello } from "./jobs.ts";
import { Block, NOTHING, open, Poll, receive, received, shut } from "./libc.ts";
import { FrameReader, makeRound, shakeHands, textFrame } from "./ws_wire.ts";

const LINE_BYTES = 64;
/** After so many connections the server is asked something, so that its accept queue never overflows. */
const BATCH = 64;
const ANSWER_MS = 10_000;

const line = makeBlock(LINE_BYTES, 1);
const message = makeRound("text", LINE_BYTES, 1).block;
let speech = line;
const held = new Set<number>();
let poll = new Poll();

/** Opens connections on top of those that are held. */
export function holdOpen(port: number, count: number, websocket = false, hello: Hello | null = null): Held {
  speech = websocket ? message : line;
  for (let left = count; left > 0; left -= BATCH) {
    const fds = Array.from({ length: Math.min(BATCH, left) }, () => open(port));
    if (websocket) shakeHands(port, fds);
    if (hello !== null) greet(fds, hello);
    for (const fd of fds) {
      poll.add(fd);
      held.add(fd);
    }
    if (!websocket) ask(fds.slice(-1));
  }
  return { open: held.size, reset: 0 };
}

function greet(fds: readonly number[], { text, answers }: Hello): void {
  const block = new Block(textFrame(text));
  for (const fd of fds) block.send(fd);
  const end = performance.now() + ANSWER_MS;
  for (const fd of fds) {
    const reader = new FrameReader();
    for (let left = answers; left > 0;) {
      if (performance.now() > end) throw new Error(`${left} answers to a hello did not come`);
      const length = receive(fd);
      if (length > 0) left -= reader.count(received, length);
      else if (length !== NOTHING) throw new Error(`the server closed a WebSocket (${length})`);
    }
  }
}

/** One line or message on each, and its answer. */
export function holdSay(): Held {
  const fds = [...held];
  for (let at = 0; at < fds.length; at += BATCH) ask(fds.slice(at, at + BATCH));
  return { open: held.size, reset: 0 };
}

/** Waits until the server has closed all of them, at most `ms`. */
export function holdRelease(ms: number): Held {
  const end = performance.now() + ms;
  let reset = 0;
  while (held.size > 0 && performance.now() < end) {
    const ready = poll.wait(100);
    for (let i = 0; i < ready; i++) {
      const fd = poll.fd(i);
      const length = receive(fd);
      if (length > 0 || length === NOTHING) continue;
      if (length < 0) reset++;
      held.delete(fd);
      shut(fd);
    }
  }
  const left = held.size;
  holdDrop();
  return { open: left, reset };
}

/** Closes all of them. */
export function holdDrop(): Held {
  for (const fd of held) shut(fd);
  held.clear();
  poll.close();
  poll = new Poll();
  return { open: 0, reset: 0 };
}

function ask(fds: readonly number[]): void {
  for (const fd of fds) speech.send(fd);
  const waiting = new Set(fds);
  const end = performance.now() + ANSWER_MS;
  while (waiting.size > 0) {
    if (performance.now() > end) throw new Error(`${waiting.size} held connections got no answer`);
    const ready = poll.wait(100);
    for (let i = 0; i < ready; i++) {
      const fd = poll.fd(i);
      const length = receive(fd);
      if (length === NOTHING) continue;
      if (length <= 0) throw new Error(`the server closed a held connection (${length})`);
      waiting.delete(fd);
    }
  }
}
