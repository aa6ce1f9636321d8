/**
 * Clients whose messages or answers are under way for a while when the signal comes.
 *
 * @module
 */
import { type Client, goesOn } from "../client.ts";
import type { Role, Stage } from "../stage.ts";
import { cut } from "../talk/talk.ts";
import { pingPong } from "./asking.ts";
import { again, halves, wait } from "./roles.ts";

/** Longest wait in ms between the signal and the second half of a message. */
const SECOND_HALF = 300;
/** Size in bytes of a message that is cut in two, unless the server's limit is lower. */
const HALF_SIZE = 1000;
/** Clients that read slowly; the others ask as usual. Each wants much, so these few are enough. */
const SLOW_READERS = 4;
/** Bytes of answers for a slow reader: more than the kernel's buffers take of a stream that is not read. */
const SLOW_TOTAL = 4 * 1024 * 1024;
/** Most messages that a slow reader asks at once. */
const SLOW_MESSAGES = 64;
/** Longest time in ms that a slow reader takes for everything, and its share of the grace. */
const SLOW_TIME = 1500;
const SLOW_SHARE = 5;
/** How long after the signal a client reads an answer that it has left in transit, in ms. */
const LEFT_IN_TRANSIT = 50;
/** Pieces of an upload: half of them before the signal. */
const PIECES = 10;
/** Longest wait in ms between two pieces. */
const PIECE_WAIT = 50;

/** Sends its first half before the signal, and the rest after it. */
export const halfMessage: Role = async (stage, index) => {
  const client = await stage.greeted();
  if (client === null) return;
  const size = index % 2 === 0 ? 0 : Math.min(HALF_SIZE, stage.world.bigSize);
  const sending = client.begin((talk) => halves(stage.world, talk.message(size)));
  sending.next();
  stage.warm(index);
  await stage.signal();
  await wait(stage, 0, SECOND_HALF);
  if (goesOn(client, stage.world.kind)) sending.next();
  await client.settled();
};

/** Asks for much and reads little by little. */
export const slowReader: Role = async (stage, index) => {
  if (index >= SLOW_READERS) return pingPong(stage, index);
  const client = await stage.greeted();
  if (client === null) return;
  const { bigSize, grace } = stage.world;
  const messages = Math.max(1, Math.min(SLOW_MESSAGES, Math.ceil(SLOW_TOTAL / bigSize)));
  client.resume(messages * bigSize / Math.min(SLOW_TIME, grace / SLOW_SHARE));
  client.send(bigSize, messages);
  stage.warm(index);
  await client.settled();
};

/** One half sends a long message at the signal, the other has a long answer in transit. */
export const bigMessage: Role = async (stage, index) => {
  const client = await stage.greeted();
  if (client === null) return;
  if (index % 2 === 0) await longQuestion(stage, index, client);
  else await longAnswer(stage, index, client);
  await client.settled();
};

async function longQuestion(stage: Stage, index: number, client: Client): Promise<void> {
  const sending = client.begin((talk) => cut(talk.message(stage.world.bigSize), 2));
  stage.atSignal(sending.next);
  stage.warm(index);
  await stage.signal();
  await stage.look();
  if (goesOn(client, stage.world.kind)) sending.next();
}

async function longAnswer(stage: Stage, index: number, client: Client): Promise<void> {
  client.pause();
  client.send(stage.world.bigSize);
  stage.warm(index);
  await stage.signal();
  await stage.pause(LEFT_IN_TRANSIT);
  client.resume();
}

/** Sends a body piece by piece, half of them before the signal. */
export const upload: Role = async (stage, index) => {
  const client = await stage.greeted();
  if (client === null) return;
  const sending = client.begin((talk) => talk.upload(stage.world.bigSize, PIECES));
  while (sending.left > PIECES / 2) {
    sending.next();
    await wait(stage, 0, PIECE_WAIT / 2);
  }
  stage.warm(index);
  await stage.signal();
  while (sending.left > 0 && goesOn(client, stage.world.kind)) {
    await wait(stage, 0, PIECE_WAIT);
    if (goesOn(client, stage.world.kind)) sending.next();
  }
  await client.settled();
};

/** Has a long answer, or a flow of messages, under way at the signal. */
export const stream: Role = async (stage, index) => {
  if (stage.world.kind === "ws") return flow(stage, index);
  await again(stage, async (client) => {
    while (client.open && !stage.isSignalled) {
      client.flowing = false;
      client.stream();
      while (!client.flowing && client.pending > 0 && !client.over) await client.changed();
      if (client.flowing) stage.warm(index);
      await client.settled();
    }
  });
};

async function flow(stage: Stage, index: number): Promise<void> {
  const client = await stage.connect({ path: stage.world.streamPath! });
  if (client === null) return;
  while (!client.flowing && !client.over) await client.changed();
  if (client.flowing) stage.warm(index);
  await client.ended();
}
