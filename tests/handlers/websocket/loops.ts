/** Loops over messages, and jobs that they begin. */
import { background, Semaphore } from "../../../mod.ts";
import { job, Mailbox, type Pattern } from "../../support/handlers.ts";
import { webSocket } from "../../support/handler_kinds.ts";
import { answerLater, ask, quietly, readAhead, stream } from "../../support/handler_websocket.ts";

/** The message says how long its job takes: `a 300`. */
function msOf(message: string): number {
  return Number(message.split(" ")[1]);
}

const answers = (count: number) => Array.from({ length: count }, (_, i) => `${i}!`);

export const LOOPS: readonly Pattern[] = [
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
];
