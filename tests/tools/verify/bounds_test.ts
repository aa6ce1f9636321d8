import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryAdapter } from "../../../adapters/memory/mod.ts";
import { type Conn, Dialer, listen } from "../../../mod.ts";
import { VirtualClock } from "../../../src/testing/clock.ts";
import {
  type ScenarioRun,
  SCENARIOS,
  type ScenarioWorld,
  VerifyError,
  type VerifyKind,
} from "../../../src/tools/verify/mod.ts";
import { loser } from "../../support/verify_losers.ts";
import { GRACE, lossesOf, play, scenariosOf, until } from "../../support/verify_world.ts";

const KINDS: readonly VerifyKind[] = ["tcp", "http", "ws"];

/** A world whose connections are made by `connect`. */
function worldOf(clock: VirtualClock, kind: VerifyKind, connect: () => Promise<Conn>): ScenarioWorld {
  return {
    ...{ kind, connect, clock, clients: 3, grace: GRACE, host: "test", path: "/", uploadPath: null },
    ...{ streamPath: null, expect: "echo", bigSize: 1000, think: 20, roundTrip: 0, stretch: 1, random: () => 0.5 },
  };
}

function start(world: ScenarioWorld, name = "ping-pong"): ScenarioRun {
  return SCENARIOS.find((scenario) => scenario.name === name)!.start(world);
}

/** A server that takes connections and bytes, and never says anything. */
async function blackHole(clock: VirtualClock): Promise<() => Promise<Conn>> {
  const adapter = memoryAdapter({ clock });
  const listener = await listen({ port: 0, hostname: "127.0.0.1", adapter, clock });
  const { address } = listener;
  (async () => {
    for await (const conn of listener) conn.consume({ data() {}, end() {}, closed() {} });
  })();
  const dialer = new Dialer({ adapter, clock });
  return () => dialer.connect({ port: address.transport === "tcp" ? address.port : 0 });
}

describe("verify: a scenario ends in bounded time", () => {
  for (const kind of KINDS) {
    for (const scenario of scenariosOf(kind).filter((name) => name !== "stream")) {
      it(`${kind}, ${scenario}: with a server that never ends`, async () => {
        const ledger = await play(scenario, loser({ stays: true }), { kind });
        assertEquals(lossesOf(ledger).stillThere, 1);
      });
    }

    it(`${kind}: with a server that never answers`, async () => {
      const clock = new VirtualClock({ turns: 2 });
      const run = start(worldOf(clock, kind, await blackHole(clock)));
      const error = await assertRejects(() => until(clock, run.ready), VerifyError);
      assert(error.message.startsWith("Only 0 of 3 clients"), error.message);
      assert(clock.now() <= 10_100);
      run.abort();
      await until(clock, run.finished);
    });
  }

  it("with a server that refuses", async () => {
    const clock = new VirtualClock({ turns: 2 });
    const run = start(worldOf(clock, "tcp", () => Promise.reject(new Error("Nobody listens there"))));
    const error = await assertRejects(() => run.ready, VerifyError);
    assertEquals(error.message, "No connection: Nobody listens there");
    run.abort();
    await until(clock, run.finished);
    assertEquals(clock.pending, 0);
  });

  it("with connections that are never made", async () => {
    const clock = new VirtualClock({ turns: 2 });
    const run = start(worldOf(clock, "tcp", () => new Promise(() => {})));
    await assertRejects(() => until(clock, run.ready), VerifyError);
    run.abort();
    await until(clock, run.finished);
    assertEquals(clock.pending, 0);
  });

  it("and drops a connection that is made when it is over", async () => {
    const clock = new VirtualClock({ turns: 2 });
    const connect = await blackHole(clock);
    let made: Promise<Conn> | null = null;
    const run = start(worldOf(clock, "tcp", () => {
      const late = new Promise<void>((resolve) => clock.setTimer(resolve, 1000)).then(connect);
      return made = late;
    }));
    await clock.advance(10);
    run.abort();
    await until(clock, run.finished);
    await clock.advance(1500);
    await (await made!).closed;
  });

  it("though nobody says that the server has gone", async () => {
    const clock = new VirtualClock({ turns: 2 });
    const subject = await loser({ stays: true })(
      { adapter: memoryAdapter({ clock }), clock, kind: "tcp", random: () => 0.5, roundTrip: 0 },
    );
    const dialer = new Dialer({ adapter: subject.adapter, clock });
    const run = start(worldOf(clock, "tcp", () => dialer.connect({ port: subject.port })));
    await until(clock, run.ready);
    const began = clock.now();
    run.signalled();
    await until(clock, run.finished);
    assert(clock.now() - began <= GRACE + 6000);
    assertEquals(run.ledger.counts().stillThere, 1);
  });

  it("and says so when it is aborted before it is ready", async () => {
    const clock = new VirtualClock({ turns: 2 });
    const run = start(worldOf(clock, "tcp", await blackHole(clock)));
    await clock.advance(10);
    run.abort();
    await assertRejects(() => run.ready, VerifyError, "ended before");
    await until(clock, run.finished);
  });
});

describe("verify: what a server closes before the signal", () => {
  it("is followed by a new connection", async () => {
    const ledger = await play("ping-pong", loser({ maxMessages: 4 }), { kind: "http" });
    assertEquals(lossesOf(ledger), {});
    assert(ledger.accounts.length > 6);
  });
});

describe("verify: a stream without a path", () => {
  it("can't be run, and says why", () => {
    const scenario = SCENARIOS.find(({ name }) => name === "stream")!;
    const world = worldOf(new VirtualClock(), "http", () => Promise.reject(new Error("unused")));
    assertEquals(typeof scenario.unfit(world), "string");
    assertEquals(scenario.unfit({ ...world, streamPath: "/stream" }), null);
  });
});
