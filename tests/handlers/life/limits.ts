/** Handlers whose connection has limits: of silence, of life, of number, of a deadline. */
import { assertEquals } from "@std/assert";
import { DeadlineError, lines } from "../../../mod.ts";
import { reply } from "../../../src/http/mod.ts";
import { codeOf, job, type Pattern, pause } from "../../support/handlers.ts";
import { http, tcp, webSocket } from "../../support/handler_kinds.ts";
import { answerLater, quietly } from "../../support/handler_life.ts";

/** Limits of a life end it, so the client waits for that. */
const IDLE = { idleTimeout: 300 };

const LIFETIME = { maxLifetime: 400, lifetimeJitter: 0 };

export const LIMITS: readonly Pattern[] = [
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
];

export const DEADLINES: readonly Pattern[] = [
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
];
