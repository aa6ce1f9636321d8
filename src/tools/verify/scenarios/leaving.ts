/**
 * Clients that come and go, go halfway, or do not go at all.
 *
 * @module
 */
import type { Client } from "../client.ts";
import type { Role, Stage } from "../stage.ts";
import { BATCH, pingPong, pipelined } from "./asking.ts";
import { halves, wait } from "./roles.ts";

/** Latest moment after the signal in ms at which a client asks and half-closes. */
const LATEST_FINISH = 150;
/** How long after the signal clients go on connecting, in ms, less if the grace is short. */
const STORM_AFTER = 1000;
/** Refusals in a row after which a client takes it that the server has stopped listening. */
const REFUSALS = 3;
/** Longest wait in ms for the end of a connection that the client has left. */
const LEAVE_LIMIT = 1000;
/** Longest wait in ms between two connections of one client. */
const STORM_PAUSE = 20;
/** Connections after which a client counts as connecting steadily. */
const STEADY = 2;

/** Asks and half-closes: long before its answers are read, just before the signal, or after it. */
export const halfClosed: Role = async (stage, index) => {
  const client = await stage.greeted();
  if (client === null) return;
  const ask = () => {
    client.send(0, BATCH);
    client.finish();
  };
  if (index % 3 === 0) stage.atSignal(ask);
  if (index % 3 === 1) leaveUnread(stage, client);
  stage.warm(index);
  await stage.signal();
  if (index % 3 === 1) client.resume();
  if (index % 3 === 2) {
    await wait(stage, 0, LATEST_FINISH);
    if (client.open) ask();
  }
  await client.settled();
};

function leaveUnread(stage: Stage, client: Client): void {
  client.pause();
  client.send(stage.world.bigSize);
  client.finish();
}

/** Connects, asks once, leaves, and comes again, also after the signal. */
export const connectStorm: Role = async (stage, index) => {
  const { clock, grace } = stage.world;
  const goesOn = () => {
    const { signalAt } = stage.ledger;
    return !stage.isOver && (signalAt === null || clock.now() - signalAt < Math.min(STORM_AFTER, grace / 4));
  };
  let refusals = 0;
  for (let round = 1; refusals < REFUSALS && goesOn(); round++) {
    const client = await stage.connect();
    refusals = client === null ? refusals + 1 : 0;
    if (client !== null) await visit(stage, client);
    if (round >= STEADY) stage.warm(index);
    await stage.pause(stage.between(1, STORM_PAUSE));
  }
};

async function visit(stage: Stage, client: Client): Promise<void> {
  await client.settled();
  await stage.look();
  client.send(0);
  await client.settled();
  client.leave();
  await Promise.race([client.ended(), stage.pause(stage.patience(LEAVE_LIMIT))]);
  if (!client.over) client.abort();
}

/** Two of three answer neither FIN nor Close; the third asks as usual. */
export const silent: Role = async (stage, index) => {
  if (index % 3 === 2) return pingPong(stage, index);
  const client = await stage.greeted({ silent: true });
  if (client === null) return;
  stage.warm(index);
  await client.ended();
};

/** One half is busy, the other holds the server with half a message that never becomes whole. */
export const secondSignal: Role = async (stage, index) => {
  if (index % 2 === 1) return pipelined(stage, index);
  const client = await stage.greeted();
  if (client === null) return;
  client.begin((talk) => halves(stage.world, talk.message(0))).next();
  stage.warm(index);
  await client.ended();
};
