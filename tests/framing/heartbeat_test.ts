import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { ConnClosedError, DeadlineError, OptionError } from "../../src/errors.ts";
import { type Framed, heartbeat, type HeartbeatOptions, lines } from "../../src/framing/mod.ts";
import { VirtualClock } from "../../src/testing/clock.ts";
import { FakeConn, show } from "../fixtures/framing_tools.ts";

type Lines = Framed<string, Uint8Array | string, FakeConn>;

function setUp(options: Partial<HeartbeatOptions<Uint8Array | string>> = {}) {
  const conn = new FakeConn();
  const clock = new VirtualClock();
  const text: Lines = lines(conn, { highWaterMark: 4 });
  const beat = heartbeat(text, { ping: "PING", interval: 100, clock, ...options });
  conn.taken();
  return { conn, clock, text, beat };
}

describe("heartbeat()", () => {
  it("sends a ping every interval, and aborts after the misses with nothing left behind", async () => {
    const { conn, clock, beat } = setUp({ misses: 2 });
    await clock.advance(99);
    assertEquals(conn.written.length, 0);
    await clock.advance(1);
    assertEquals(conn.written.map(show), ["PING\n"]);
    await clock.advance(100);
    assertEquals([conn.written.length, beat.missed], [2, 1]);
    assertEquals(conn.taken(), []);
    await clock.advance(100);
    assertEquals([conn.written.length, beat.missed], [2, 2]);
    assertEquals(conn.taken(), ["abort"]);
    assertInstanceOf(conn.aborted, DeadlineError);
    assertEquals(clock.pending, 0);
  });

  it("closes with a FIN if asked", async () => {
    const { conn, clock } = setUp({ misses: 1, onDead: "close" });
    await clock.advance(200);
    assertEquals(conn.taken(), ["close"]);
  });

  it("takes any inbound byte for life", async () => {
    const { conn, clock, text, beat } = setUp({ misses: 2 });
    text.forEach(() => {});
    for (let i = 0; i < 10; i++) {
      await clock.advance(150);
      conn.send("x");
      assert(beat.missed < 2);
    }
    assertEquals(conn.aborted, undefined);
    await clock.advance(400);
    assertInstanceOf(conn.aborted, DeadlineError);
  });

  it("doesn't count a silence of our own making", async () => {
    const { conn, clock, text, beat } = setUp({ misses: 2 });
    conn.send("aaa\nbbb\n");
    assert(text.paused);
    await clock.advance(1000);
    assertEquals([beat.missed, conn.aborted], [0, undefined]);
    text.forEach(() => {});
    await clock.advance(300);
    assertInstanceOf(conn.aborted, DeadlineError);
  });

  it("ends with stop(), and with the connection", async () => {
    const stopped = setUp();
    stopped.beat.stop();
    stopped.beat.stop();
    const closed = setUp();
    closed.conn.end();
    for (const { clock, conn } of [stopped, closed]) {
      await clock.advance(1000);
      assertEquals([clock.pending, conn.written.length], [0, 0]);
    }
  });

  it("makes each ping anew from a function", async () => {
    let count = 0;
    const { conn, clock } = setUp({ ping: () => `PING ${++count}` });
    await clock.advance(200);
    assertEquals(conn.written.map(show), ["PING 1\n", "PING 2\n"]);
  });

  it("sends no second ping behind one that is stuck", async () => {
    const { conn, clock } = setUp({ misses: 5 });
    let writes = 0;
    conn.write = () => {
      writes++;
      return new Promise(() => {});
    };
    await clock.advance(400);
    assertEquals(writes, 1);
  });

  it("ends quietly when the write side is closed", async () => {
    const { conn, clock } = setUp();
    conn.writeError = new ConnClosedError("closed");
    await clock.advance(1000);
    assertEquals([conn.taken(), clock.pending], [[], 0]);
  });

  it("costs its own connection when the ping fails, thrown or rejected", async () => {
    const rejected = setUp();
    rejected.conn.writeError = new Error("mine");
    const thrown = setUp({ ping: "a\nb" });
    for (const { conn, clock } of [rejected, thrown]) {
      await clock.advance(100);
      assertEquals([conn.taken(), clock.pending], [["abort"], 0]);
    }
  });

  it("refuses options by name", () => {
    for (const interval of [0, -1, NaN, Infinity, 2 ** 31]) {
      assertEquals(assertThrows(() => setUp({ interval }), OptionError).option, "interval");
    }
    assertEquals(assertThrows(() => setUp({ misses: 0 }), OptionError).option, "misses");
    assertEquals(assertThrows(() => setUp({ onDead: "cry" as "close" }), OptionError).option, "onDead");
  });
});
