import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { DrainReport } from "../../mod.ts";
import { type HttpHandler, type HttpOptions, reply } from "../../src/http/mod.ts";
import { dice, eachSeed } from "../support/dice.ts";
import { bodyOf, chunked, type HttpWorld, httpWorld, pathOf, type Peer, request } from "../support/http_world.ts";
import { type NetworkOptions, SEEDED_WORLDS, type SeededWorld, WIRED_WORLDS, WIRES } from "../support/world.ts";

/** Runs of each kind; each is one seed, and a failure names it. */
const RUNS = 40;
const RUNS_OF_WIRE = 10;
const GRACE = 6000;

/** What one client did: the targets it asked for in order, and whether it went away by itself. */
interface Played {
  readonly peer: Peer;
  readonly asked: string[];
  /** When the last byte of each was written. */
  readonly askedAt: number[];
  left: boolean;
  /** It begins a request only when it has all answers. */
  patient: boolean;
  /** It pipelines without end, or uses a connection again that it let idle: its requests may meet our goodbye. */
  risks: boolean;
}

/** Beginning of the targets that a client asks for before it closes its side. */
const LEAVES = "/leaves";

/** The targets whose handlers ran. */
type Ran = Set<string>;

function worker(w: () => HttpWorld, roll: (below: number) => number, work: number, ran: Ran): HttpHandler {
  return async (req) => {
    const path = pathOf(req);
    assert(!ran.has(path), `${path} ran twice`);
    ran.add(path);
    const body = await req.text();
    if (work > 0 && roll(3) > 0) await w().sleep(roll(work));
    if (roll(4) > 0) return reply(path + body);
    let at = 0;
    const parts = [path, body, ""];
    // Who has closed its side gets the rest of a stream whose length was said.
    const headers: HeadersInit = path.startsWith(LEAVES) ? { "content-length": `${path.length + body.length}` } : {};
    return new Response(
      new ReadableStream({
        async pull(controller) {
          if (roll(2) === 0) await w().sleep(roll(10));
          if (at === parts.length) return controller.close();
          controller.enqueue(new TextEncoder().encode(parts[at++]));
        },
      }, { highWaterMark: 0 }),
      { headers },
    );
  };
}

/** A request of one of the usual kinds. */
function some(target: string, roll: (below: number) => number): string {
  switch (roll(4)) {
    case 0:
      return request(target, { body: "-body" });
    case 1:
      return request(target, { method: "POST", headers: { "transfer-encoding": "chunked" } }) + chunked(["-b", "ody"]);
    default:
      return request(target);
  }
}

/** One of the ways a client behaves, until its connection ends. */
async function play(w: HttpWorld, played: Played, roll: (below: number) => number): Promise<void> {
  const { peer, asked } = played;
  const goesOn = () => peer.end === "open" && !peer.saidClose;
  const ask = (cut = 0, place = "/c"): string => {
    const target = `${place}${peer.conn.id}-${asked.length + 1}`;
    asked.push(target);
    played.askedAt.push(w.clock.now());
    const text = some(target, roll);
    peer.ask(cut === 0 ? text : text.slice(0, cut));
    return text.slice(cut);
  };
  switch (roll(7)) {
    case 0: // idle
      return;
    case 1: // one request after the other
      played.patient = true;
      while (goesOn()) {
        ask();
        while (goesOn() && peer.answers.length < asked.length) await peer.changed();
        await w.sleep(roll(12));
      }
      return;
    case 2: // a window of requests in flight
      played.risks = true;
      while (goesOn()) {
        while (goesOn() && asked.length < peer.answers.length + 8) ask();
        await peer.changed();
      }
      return;
    case 3: { // a part of a request now, the rest later
      played.patient = true;
      const rest = ask(5 + roll(40));
      await w.sleep(roll(600));
      played.askedAt[0] = w.clock.now();
      return peer.send(rest);
    }
    case 4: // a batch, then half-closed
      for (let i = 0; i < 10; i++) ask(0, LEAVES);
      return void peer.conn.closeWrite();
    case 5: // asks again after a while, as an idle keep-alive client does
      played.patient = true;
      played.risks = true;
      ask();
      await w.sleep(200 + roll(1000));
      if (goesOn()) ask();
      return;
    default: // goes away in the middle
      played.left = true;
      ask();
      ask(10);
      await w.sleep(roll(500));
      peer.conn.abort();
  }
}

/** How well the links of a round carry. */
interface Links {
  /** They may break. */
  readonly harmed: boolean;
  /** Nothing but their length delays what they carry. */
  readonly prompt: boolean;
}

/** What must hold after every drain, whatever happened; and where links are whole and prompt, nothing is lost. */
function check(w: HttpWorld, report: DrainReport, all: readonly Played[], ran: Ran, { harmed, prompt }: Links): void {
  assert(report.duration <= GRACE, `the drain took ${report.duration} ms`);
  assertEquals(report.all.length, report.connections.atStart + report.connections.accepted);
  const outcomes = new Map(report.all.map((conn) => [conn.peer, conn]));
  let unanswered = 0;
  for (const { peer, asked, askedAt, left, patient, risks } of all) {
    const { local } = peer.conn;
    const entry = outcomes.get(local.transport === "tcp" ? `${local.hostname}:${local.port}` : "");
    const name = `connection ${peer.conn.id}: ${JSON.stringify(entry)}`;
    assertEquals(peer.problem, null, name);
    peer.answers.forEach((answer, i) => {
      // Half a head that did not come in time, and nothing but that, gets another answer.
      if (answer.status === 408) return assert(i === peer.answers.length - 1 && !ran.has(asked[i]), name);
      assertEquals([answer.status, bodyOf(answer).replace("-body", "")], [200, asked[i]], name);
    });
    const closing = peer.answers.filter((answer) => answer.closes).length;
    assert(closing === 0 || (closing === 1 && peer.saidClose && peer.last.closes), `${name}: close comes last`);
    if (left || harmed && peer.end !== "fin") continue;
    if (entry === undefined && peer.end === "reset") {
      // It waited to be accepted when the listener closed.
      assert(!asked.some((target) => ran.has(target)), name);
      continue;
    }
    assert(entry?.outcome !== "cut", name);
    assertEquals(peer.reader.partial, false, `${name}: truncated`);
    assertEquals(peer.end, "fin", name);
    asked.forEach((target, i) => {
      if (i >= peer.answers.length) {
        assertEquals(ran.has(target), false, `${name}: ${target} ran without an answer`);
        unanswered++;
        if (prompt && !risks) assert(askedAt[i] >= peer.warnedAt, `${name}: ${target} was lost`);
      }
    });
    if (patient && entry !== undefined) assert(asked.length - peer.answers.length <= 1, `${name}: lost its request`);
  }
  if (!harmed && report.cut.length === 0) assertEquals(report.afterFin.messages, unanswered, "counted as never run");
  assertEquals([w.server.http.active, w.server.http.queued], [0, 0]);
}

async function round(
  network: NetworkOptions,
  options: HttpOptions,
  work: number,
  prompt: boolean = false,
): Promise<DrainReport> {
  const { seed = 1, faults } = network;
  const roll = dice(seed);
  const ran: Ran = new Set();
  let made: HttpWorld | null = null;
  await using w = await httpWorld(worker(() => made!, roll, work, ran), { ...network, grace: GRACE, ...options });
  made = w;
  const all: Played[] = [];
  const count = 3 + roll(6);
  for (let i = 0; i < count; i++) {
    const peer = await w.peer({ stubborn: roll(5) === 0 }).catch(() => null);
    if (peer === null) continue;
    const played: Played = { peer, asked: [], askedAt: [], left: false, patient: false, risks: false };
    all.push(played);
    void play(w, played, roll);
    await w.pass(roll(30));
  }
  await w.pass(roll(200));
  const report = await w.until(w.server.shutdown());
  await w.pass(3000);
  check(w, report, all, ran, { harmed: (faults?.reset ?? 0) > 0, prompt });
  return report;
}

describe("HTTP drain: a seeded schedule of races", () => {
  const worlds: readonly SeededWorld<HttpOptions>[] = [
    ...SEEDED_WORLDS,
    ["long delays and stalled readers", { delay: 0.3, maxDelay: 80, stall: 0.02, stallTime: 500 }, {}, 10],
    ["resets", { split: 0.2, delay: 0.3, reset: 0.01 }, {}, 10],
    ["a limit of two handlers", { delay: 1, maxDelay: 5 }, { maxConcurrentRequests: 2 }, 10],
    ["little patience and idle grace", { split: 0.2, delay: 0.5, maxDelay: 10 }, { patience: 300, idleGrace: 100 }, 10],
  ];
  for (const [name, faults, options, work] of worlds) {
    it(`${name}: what ran is answered whole, what did not run is counted, close comes last`, () =>
      eachSeed(RUNS, (seed) => round({ seed, faults }, options, work)));
  }

  for (const [distance, wire] of WIRES) {
    for (const [name, faults, options, work] of WIRED_WORLDS) {
      it(`${distance}, ${name}: no request is lost of a client that waits for its answers`, () =>
        eachSeed(RUNS_OF_WIRE, (seed) => round({ seed, faults, wire }, options, work, true)));
    }
  }

  it("the same seed gives the same report", async () => {
    const faults = { split: 0.3, delay: 0.5, maxDelay: 20 };
    const [a, b] = [await round({ seed: 7, faults }, {}, 20), await round({ seed: 7, faults }, {}, 20)];
    assertEquals(a, b);
  });
});
