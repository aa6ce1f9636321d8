/**
 * Clients that ask and wait for answers, and clients that ask late.
 *
 * @module
 */
import type { Role, Stage } from "../stage.ts";
import { again, wait } from "./roles.ts";

/** Messages that a pipelining client has in flight. */
export const BATCH = 16;
/** How late after the signal an idle client may ask again, in ms. */
const LATEST_REQUEST = 400;
/** Every other client asks this early after the signal, in ms: while servers close what is idle. */
const EARLY_REQUEST = 50;

/** Asks `batch` messages, waits for all answers, thinks, and goes on until the end. */
async function keepAsking(stage: Stage, index: number, batch: number): Promise<void> {
  await again(stage, async (client) => {
    const ask = () => client.pending === 0 && client.send(0, batch);
    // Whatever the think time is, half of the clients have something in flight when the signal comes.
    if (index % 2 === 0) stage.atSignal(ask);
    while (client.open) {
      await stage.think();
      ask();
      if (await client.settled()) stage.warm(index);
    }
  });
}

/** One message after the other. */
export const pingPong: Role = (stage, index) => keepAsking(stage, index, 1);

/** Many messages at once. */
export const pipelined: Role = (stage, index) => keepAsking(stage, index, BATCH);

/** Idle at the signal; asks once after it, if it has not seen the end by then. */
export const lateRequest: Role = (stage, index) =>
  again(stage, async (client) => {
    stage.warm(index);
    await Promise.race([stage.signal(), client.ended()]);
    if (!stage.isSignalled) return;
    await wait(stage, 0, index % 2 === 0 ? EARLY_REQUEST : LATEST_REQUEST);
    client.send(0);
    await client.settled();
  });
