/** Clients of all kinds through reloads, in memory: what a good reload loses, and what is found of bad ones. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import { ConnectError } from "../../../mod.ts";
import { VirtualClock } from "../../../src/testing/clock.ts";
import { type ReloadLossName, startReloads, VerifyError, type VerifyKind } from "../../../src/tools/verify/mod.ts";
import { allSeeds } from "../../support/dice.ts";
import { foundIn, playReloads, type ReloadFaults, reloadWorld } from "../../support/reload_world.ts";
import { until } from "../../support/verify_world.ts";

const KINDS: readonly VerifyKind[] = ["tcp", "http", "ws"];
const RUNS = 2;

/** A fault of a reload, and the classes that it must be found as, and may be found as. */
const CASES: readonly (readonly [
  what: string,
  faults: ReloadFaults,
  must: ReloadLossName,
  may: readonly ReloadLossName[],
  kinds?: readonly VerifyKind[],
])[] = [
  ["a listening socket that is closed before the next one is open", { gap: 200 }, "refused", []],
  ["a queue that dies with its socket", { deadQueue: 200 }, "reset", []],
  ["a generation that is dropped", { drops: true }, "reset", ["unanswered", "truncated"], ["tcp", "http"]],
  ["a generation that is dropped", { drops: true }, "noClose", ["reset", "unanswered", "truncated"], ["ws"]],
  // What was asked behind it at once is lost as well.
  ["half an answer", { from: 0, give: "half" }, "truncated", ["unanswered"]],
  ["silence", { from: 0, give: "nothing" }, "unanswered", []],
  ["a reset where FIN belongs", { reset: true }, "reset", ["unanswered"]],
  ["no Close", { code: "none" }, "noClose", [], ["ws"]],
  ["a Close with 1011", { code: 1011 }, "wrongCode", [], ["ws"]],
];

describe("verify --reload: a good reload", () => {
  for (const kind of KINDS) {
    it(`${kind}: loses nothing`, () =>
      allSeeds(RUNS, async (seed) => {
        const report = await playReloads({ kind, seed });
        assertEquals(report.details, []);
        assert(report.clean);
        const { during, between, total } = report;
        assertEquals(total.sent, total.answered);
        assertEquals(total.sent, during.sent + between.sent);
        assertEquals(total.connections, during.connections + between.connections);
        assertGreater(during.answerWait.count, 0);
        assertEquals(report.parts.map(({ kind, number, took }) => [kind, number, took]), [
          ["reload", 1, 4500],
          ["reload", 2, 4500],
        ]);
      }));

    it(`${kind}: has clients of every kind, all of them served`, async () => {
      const { clients, clean } = await playReloads({ kind, reloads: 1, clients: 5 });
      assert(clean);
      assertEquals(clients, { storm: 2, asking: 1, pipelined: 1, upload: 1 });
    });
  }
});

describe("verify --reload: a bad reload is found as what it is", () => {
  for (const [what, faults, must, may, kinds = KINDS] of CASES) {
    for (const kind of kinds) {
      it(`${kind}: ${what} is ${must}`, async () => {
        const report = await playReloads({ kind, faults });
        const found = foundIn(report);
        assertEquals(found.filter((name) => name !== must && !may.includes(name)), [], report.details.join("\n"));
        assert(found.includes(must), `found ${found}`);
        assert(!report.clean);
        assertEquals(found.filter((name) => report.between.losses[name] > 0), []);
      });
    }
  }

  it("one that fails is blamed, though nobody lost anything", async () => {
    const report = await playReloads({ kind: "tcp", reloads: 1, fails: true });
    assertEquals([foundIn(report), report.clean], [["reloadFailed"], false]);
    assertEquals(report.details, ["reload that failed (4500 ms into reload 1): exit code 1"]);
  });
});

describe("verify --reload: a worker that is killed", () => {
  for (const kind of KINDS) {
    it(`${kind}: what it held is counted apart, and nothing else is lost`, () =>
      allSeeds(RUNS, async (seed) => {
        const report = await playReloads({ kind, seed, kills: true });
        assertEquals(report.details, []);
        assert(report.clean);
        const { total, kills } = report;
        assertGreater(kills.held.connections, 0);
        assertEquals(total.sent, total.answered + kills.held.messages);
        assertEquals(report.parts.map(({ kind, number }) => `${kind} ${number}`), [
          "kill 1",
          "reload 1",
          "kill 2",
          "reload 2",
        ]);
      }));
  }

  it("does not excuse what a reload loses behind it", async () => {
    const report = await playReloads({ kind: "http", kills: true, faults: { gap: 200 } });
    assertEquals(foundIn(report), ["refused"]);
  });
});

describe("verify --reload: the clients", () => {
  it("give up in bounded time with a server that never lets them in", async () => {
    const clock = new VirtualClock({ turns: 2 });
    const stage = startReloads(reloadWorld(clock, { connect: () => new Promise(() => {}) }));
    const error = await assertRejects(() => until(clock, stage.ready), VerifyError);
    assertStringIncludes(error.message, "Only 0 of 6 clients got an answer within 10000 ms");
    stage.abort();
    await until(clock, stage.finished);
    assertEquals(clock.pending, 0);
  });

  it("blame nobody when this machine has no more of something", async () => {
    const clock = new VirtualClock({ turns: 2 });
    const connect = () => Promise.reject(new ConnectError("EADDRNOTAVAIL", "No port is left"));
    const stage = startReloads(reloadWorld(clock, { connect }));
    await assertRejects(() => until(clock, stage.ready), VerifyError, "No port is left");
    await until(clock, stage.finished);
    assertEquals(stage.failure?.message, "No connection: No port is left");
    assertEquals(stage.ledger.report({ command: "", kind: "tcp", clients: {} }, 1).details, []);
  });

  it("are streams and WebSockets as well where there are some", () => {
    const clock = new VirtualClock();
    const connect = () => new Promise<never>(() => {});
    const crew = (more: Parameters<typeof reloadWorld>[1]) => {
      const stage = startReloads(reloadWorld(clock, { clients: 16, ...more }));
      stage.abort();
      return stage.clients;
    };
    assertEquals(crew({ connect, kind: "http", streamPath: "/s", webSocketPath: "/ws" }), {
      ...{ storm: 4, asking: 2, pipelined: 2, upload: 2, resting: 2, stream: 2, webSocket: 2 },
    });
    assertEquals(crew({ connect, kind: "ws", streamPath: "/s" }).stream, 2);
    assertEquals(crew({ connect, kind: "tcp", streamPath: "/s", webSocketPath: "/ws" }).stream, undefined);
  });
});
