import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertLess, assertThrows } from "@std/assert";
import {
  type Conn,
  ConnResetError,
  type ConnState,
  type Consumer,
  framed,
  frames,
  lengthPrefixCodec,
  lineDecoder,
  lines,
  SluiceError,
} from "../../../mod.ts";
import { handed, sleep } from "../../support/handed.ts";
import { echoLines, type World, world } from "../../support/world.ts";

/** Which state may follow which. */
const TRANSITIONS: Readonly<Record<ConnState, readonly ConnState[]>> = {
  new: ["active", "idle", "closing", "closed"],
  active: ["idle", "closing", "closed"],
  idle: ["active", "closing", "closed"],
  closing: ["closed"],
  closed: [],
};

/** Whether an attempt to take a connection's bytes is refused at once. */
function assertInUse(attempt: () => unknown, what: string): void {
  assertEquals((assertThrows(attempt, SluiceError, what) as SluiceError).code, "ERR_IN_USE");
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
