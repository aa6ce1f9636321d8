/** Calls both ways over a network that splits, merges, delays and breaks, with drains: none is lost, and none is another's. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { MemoryFaults } from "../../adapters/memory/mod.ts";
import { type Context, DeadlineExceeded } from "../../mod.ts";
import { json, jsonLines, lengthPrefix } from "../../src/framing/codecs/mod.ts";
import { type Rpc, RpcError, type RpcMethod } from "../../src/framing/rpc/mod.ts";
import { dice, eachSeed } from "../support/dice.ts";
import { rpcWorld } from "../fixtures/rpc_tools.ts";

const RUNS = 60;
const CALLS = 30;
const MOST_RUNNING = 4;

type Dice = (below: number) => number;

/** What became of the calls of one side. */
interface Tally {
  readonly ends: Map<string, string>;
  /** Calls whose method has begun, by what they carry. */
  readonly begun: Set<string>;
  mostRunning: number;
}

/** A method that works for a time and gives back what it was given. */
function echo(roll: Dice, tally: Tally, wait: (ms: number) => Promise<void>): RpcMethod {
  let running = 0;
  return async (params: unknown, _ctx: Context) => {
    const token = String(params);
    assert(!tally.begun.has(token), `${token} runs twice`);
    tally.begun.add(token);
    tally.mostRunning = Math.max(tally.mostRunning, ++running);
    await wait(roll(60));
    running--;
    if (roll(10) === 0) throw new RpcError("OWN", token);
    return token;
  };
}

/** Calls one after the other at times that the dice say, some with a deadline, some given up. */
async function keepCalling(
  side: string,
  peer: () => Rpc,
  roll: Dice,
  tally: Tally,
  wait: (ms: number) => Promise<void>,
) {
  const all: Promise<void>[] = [];
  for (let i = 0; i < CALLS; i++) {
    const token = `${side}${i}`;
    const stop = new AbortController();
    const timeout = roll(4) === 0 ? 1 + roll(80) : 5000;
    const note = (end: string): void => {
      assert(!tally.ends.has(token), `${token} ends twice`);
      tally.ends.set(token, end);
    };
    const call = peer().call("echo", token, { ctx: stop.signal, timeout });
    all.push(call.then(
      (result) => note(result === token ? "result" : `another's: ${result}`),
      (error) => note(endOf(error, token)),
    ));
    if (roll(6) === 0) wait(roll(80)).then(() => stop.abort("given up"));
    await wait(roll(25));
  }
  await Promise.all(all);
}

function endOf(error: unknown, token: string): string {
  if (error === "given up" || error instanceof DeadlineExceeded) return "given up";
  if (!(error instanceof RpcError)) return `untyped: ${error}`;
  if (error.code === "OWN") return error.message === token ? "result" : `another's: ${error.message}`;
  return error.code;
}

/** What the round may end in. */
interface Round {
  readonly seed: number;
  readonly faults: MemoryFaults;
  /** The server drains in the middle. */
  readonly drains: boolean;
  readonly resets: boolean;
}

async function round({ seed, faults, drains, resets }: Round): Promise<void> {
  const roll = dice(seed);
  const tallies: Tally[] = [0, 1].map(() => ({ ends: new Map(), begun: new Set(), mostRunning: 0 }));
  const codec = seed % 2 === 0 ? () => lengthPrefix(json()) : () => jsonLines();
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void r.w.clock.setTimer(resolve, ms));
  const shared = { maxConcurrent: MOST_RUNNING, maxQueued: 8, maxPending: 16 };
  const r = await rpcWorld({
    codec,
    world: { seed, faults, wire: { up: roll(30), down: roll(30) }, grace: 20_000 },
    server: { ...shared, methods: { echo: (params, ctx) => methods[0](params, ctx) } },
    client: { ...shared, methods: { echo: (params, ctx) => methods[1](params, ctx) } },
  });
  const methods = tallies.map((tally) => echo(roll, tally, wait));
  const calling = [
    keepCalling("c", () => r.client, roll, tallies[0], wait),
    keepCalling("s", () => r.server, roll, tallies[0], wait),
  ];
  if (resets) wait(150 + roll(200)).then(() => r.clientConn.abort());
  if (drains) await r.w.pass(100 + roll(200));
  const report = drains ? r.w.server.shutdown() : null;
  await r.w.until(Promise.all(calling));
  check(tallies, { drains, resets });
  if (report !== null) assertEquals((await r.w.until(report)).clean || resets, true);
  await r[Symbol.asyncDispose]();
  await r.w.pass(200);
  for (const peer of [r.client, r.server]) assertEquals([peer.pending, peer.running, peer.queued], [0, 0, 0]);
  assertEquals([r.w.clock.pending, r.w.adapter.openSockets], [0, 0]);
}

function check(tallies: Tally[], { drains, resets }: Pick<Round, "drains" | "resets">): void {
  const [{ ends }] = tallies;
  assertEquals(ends.size, 2 * CALLS);
  const allowed = new Set(["result", "given up", "ERR_RPC_BUSY", "ERR_RPC_DEADLINE", "ERR_RPC_CANCELED"]);
  if (drains) allowed.add("ERR_RPC_DRAINING").add("ERR_RPC_GONE");
  if (resets) allowed.add("ERR_RPC_GONE");
  for (const [token, end] of ends) {
    assert(allowed.has(end), `${token}: ${end}`);
    // A drain refuses before a call runs, and lets go of none that the peer was promised.
    const begun = tallies.some((tally) => tally.begun.has(token));
    if (end === "ERR_RPC_DRAINING" || end === "ERR_RPC_BUSY") assert(!begun, `${token}: ${end}, and has run`);
    if (end === "ERR_RPC_GONE" && !resets) assert(!begun, `${token} was lost`);
  }
  for (const { mostRunning } of tallies) assert(mostRunning <= MOST_RUNNING, `${mostRunning} at once`);
}

const FAULTS: readonly (readonly [string, MemoryFaults])[] = [
  ["chunks split and merged", { split: 0.4, merge: 0.4 }],
  ["delays", { delay: 0.5, maxDelay: 30 }],
];

describe("calls over a network with faults", () => {
  for (const [name, faults] of FAULTS) {
    it(`each come to one end, their own: ${name}`, () =>
      eachSeed(RUNS, (seed) => round({ seed, faults, drains: false, resets: false })));
    it(`lose nothing in a drain: ${name}`, () =>
      eachSeed(RUNS, (seed) => round({ seed, faults, drains: true, resets: false })));
    it(`all fail when the connection breaks: ${name}`, () =>
      eachSeed(RUNS, (seed) => round({ seed, faults, drains: seed % 3 === 0, resets: true })));
  }
});
