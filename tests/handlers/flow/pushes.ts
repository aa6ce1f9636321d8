/** Handlers that mostly send. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { type Handler, lines } from "../../../mod.ts";
import { once, type Pattern, pause } from "../../support/handlers.ts";
import { tcp } from "../../support/handler_kinds.ts";
import type { Peer } from "../../support/handler_peer.ts";
import { numbered, quietly, stream } from "../../support/handler_flow.ts";

/** How long the end of a client that nobody reads may take to be noticed, in ms: patience. */
const UNREAD_END = 6000;

/** No silence between two arrivals is longer than so many ms. */
function steady(peer: Peer, most: number): void {
  for (let i = 1; i < peer.times.length; i++) assertLess(peer.times[i] - peer.times[i - 1], most);
}

const ticksUntil = (over: () => boolean): Handler => async (conn) => {
  while (!over()) {
    await conn.write("tick\n");
    await pause(200);
  }
};

export const PUSHES: readonly Pattern[] = [
  // Pushes.
  tcp({
    name: "pushes for ever",
    handler: () => ticksUntil(() => false),
    client: quietly,
    // A client that has half-closed may still want its ticks.
    life: false,
    drain: {
      sees: (peer) => {
        assert(peer.lines.length >= 15, `${peer.lines.length} ticks`);
        steady(peer, 1800);
      },
      end: "reset",
      clean: false,
      cut: 1,
      atLeast: 4000,
      atMost: 6200,
    },
  }),
  tcp({
    name: "pushes until ctx.signal aborts",
    handler: () => async (conn, ctx) => {
      while (!ctx.signal.aborted) {
        await conn.write("tick\n");
        await Promise.race([pause(200), once(ctx.signal)]);
      }
    },
    client: quietly,
    life: false,
    trips: [0],
    drain: {
      sees: (peer) => {
        assert(peer.lines.length >= 15, `${peer.lines.length} ticks`);
        steady(peer, 1800);
      },
      atLeast: 4000,
      atMost: 6200,
    },
  }),
  tcp({
    name: "pushes until it drains, then says bye",
    handler: () => async (conn, ctx) => {
      await ticksUntil(() => ctx.draining.aborted)(conn, ctx);
      await conn.write("bye\n").catch(quietly);
    },
    client: quietly,
    life: false,
    drain: { sees: /^(tick\n)+bye\n$/, work: 200 },
  }),
  tcp({
    name: "pushes ten ticks",
    handler: () => async (conn) => {
      for (let i = 0; i < 10; i++) {
        await conn.write(`${i}\n`);
        await pause(200);
      }
    },
    client: quietly,
    sees: numbered(10),
    work: 1800,
  }),
  tcp({
    name: "pushes ten ticks through a writable",
    handler: () => async (conn) => {
      const writer = conn.writable.getWriter();
      for (let i = 0; i < 10; i++) {
        await writer.write(`${i}\n`);
        await pause(200);
      }
      await writer.close();
    },
    client: quietly,
    sees: numbered(10),
    work: 1800,
  }),
  tcp({
    name: "pushes ten ticks while it reads, which the client never writes to",
    handler: () => async (conn) => {
      conn.read().catch(quietly);
      for (let i = 0; i < 10; i++) {
        await conn.write(`${i}\n`);
        await pause(100);
      }
      await conn.closed;
    },
    client: quietly,
    sees: numbered(10),
    work: 800,
    life: { work: UNREAD_END },
  }),
  tcp({
    name: "awaits conn.closed and does nothing",
    handler: () => async (conn) => await conn.closed,
    client: quietly,
    sees: "",
    life: { work: UNREAD_END },
  }),
  tcp({
    name: "awaits conn.closed, said hello before, and the client says what nobody reads",
    handler: () => async (conn) => {
      await conn.write("hello\n");
      await conn.closed;
    },
    client: (peer) => peer.send("abc"),
    sees: "hello\n",
    // Bytes that nobody took: whether that is clean is not for this pattern to say.
    drain: { clean: null, end: null, atMost: 5000 },
    life: { end: null, clean: null, work: UNREAD_END },
  }),
  tcp({
    name: "awaits conn.closed while others push ten ticks",
    handler: (scene) => async (conn) => {
      let left = 10;
      const timer = setInterval(() => {
        conn.write(`${10 - left}\n`).catch(quietly);
        if (--left === 0) clearInterval(timer);
      }, 100);
      scene.defer(() => clearInterval(timer));
      await conn.closed;
    },
    client: quietly,
    sees: numbered(10),
    work: 900,
    life: { work: UNREAD_END },
  }),
  tcp({
    name: "awaits conn.closed while others push until it drains",
    handler: (scene) => async (conn, ctx) => {
      const timer = setInterval(() => conn.write("tick\n").catch(quietly), 100);
      scene.defer(() => clearInterval(timer));
      ctx.draining.addEventListener("abort", () => clearInterval(timer));
      await conn.closed;
    },
    client: quietly,
    sees: /^(tick\n)+$/,
    life: false,
  }),
  tcp({
    name: "awaits conn.closed while others push without an end",
    handler: (scene) => async (conn) => {
      const timer = setInterval(() => conn.write("tick\n").catch(quietly), 100);
      scene.defer(() => clearInterval(timer));
      await conn.closed;
      clearInterval(timer);
    },
    client: quietly,
    life: false,
    // What is pushed behind the FIN of the end of patience makes it unclean.
    drain: { sees: /^(tick\n){10,}$/, end: null, clean: null, atMost: 6200 },
  }),
  tcp({
    name: "a login, then pushes from outside for a second",
    handler: (scene) => async (conn) => {
      await lines(conn).next();
      await conn.write("welcome\n");
      let left = 10;
      const timer = setInterval(() => {
        conn.write("tick\n").catch(quietly);
        if (--left === 0) clearInterval(timer);
      }, 100);
      scene.defer(() => clearInterval(timer));
      await conn.closed;
    },
    client: (peer) => peer.send("me\n"),
    sees: `welcome\n${"tick\n".repeat(10)}`,
    work: 900,
    life: { work: UNREAD_END },
  }),
  tcp({
    name: "a room: what one says all hear",
    handler: (scene) => async (conn) => {
      for await (const line of lines(conn)) {
        for (const other of scene.server.connections) await other.write(`${line}\n`);
      }
    },
    prepare: async (_peer, scene) => {
      await scene.open();
      await scene.open();
    },
    client: (peer) => stream(peer, 10, 100),
    sees: (peer, scene) => {
      for (const one of scene.callers) assertEquals(one.saw, numbered(10));
      assertEquals(peer.saw, numbered(10));
    },
    work: 900,
    life: { sees: numbered(10) },
  }),
];
