import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { type DrainReport, type Handler, lines, type ServeOptions } from "../../../mod.ts";
import { dice, eachSeed } from "../../support/dice.ts";
import {
  type Client,
  type NetworkOptions,
  SEEDED_WORLDS,
  type SeededWorld,
  WIRED_WORLDS,
  WIRES,
  type World,
  world,
} from "../../support/world.ts";
import { trackedBy } from "../../support/tracked.ts";

/** Runs of each kind; each is one seed, and a failure names it. */
const RUNS = 60;
const RUNS_OF_WIRE = 4;
/** Withheld answers, and what crosses them, need some round trips. */
const GRACE_OF_WIRE = 8000;
const GRACE = 3000;

/** What the server did for each connection, by its id. */
interface Ledger {
  ran: Map<number, string[]>;
  answered: Map<number, string[]>;
}

/** What one client did. */
interface Played {
  readonly client: Client;
  /** It goes on only when it has its answers: none of its lines meets our FIN. */
  patient: boolean;
}

/** Answers each line after up to `work` ms; notes what ran and what was answered. */
function worker(w: () => World, roll: (below: number) => number, work: number, ledger: Ledger): Handler {
  return async (conn) => {
    const [ran, answered]: [string[], string[]] = [[], []];
    ledger.ran.set(conn.id, ran);
    ledger.answered.set(conn.id, answered);
    for await (const line of lines(conn)) {
      ran.push(line);
      if (work > 0) await new Promise<void>((resolve) => w().clock.setTimer(resolve, roll(work)));
      await conn.write(`echo: ${line}\n`);
      answered.push(line);
    }
  };
}

/** One of the ways a client behaves, until its connection ends. */
async function play(w: World, played: Played, roll: (below: number) => number): Promise<void> {
  const { client } = played;
  const pause = (ms: number) => new Promise<void>((resolve) => w.clock.setTimer(resolve, ms));
  const name = `c${client.conn.id}`;
  let sent = 0;
  const kind = roll(7);
  played.patient = kind < 5;
  switch (kind) {
    case 0: // idle
      return;
    case 1: // ping-pong
      while (client.end === "open") {
        client.send(`${name}-${++sent}\n`);
        while (client.end === "open" && client.lines.length < sent) await client.changed();
        await pause(roll(12));
      }
      return;
    case 2: // a window of lines in flight
      while (client.end === "open") {
        while (client.end === "open" && sent < client.lines.length + 16) client.send(`${name}-${++sent}\n`);
        await client.changed();
      }
      return;
    case 3: // half a line now, the rest later
      client.send(`${name}-ha`);
      await pause(roll(600));
      return client.send("lf\n");
    case 4: // a batch, then half-closed
      for (let i = 0; i < 20; i++) client.send(`${name}-${++sent}\n`);
      return void client.conn.closeWrite();
    case 5: // sends without ever waiting
      while (client.end === "open") {
        client.send(`${name}-${++sent}\n`);
        await pause(1 + roll(20));
      }
      return;
    default: // goes away in the middle
      client.send(`${name}-1\n${name}-`);
      await pause(roll(500));
      client.conn.abort();
  }
}

/** What must hold after every drain, whatever happened; and where links are whole and prompt, nothing is lost. */
function check(all: readonly Played[], report: DrainReport, ledger: Ledger, budget: number, prompt: boolean): void {
  assert(report.duration <= budget, `the drain took ${report.duration} ms`);
  assertEquals(report.all.length, report.connections.atStart + report.connections.accepted);
  const outcomes = new Map(report.all.map((conn) => [conn.peer, conn]));
  for (const { client, patient } of all) {
    const { local } = client.conn;
    const peer = local.transport === "tcp" ? `${local.hostname}:${local.port}` : "";
    const entry = outcomes.get(peer);
    if (entry === undefined) continue;
    const answered = ledger.answered.get(entry.id) ?? [];
    const seen = client.lines.map((line) => line.replace("echo: ", ""));
    if (entry.outcome === "cut") {
      assert(client.end !== "fin", `cut connection ${entry.id} ended with ${client.end}`);
    } else if (entry.outcome !== "dropped") {
      assertEquals(ledger.ran.get(entry.id), answered, `connection ${entry.id}: every line that ran is answered`);
      if (prompt && patient) {
        assertEquals(answered, client.linesInTime, `connection ${entry.id}: what it could still send is not lost`);
      }
      if (client.end === "fin") {
        assertEquals(seen, answered, `connection ${entry.id}: every answer arrived, ${JSON.stringify(entry)}`);
        assert(client.text === "" || client.text.endsWith("\n"), `connection ${entry.id}: no answer is truncated`);
      }
    }
  }
}

async function round(
  network: NetworkOptions,
  options: ServeOptions,
  work: number,
  prompt: boolean = false,
): Promise<DrainReport> {
  const { seed = 1 } = network;
  const roll = dice(seed);
  const ledger: Ledger = { ran: new Map(), answered: new Map() };
  let made: World | null = null;
  const w = made = await world(worker(() => made!, roll, work, ledger), { ...network, grace: GRACE, ...options });
  const all: Played[] = [];
  const count = 3 + roll(6);
  for (let i = 0; i < count; i++) {
    const client = await w.client({ stubborn: roll(5) === 0 }).catch(() => null);
    if (client !== null) {
      const played: Played = { client, patient: false };
      all.push(played);
      void play(w, played, roll);
    }
    await w.pass(roll(30));
  }
  await w.pass(roll(200));
  const report = await w.until(w.server.shutdown());
  await w.pass(3000);
  check(all, report, ledger, options.grace ?? GRACE, prompt);
  for (const client of w.clients) client.conn.abort();
  await w.pass(100 + w.roundTrip);
  assertEquals([w.adapter.openSockets, trackedBy(w.server)], [0, 0]);
  return report;
}

describe("drain: a seeded schedule of races", () => {
  const worlds: readonly SeededWorld<ServeOptions>[] = [
    ...SEEDED_WORLDS,
    ["long delays and stalled readers", { delay: 0.3, maxDelay: 120, stall: 0.02, stallTime: 700 }, {}, 10],
    ["resets and links that go silent", { split: 0.2, delay: 0.3, reset: 0.01, vanish: 0.005 }, {}, 10],
    ["a short budget", { split: 0.2, delay: 0.3, maxDelay: 30 }, { grace: 400, quiet: 60 }, 80],
    ["a limit on connections", { delay: 1, maxDelay: 5 }, { maxConnections: 2, policy: "queue" }, 5],
  ];
  for (const [name, faults, options, work] of worlds) {
    it(`${name}: every line that ran is answered whole, or its connection is named`, () =>
      eachSeed(RUNS, (seed) => round({ seed, faults }, options, work)));
  }

  for (const [distance, wire] of WIRES) {
    for (const [name, faults, options, work] of WIRED_WORLDS) {
      it(`${distance}, ${name}: no line of a client that waits for its answers is lost`, () =>
        eachSeed(
          RUNS_OF_WIRE,
          (seed) => round({ seed, faults, wire }, { grace: GRACE_OF_WIRE, ...options }, work, true),
        ));
    }
  }

  it("the same seed gives the same report", async () => {
    const faults = { split: 0.3, delay: 0.5, maxDelay: 20, reset: 0.01 };
    const [a, b] = [await round({ seed: 7, faults }, {}, 20), await round({ seed: 7, faults }, {}, 20)];
    assertEquals(a, b);
  });
});
