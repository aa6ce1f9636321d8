import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess, assertRejects, assertThrows } from "@std/assert";
import {
  type Conn,
  ConnClosedError,
  ConnResetError,
  type ConnState,
  type Consumer,
  DeadlineError,
  framed,
  frames,
  InUseError,
  lengthPrefixCodec,
  lineDecoder,
  lines,
  SluiceError,
} from "../../../mod.ts";
import { parseIpv6 } from "../../../src/address.ts";
import { trackedBy } from "../../support/tracked.ts";
import { echoLines, type World, world } from "../../support/world.ts";

/** Which state may follow which. */
const TRANSITIONS: Readonly<Record<ConnState, readonly ConnState[]>> = {
  new: ["active", "idle", "closing", "closed"],
  active: ["idle", "closing", "closed"],
  idle: ["active", "closing", "closed"],
  closing: ["closed"],
  closed: [],
};

/** A server whose only handler gives its connection to the test. */
async function handed(
  options: Parameters<typeof world>[1] = {},
): Promise<{ w: World; conn: Conn; finish: () => void }> {
  let conn!: Conn;
  let finish = () => {};
  const w = await world((given) => {
    conn = given;
    return new Promise((resolve) => finish = resolve);
  }, options);
  await w.client();
  return { w, conn, finish };
}

/** Whether an attempt to take a connection's bytes is refused at once. */
function assertInUse(attempt: () => unknown, what: string): void {
  assertEquals((assertThrows(attempt, SluiceError, what) as SluiceError).code, "ERR_IN_USE");
}

function sleep(w: World, ms: number): Promise<void> {
  return new Promise((resolve) => w.clock.setTimer(resolve, ms));
}

describe("connection: reading and writing", () => {
  it("reads chunks in order, then null", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].send("one");
    await w.pass(1);
    w.clients[0].send("two");
    w.clients[0].conn.closeWrite();
    await w.pass(1);
    assertEquals(new TextDecoder().decode((await conn.read())!), "one");
    assertEquals(new TextDecoder().decode((await conn.read())!), "two");
    assertEquals([await conn.read(), await conn.read()], [null, null]);
    assertEquals([conn.bytesRead, conn.state], [6, "active"]);
  });

  it("refuses a second read() while one is pending", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const first = conn.read();
    assertThrows(() => conn.read(), SluiceError, "Another read() is pending");
    w.clients[0].send("x");
    await w.pass(1);
    assertEquals((await first)!.length, 1);
  });

  it("sends what is written in one turn in one piece, text and bytes in order", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].conn.pause();
    conn.write("a");
    conn.write(new TextEncoder().encode("b"));
    await conn.write("ü");
    await conn.write("d");
    assertEquals([conn.bytesWritten, conn.bytesFlushed], [5, 0]);
    await w.pass(1);
    assertEquals([conn.bytesWritten, conn.bytesFlushed], [5, 5]);
    w.clients[0].conn.resume();
    await w.pass(1);
    assertEquals(w.clients[0].text, "abüd");
  });

  it("makes a writer wait above the high-water mark, and a slow peer never makes it hold more", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].conn.pause();
    const chunk = new Uint8Array(32 * 1024);
    let written = 0;
    let held = 0;
    const writing = (async () => {
      for (let i = 0; i < 100; i++) {
        await conn.write(chunk);
        written += chunk.length;
        held = Math.max(held, conn.bytesWritten - conn.bytesFlushed);
      }
    })();
    await w.pass(1000);
    assertLess(written, 10 * chunk.length);
    assertLess(held, 65_536 + chunk.length + 1);
    w.clients[0].conn.resume();
    await w.until(writing);
    await w.pass(10);
    assertEquals(w.clients[0].text.length, 100 * chunk.length);
  });

  it("makes a fast peer wait when nobody reads", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].send("x".repeat(10 << 20));
    await w.pass(1000);
    assertLess(conn.bytesRead, 3 * 65_536);
    let read = 0;
    while (read < 10 << 20) read += (await w.until(conn.read()))!.length;
    assertEquals(read, 10 << 20);
  });

  it("flush() fulfils when the kernel has everything", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].conn.pause();
    void conn.write("x".repeat(1 << 20));
    const flushed = conn.flush();
    await w.pass(100);
    assertGreater(conn.bytesWritten - conn.bytesFlushed, 0);
    w.clients[0].conn.resume();
    await w.until(flushed);
    assertEquals(conn.bytesWritten - conn.bytesFlushed, 0);
  });

  it("is a pair of web streams", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].send("ping");
    w.clients[0].conn.closeWrite();
    await w.pass(1);
    await w.until(conn.readable.pipeTo(conn.writable));
    await w.pass(1);
    assertEquals([w.clients[0].text, w.clients[0].end], ["ping", "fin"]);
  });

  it("gives a consumer the unread bytes first, and back again", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].send("early");
    await w.pass(1);
    const got: string[] = [];
    conn.consume({
      data: (chunk) => got.push(new TextDecoder().decode(chunk)),
      end: () => got.push("end"),
      closed() {},
    });
    assertEquals(got, ["early"]);
    assertThrows(() => conn.read(), SluiceError, "consumer");
    w.clients[0].send("more");
    await w.pass(1);
    conn.release(new TextEncoder().encode("unread"));
    w.clients[0].send("later");
    await w.pass(1);
    assertEquals(got, ["early", "more"]);
    assertEquals(new TextDecoder().decode((await conn.read())!), "unread");
    assertEquals(new TextDecoder().decode((await conn.read())!), "later");
  });

  it("refuses a second consumer, and the first gets every line", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const text = lines(conn);
    const nobody: Consumer = { data() {}, end() {}, closed() {} };
    assertInUse(() => lines(conn), "break out of its loop");
    assertInUse(() => framed(conn, lengthPrefixCodec({ size: 4 })), "release()");
    assertInUse(() => frames(conn, lineDecoder()), "consumer");
    assertInUse(() => conn.consume(nobody), "consumer");
    w.clients[0].send("one\ntwo\nthree\nfour\n");
    await w.pass(1);
    for await (const line of text) if (line === "one") break;
    const second = lines(conn);
    assertEquals((await second.next()).value, "two");
    await second.return();
    conn.consume(nobody);
    conn.release(new TextEncoder().encode("four\n"));
    assertEquals((await lines(conn).next()).value, "four");
  });

  it("refuses a consumer while a read() is pending", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const read = conn.read();
    assertInUse(() => lines(conn), "read() is pending");
    w.clients[0].send("mine");
    await w.pass(1);
    assertEquals((await read)!.length, 4);
  });

  it("gives a second loop its end at once where the first has ended, whoever closed and however", async () => {
    const ends: Record<string, (w: World, conn: Conn) => unknown> = {
      "the peer's FIN": (w) => w.clients[0].conn.closeWrite(),
      "the peer's reset": (w) => w.clients[0].conn.abort(),
      "the drain": (w) => w.server.shutdown(),
      "its lifetime": (_, conn) => conn.closeWhenIdle(),
    };
    for (const [name, end] of Object.entries(ends)) {
      const { w, conn } = await handed();
      await using _ = w;
      const loop = (async () => {
        for await (const _line of lines(conn));
      })();
      loop.catch(() => {});
      end(w, conn);
      await w.until(loop.catch(() => {}));
      const next = () => w.until(lines(conn).next()).catch((error) => error);
      for (let again = 0; again < 2; again++) {
        const end = await next();
        assert(name === "the peer's reset" ? end instanceof ConnResetError : end.done, name);
      }
      assertEquals(await conn.read().catch(() => null), null, name);
    }
  });

  it("counts what comes after the FIN, whether its lines were asked for once or twice", async () => {
    for (const loops of [1, 2]) {
      await using w = await world(async (conn) => {
        for (let i = 0; i < loops; i++) for await (const _line of lines(conn));
      });
      const client = await w.client({ stubborn: true });
      const report = w.server.shutdown();
      while (client.end === "open") await w.pass(5);
      client.send("late\nlater\n");
      await w.pass(5);
      client.conn.close();
      assertEquals((await w.until(report)).afterFin.messages, 2, `${loops} loops`);
    }
  });

  it("a consumer that throws costs its own connection", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    let closedWith: unknown;
    conn.consume({
      data() {
        throw new Error("broken protocol");
      },
      end() {},
      closed: (error) => closedWith = error,
    });
    w.clients[0].send("x");
    await w.pass(1);
    assertEquals([w.clients[0].end, (closedWith as Error).message], ["reset", "broken protocol"]);
  });
});

describe("connection: ends", () => {
  it("close() delivers everything, then FIN, and is idempotent", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    void conn.write("x".repeat(300_000));
    const closing = conn.close();
    assert(closing === conn.close());
    assertEquals(conn.state, "closing");
    await w.until(closing);
    assertEquals([w.clients[0].text.length, w.clients[0].end, conn.state], [300_000, "fin", "closed"]);
    await assertRejects(() => conn.read(), ConnClosedError);
    await assertRejects(() => conn.write("x"), ConnClosedError);
  });

  it("close() with unread input is no reset: what the peer still sends is read and dropped", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].send("never read");
    await w.pass(1);
    void conn.write("answer");
    void conn.close();
    w.clients[0].send("nor this");
    await w.pass(100);
    assertEquals([w.clients[0].text, w.clients[0].end], ["answer", "fin"]);
  });

  it("close() rejects a pending read", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const read = conn.read();
    void conn.close();
    await assertRejects(() => read, ConnClosedError);
  });

  it("abort() is a reset, with its reason for whoever waits here", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const read = conn.read();
    conn.abort(new Error("why"));
    await assertRejects(() => read, Error, "why");
    await w.pass(1);
    assertEquals([w.clients[0].end, conn.state], ["reset", "closed"]);
    await w.settled(conn.closed);
  });

  it("closeWrite() sends FIN and goes on reading", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    void conn.write("last");
    await conn.closeWrite();
    await w.pass(1);
    assertEquals(w.clients[0].text, "last");
    await assertRejects(() => conn.write("more"), ConnClosedError);
  });

  it("a peer's reset rejects readers and writers with ConnResetError, and its cause", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const read = conn.read();
    read.catch(() => {});
    w.clients[0].conn.abort();
    await w.pass(1);
    const error = await assertRejects(() => read, ConnResetError);
    assertEquals(((error as Error).cause as { code: string }).code, "ECONNRESET");
    await assertRejects(() => conn.write("x"), ConnResetError);
  });

  it("a write to a dead peer that nobody awaits raises nothing", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].conn.abort();
    await w.pass(1);
    void conn.write("x");
    void conn.flush();
    void conn.closeWrite();
    await w.pass(10);
  });

  it("works with `await using`", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const block = (async () => {
      await using inner = conn;
      await inner.write("bye");
    })();
    await w.until(block);
    assertEquals([w.clients[0].text, w.clients[0].end], ["bye", "fin"]);
  });

  it("close() waits for a slow reader longer than lingerTimeout, which counts from the last byte handed over", async () => {
    await using w = await world((conn) => void conn.write("x".repeat(1 << 20)), { lingerTimeout: 200 });
    const client = await w.client({ stubborn: true });
    client.conn.pause();
    await w.pass(2000);
    client.conn.resume();
    await w.pass(150);
    assertEquals([client.text.length, client.end, trackedBy(w.server)], [1 << 20, "fin", 1]);
    await w.pass(500);
    assertEquals(trackedBy(w.server), 0);
  });

  it("close() drops a peer that takes nothing for 30 s", async () => {
    await using w = await world((conn) => void conn.write("x".repeat(1 << 20)), { lingerTimeout: 200 });
    const client = await w.client({ stubborn: true });
    client.conn.pause();
    await w.pass(29_000);
    assertEquals(trackedBy(w.server), 1);
    await w.pass(2000);
    assertEquals(trackedBy(w.server), 0);
  });

  it("lingers for lingerTimeout at the most when the peer does not close", async () => {
    await using w = await world((conn) => void conn.write("x"), { lingerTimeout: 300 });
    const client = await w.client({ stubborn: true });
    await w.pass(250);
    assertEquals([client.end, trackedBy(w.server)], ["fin", 1]);
    await w.pass(100);
    assertEquals(trackedBy(w.server), 0);
  });
});

describe("connection: time", () => {
  it("a read deadline rejects the pending read, and later ones until it is moved", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    conn.setReadDeadline(w.clock.wall() + 200);
    const read = conn.read();
    read.catch(() => {});
    await w.pass(150);
    assertEquals(conn.state, "new");
    await w.pass(100);
    await assertRejects(() => read, DeadlineError);
    await assertRejects(() => conn.read(), DeadlineError);
    conn.setReadDeadline(null);
    w.clients[0].send("x");
    await w.pass(1);
    assertEquals((await conn.read())!.length, 1);
  });

  it("a write deadline fails who waits for the peer, and the connection lives on", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    w.clients[0].conn.pause();
    conn.setWriteDeadline(w.clock.wall() + 200);
    void conn.write("x".repeat(1 << 20));
    const flushed = conn.flush();
    flushed.catch(() => {});
    await w.pass(300);
    await assertRejects(() => flushed, DeadlineError);
    await assertRejects(() => conn.flush(), DeadlineError);
    assertEquals(conn.state, "new");
    w.clients[0].conn.resume();
    await w.pass(100);
    assertEquals(w.clients[0].text.length, 1 << 20);
  });

  it("a write past its deadline fails and sends nothing; with a later one, or none, the connection writes on", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    await conn.write("a");
    conn.setWriteDeadline(w.clock.wall() + 100);
    await conn.write("b");
    await w.pass(150);
    await assertRejects(() => conn.write("lost"), DeadlineError);
    await assertRejects(() => conn.write(""), DeadlineError);
    conn.setDeadline(w.clock.wall() + 100);
    await conn.write("c");
    conn.setWriteDeadline(w.clock.wall() - 1);
    await assertRejects(() => conn.write("lost"), DeadlineError);
    conn.setWriteDeadline(null);
    await conn.write("d");
    await w.pass(10);
    assertEquals([w.clients[0].text, conn.state], ["abcd", "new"]);
  });

  it("a write deadline is kept though other limits were looked at before and nothing was unsent then", async () => {
    const { w, conn } = await handed({ idleTimeout: 100_000, writeTimeout: 60_000 });
    await using _ = w;
    conn.setWriteDeadline(w.clock.wall() + 5000);
    conn.setReadDeadline(w.clock.wall() + 1000);
    await w.pass(1100);
    w.clients[0].conn.pause();
    void conn.write("x".repeat(1 << 20));
    const flushed = conn.flush();
    flushed.catch(() => {});
    await w.pass(4000);
    await assertRejects(() => flushed, DeadlineError);
    assertEquals(conn.state, "new");
  });

  it("a deadline that is no number is refused at once", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    for (const at of [NaN, "5", new Date(), undefined]) {
      assertThrows(() => conn.setDeadline(at as number), TypeError);
      assertThrows(() => conn.setReadDeadline(at as number), TypeError);
      assertThrows(() => conn.setWriteDeadline(at as number), TypeError);
    }
  });

  it("a second read() has an error of its own class", async () => {
    const { w, conn } = await handed();
    await using _ = w;
    const first = conn.read();
    const error = assertThrows(() => conn.read(), InUseError);
    assertEquals(error.code, "ERR_IN_USE");
    assertThrows(() => lines(conn), InUseError);
    w.clients[0].send("x");
    await w.pass(1);
    assertEquals((await first)!.length, 1);
    const text = lines(conn);
    assertThrows(() => conn.read(), InUseError);
    assertThrows(() => conn[Symbol.asyncIterator]().next(), InUseError);
    assertThrows(() => lines(conn), InUseError);
    void text.forEach(() => {});
    assertThrows(() => text.forEach(() => {}), InUseError);
  });

  it("idleTimeout closes at a boundary without traffic, and not sooner", async () => {
    await using w = await world(echoLines, { idleTimeout: 1000 });
    const client = await w.client();
    await w.pass(900);
    client.send("a\n");
    await w.pass(900);
    assertEquals([client.text, client.end], ["echo: a\n", "open"]);
    await w.pass(200);
    assertEquals(client.end, "fin");
  });

  it("idleTimeout spares a handler at work", async () => {
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        await sleep(w, 3000);
        await conn.write(line + "\n");
      }
    }, { idleTimeout: 1000 });
    const client = await w.client();
    client.send("a\n");
    await w.pass(3100);
    assertEquals([client.text, client.end], ["a\n", "open"]);
    await w.pass(1100);
    assertEquals(client.end, "fin");
  });

  it("readTimeout drops a peer that does not finish its message, however slowly it drips", async () => {
    await using w = await world(echoLines, { readTimeout: 500 });
    const [slow, idle] = [await w.client(), await w.client()];
    for (let i = 0; i < 8; i++) {
      slow.send("x");
      await w.pass(100);
    }
    assertEquals([slow.end, idle.end], ["reset", "open"]);
  });

  it("readTimeout bounds a plain read()", async () => {
    const { w, conn } = await handed({ readTimeout: 500 });
    await using _ = w;
    const read = conn.read();
    read.catch(() => {});
    await w.pass(600);
    await assertRejects(() => read, DeadlineError);
  });

  it("writeTimeout drops a peer that takes nothing, and spares one that takes slowly", async () => {
    const { w, conn } = await handed({ writeTimeout: 500 });
    await using _ = w;
    const client = w.clients[0];
    void conn.write("x".repeat(1 << 20));
    for (let i = 0; i < 5; i++) {
      client.conn.pause();
      await w.pass(300);
      client.conn.resume();
      await w.pass(1);
    }
    assertEquals(conn.state === "closed", false);
    client.conn.pause();
    void conn.write("x".repeat(1 << 20));
    await w.pass(1200);
    assertEquals(conn.state, "closed");
  });

  it("maxLifetime varies by its jitter", async () => {
    await using w = await world(echoLines, { maxLifetime: 10_000, lifetimeJitter: 0.5 });
    const clients = [];
    for (let i = 0; i < 20; i++) clients.push(await w.client());
    await w.pass(17_000);
    const ages = clients.map((client) => client.endedAt);
    assertGreater(Math.min(...ages), 4999);
    // 15 s at the most, and the idleGrace of a connection that never spoke.
    assertLess(Math.max(...ages), 16_100);
    assertGreater(Math.max(...ages) - Math.min(...ages), 1000);
  });

  it("leaves no timer behind", async () => {
    await using w = await world(echoLines, { idleTimeout: 60_000, readTimeout: 60_000, maxLifetime: 60_000 });
    const before = w.clock.pending;
    for (let i = 0; i < 20; i++) (await w.client()).conn.abort();
    for (let i = 0; i < 20; i++) (await w.client()).conn.close();
    await w.pass(1100);
    assertEquals([w.clock.pending, trackedBy(w.server), w.adapter.openSockets], [before, 0, 0]);
  });
});

describe("connection: state", () => {
  it("goes new, active, idle, closing, closed, and only along the table", async () => {
    const seen: string[] = [];
    const all: [ConnState, ConnState][] = [];
    await using w = await world(async (conn) => {
      for await (const line of lines(conn)) {
        await sleep(w, 10);
        await conn.write(line + "\n");
      }
    }, {
      onStateChange: (conn, from, to) => {
        if (conn.id === 1) seen.push(to);
        all.push([from, to]);
      },
    });
    const [client, reset] = [await w.client(), await w.client()];
    client.send("a\n");
    reset.send("half");
    await w.pass(20);
    reset.conn.abort();
    client.send("b\n");
    await w.pass(20);
    client.conn.close();
    await w.pass(20);
    // Active once more: the handler sees the end of its lines and winds up.
    assertEquals(seen, ["active", "idle", "active", "idle", "active", "closing", "closed"]);
    for (const [from, to] of all) assert(TRANSITIONS[from].includes(to), `${from} to ${to}`);
  });

  it("an observer that throws disturbs nobody", async () => {
    await using w = await world(echoLines, {
      onStateChange() {
        throw new Error("observer");
      },
    });
    const client = await w.client();
    client.send("a\n");
    await w.pass(10);
    assertEquals(client.text, "echo: a\n");
  });
});

describe("addresses", () => {
  it("reads IPv6 in every spelling", () => {
    assertEquals(parseIpv6("::1"), [0, 0, 0, 0, 0, 0, 0, 1]);
    assertEquals(parseIpv6("2001:db8::ff00:42:8329"), [0x2001, 0xdb8, 0, 0, 0, 0xff00, 0x42, 0x8329]);
    assertEquals(parseIpv6("::ffff:10.1.2.3"), [0, 0, 0, 0, 0, 0xffff, 0x0a01, 0x0203]);
    assertEquals(parseIpv6("fe80::1%eth0"), [0xfe80, 0, 0, 0, 0, 0, 0, 1]);
    for (const bad of ["", ":", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "::1.2.3", "10.0.0.1"]) {
      assertEquals(parseIpv6(bad), null, bad);
    }
  });
});
