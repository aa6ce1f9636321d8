import { after, before, describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import {
  type Conn,
  connect,
  DeadlineError,
  defaultAdapter,
  lines,
  run,
  serve,
  type Server,
  silentLogger,
} from "../../mod.ts";
import { reply } from "../../src/http/mod.ts";
import { codeOf } from "../support/handlers.ts";
import { http, tcp, webSocket } from "../support/handler_kinds.ts";
import type { Peer } from "../support/handler_peer.ts";
import { job, once, pause, type Scene, table } from "../support/handlers.ts";
import { leakCheck } from "../support/leaks.ts";
import { within } from "../support/rig.ts";

const quietly = () => {};

function answerLater(conn: Conn, line: string, ms?: number): Promise<void> {
  return job(line, ms).then((result) => conn.write(`${result}\n`)).catch(quietly);
}

/** Limits of a life end it, so the client waits for that. */
const IDLE = { idleTimeout: 300 };
const LIFETIME = { maxLifetime: 400, lifetimeJitter: 0 };

/** Values that people throw. */
const THROWN: readonly [string, unknown][] = [
  ["undefined", undefined],
  ["null", null],
  ["a text", "boom"],
  ["a number", 42],
  ["a frozen object", Object.freeze({})],
  ["an object without a prototype", Object.create(null)],
  ["a function", () => {}],
  ["an error", new Error("boom")],
];

/** Notes what the drain's holders are, half a second after the stop. */
async function noteHolders(peer: Peer, scene: Scene<Peer>): Promise<void> {
  peer.send("a\n");
  if (scene.mode !== "drain") return;
  await pause(700 + scene.trip / 2);
  scene.note(`${scene.server.holders().length} holds it up`);
}

table("holds, limits and failures", [
  // Holds.
  tcp({
    name: "conn.waitUntil, and the handler returns at once",
    handler: () => async (conn) => {
      const { value } = await lines(conn).next();
      conn.waitUntil(answerLater(conn, String(value)));
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "ctx.waitUntil, and the handler returns at once",
    handler: () => async (conn, ctx) => {
      const { value } = await lines(conn).next();
      ctx.waitUntil(answerLater(conn, String(value)));
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "conn.waitUntil, a head at once and the rest two seconds later",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        conn.write(`${line}:`);
        conn.waitUntil(answerLater(conn, "", 2000));
      }
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a:!\n",
    work: 1800,
  }),
  tcp({
    name: "ctx.waitUntil, a head at once and the rest two seconds later",
    handler: () => async (conn, ctx) => {
      for await (const line of lines(conn)) {
        conn.write(`${line}:`);
        ctx.waitUntil(answerLater(conn, "", 2000));
      }
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a:!\n",
    work: 1800,
  }),
  tcp({
    name: "conn.waitUntil, two answers of two parts each that overlap",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        const ms = Number(line);
        conn.waitUntil(job(line, ms).then(() => conn.write(`${line}-`)).then(() => answerLater(conn, line, ms)));
      }
    },
    owes: true,
    client: (peer) => peer.send("300\n900\n"),
    sees: "300-300!\n900-900!\n",
    work: 1600,
  }),
  tcp({
    name: "conn.waitUntil, and a client that half-closes",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) conn.waitUntil(answerLater(conn, line));
    },
    owes: true,
    client: (peer) => {
      peer.send("a\nb\n");
      peer.leave();
    },
    sees: "a!\nb!\n",
    work: 400,
  }),
  tcp({
    name: "conn.waitUntil twenty times",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) conn.waitUntil(answerLater(conn, line, 300 + Number(line) * 20));
    },
    owes: true,
    client: (peer) => peer.send(Array.from({ length: 20 }, (_, i) => `${i}\n`).join("")),
    sees: Array.from({ length: 20 }, (_, i) => `${i}!`),
    work: 600,
  }),
  tcp({
    name: "conn.waitUntil with a job that fails is logged, and nothing more",
    handler: (scene) => async (conn) => {
      scene.defer(() => scene.errors.some((text) => text.includes("no luck")) || scene.fail("nothing was logged"));
      for await (const line of lines(conn)) {
        await conn.write(`${line}!\n`);
        conn.waitUntil(pause(600).then(() => Promise.reject(new Error("no luck"))));
      }
    },
    owes: true,
    client: async (peer, { mode }) => {
      peer.send("a\n");
      if (mode === "life") await pause(800);
    },
    sees: "a!\n",
    work: 400,
    leaves: false,
  }),
  tcp({
    name: "conn.waitUntil with a job that fails with nothing",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        await conn.write(`${line}!\n`);
        conn.waitUntil(pause(600).then(() => Promise.reject(undefined)));
      }
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
    life: { work: 700 },
  }),
  tcp({
    name: "conn.waitUntil with a job that never ends is bounded by grace",
    handler: () => async (conn) => {
      const { value } = await lines(conn).next();
      await conn.write(`${value}!\n`);
      conn.waitUntil(new Promise(quietly));
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    life: false,
    leaves: false,
    drain: { end: "reset", clean: false, cut: 1, atLeast: 4000, atMost: 6200 },
  }),
  tcp({
    name: "conn.waitUntil with a job that ends when ctx.signal aborts",
    handler: () => async (conn, ctx) => {
      const { value } = await lines(conn).next();
      conn.waitUntil(once(ctx.signal));
      await conn.write(`${value}!\n`);
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    trips: [0],
    life: false,
    leaves: false,
    drain: { atLeast: 4000, atMost: 6200 },
  }),
  tcp({
    name: "a hold is counted among the holders of a drain",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        await conn.write(`${line}!\n`);
        conn.waitUntil(pause(1800));
      }
    },
    owes: true,
    client: noteHolders,
    sees: "a!\n",
    work: 1600,
    drain: { notes: ["1 holds it up"] },
    life: { work: 1900 },
  }),
  tcp({
    name: "a debt is counted among the holders of a drain",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) void answerLater(conn, line, 1800);
    },
    owes: true,
    client: noteHolders,
    sees: "a!\n",
    work: 1600,
    drain: { notes: ["1 holds it up"] },
  }),

  // Limits, in ordinary life.
  tcp({
    name: "idleTimeout with a job of 700 ms, one after the other",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${await job(line, 700)}\n`);
    },
    options: IDLE,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 500,
  }),
  tcp({
    name: "idleTimeout with a job of 700 ms, read ahead",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) void answerLater(conn, line, 700);
    },
    options: IDLE,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 500,
  }),
  tcp({
    name: "idleTimeout with a job of 700 ms, held",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        conn.write("working\n");
        conn.waitUntil(answerLater(conn, line, 700));
      }
    },
    options: IDLE,
    client: (peer) => peer.send("a\n"),
    sees: "working\na!\n",
    work: 500,
  }),
  tcp({
    name: "idleTimeout with a job of 700 ms, and a read left pending",
    handler: () => async (conn) => {
      const chunk = await conn.read();
      conn.read().catch(quietly);
      await answerLater(conn, new TextDecoder().decode(chunk!), 700);
    },
    options: IDLE,
    client: (peer) => peer.send("a"),
    sees: "a!\n",
    work: 500,
  }),
  tcp({
    name: "idleTimeout ends a connection that is idle, and that is no end of the client's",
    handler: (scene) => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
      scene.note(conn.isDrained ? "drained" : "the client has left");
    },
    options: IDLE,
    client: async (peer) => {
      peer.send("a\n");
      await peer.over();
    },
    sees: "a!\n",
    drain: false,
    leaves: false,
    life: { notes: ["drained"] },
  }),
  tcp({
    name: "idleTimeout ends a raw read with an error of its own",
    handler: (scene) => async (conn) => {
      try {
        for await (const chunk of conn) await conn.write(chunk);
        scene.note("whole");
      } catch (error) {
        scene.note(codeOf(error));
      }
    },
    options: IDLE,
    client: async (peer) => {
      peer.send("a");
      await peer.over();
    },
    sees: "a",
    drain: false,
    leaves: false,
    life: { notes: ["ERR_CONN_DRAINED"] },
  }),
  tcp({
    name: "idleTimeout and a client that says something every 200 ms",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
    },
    options: IDLE,
    client: async (peer) => {
      for (let i = 0; i < 6; i++) {
        peer.send(`${i}\n`);
        await pause(200);
      }
    },
    sees: "0!\n1!\n2!\n3!\n4!\n5!\n",
    trips: [0],
    drain: false,
    leaves: false,
  }),
  tcp({
    name: "maxLifetime with a job of 700 ms, one after the other",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${await job(line, 700)}\n`);
    },
    options: LIFETIME,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 500,
  }),
  tcp({
    name: "maxLifetime with a job of 700 ms, read ahead",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) void answerLater(conn, line, 700);
    },
    options: LIFETIME,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 500,
  }),
  tcp({
    name: "maxLifetime with a job of 700 ms, held, and the handler returned",
    handler: () => async (conn) => {
      const { value } = await lines(conn).next();
      conn.waitUntil(answerLater(conn, String(value), 700));
    },
    options: LIFETIME,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 500,
  }),
  tcp({
    name: "maxLifetime and a reader task beside a writer task",
    handler: () => async (conn) => {
      const jobs: Promise<void>[] = [];
      for await (const line of lines(conn)) jobs.push(answerLater(conn, line, 700));
      await Promise.all(jobs);
    },
    options: LIFETIME,
    client: (peer) => peer.send("0\n1\n"),
    sees: ["0!", "1!"],
    work: 500,
  }),
  tcp({
    name: "shedIdle sheds an idle connection, and none that works",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) void answerLater(conn, line, 700);
    },
    options: { maxConnections: 2, policy: "shedIdle" },
    prepare: async (_peer, scene) => void await scene.open(),
    client: async (peer, scene) => {
      // Until then nobody knows whether the other has only just come.
      await pause(1200);
      peer.send("a\n");
      await pause(200);
      const third = await scene.open();
      third.send("b\n");
      await third.answered(1);
    },
    sees: (peer, scene) =>
      assertEquals([peer.saw, scene.callers[1].end, scene.callers[2].saw], ["a!\n", "fin", "b!\n"]),
    trips: [0],
    drain: false,
    leaves: false,
  }),
  tcp({
    name: "shedIdle where all work sheds nobody",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) void answerLater(conn, line, 700);
    },
    options: { maxConnections: 1, policy: "shedIdle" },
    client: async (peer, scene) => {
      peer.send("a\n");
      await pause(200);
      await scene.open().catch(quietly);
      await peer.answered(1);
    },
    sees: (peer) => assertEquals(peer.saw, "a!\n"),
    trips: [0],
    drain: false,
    leaves: false,
  }),
  ...webSocket({
    name: "maxLifetime with a job of 700 ms on a WebSocket, read ahead",
    handler: () => async (ws) => {
      for await (const m of ws) job(String(m), 700).then((r) => ws.send(r)).catch(quietly);
    },
    options: LIFETIME,
    client: (talker) => talker.ask("a"),
    sees: "a!\n",
    work: 500,
    life: { end: null },
  }),
  ...webSocket({
    name: "maxLifetime with a job of 700 ms on a WebSocket, one after the other",
    handler: () => async (ws) => {
      for await (const m of ws) await ws.send(await job(String(m), 700));
    },
    options: LIFETIME,
    client: (talker) => talker.ask("a"),
    sees: "a!\n",
    work: 500,
    life: { end: null },
  }),
  ...webSocket({
    name: "idleTimeout with a job of 700 ms on a WebSocket, read ahead",
    handler: () => async (ws) => {
      for await (const m of ws) job(String(m), 700).then((r) => ws.send(r)).catch(quietly);
    },
    options: IDLE,
    client: (talker) => talker.ask("a"),
    sees: "a!\n",
    work: 500,
    life: { end: null },
  }),
  http({
    name: "idleTimeout with a request of 700 ms",
    handler: () => async () => reply(await job("a", 700)),
    options: IDLE,
    client: (peer) => peer.ask("/"),
    sees: "200 a!\n",
    work: 500,
  }),
  http({
    name: "maxLifetime with a request of 700 ms",
    handler: () => async () => reply(await job("a", 700)),
    options: LIFETIME,
    client: (peer) => peer.ask("/"),
    sees: "200 a!\n",
    work: 500,
  }),
  http({
    name: "idleTimeout with a hijacked protocol that reads ahead",
    handler: () => async (_request, ctx) => {
      const conn = ctx.hijack();
      for await (const line of lines(conn)) void answerLater(conn, line, 700);
      return undefined;
    },
    options: IDLE,
    client: (peer) => {
      peer.switchTo("/");
      peer.more("a\n");
    },
    sees: "a!\n",
    work: 500,
  }),

  // Deadlines.
  tcp({
    name: "a read deadline of 300 ms while a job of 600 runs, and the handler waits for it",
    handler: () => async (conn) => {
      const jobs: Promise<void>[] = [];
      try {
        for (;;) {
          conn.setReadDeadline(Date.now() + 300);
          const chunk = await conn.read();
          if (chunk === null) break;
          jobs.push(answerLater(conn, new TextDecoder().decode(chunk)));
        }
      } catch (error) {
        if (!(error instanceof DeadlineError)) throw error;
      }
      await Promise.all(jobs);
    },
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!\n",
    work: 400,
    trips: [0],
  }),
  tcp({
    name: "a read deadline that is lifted while jobs run",
    handler: () => async (conn) => {
      for (;;) {
        conn.setReadDeadline(Date.now() + 6000);
        const chunk = await conn.read();
        if (chunk === null) return;
        conn.setReadDeadline(null);
        await conn.write(`${await job(new TextDecoder().decode(chunk))}\n`);
      }
    },
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "readTimeout of 300 ms, and a job of 600 ms one after the other",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${await job(line)}\n`);
    },
    options: { readTimeout: 300 },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
    life: { end: null },
  }),

  // Failures.
  ...THROWN.map(([what, value]) =>
    tcp({
      name: `throws ${what} behind a request`,
      handler: () => async (conn) => {
        await conn.read();
        throw value;
      },
      client: (peer) => peer.send("a"),
      sees: "",
      end: "reset",
      over: ["tcp"],
      trips: [0],
      drain: { clean: null },
    })
  ),
  tcp({
    name: "throws while the server drains",
    handler: () => async (conn) => {
      await conn.read();
      await pause(600);
      throw new Error("boom");
    },
    client: (peer) => peer.send("a"),
    sees: "",
    end: "reset",
    work: 400,
    life: false,
    drain: { clean: null },
  }),
  tcp({
    name: "throws when ctx.signal aborts",
    handler: () => async (conn, ctx) => {
      await conn.read();
      await once(ctx.signal);
      throw ctx.signal.reason;
    },
    client: (peer) => peer.send("a"),
    life: false,
    drain: { sees: "", end: "reset", clean: null, atLeast: 4000, atMost: 6200 },
  }),
  tcp({
    name: "never ends",
    handler: () => () => new Promise(quietly),
    client: (peer) => peer.send("a"),
    life: false,
    leaves: false,
    drain: { sees: "", end: "reset", clean: false, cut: 1, atLeast: 4000, atMost: 6200 },
  }),
  tcp({
    name: "takes lines twice",
    handler: (scene) => async (conn) => {
      const text = lines(conn);
      try {
        lines(conn);
      } catch (error) {
        scene.note(codeOf(error));
      }
      for await (const line of text) await text.send(`${line}!`);
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    notes: ["ERR_IN_USE"],
  }),
  tcp({
    name: "takes lines, gives them back, and takes them again",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        await conn.write(`${line}!\n`);
        break;
      }
      for await (const line of lines(conn)) await conn.write(`${await job(line)}\n`);
    },
    owes: true,
    client: (peer) => peer.send("a\nb\n"),
    sees: "a!\nb!\n",
    work: 400,
  }),
  tcp({
    name: "writes behind the drain's goodbye",
    handler: (scene) => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
      await conn.write("too late\n").catch((error) => scene.note(codeOf(error)));
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    life: false,
    leaves: false,
    drain: { clean: false, truncated: 1, notes: ["ERR_CONN_DRAINED"] },
  }),
  tcp({
    name: "resets its client",
    handler: () => async (conn) => {
      await conn.read();
      conn.abort(new Error("go away"));
    },
    client: (peer) => peer.send("a"),
    sees: "",
    end: "reset",
    drain: { clean: null },
  }),
  tcp({
    name: "a client that does not close behind the goodbye",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
    },
    client: (peer) => {
      peer.stubborn = true;
      peer.send("a\n");
    },
    sees: "a!\n",
    life: false,
    leaves: false,
    drain: { clean: null, atMost: 6200 },
  }),

  // Hooks.
  tcp({
    name: "a shutdown hook runs when all is answered",
    handler: (scene) => async (conn) => {
      for await (const line of lines(conn)) {
        await answerLater(conn, line);
        scene.note("answered");
      }
    },
    prepare: (_peer, scene) => {
      scene.server.onShutdown("save", async () => {
        await pause(200);
        scene.note("saved");
      });
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 600,
    drain: { notes: ["answered", "saved"] },
    leaves: { work: 2000 },
  }),
  tcp({
    name: "a shutdown hook that fails makes the stop unclean, and costs no answer",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) void answerLater(conn, line);
    },
    prepare: (_peer, scene) => {
      scene.server.onShutdown("save", () => Promise.reject(undefined));
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
    drain: { clean: false },
    life: false,
    leaves: false,
  }),
  tcp({
    name: "server.waitUntil holds the stop, not the connection",
    handler: (scene) => async (conn) => {
      for await (const line of lines(conn)) {
        await conn.write(`${line}!\n`);
        scene.server.waitUntil(pause(1500).then(() => scene.note("done")));
      }
    },
    client: async (peer, { mode }) => {
      peer.send("a\n");
      if (mode === "life") await pause(1700);
    },
    sees: "a!\n",
    work: 1300,
    drain: { notes: ["done"] },
    leaves: { work: 2000 },
  }),
  tcp({
    name: "a lame duck serves who comes",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) void answerLater(conn, line);
    },
    options: { lameDuck: 1800 },
    client: async (peer, scene) => {
      peer.send("a\n");
      if (scene.mode !== "drain") return;
      await pause(500 + scene.trip / 2);
      const late = await scene.open();
      late.send("b\n");
      await late.over();
      scene.note(late.saw);
    },
    sees: "a!\n",
    work: 2500,
    drain: { notes: ["b!\n"], atMost: 5000 },
    life: false,
    leaves: false,
  }),
]);

describe("run() with servers that need each other", () => {
  const leaks = leakCheck();
  before(leaks.before);
  after(leaks.after);

  /** A server that asks the next one for each line, 400 ms after it came. */
  function asking(port: number): Promise<Server> {
    return serve(LOCAL, async (conn) => {
      for await (const line of lines(conn)) {
        await pause(400);
        await using out = await connect({ port });
        const text = lines(out);
        await text.send(line);
        await conn.write(`${(await text.next()).value}\n`);
      }
    });
  }

  const LOCAL = { port: 0, hostname: "127.0.0.1", logger: silentLogger, grace: 5000 };
  const answering = () =>
    serve(LOCAL, async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${await job(line, 300)}\n`);
    });
  const portOf = (server: Server) => (server.address as { port: number }).port;

  it("stops the back end when the front has answered all", async () => {
    const back = await answering();
    const probes = await answering();
    const api = await asking(portOf(back));
    const adapter = await defaultAdapter();
    const handlers: (() => void)[] = [];
    const signals = {
      ...bound(adapter),
      onSignal: (_name: string, fn: () => void) => {
        handlers.push(fn);
        return quietly;
      },
    };
    const stages = [api, [back, probes]];
    const options = { exit: false, grace: 5000, logger: silentLogger, adapter: signals, signals: ["SIGTERM"] };
    try {
      const running = within("the run", run(stages, options));
      running.catch(quietly);
      const [client, probe] = await Promise.all([api, probes].map((server) => connect({ port: portOf(server) })));
      const text = lines(client);
      await text.send("a");
      await pause(200);
      for (const fn of handlers) fn();
      const { value } = await within("the answer", text.next());
      assertEquals(value, "a!");
      await Promise.all([client.close(), probe.close()]);
      const { clean, reports } = await running;
      assertEquals([clean, reports.length], [true, 3]);
    } finally {
      await Promise.all([api, back, probes].map((server) => server.close()));
    }
  });
});

/** The adapter's methods, which are used as an object's own. */
function bound(adapter: Awaited<ReturnType<typeof defaultAdapter>>): typeof adapter {
  return Object.assign(Object.create(adapter), {
    listen: adapter.listen.bind(adapter),
    connect: adapter.connect.bind(adapter),
  });
}
