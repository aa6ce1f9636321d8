import { after, describe, it } from "node:test";
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import type { RunOptions } from "../../mod.ts";
import { httpDrained, type HttpOutcome } from "../support/http_drained.ts";
import { pause } from "../support/http_loads.ts";
import { PEERS, Race } from "../support/http_race.ts";
import { runtimeName, within } from "../support/processes.ts";

const CLIENTS = 500;
const THINK = 10;
const SIGTERMS = 5;
/** With a lame duck, clients open nothing new so many ms after the signal. */
const OPENING = 150;

/** One SIGTERM under the clients' load. */
async function round(run: RunOptions, opening: number): Promise<{ race: Race; outcome: HttpOutcome }> {
  await using server = await httpDrained({ run: { grace: 4000, ...run } });
  using race = new Race(server.port, CLIENTS, THINK);
  // Under load a runtime may accept one connection a turn, so it takes a while until all are there.
  const all = async () => {
    while (race.accepted < CLIENTS || race.answered < 8 * CLIENTS) await pause(10);
  };
  await within(all(), 60_000, () => `${CLIENTS} clients, ${race.accepted} accepted, ${race.answered} answered`);
  server.signal();
  race.opensUntil = server.signalledAt + opening;
  const outcome = await server.outcome();
  const ended = async () => {
    while (race.running > 0) await pause(5);
  };
  await within(ended(), 5000, () => `${race.running} clients to end`);
  assertEquals(race.problems, []);
  assertEquals([outcome.report.clean, outcome.report.reports[0].connections.cut], [true, 0]);
  return { race, outcome };
}

const figures: string[] = [];

function note(variant: string, races: readonly Race[]): void {
  const lost = races.map((race) => race.lost.length);
  const fresh = races.reduce((sum, race) => sum + race.lost.filter(({ first }) => first).length, 0);
  const asked = races.reduce((sum, race) => sum + race.sent, 0);
  const sum = lost.reduce((a, b) => a + b, 0);
  figures.push(`${sum} (${lost.join(", ")}; ${fresh} on connections never accepted) of ${asked}: Sluice, ${variant}`);
}

describe(`${CLIENTS} keep-alive clients that post and think 0 to ${THINK} ms, ${SIGTERMS} SIGTERMs`, () => {
  after(() => {
    const peers = Object.entries(PEERS).map(([name, lost]) => `${lost}: ${name}`);
    console.log(["requests without an answer:", ...figures, ...peers].join("\n  "));
  });

  it("with a lame duck of 300 ms, and none who opens a connection after 150 ms, no request is without an answer", async () => {
    const races: Race[] = [];
    for (let i = 0; i < SIGTERMS; i++) {
      const { race, outcome } = await round({ lameDuck: 300 }, OPENING);
      races.push(race);
      assertEquals(race.lost.slice(0, 20), []);
      assertEquals([race.answered, outcome.ran.stats.requests], [race.sent, race.sent]);
      assertEquals([race.refused, race.miscounted(outcome.ran)], [0, []]);
      assertEquals(outcome.report.reports[0].afterFin.messages, 0);
    }
    note(`${runtimeName()}, lame duck`, races);
  });

  it("without one, fewer than 15 requests of 500 clients cross our FIN, and none of them was run", async () => {
    const races: Race[] = [];
    for (let i = 0; i < SIGTERMS; i++) {
      const { race, outcome } = await round({}, Infinity);
      races.push(race);
      assertLess(race.lost.length, 15, JSON.stringify(race.lost.slice(0, 20)));
      assertEquals(race.ranAmong(outcome.ran), []);
      assertEquals(race.miscounted(outcome.ran), []);
      assertGreater(race.answered, 8 * CLIENTS);
    }
    note(`${runtimeName()}, no lame duck`, races);
  });
});
