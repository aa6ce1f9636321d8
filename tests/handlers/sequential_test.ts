import { assert, assertEquals } from "@std/assert";
import { type Conn, type Consumer, framed, type Handler, lengthPrefixCodec, lines } from "../../mod.ts";
import { tcp } from "../support/handler_kinds.ts";
import type { Peer } from "../support/handler_peer.ts";
import { job, pause, table } from "../support/handlers.ts";

const sequential = (ms: number): Handler => async (conn) => {
  for await (const line of lines(conn)) await conn.write(`${await job(line, ms)}\n`);
};

/** Asks until the end, `think` ms after each answer; what was asked in time must be answered. */
async function pingPong(peer: Peer, think: number): Promise<void> {
  let asked = 0;
  let owed = 0;
  while (peer.isOpen) {
    peer.send(`${asked++}\n`);
    // The FIN may be right behind the answer, a few turns of a full loop later over TLS: what is asked just before it is
    // seen can't be known to be late. A question that crossed the FIN on the wire was asked up to 100 ms before.
    setTimeout(() => peer.isOpen && owed++, 40);
    await peer.answered(asked);
    await pause(think);
  }
  assert(peer.lines.length >= owed, `${peer.lines.length} answers to ${owed}`);
  assertEquals(peer.lines, peer.lines.map((_, i) => `${i}!`));
}

/** Reads what is there, as a program in C would. */
async function readAll(conn: Conn): Promise<string> {
  let text = "";
  for (let chunk = await conn.read(); chunk !== null; chunk = await conn.read()) {
    text += new TextDecoder().decode(chunk);
  }
  return text;
}

table("handlers that take one message after the other", [
  tcp({
    name: "lines, answered at once",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
  }),
  tcp({
    name: "lines, 600 ms of work each",
    handler: () => sequential(600),
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "lines, 1500 ms of work each",
    handler: () => sequential(1500),
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 1300,
  }),
  tcp({
    name: "lines, three at once, 300 ms each",
    handler: () => sequential(300),
    owes: true,
    client: (peer) => peer.send("a\nb\nc\n"),
    sees: "a!\nb!\nc!\n",
    work: 700,
  }),
  tcp({
    name: "lines, thirty at once, 100 ms each: more than patience has time for",
    handler: () => sequential(100),
    owes: true,
    client: (peer) => peer.send(Array.from({ length: 30 }, (_, i) => `${i}\n`).join("")),
    sees: Array.from({ length: 30 }, (_, i) => `${i}!\n`).join(""),
    work: 2800,
    drain: { atMost: 6000 },
  }),
  tcp({
    name: "forEach that answers from the callback",
    handler: () => (conn) => {
      const text = lines(conn);
      return text.forEach((line) => void text.send(`${line}!`));
    },
    owes: true,
    client: (peer) => peer.send("a\nb\n"),
    sees: "a!\nb!\n",
  }),
  tcp({
    name: "forEach with an async callback",
    handler: () => (conn) => {
      const text = lines(conn);
      return text.forEach(async (line) => await text.send(await job(line, 300)));
    },
    owes: true,
    client: (peer) => peer.send("a\nb\nc\n"),
    sees: "a!\nb!\nc!\n",
    work: 700,
  }),
  tcp({
    name: "batches, one after the other",
    handler: () => async (conn) => {
      for await (const batch of lines(conn).batches()) await conn.write(`${await job(batch.join("!\n"))}\n`);
    },
    owes: true,
    client: (peer) => peer.send("a\nb\n"),
    sees: "a!\nb!\n",
    work: 400,
    // One answer for both: the other is owed until patience is over.
    drain: { atMost: 5000 },
  }),
  tcp({
    name: "frames with a length",
    handler: () => async (conn) => {
      const messages = framed(conn, lengthPrefixCodec({ size: 1 }));
      for await (const message of messages) {
        await pause(600);
        await messages.send(message);
      }
    },
    owes: true,
    client: (peer) => peer.send("\u0003abc"),
    sees: "\u0003abc",
    work: 400,
  }),
  tcp({
    name: "an echo of raw chunks",
    handler: () => async (conn) => {
      for await (const chunk of conn) await conn.write(chunk);
    },
    owes: true,
    client: (peer) => peer.send("abc"),
    sees: "abc",
  }),
  tcp({
    name: "read, work, write",
    handler: () => async (conn) => {
      for (let chunk = await conn.read(); chunk !== null; chunk = await conn.read()) {
        await conn.write(await job(new TextDecoder().decode(chunk)));
      }
    },
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!",
    work: 400,
    // The read that the drain ends is no end of the client's: it rejects, as a loop may let it.
    drain: { clean: true },
  }),
  tcp({
    name: "an answer in two parts, 600 ms between them",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        await conn.write(`${line}:`);
        await conn.write(`${await job("")}\n`);
      }
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a:!\n",
    work: 400,
  }),
  tcp({
    name: "one request, one answer, and the handler returns",
    handler: () => async (conn) => {
      const { value } = await lines(conn).next();
      if (value !== undefined) await conn.write(`${await job(value)}\n`);
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "a client that half-closes behind its request",
    handler: () => sequential(600),
    owes: true,
    client: (peer) => {
      peer.send("a\n");
      peer.leave();
    },
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "all the input, then an answer, and a client that half-closes behind it",
    handler: () => async (conn) => await conn.write(`${await job(await readAll(conn))}\n`),
    owes: true,
    client: (peer) => {
      peer.send("a");
      peer.leave();
    },
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "a dialogue that the server begins",
    handler: () => async (conn) => {
      await conn.write("220 hello\n");
      for await (const line of lines(conn)) {
        if (line === "QUIT") {
          await conn.write("221 bye\n");
          break;
        }
        await conn.write(`250 ${await job(line, 200)}\n`);
      }
    },
    client: async (peer) => {
      await peer.answered(1);
      for (const [i, line] of ["HELO", "MAIL", "QUIT"].entries()) {
        peer.send(`${line}\n`);
        await peer.answered(i + 2);
        await pause(100);
      }
    },
    sees: "220 hello\n250 HELO!\n250 MAIL!\n221 bye\n",
    work: 1600,
  }),
  tcp({
    name: "a question of the server that the client answers after 400 ms",
    handler: () => async (conn) => {
      const text = lines(conn);
      await text.send("who?");
      const { value } = await text.next();
      if (value !== undefined) await text.send(`hello ${value}`);
      for await (const line of text) await text.send(line);
    },
    client: async (peer) => {
      await peer.answered(1);
      await pause(400);
      peer.send("me\n");
    },
    sees: "who?\nhello me\n",
    work: 600,
  }),
  tcp({
    name: "a client that thinks for 600 ms between answer and request",
    handler: () => sequential(10),
    client: async (peer) => {
      peer.send("a\n");
      await peer.answered(1);
      await pause(600);
      peer.send("b\n");
    },
    sees: "a!\nb!\n",
    work: 800,
  }),
  tcp({
    name: "a client that has shown that it thinks for 300 ms",
    handler: () => sequential(10),
    client: async (peer) => {
      for (let i = 0; i < 6 && peer.isOpen; i++) {
        peer.send(`${i}\n`);
        await peer.answered(i + 1);
        await pause(300);
      }
    },
    sees: Array.from({ length: 6 }, (_, i) => `${i}!\n`).join(""),
    stopAt: 1700,
    work: 1500,
  }),
  tcp({
    name: "a client that asks as soon as it is answered, until the end",
    handler: () => sequential(0),
    client: (peer) => pingPong(peer, 0),
    sees: /^0!\n/,
    life: false,
    // It never pauses: patience ends it.
    drain: { atMost: 5500 },
  }),
  tcp({
    name: "a client that asks 50 ms after each answer, until the end",
    handler: () => sequential(20),
    client: (peer) => pingPong(peer, 50),
    sees: /^0!\n/,
    life: false,
    drain: { atMost: 5500 },
  }),
  tcp({
    name: "a request that is on its way when the stop comes",
    handler: () => sequential(300),
    client: (peer) => peer.send("a\n"),
    stopAt: -60,
    trips: [200],
    sees: "a!\n",
    work: 500,
    leaves: false,
  }),
  tcp({
    name: "a line that comes in two parts around the stop",
    handler: () => sequential(10),
    owes: true,
    client: async (peer) => {
      peer.send("a");
      await pause(600);
      peer.send("b\n");
    },
    sees: "ab!\n",
    work: 400,
  }),
  tcp({
    name: "bytes one by one, 50 ms apart",
    handler: () => sequential(10),
    client: async (peer) => {
      for (const byte of "hello\nyou\n") {
        peer.send(byte);
        await pause(50);
      }
    },
    sees: "hello!\nyou!\n",
    work: 400,
  }),
  tcp({
    name: "a loop that ends, and the handler says why",
    handler: (scene) => async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
      scene.note(conn.isDrained ? "drained" : "the client has left");
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    drain: { notes: ["drained"] },
    life: { notes: ["the client has left"] },
    leaves: false,
  }),
  tcp({
    name: "takes nothing new once it drains",
    handler: () => async (conn, ctx) => {
      for await (const line of lines(conn)) {
        await conn.write(`${await job(line)}\n`);
        if (ctx.draining.aborted) break;
      }
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "says goodbye by itself",
    handler: () => sequential(600),
    options: { goodbye: (conn) => conn.write("bye\n") },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\nbye\n",
    life: { sees: "a!\n" },
    work: 400,
  }),
  tcp({
    name: "a consumer that takes bytes from the callback and reports for itself",
    handler: () => (conn) => conn.consume(new Upper(conn)),
    owes: true,
    client: (peer) => peer.send("abc\n"),
    sees: "ABC\n",
    work: 400,
  }),
  tcp({
    name: "closes its side behind the answer and reads on",
    handler: () => async (conn) => {
      const { value } = await lines(conn).next();
      await conn.write(`${value}!\n`);
      await conn.closeWrite();
      await conn.closed;
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    leaves: false,
  }),
  tcp({
    name: "closes when it drains",
    handler: () => async (conn, ctx) => {
      ctx.draining.addEventListener("abort", () => void conn.close());
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
    },
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    drain: { clean: null },
  }),
  tcp({
    name: "await using closes it",
    handler: () => async (conn) => {
      await using own = conn;
      const { value } = await lines(own).next();
      await own.write(`${await job(String(value))}\n`);
    },
    owes: true,
    client: (peer) => peer.send("a\n"),
    sees: "a!\n",
    work: 400,
  }),
  tcp({
    name: "eight megabytes in answer to a line, to a slow reader",
    handler: () => async (conn) => {
      for await (const _ of lines(conn)) {
        for (let i = 0; i < 128; i++) await conn.write(new Uint8Array(65_536));
      }
    },
    owes: true,
    client: (peer) => {
      peer.readAt(8000);
      peer.send("a\n");
    },
    sees: (peer) => assertEquals(peer.length, 8 << 20),
    trips: [0],
    life: false,
    drain: { atMost: 6000 },
  }),
]);

/** Upper case, 600 ms later. */
class Upper implements Consumer {
  readonly #conn: Conn;

  constructor(conn: Conn) {
    this.#conn = conn;
  }

  data(chunk: Uint8Array): void {
    this.#conn.report(true, false);
    setTimeout(() => {
      this.#conn.write(new TextDecoder().decode(chunk).toUpperCase()).catch(() => {});
      this.#conn.report(false, false);
    }, 600);
  }

  end(): void {
    this.#conn.close();
  }

  closed(): void {}
}
