import { assertEquals } from "@std/assert";
import { background, type Conn, framed, type Handler, lengthPrefixCodec, lines, Semaphore } from "../../mod.ts";
import { tcp } from "../support/handler_kinds.ts";
import type { Peer } from "../support/handler_peer.ts";
import { job, Mailbox, pause, table } from "../support/handlers.ts";

/** Its own failure is the connection's. */
const quietly = () => {};

/** Answers when the job is done, and reads on meanwhile. */
function answerLater(conn: Conn, line: string, ms?: number): void {
  job(line, ms).then((result) => conn.write(`${result}\n`)).catch(quietly);
}

/** The line says how long its job takes: `a 300`. */
function msOf(line: string): number {
  return Number(line.split(" ")[1]);
}

/** Sends `count` lines, one every `every` ms. */
async function stream(peer: Peer, count: number, every: number): Promise<void> {
  for (let i = 0; i < count && peer.isOpen; i++) {
    peer.send(`${i}\n`);
    await pause(every);
  }
}

const answers = (count: number) => Array.from({ length: count }, (_, i) => `${i}!`);

const readAhead: Handler = async (conn) => {
  for await (const line of lines(conn)) answerLater(conn, line);
};

/** As above, and it stays until all is answered: a client that half-closes gets its answers. */
const readAheadAndWait: Handler = async (conn) => {
  const jobs: Promise<void>[] = [];
  for await (const line of lines(conn)) jobs.push(job(line).then((result) => conn.write(`${result}\n`)));
  await Promise.all(jobs);
};

/** Text in and out of a pipe of web streams, with a step of 600 ms a chunk. */
function slowly(): TransformStream<string, string> {
  return new TransformStream({
    transform: async (text, controller) => {
      for (const line of text.trimEnd().split("\n")) controller.enqueue(`${await job(line)}\n`);
    },
  });
}

function decoding(): TransformStream<Uint8Array, string> {
  const decoder = new TextDecoder();
  return new TransformStream({ transform: (chunk, controller) => controller.enqueue(decoder.decode(chunk)) });
}

function encoding(): TransformStream<string, Uint8Array> {
  const encoder = new TextEncoder();
  return new TransformStream({ transform: (text, controller) => controller.enqueue(encoder.encode(text)) });
}

/** Frames of a byte of length. */
const frame = (text: string) => String.fromCharCode(text.length) + text;

table("handlers that read ahead of their answers", [
  tcp({
    name: "for await, a job without an await, as it stands in every tutorial",
    handler: () => async (c) => {
      for await (const l of lines(c)) void job(l).then((r) => c.write(`${r}\n`));
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
    // Its own promise rejects when the client has gone, and nobody listens.
    leaves: false,
  }),
  tcp({
    name: "for await, a job each, one message",
    handler: () => readAhead,
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "for await, a job each, five messages at once",
    handler: () => readAhead,
    owes: true,
    client: (peer) => peer.send("0\n1\n2\n3\n4\n"),
    sees: answers(5),
    work: 400,
  }),
  tcp({
    name: "for await, a job each, fifteen messages, one every 100 ms",
    handler: () => readAhead,
    owes: true,
    client: (peer) => stream(peer, 15, 100),
    sees: answers(15),
    work: 1900,
  }),
  tcp({
    name: "for await, jobs of 300, 900 and 2000 ms",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) answerLater(conn, line, msOf(line));
    },
    owes: true,
    client: (peer) => peer.send("a 300\nb 900\nc 2000\n"),
    sees: "a 300!\nb 900!\nc 2000!\n",
    work: 1800,
  }),
  tcp({
    name: "for await, jobs whose answers come in the reverse order",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) answerLater(conn, line, msOf(line));
    },
    owes: true,
    client: (peer) => peer.send("a 900\nb 600\nc 300\n"),
    sees: "c 300!\nb 600!\na 900!\n",
    work: 700,
  }),
  tcp({
    name: "forEach with a callback that gives nothing back",
    handler: () => (conn) => {
      const text = lines(conn);
      return text.forEach((line) => void job(line).then((result) => text.send(result)).catch(quietly));
    },
    owes: true,
    client: (peer) => peer.send("0\n1\n"),
    sees: answers(2),
    work: 400,
  }),
  tcp({
    name: "frames with a length, a job each",
    handler: () => async (conn) => {
      const messages = framed(conn, lengthPrefixCodec({ size: 1 }));
      for await (const message of messages) {
        job(new TextDecoder().decode(message)).then((result) => messages.send(new TextEncoder().encode(result)))
          .catch(quietly);
      }
    },
    owes: true,
    client: (peer) => peer.send(frame("a") + frame("b")),
    sees: frame("a!") + frame("b!"),
    work: 400,
  }),
  tcp({
    name: "all that arrived together, a job for all",
    handler: () => async (conn) => {
      for await (const batch of lines(conn).batches()) {
        job(batch.join("!\n")).then((result) => conn.write(`${result}\n`)).catch(quietly);
      }
    },
    owes: true,
    client: (peer) => peer.send("0\n1\n2\n"),
    sees: "0!\n1!\n2!\n",
    work: 400,
    // One answer for all three: the other two are owed until patience is over.
    drain: { atMost: 5000 },
  }),
  tcp({
    name: "raw chunks, a job each",
    handler: () => async (conn) => {
      for await (const chunk of conn) answerLater(conn, new TextDecoder().decode(chunk));
    },
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "a reader task and a writer task with a queue between them",
    handler: () => async (conn) => {
      const queue = new Mailbox();
      const reading = (async () => {
        for await (const line of lines(conn)) queue.push(line);
        queue.push(null);
      })();
      const writing = (async () => {
        for (let line = await queue.take(); line !== null; line = await queue.take()) {
          await conn.write(`${await job(line, 300)}\n`);
        }
      })();
      await Promise.all([reading, writing]);
    },
    owes: true,
    client: (peer) => peer.send("0\n1\n2\n"),
    sees: "0!\n1!\n2!\n",
    work: 700,
  }),
  tcp({
    name: "a pipe of web streams: decode, work, encode",
    handler: () => (conn) =>
      conn.readable.pipeThrough(decoding()).pipeThrough(slowly()).pipeThrough(encoding()).pipeTo(conn.writable)
        .catch(quietly),
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "a pipe of web streams, three chunks one after the other",
    handler: () => (conn) =>
      conn.readable.pipeThrough(decoding()).pipeThrough(slowly()).pipeThrough(encoding()).pipeTo(conn.writable)
        .catch(quietly),
    owes: true,
    client: async (peer) => {
      for (let i = 0; i < 3; i++) {
        peer.send(`${i}\n`);
        await pause(50);
      }
    },
    sees: "0!\n1!\n2!\n",
    work: 1600,
  }),
  tcp({
    name: "two jobs at a time, and no further reading until one is done",
    handler: () => async (conn) => {
      const turns = new Semaphore(2);
      const jobs: Promise<void>[] = [];
      for await (const line of lines(conn)) {
        const release = await turns.acquire(background());
        jobs.push(job(line, 300).then((result) => conn.write(`${result}\n`)).finally(release));
      }
      await Promise.all(jobs);
    },
    owes: true,
    client: (peer) => peer.send("0\n1\n2\n3\n4\n5\n"),
    sees: answers(6),
    work: 800,
    // Nobody listens to the jobs before the loop is over.
    leaves: false,
  }),
  tcp({
    name: "jobs that are waited for after the loop, and a client that half-closes at once",
    handler: () => readAheadAndWait,
    owes: true,
    client: (peer) => {
      peer.send("0\n1\n");
      peer.leave();
    },
    sees: answers(2),
    work: 400,
    leaves: false,
  }),
  tcp({
    name: "jobs that are waited for after the loop, in a drain",
    handler: (scene) => async (conn, ctx) => {
      await readAheadAndWait(conn, ctx);
      scene.note(conn.isDrained ? "drained" : "the client has left");
    },
    owes: true,
    client: (peer) => peer.send("0\n1\n"),
    sees: answers(2),
    work: 400,
    leaves: false,
    drain: { notes: ["drained"] },
    life: { notes: ["the client has left"] },
  }),
  tcp({
    name: "a head at once and the rest after 600 ms",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        conn.write(`${line}:`);
        answerLater(conn, "");
      }
    },
    client: (peer) => peer.send("a\n"),
    sees: "a:!\n",
    work: 400,
  }),
  tcp({
    name: "a client with a window of four until the end",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) answerLater(conn, line, 50);
    },
    client: async (peer) => {
      let sent = 0;
      let owed = 0;
      const fill = () => {
        const from = sent;
        while (peer.isOpen && sent < peer.lines.length + 4) peer.send(`${sent++}\n`);
        const more = sent - from;
        // What is sent as the FIN comes can't be known to be late.
        setTimeout(() => peer.isOpen && (owed += more), 80);
      };
      fill();
      peer.onChunk = () => setTimeout(fill, 10);
      await peer.over();
      assertEquals(peer.lines.length >= owed, true, `${peer.lines.length} answers to ${owed}`);
    },
    sees: /^0!\n/,
    life: false,
    drain: { atMost: 5000 },
  }),
]);
