import { background, Semaphore } from "../../mod.ts";
import { serveHttp } from "../../src/http/mod.ts";
import {
  connectWebSocket,
  Hub,
  upgradeWebSocket,
  type WebSocketConn,
  type WebSocketHandler,
} from "../../src/websocket/mod.ts";
import { codeOf } from "../support/handlers.ts";
import { webSocket } from "../support/handler_kinds.ts";
import type { RawTalker, Talker } from "../support/handler_talkers.ts";
import { job, Mailbox, once, pause, type Scene, table } from "../support/handlers.ts";
import { silentLogger } from "../../mod.ts";

/** Its own failure is the connection's. */
const quietly = () => {};

function answerLater(ws: WebSocketConn, message: string, ms?: number): void {
  job(message, ms).then((result) => ws.send(result)).catch(quietly);
}

/** The message says how long its job takes: `a 300`. */
function msOf(message: string): number {
  return Number(message.split(" ")[1]);
}

const readAhead: WebSocketHandler = async (ws) => {
  for await (const message of ws) answerLater(ws, String(message));
};

async function stream(talker: Talker, count: number, every: number): Promise<void> {
  for (let i = 0; i < count && talker.end === "open"; i++) {
    talker.send(String(i));
    await pause(every);
  }
}

const answers = (count: number) => Array.from({ length: count }, (_, i) => `${i}!`);
const ask = (talker: Talker) => talker.ask("a");

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

table("handlers of WebSockets", [
  ...webSocket({
    name: "for await, answered at once",
    handler: () => async (ws) => {
      for await (const message of ws) await ws.send(`${message}!`);
    },
    clients: ["raw", "sluice", "asking", "foreign"],
    client: ask,
    sees: "a!\n",
  }),
  ...webSocket({
    name: "for await, 600 ms of work each",
    handler: () => async (ws) => {
      for await (const message of ws) await ws.send(await job(String(message)));
    },
    clients: ["raw", "sluice", "asking", "foreign"],
    owes: true,
    client: ask,
    sees: "a!\n",
    work: 400,
  }),
  ...webSocket({
    name: "for await, a job without an await, as it stands in every tutorial",
    handler: () => async (ws) => {
      for await (const m of ws) void job(String(m)).then((r) => ws.send(r));
    },
    clients: ["raw", "sluice", "asking", "foreign"],
    owes: true,
    client: ask,
    sees: "a!\n",
    work: 400,
    // Its own promise rejects when the client has gone, and nobody listens.
    leaves: false,
  }),
  ...webSocket({
    name: "for await, a job each, five messages at once",
    handler: () => readAhead,
    owes: true,
    client: (talker) => ["0", "1", "2", "3", "4"].forEach((message) => talker.send(message)),
    sees: answers(5),
    work: 400,
  }),
  ...webSocket({
    name: "for await, a job each, fifteen messages, one every 100 ms",
    handler: () => readAhead,
    clients: ["raw", "sluice", "foreign"],
    owes: true,
    client: (talker) => stream(talker, 15, 100),
    sees: answers(15),
    work: 1900,
  }),
  ...webSocket({
    name: "for await, jobs of 300, 900 and 2000 ms",
    handler: () => async (ws) => {
      for await (const message of ws) answerLater(ws, String(message), msOf(String(message)));
    },
    owes: true,
    client: (talker) => ["a 300", "b 900", "c 2000"].forEach((message) => talker.send(message)),
    sees: "a 300!\nb 900!\nc 2000!\n",
    work: 1800,
  }),
  ...webSocket({
    name: "for await, two jobs at a time",
    handler: () => async (ws) => {
      const turns = new Semaphore(2);
      for await (const message of ws) {
        const release = await turns.acquire(background());
        job(String(message), 300).then((result) => ws.send(result)).catch(quietly).finally(release);
      }
    },
    owes: true,
    client: (talker) => ["0", "1", "2", "3", "4", "5"].forEach((message) => talker.send(message)),
    sees: answers(6),
    work: 800,
  }),
  ...webSocket({
    name: "forEach with an async callback",
    handler: () => (ws) => ws.forEach(async (message) => await ws.send(await job(String(message), 300))),
    owes: true,
    client: (talker) => ["0", "1", "2"].forEach((message) => talker.send(message)),
    sees: answers(3),
    work: 700,
  }),
  ...webSocket({
    name: "forEach with a callback that gives nothing back",
    handler: () => (ws) => ws.forEach((message) => answerLater(ws, String(message))),
    owes: true,
    client: (talker) => ["0", "1", "2"].forEach((message) => talker.send(message)),
    sees: answers(3),
    work: 400,
  }),
  ...webSocket({
    name: "forEach, and the handler returns at once",
    handler: () => (ws) => {
      ws.forEach((message) => answerLater(ws, String(message))).catch(quietly);
    },
    owes: true,
    client: ask,
    sees: "a!\n",
    work: 400,
  }),
  ...webSocket({
    name: "a reader task and a writer task with a queue between them",
    handler: () => async (ws) => {
      const queue = new Mailbox();
      const reading = (async () => {
        for await (const message of ws) queue.push(String(message));
        queue.push(null);
      })();
      const writing = (async () => {
        for (let one = await queue.take(); one !== null; one = await queue.take()) await ws.send(await job(one, 300));
      })();
      await Promise.all([reading, writing]).catch(quietly);
    },
    owes: true,
    client: (talker) => ["0", "1", "2"].forEach((message) => talker.send(message)),
    sees: answers(3),
    work: 700,
  }),
  ...webSocket({
    name: "a job each, with compression",
    handler: () => readAhead,
    ws: { compression: { threshold: 1 } },
    owes: true,
    client: ask,
    sees: "a!\n",
    work: 400,
  }),
  ...webSocket({
    name: "a client of requests and answers that idles while the server stops",
    handler: () => async (ws) => {
      for await (const message of ws) await ws.send(`${message}!`);
    },
    clients: ["asking"],
    client: async (talker) => {
      await talker.ask("a");
      await talker.ask("b");
    },
    stopAt: 800,
    sees: "a!\nb!\n",
  }),
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
  ...webSocket({
    name: "telemetry on a server that has shown nothing yet",
    handler: () => async (ws) => {
      for await (const _ of ws);
    },
    client: (talker) => stream(talker, 3, 50),
    sees: "",
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "telemetry that said it never answers",
    handler: () => async (ws) => {
      for await (const _ of ws);
    },
    ws: { answers: false },
    grace: 8000,
    client: (talker) => stream(talker, 3, 50),
    sees: "",
  }),
  ...webSocket({
    name: "telemetry that says of each message that it wants no answer, one every 50 ms",
    handler: () => async (ws) => {
      for await (const _ of ws) ws.answered();
    },
    grace: 8000,
    client: (talker) => stream(talker, 20, 50),
    stopAt: 700,
    sees: "",
    work: 300,
  }),
  ...webSocket({
    name: "a protocol with messages that want no answer, and says which",
    handler: () => async (ws) => {
      for await (const message of ws) {
        if (String(message).startsWith("set")) ws.answered();
        else answerLater(ws, String(message));
      }
    },
    grace: 8000,
    owes: true,
    client: (talker) => ["set 1", "get", "set 2"].forEach((message) => talker.send(message)),
    sees: "get!\n",
    work: 400,
  }),
  ...webSocket({
    name: "a protocol with messages that want no answer, and does not say which",
    handler: () => async (ws) => {
      for await (const message of ws) if (!String(message).startsWith("set")) answerLater(ws, String(message));
    },
    client: (talker) => ["set 1", "get", "set 2"].forEach((message) => talker.send(message)),
    sees: "get!\n",
    work: 400,
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "pings of the server every 200 ms",
    handler: () => readAhead,
    ws: { heartbeat: { interval: 200 } },
    clients: ["raw", "sluice", "foreign"],
    client: ask,
    sees: "a!\n",
    work: 400,
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "pings of the client every 200 ms",
    handler: () => readAhead,
    clients: ["raw"],
    client: async (talker) => {
      talker.send("a");
      for (let i = 0; i < 30 && talker.end === "open"; i++) {
        (talker as RawTalker).ping();
        await pause(200);
      }
    },
    sees: "a!\n",
    life: false,
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "heartbeats of the application both ways",
    handler: (scene) => (ws) => {
      const timer = setInterval(() => ws.send("beat").catch(quietly), 200);
      scene.defer(() => clearInterval(timer));
      return ws.forEach(quietly);
    },
    client: async (talker) => {
      for (let i = 0; i < 30 && talker.end === "open"; i++) {
        talker.send("beat");
        await pause(200);
      }
    },
    sees: /^(beat\n)+$/,
    life: false,
    // A beat behind the Close may be the answer to the client's last one, for all that can be known.
    drain: { atMost: 5000, clean: null },
  }),
  ...webSocket({
    name: "last words",
    handler: () => readAhead,
    ws: { lastMessage: () => "bye" },
    owes: true,
    client: ask,
    sees: "a!\n",
    work: 400,
    drain: { sees: "a!\nbye\n" },
  }),
  ...webSocket({
    name: "last words that are never found are bounded by what is left",
    handler: () => readAhead,
    ws: { lastMessage: () => new Promise<string>(quietly) },
    client: ask,
    sees: "a!\n",
    work: 400,
    drain: { end: null, clean: null, atMost: 6200 },
  }),
  ...webSocket({
    name: "throws after an answer",
    handler: () => async (ws) => {
      await ws.next();
      await ws.send("a");
      throw undefined;
    },
    client: (talker) => talker.send("x"),
    sees: "a\n",
    drain: { end: "1011" },
    life: { end: "1011" },
  }),
  ...webSocket({
    name: "two megabytes in answer to each message",
    handler: () => async (ws) => {
      for await (const _ of ws) await ws.send("x".repeat(2 << 20));
    },
    clients: ["raw", "foreign"],
    client: (talker) => talker.send("a"),
    sees: (talker) => {
      if (talker.saw.length !== (2 << 20) + 1) throw new Error(`${talker.saw.length} characters`);
    },
    life: { sees: /x\n$/ },
    drain: { atMost: 6000 },
  }),
  ...webSocket({
    name: "the server asks, and the client answers after 400 ms",
    handler: () => async (ws) => {
      await ws.send("who?");
      const { value } = await ws.next();
      if (value !== undefined) await ws.send(`hello ${value}`);
      await ws.closed;
    },
    client: async (talker) => {
      await talker.until("the question", () => talker.messages.length > 0 || talker.end !== "open");
      await pause(400);
      talker.send("me");
    },
    sees: "who?\nhello me\n",
    work: 400,
    drain: { atMost: 5000 },
  }),
  ...webSocket({
    name: "a client that says goodbye while its job runs",
    handler: () => readAhead,
    client: async (talker) => {
      talker.send("a");
      await pause(50);
      talker.leave();
    },
    // Whether the answer still makes it is the server's choice; the Close is answered promptly.
    sees: /^(a!\n)?$/,
    drain: false,
    leaves: false,
  }),
]);

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
