/**
 * What roles have in common.
 *
 * @module
 */
import type { Client, ClientOptions } from "../client.ts";
import type { Stage } from "../stage.ts";
import type { ScenarioWorld } from "../scenario.ts";
import type { Expectation } from "../verify_api.ts";

/** One signal, the whole grace, nothing forgiven. */
export const ORDERLY: Expectation = { signals: 1, secondAfter: 0, within: null, forced: false, rude: false };

/** Connections that one client makes before the signal: a server that ends each one at once is not tried for ever. */
const MAX_CONNECTIONS = 100;
/** What clients do after the signal takes this share of the grace at the most: the server needs the rest. */
const SHARE_OF_GRACE = 8;

/** Every world will do. */
export function fits(): null {
  return null;
}

/** Plays on a greeted connection, and on a new one when the server ends it before the signal. */
export async function again(
  stage: Stage,
  play: (client: Client) => Promise<void>,
  options: ClientOptions = {},
): Promise<void> {
  for (let i = 0; i < MAX_CONNECTIONS; i++) {
    const client = await stage.greeted(options);
    if (client === null) return;
    await play(client);
    await client.ended();
    if (stage.isSignalled || stage.isOver) return;
  }
}

/** Waits at random from `low` to `high` ms, less if the grace is short; then looks whether something has come. */
export async function wait(stage: Stage, low: number, high: number): Promise<void> {
  const most = Math.min(high, stage.world.grace / SHARE_OF_GRACE);
  await stage.pause(stage.between(Math.min(low, most), most));
  await stage.look();
}

/** Cuts bytes in two at a random place inside. */
export function halves(world: ScenarioWorld, bytes: Uint8Array): Uint8Array[] {
  const at = 1 + Math.floor(world.random() * (bytes.length - 1));
  return [bytes.subarray(0, at), bytes.subarray(at)];
}
