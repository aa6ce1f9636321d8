/** Handlers that wait: for the client that may leave, for its heartbeat, for news that it polls. */
import { assertEquals } from "@std/assert";
import { heartbeat, lines } from "../../../mod.ts";
import { job, once, type Pattern, pause } from "../../support/handlers.ts";
import { tcp } from "../../support/handler_kinds.ts";
import { quietly } from "../../support/handler_flow.ts";

export const LEAVING: readonly Pattern[] = [
  // Requests whose handler listens for the client's leaving.
  tcp({
    name: "a read left pending to notice a client that leaves, 600 ms of work",
    handler: (scene) => async (conn) => {
      const request = await conn.read();
      conn.read().then((chunk) => chunk === null && scene.note("the client has left"), quietly);
      await conn.write(`${await job(new TextDecoder().decode(request!))}\n`);
      scene.note("answered");
    },
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!\n",
    work: 400,
    drain: { notes: ["answered"] },
  }),
  tcp({
    name: "a read left pending, and a loop that goes on with it",
    handler: () => async (conn) => {
      let next = conn.read();
      for (let chunk = await next; chunk !== null; chunk = await next) {
        next = conn.read();
        next.catch(quietly);
        await conn.write(`${await job(new TextDecoder().decode(chunk))}\n`);
      }
    },
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "a read left pending, and 13 MB with awaited writes to a slow reader",
    handler: () => async (conn) => {
      await conn.read();
      conn.read().catch(quietly);
      const piece = new Uint8Array(65_536);
      for (let i = 0; i < 200; i++) await conn.write(piece);
    },
    client: (peer) => {
      peer.readAt(10_000);
      peer.send("a");
    },
    sees: (peer) => assertEquals(peer.length, 200 * 65_536),
    over: ["tcp", "unix"],
    trips: [0],
    life: false,
    drain: { atMost: 5500 },
  }),
];

export const POLLS: readonly Pattern[] = [
  // Heartbeats and long polls.
  tcp({
    name: "pings of the server every 200 ms, which the client answers",
    handler: () => async (conn) => {
      const text = lines(conn);
      heartbeat(text, { ping: "PING", interval: 200, misses: 20 });
      await text.forEach(quietly);
    },
    client: (peer) => {
      peer.onChunk = () => peer.isOpen && peer.send("PONG\n");
    },
    sees: /^(PING\n)+$/,
    drain: { atMost: 5500 },
  }),
  tcp({
    name: "pings of the client every 200 ms, which the server answers",
    handler: () => async (conn) => {
      const text = lines(conn);
      await text.forEach((line) => void text.send(line === "PING" ? "PONG" : `${line}!`));
    },
    client: async (peer) => {
      for (let i = 0; i < 30 && peer.isOpen; i++) {
        peer.send("PING\n");
        await pause(200);
      }
    },
    sees: /^(PONG\n)+$/,
    life: false,
    drain: { atMost: 5500 },
  }),
  tcp({
    name: "a long poll that answers when it drains",
    handler: () => async (conn, ctx) => {
      for await (const line of lines(conn)) {
        await Promise.race([once(ctx.draining), once(ctx.signal)]);
        await conn.write(`${line}: nothing\n`).catch(quietly);
      }
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a: nothing\n",
    life: false,
  }),
  tcp({
    name: "a long poll that reads ahead, and answers when it drains",
    handler: () => async (conn, ctx) => {
      for await (const line of lines(conn)) {
        Promise.race([once(ctx.draining), once(ctx.signal)])
          .then(() => conn.write(`${line}: nothing\n`)).catch(quietly);
      }
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a: nothing\n",
    life: false,
  }),
  tcp({
    name: "a long poll that is answered 1500 ms later, drain or not",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) job(line, 1500).then((text) => conn.write(`${text}\n`)).catch(quietly);
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 1300,
  }),
];
