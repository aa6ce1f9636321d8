import { describe, it } from "node:test";
import net from "node:net";
import { assert, assertEquals, assertGreater, assertRejects } from "@std/assert";
import { Redis } from "ioredis";
import { type Conn, connect, lines, serve, silentLogger } from "../../mod.ts";
import { type HttpHandler, reply, serveHttp } from "../../src/http/mod.ts";
import { pool, PoolClosedError } from "../../src/upstream/mod.ts";
import { RedisServer, skipWithoutRedis } from "../support/redis.ts";
import { within } from "../support/rig.ts";

/** One command and its answer's first line, in Redis' own protocol. */
async function ask(conn: Conn, ...words: readonly string[]): Promise<string> {
  await conn.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`);
  let text = "";
  while (!text.endsWith("\r\n")) {
    const chunk = await conn.read();
    if (chunk === null) throw new Error("Redis has closed the connection");
    text += new TextDecoder().decode(chunk);
  }
  return text.trimEnd();
}

/** Fulfils when `holds` does. */
async function until(what: string, holds: () => boolean): Promise<void> {
  await within(
    what,
    (async () => {
      while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
    })(),
  );
}

describe("a pool of connections to Redis", { skip: skipWithoutRedis() }, () => {
  it("by connect(): a server that restarts costs what was under way, and nobody gets a dead one", async () => {
    await using redis = await RedisServer.start();
    await using conns = pool((context) => connect({ port: redis.port, context }), {
      max: 4,
      logger: silentLogger,
      connectTimeout: 2000,
    });
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) => conns.use((conn) => ask(conn, "INCRBY", "n", String(i)))),
    );
    assertEquals([answers.length, conns.stats.connects], [40, 4]);
    assertEquals(await conns.use((conn) => ask(conn, "GET", "n")), "$3\r\n780");

    // Somebody is in the middle of something, and keeps what he has.
    const held = await conns.acquire();
    const cut = assertRejects(() => ask(held.conn, "BLPOP", "none", "0"));
    await until("the three idle ones", () => conns.stats.idle === 3);
    await redis.kill();
    await within("the call that was under way", cut);
    await until("the end of the idle ones", () => conns.stats.idle === 0);
    const { closed, inUse } = conns.stats;
    held.discard();
    // Three, and whatever the dying server took in their place.
    assertGreater(closed.died, 2);
    assertEquals(inUse, 1);
    await redis.restart();
    for (let i = 0; i < 20; i++) assertEquals(await conns.use((conn) => ask(conn, "PING")), "+PONG");
    assertGreater(conns.stats.connectErrors, 0);
    assert(conns.stats.total <= 4);
  });

  it("of ioredis: watched by its own event, asked whether it lives, ended by its own word", async () => {
    await using redis = await RedisServer.start();
    await using clients = pool(async () => {
      const client = new Redis(redis.port, "127.0.0.1", { lazyConnect: true, retryStrategy: () => null });
      client.on("error", () => {});
      await client.connect();
      return client;
    }, {
      max: 3,
      logger: silentLogger,
      validateAfter: 0,
      validate: async (client) => await client.ping() === "PONG",
      watch: (client, gone) => client.once("end", gone),
      close: (client) => client.disconnect(),
    });
    await Promise.all(Array.from({ length: 30 }, () => clients.use((client) => client.incr("n"))));
    assertEquals(await clients.use((client) => client.get("n")), "30");
    await redis.restart();
    const ids = await Promise.all(Array.from({ length: 12 }, () => clients.use((client) => client.client("ID"))));
    assertEquals(ids.length, 12);
    assert(clients.stats.closed.died + clients.stats.closed.invalid >= 3);
    await clients.drain();
    assertEquals([
      clients.stats.total,
      await redis.admin.client("LIST").then((list) => String(list).trim().split("\n").length),
    ], [0, 1]);
  });
});

describe("a pool of connect()'s connections", () => {
  it("hands out none whose peer has closed, reset, or spoken unasked, nor one that was given back unread", async () => {
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("data", (chunk) => socket.write(chunk));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    try {
      await using conns = pool((context) => connect({ port, context }), { max: 1, logger: silentLogger });
      const ways: ((socket: net.Socket) => unknown)[] = [
        (socket) => socket.end(),
        (socket) => socket.resetAndDestroy(),
        (socket) => socket.write("unasked"),
      ];
      for (const [i, act] of ways.entries()) {
        (await conns.acquire()).release();
        await until("both ends", () => sockets.length === i + 1);
        act(sockets[i]);
        await until("its death", () => conns.stats.closed.died === i + 1);
      }
      const loan = await conns.acquire();
      await loan.conn.write("ab\ncd\n");
      for await (const line of lines(loan.conn)) {
        assertEquals(line, "ab");
        break;
      }
      loan.release();
      await until("the next", () => conns.stats.closed.died === 4);
      assertEquals(await conns.use(async (conn) => (await conn.write("x\n"), (await conn.read())!.length)), 2);
    } finally {
      server.close();
      for (const socket of sockets) socket.destroy();
    }
  });

  it("is drained after the handlers that use it, and before the process ends", async () => {
    await using echo = await serve({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, async (conn) => {
      for await (const line of lines(conn)) await conn.write(`${line}!\n`);
    });
    const { port } = echo.address as { port: number };
    const order: string[] = [];
    const conns = pool((context) => connect({ port, context }), { max: 2, minIdle: 0, logger: silentLogger });
    let begun = () => {};
    const isBegun = new Promise<void>((resolve) => begun = resolve);
    const handler: HttpHandler = async () => {
      begun();
      await new Promise((resolve) => setTimeout(resolve, 100));
      const answer = await conns.use(async (conn) => {
        await conn.write("late\n");
        return new TextDecoder().decode((await conn.read())!);
      });
      order.push("handler");
      return reply(answer);
    };
    const server = await serveHttp({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, handler);
    server.onShutdown("pool", async (signal) => {
      const { left } = await conns.drain(signal);
      order.push(`pool ${left.length}`);
    });
    const asked = fetch(server.url);
    await isBegun;
    const report = await server.shutdown({ grace: 5000 });
    assertEquals(await (await asked).text(), "late!\n");
    assertEquals([report.clean, order, conns.state], [true, ["handler", "pool 0"], "closed"]);
    await assertRejects(() => conns.acquire(), PoolClosedError);
  });
});
