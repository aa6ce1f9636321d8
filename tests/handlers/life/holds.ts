/** Handlers that hold their connection until something is done. */
import { lines } from "../../../mod.ts";
import { job, once, type Pattern, pause, type Scene } from "../../support/handlers.ts";
import { tcp } from "../../support/handler_kinds.ts";
import type { Peer } from "../../support/handler_peer.ts";
import { answerLater, quietly } from "../../support/handler_life.ts";

/** Notes what the drain's holders are, half a second after the stop. */
async function noteHolders(peer: Peer, scene: Scene<Peer>): Promise<void> {
  peer.send("a\n");
  if (scene.mode !== "drain") return;
  await pause(700 + scene.trip / 2);
  scene.note(`${scene.server.holders().length} holds it up`);
}

export const HOLDS: readonly Pattern[] = [
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
];
