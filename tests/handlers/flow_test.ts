import { assert, assertEquals, assertLess } from "@std/assert";
import { type Conn, connect, type Handler, heartbeat, lines, serve, silentLogger } from "../../mod.ts";
import { codeOf } from "../support/handlers.ts";
import { tcp } from "../support/handler_kinds.ts";
import type { Peer } from "../support/handler_peer.ts";
import { job, once, pause, type Scene, table } from "../support/handlers.ts";

const quietly = () => {};
/** How long the end of a client that nobody reads may take to be noticed, in ms: patience. */
const UNREAD_END = 6000;
const numbered = (count: number) => Array.from({ length: count }, (_, i) => `${i}\n`).join("");

/** Sends `count` lines, one every `every` ms. */
async function stream(peer: Peer, count: number, every: number): Promise<void> {
  for (let i = 0; i < count && peer.isOpen; i++) {
    peer.send(`${i}\n`);
    await pause(every);
  }
}

/** Sends a body in pieces, then half-closes. */
async function upload(peer: Peer, pieces: number, size: number, every: number): Promise<void> {
  for (let i = 0; i < pieces && peer.isOpen; i++) {
    peer.send("x".repeat(size));
    await pause(every);
  }
  peer.leave();
}

/** A server behind the one that is stopped; gives its port. */
async function behind(scene: Scene<Peer>, handler: Handler): Promise<number> {
  const server = await serve({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, handler);
  scene.defer(() => server.close());
  return (server.address as { port: number }).port;
}

const answersAfter600: Handler = async (conn) => {
  for await (const chunk of conn) job(new TextDecoder().decode(chunk)).then((text) => conn.write(text)).catch(quietly);
};

const streamsForTwoSeconds: Handler = async (conn) => {
  await conn.read();
  for (let i = 0; i < 20; i++) {
    await conn.write(`${i}\n`);
    await pause(100);
  }
};

/** One direction; where it breaks off, the other end is cut, too. */
async function pump(from: Conn, to: Conn): Promise<void> {
  try {
    for await (const chunk of from) await to.write(chunk);
    await to.closeWrite();
  } catch (error) {
    to.abort(error);
  }
}

const byLoops = (port: Promise<number>): Handler => async (conn) => {
  const out = await connect({ port: await port });
  await Promise.all([pump(conn, out), pump(out, conn)]);
};

/** As by loops; what the drain ends is no failure: the other side is told that nothing more comes. */
const byCarefulLoops = (port: Promise<number>): Handler => async (conn) => {
  const out = await connect({ port: await port });
  const there = async () => {
    try {
      for await (const chunk of conn) await out.write(chunk);
    } catch (error) {
      if (codeOf(error) !== "ERR_CONN_DRAINED") return out.abort(error);
    }
    await out.closeWrite();
  };
  await Promise.all([there(), pump(out, conn)]);
};

const byPipes = (port: Promise<number>): Handler => async (conn) => {
  const out = await connect({ port: await port });
  await Promise.allSettled([conn.readable.pipeTo(out.writable), out.readable.pipeTo(conn.writable)]);
  out.abort();
};

/** No silence between two arrivals is longer than so many ms. */
function steady(peer: Peer, most: number): void {
  for (let i = 1; i < peer.times.length; i++) assertLess(peer.times[i] - peer.times[i - 1], most);
}

/** Takes it all, and answers when it has ended: whole, if it was the client who ended it. */
const committing = (scene: Scene<Peer>, take: (conn: Conn) => AsyncIterable<Uint8Array>): Handler => async (conn) => {
  let length = 0;
  try {
    for await (const chunk of take(conn)) length += chunk.length;
  } catch (error) {
    return scene.note(`${codeOf(error)} after ${length}`);
  }
  scene.note(`whole, ${length}`);
  await conn.write(`${length}\n`);
};

const ticksUntil = (over: () => boolean): Handler => async (conn) => {
  while (!over()) {
    await conn.write("tick\n");
    await pause(200);
  }
};

table("handlers that push, stream, tunnel and count", [
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

  // Proxies and tunnels.
  tcp({
    name: "a proxy by loops, the upstream answers after 600 ms",
    handler: (scene) => byLoops(behind(scene, answersAfter600)),
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!",
    work: 400,
  }),
  tcp({
    name: "a proxy by loops, the upstream sends twenty chunks in two seconds",
    handler: (scene) => byLoops(behind(scene, streamsForTwoSeconds)),
    client: (peer) => peer.send("a"),
    sees: numbered(20),
    work: 1800,
  }),
  tcp({
    name: "a proxy by loops that tells the drain's end from a failure",
    handler: (scene) => byCarefulLoops(behind(scene, answersAfter600)),
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!",
    work: 400,
  }),
  tcp({
    name: "a proxy by pipes, the upstream answers after 600 ms",
    handler: (scene) => byPipes(behind(scene, answersAfter600)),
    owes: true,
    client: (peer) => peer.send("a"),
    sees: "a!",
    work: 400,
  }),
  tcp({
    name: "a proxy by pipes, the upstream sends twenty chunks in two seconds",
    handler: (scene) => byPipes(behind(scene, streamsForTwoSeconds)),
    client: (peer) => peer.send("a"),
    sees: numbered(20),
    work: 1800,
  }),
  tcp({
    name: "a proxy that carries an upload for a second, answered at its end",
    handler: (scene) =>
      byLoops(behind(scene, async (conn) => {
        let length = 0;
        for await (const chunk of conn) length += chunk.length;
        await conn.write(`${length}\n`);
      })),
    client: (peer) => upload(peer, 10, 1000, 100),
    sees: "10000\n",
    work: 900,
  }),
  tcp({
    name: "an idle proxy",
    handler: (scene) => byLoops(behind(scene, answersAfter600)),
    client: async (peer) => {
      peer.send("a");
      await peer.until("the answer", () => peer.saw === "a!" || !peer.isOpen);
    },
    stopAt: 1200,
    sees: "a!",
  }),

  // Uploads over raw TCP.
  tcp({
    name: "an upload, a piece every 100 ms, answered at its end",
    handler: (scene) => committing(scene, (conn) => conn),
    client: (peer) => upload(peer, 10, 1000, 100),
    sees: "10000\n",
    notes: ["whole, 10000"],
    work: 900,
    leaves: { notes: undefined },
  }),
  tcp({
    name: "an upload, a piece every 300 ms, answered at its end",
    handler: (scene) => committing(scene, (conn) => conn),
    grace: 10_000,
    client: (peer) => upload(peer, 10, 1000, 300),
    sees: "10000\n",
    notes: ["whole, 10000"],
    work: 2900,
  }),
  tcp({
    name: "an upload that stops in the middle is not taken as whole: for await",
    handler: (scene) => committing(scene, (conn) => conn),
    client: (peer) => peer.send("x".repeat(4000)),
    life: false,
    leaves: false,
    drain: { sees: "", notes: ["ERR_CONN_DRAINED after 4000"], clean: null, atMost: 5000 },
  }),
  tcp({
    name: "an upload that stops in the middle is not taken as whole: read()",
    handler: (scene) =>
      committing(scene, async function* (conn) {
        for (let chunk = await conn.read(); chunk !== null; chunk = await conn.read()) yield chunk;
      }),
    client: (peer) => peer.send("x".repeat(4000)),
    life: false,
    leaves: false,
    drain: { sees: "", notes: ["ERR_CONN_DRAINED after 4000"], clean: null, atMost: 5000 },
  }),
  tcp({
    name: "an upload that stops in the middle is not taken as whole: readable",
    handler: (scene) => committing(scene, (conn) => conn.readable),
    client: (peer) => peer.send("x".repeat(4000)),
    life: false,
    leaves: false,
    drain: { sees: "", notes: ["ERR_CONN_DRAINED after 4000"], clean: null, atMost: 5000 },
  }),
  tcp({
    name: "an upload in lines that stops in the middle: the loop ends, and conn.drained tells",
    handler: (scene) => async (conn) => {
      let count = 0;
      for await (const _ of lines(conn)) count++;
      scene.note(`${conn.isDrained ? "drained" : "whole"} after ${count}`);
    },
    client: (peer) => peer.send("a\nb\n"),
    life: false,
    leaves: false,
    drain: { sees: "", notes: ["drained after 2"], atMost: 5000 },
  }),
  tcp({
    name: "an upload of more time than the stop has is not taken as whole",
    handler: (scene) => committing(scene, (conn) => conn),
    client: (peer) => upload(peer, 40, 100, 200),
    life: false,
    leaves: false,
    over: ["tcp", "tls"],
    drain: {
      sees: (_peer, scene) =>
        assertEquals([scene.notes.length, scene.notes[0]?.startsWith("ERR_CONN_DRAINED")], [1, true]),
      end: null,
      clean: null,
      atMost: 6200,
    },
  }),

  // Telemetry: protocols that never answer.
  tcp({
    name: "telemetry on a server that has shown nothing yet",
    handler: () => (conn) => lines(conn).forEach(quietly),
    client: (peer) => stream(peer, 3, 50),
    sees: "",
    drain: { atMost: 4800 },
  }),
  tcp({
    name: "telemetry on a server that has seen it for longer than patience",
    handler: () => (conn) => lines(conn).forEach(quietly),
    grace: 6000,
    client: (peer) => stream(peer, 36, 100),
    stopAt: 3700,
    sees: "",
    trips: [0],
    life: false,
    leaves: false,
    // Patience is 3000 ms.
    drain: { atMost: 2200 },
  }),
  tcp({
    name: "telemetry of a new client on a server that has seen it of another",
    handler: () => (conn) => lines(conn).forEach(quietly),
    grace: 6000,
    prepare: async (peer, scene) => {
      await stream(peer, 36, 100);
      (await scene.open()).send("a\n");
    },
    client: quietly,
    sees: "",
    trips: [0],
    life: false,
    leaves: false,
    drain: { atMost: 2200 },
  }),
  tcp({
    name: "telemetry that said it never answers",
    handler: () => (conn) => lines(conn).forEach(quietly),
    options: { answers: false },
    grace: 8000,
    client: (peer) => stream(peer, 3, 50),
    sees: "",
  }),
  tcp({
    name: "telemetry in raw chunks that said it never answers",
    handler: () => async (conn) => {
      for await (const _ of conn);
    },
    options: { answers: false },
    grace: 8000,
    client: (peer) => stream(peer, 3, 50),
    sees: "",
  }),
  tcp({
    name: "telemetry that says of each message that it wants no answer",
    handler: () => async (conn) => {
      for await (const _ of lines(conn)) conn.answered();
    },
    grace: 8000,
    client: (peer) => stream(peer, 3, 50),
    sees: "",
  }),
  tcp({
    name: "telemetry without a pause, which said it never answers",
    handler: (scene) => async (conn) => {
      let count = 0;
      for await (const _ of lines(conn)) count++;
      scene.note(count > 20 ? "many" : `${count}`);
    },
    options: { answers: false },
    client: (peer) => stream(peer, 80, 100),
    sees: "",
    notes: ["many"],
    life: false,
    leaves: false,
    drain: { atMost: 5000 },
  }),
  tcp({
    name: "a protocol with messages that want no answer, and says which",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        if (line.startsWith("set")) conn.answered();
        else job(line).then((result) => conn.write(`${result}\n`)).catch(quietly);
      }
    },
    grace: 8000,
    owes: true,
    client: (peer) => peer.send("set 1\nget\nset 2\n"),
    sees: "get!\n",
    work: 400,
  }),
  tcp({
    name: "a protocol with messages that want no answer, and does not say which",
    handler: () => async (conn) => {
      for await (const line of lines(conn)) {
        if (!line.startsWith("set")) job(line).then((result) => conn.write(`${result}\n`)).catch(quietly);
      }
    },
    client: (peer) => peer.send("set 1\nget\nset 2\n"),
    sees: "get!\n",
    work: 400,
    drain: { atMost: 4800 },
  }),

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

  // Heartbeats and long polls.
  tcp({
    name: "pings of the server every 200 ms, which the client answers",
    handler: () => async (conn) => {
      const text = lines(conn);
      heartbeat(text, { ping: "PING", interval: 200 });
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
]);
