/** WebSockets that push, that end by themselves, and that hold on until something is done. */
import { codeOf, job, once, type Pattern, pause } from "../../support/handlers.ts";
import { webSocket } from "../../support/handler_kinds.ts";
import { ask, quietly } from "../../support/handler_websocket.ts";

export const PUSHES: readonly Pattern[] = [
  ...webSocket({
    name: "pushes for ever, a tick every 200 ms",
    handler: () => async (ws) => {
      for (;;) {
        await ws.send("tick");
        await pause(200);
      }
    },
    client: quietly,
    sees: /^(tick\n)+$/,
    drain: { sees: /^(tick\n){5,}$/, atMost: 5000 },
  }),
  ...webSocket({
    name: "pushes until it drains, and says so",
    handler: () => async (ws, ctx) => {
      while (!ctx.draining.aborted && ws.state === "open") {
        await ws.send("tick");
        await pause(100);
      }
      if (ws.state === "open") await ws.send("bye");
    },
    client: quietly,
    sees: /^(tick\n)+$/,
    drain: { sees: /^(tick\n)+bye\n$/, end: "1000", work: 100 },
  }),
  ...webSocket({
    name: "sends after the close",
    handler: (scene) => async (ws) => {
      await ws.send("hello");
      await ws.closed;
      await ws.send("too late").catch((error) => scene.note(codeOf(error)));
    },
    client: quietly,
    sees: "hello\n",
    notes: ["ERR_WEBSOCKET_CLOSED"],
  }),
  ...webSocket({
    name: "closes by itself when it drains",
    handler: () => (ws, ctx) => {
      ctx.draining.addEventListener("abort", () => ws.close(4000, "moving"));
      return ws.forEach((message) => void ws.send(`${message}!`));
    },
    client: ask,
    sees: "a!\n",
    drain: { end: "4000" },
  }),
  ...webSocket({
    name: "answers one message and returns",
    handler: () => async (ws) => {
      const { value } = await ws.next();
      if (value !== undefined) await ws.send(await job(String(value)));
    },
    owes: true,
    client: (talker) => talker.send("a"),
    sees: "a!\n",
    work: 400,
    drain: { end: "1000" },
  }),
  ...webSocket({
    name: "leaves its loop with a break",
    handler: () => async (ws) => {
      for await (const message of ws) {
        await ws.send(await job(String(message), 300));
        break;
      }
    },
    owes: true,
    client: (talker) => talker.send("a"),
    sees: "a!\n",
    work: 100,
    drain: { end: "1000" },
  }),
  ...webSocket({
    name: "a long poll that drains",
    handler: () => async (ws, ctx) => {
      for await (const message of ws) {
        await Promise.race([once(ctx.draining), ws.closed]);
        if (ws.state === "open") await ws.send(`${message}: nothing`);
      }
    },
    client: (talker) => talker.send("a"),
    life: false,
    sees: "a: nothing\n",
  }),
  ...webSocket({
    name: "ws.waitUntil: a part at once, the rest two seconds later",
    handler: () => async (ws) => {
      for await (const message of ws) {
        await ws.send("working");
        ws.waitUntil(job(String(message), 2000).then((result) => ws.send(result)).catch(quietly));
      }
    },
    owes: true,
    client: (talker) => talker.send("a"),
    sees: "working\na!\n",
    work: 1800,
  }),
  ...webSocket({
    name: "ctx.waitUntil: a part at once, the rest two seconds later",
    handler: () => async (ws, ctx) => {
      for await (const message of ws) {
        await ws.send("working");
        ctx.waitUntil(job(String(message), 2000).then((result) => ws.send(result)).catch(quietly));
      }
    },
    owes: true,
    client: (talker) => talker.send("a"),
    sees: "working\na!\n",
    work: 1800,
  }),
  ...webSocket({
    name: "ws.waitUntil, and the handler returns at once",
    handler: () => async (ws) => {
      const { value } = await ws.next();
      ws.waitUntil(job(String(value)).then((result) => ws.send(result)).catch(quietly));
    },
    owes: true,
    client: (talker) => talker.send("a"),
    sees: "a!\n",
    work: 400,
    drain: { end: "1000" },
  }),
  ...webSocket({
    name: "ws.waitUntil with a job that fails",
    handler: (scene) => async (ws) => {
      for await (const message of ws) {
        ws.waitUntil(job(String(message), 300).then(() => Promise.reject(new Error("no luck"))));
        scene.defer(() => scene.errors.some((text) => text.includes("no luck")) || scene.fail("nothing was logged"));
      }
    },
    client: (talker) => talker.send("a"),
    sees: "",
    stopAt: 100,
    // Nothing is ever sent: the message is owed until patience is over.
    drain: { atMost: 5000 },
    life: false,
  }),
];
