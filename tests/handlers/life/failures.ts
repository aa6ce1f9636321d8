/** Handlers that fail or go against the rules, and hooks. */
import { lines } from "../../../mod.ts";
import { codeOf, job, once, type Pattern, pause } from "../../support/handlers.ts";
import { tcp } from "../../support/handler_kinds.ts";
import { answerLater, quietly } from "../../support/handler_life.ts";

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

export const FAILURES: readonly Pattern[] = [
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
];

export const HOOKS: readonly Pattern[] = [
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
];
