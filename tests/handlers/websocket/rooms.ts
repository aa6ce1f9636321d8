/** WebSockets between others: rooms, subscriptions, gateways. */
import { silentLogger } from "../../../mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import {
  connectWebSocket,
  Hub,
  upgradeWebSocket,
  type WebSocketConn,
  type WebSocketHandler,
} from "../../../src/websocket/mod.ts";
import { job, type Pattern, pause, type Scene } from "../../support/handlers.ts";
import { webSocket } from "../../support/handler_kinds.ts";
import type { Talker } from "../../support/handler_talkers.ts";
import { ask, readAhead, stream } from "../../support/handler_websocket.ts";

/** A WebSocket server behind the one that is stopped; gives its url. */
async function upstream(scene: Scene<Talker>, handler: WebSocketHandler): Promise<string> {
  const server = await serveHttp(
    { port: 0, hostname: "127.0.0.1", logger: silentLogger },
    (request) => upgradeWebSocket(request, handler),
  );
  scene.defer(() => server.close());
  return `ws://127.0.0.1:${(server.address as { port: number }).port}/`;
}

/** Publishes `tick` every 100 ms until the case ends. */
function ticking(scene: Scene<Talker>, publish: () => void): void {
  const timer = setInterval(publish, 100);
  scene.defer(() => clearInterval(timer));
}

async function gateway(ws: WebSocketConn, url: Promise<string>): Promise<void> {
  const up = await connectWebSocket(await url);
  const there = (async () => {
    for await (const message of ws) await up.send(message);
    await up.close();
  })();
  const back = (async () => {
    for await (const message of up) await ws.send(message);
    await ws.close();
  })();
  await Promise.allSettled([there, back]);
}

/** Every number from 0 on, so many at least; none is missing, whatever came last. */
function inOrder(messages: readonly string[], least = 1): void {
  const wrong = messages.findIndex((message, i) => message !== String(i));
  if (wrong >= 0) throw new Error(`message ${wrong} is ${messages[wrong]}`);
  if (messages.length < least) throw new Error(`${messages.length} messages of ${least}`);
}

export const ROOMS: readonly Pattern[] = [
  ...webSocket({
    name: "a room of a hub: what one says all hear",
    handler: () => {
      const hub = new Hub();
      return async (ws) => {
        hub.subscribe(ws, "room");
        for await (const message of ws) hub.publish("room", message);
      };
    },
    prepare: async (_talker, scene) => void await scene.open(),
    client: async (talker, scene) => {
      const other = scene.callers[1];
      talker.send("a");
      await other.until("what the other says", () => other.messages.length > 0 || other.end !== "open");
      other.send("b");
    },
    sees: "a\nb\n",
  }),
  ...webSocket({
    name: "a room of a hub, a message every 100 ms until the end",
    handler: () => {
      const hub = new Hub();
      return async (ws) => {
        hub.subscribe(ws, "room");
        for await (const message of ws) hub.publish("room", message);
      };
    },
    prepare: async (_talker, scene) => void await scene.open(),
    client: (talker) => stream(talker, 100, 100),
    sees: (talker) => inOrder(talker.messages),
    life: false,
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "login, then push, with nothing to push",
    handler: () => {
      const hub = new Hub();
      return async (ws) => {
        await ws.next();
        hub.subscribe(ws, "t");
        hub.publish("t", "welcome");
        await ws.closed;
      };
    },
    clients: ["raw", "sluice", "asking", "foreign"],
    client: (talker) => talker.ask("login"),
    sees: "welcome\n",
    // It has only just taken a message: whether it waits or works is known when patience is over.
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "login, then push, a tick every 100 ms",
    handler: (scene) => {
      const hub = new Hub();
      ticking(scene, () => hub.publish("t", "tick"));
      return async (ws) => {
        await ws.next();
        hub.subscribe(ws, "t");
        await ws.closed;
      };
    },
    clients: ["raw", "sluice", "foreign"],
    client: (talker) => talker.send("login"),
    sees: /^(tick\n){2,}$/,
    // The ticks never fall silent: the goodbye comes when patience is over.
    drain: { sees: /^(tick\n){5,}$/, atMost: 5000 },
  }),
  ...webSocket({
    name: "login, then push, and a client that says more than anybody reads",
    handler: () => async (ws) => {
      await ws.next();
      await ws.send("welcome");
      await ws.closed;
    },
    client: async (talker) => {
      await talker.ask("login");
      talker.send("and");
      talker.send("another");
    },
    sees: "welcome\n",
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "a gateway: asks another WebSocket for each message",
    handler: (scene) => {
      const url = upstream(scene, async (up) => {
        for await (const message of up) await up.send(await job(String(message)));
      });
      return async (ws) => {
        const up = await connectWebSocket(await url);
        try {
          for await (const message of ws) {
            await up.send(message);
            const { done, value } = await up.next();
            if (!done) await ws.send(value);
          }
        } finally {
          up.close();
        }
      };
    },
    owes: true,
    client: ask,
    sees: "a!\n",
    work: 400,
  }),
  ...webSocket({
    name: "a gateway: two loops, the upstream answers after 600 ms",
    handler: (scene) => {
      const url = upstream(scene, readAhead);
      return (ws) => gateway(ws, url);
    },
    clients: ["raw", "sluice", "asking", "foreign"],
    owes: true,
    client: ask,
    sees: "a!\n",
    work: 400,
  }),
  ...webSocket({
    name: "a gateway: two loops, the upstream sends twenty messages in two seconds",
    handler: (scene) => {
      const url = upstream(scene, async (up) => {
        await up.next();
        for (let i = 0; i < 20; i++) {
          await up.send(String(i));
          await pause(100);
        }
        await up.closed;
      });
      return (ws) => gateway(ws, url);
    },
    client: (talker) => talker.send("go"),
    sees: (talker) => inOrder(talker.messages, 20),
    life: { sees: /19\n$/ },
    work: 1800,
  }),
  ...webSocket({
    name: "a gateway whose upstream is dialled when the first message comes",
    handler: (scene) => {
      const url = upstream(scene, readAhead);
      return async (ws) => {
        const { done, value } = await ws.next();
        if (done) return;
        await using up = await connectWebSocket(await url);
        await up.send(value);
        const answer = await up.next();
        if (!answer.done) await ws.send(answer.value);
      };
    },
    owes: true,
    client: (talker) => talker.send("a"),
    sees: "a!\n",
    work: 400,
    // The handler ends by itself.
    drain: { end: "1000" },
  }),
];
