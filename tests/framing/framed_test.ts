/** What a handler has of a framed connection: the connection that it gave, and a goodbye that says something on it. */
import { describe, it } from "node:test";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  type Conn,
  type Framed,
  framed,
  frames,
  type FrameStream,
  type FrameStreamOptions,
  lengthPrefixCodec,
  lineDecoder,
  lines,
  OptionError,
} from "../../mod.ts";
import { FakeConn } from "../fixtures/framing_tools.ts";
import { world } from "../support/world.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles only for `true`. */
function holds<_T extends true>(): void {}

describe("the connection of a framed stream", () => {
  it("is the one that was given, with all that it can", async () => {
    const seen: unknown[] = [];
    await using w = await world(async (conn) => {
      const messages = framed(conn, lengthPrefixCodec({ size: 1 }));
      holds<Same<typeof messages.conn, Conn>>();
      seen.push(messages.conn === conn, messages.conn.id, messages.conn.isDrained);
      await serveSlowly(messages, new Promise((resolve) => void w.clock.setTimer(resolve, 3000)));
    });
    const client = await w.client();
    client.send("\x01a\x01b");
    await w.pass(10);
    const report = w.server.shutdown();
    await w.until(report);
    assertEquals([seen, client.text, client.end], [[true, 1, false], "\x01A\x01B", "fin"]);
    assertEquals((await report).cut, []);
  });

  it("has the type of what was given, where that is less than a connection", () => {
    const conn = new FakeConn();
    const text = lines(conn);
    holds<Same<typeof text.conn, FakeConn>>();
    assertStrictEquals(text.conn, conn);
    // @ts-expect-error what was given can't be held
    assertEquals(text.conn.waitUntil, undefined);
  });
});

/** Answers each message later, reading on meanwhile: all that it has is the framed stream. */
async function serveSlowly(messages: Framed<Uint8Array, Uint8Array | string>, later: Promise<void>): Promise<void> {
  for await (const message of messages) {
    const text = new TextDecoder().decode(message).toUpperCase();
    messages.conn.waitUntil(later.then(() => messages.send(text)));
  }
}

describe("goodbye", () => {
  it("is given the stream, so that it says something without a name for it", async () => {
    await using w = await world(async (conn) => {
      const messages = framed(conn, lengthPrefixCodec({ size: 1 }), { goodbye: (stream) => stream.send("bye") });
      holds<Same<typeof messages, Framed<Uint8Array, Uint8Array | string>>>();
      for await (const message of messages) await messages.send(message);
    });
    const client = await w.client();
    client.send("\x02hi");
    await w.pass(10);
    await w.until(w.server.shutdown());
    assertEquals([client.text, client.end], ["\x02hi\x03bye", "fin"]);
  });

  it("is given that of lines() and of frames() as well", async () => {
    const conns = [new FakeConn(), new FakeConn()];
    const given: unknown[] = [];
    const text = lines(conns[0], { goodbye: (stream) => void given.push(stream, stream.send("bye")) });
    const stream = frames(conns[1], lineDecoder(), {
      goodbye: (stream) => {
        holds<Same<typeof stream, FrameStream<string>>>();
        given.push(stream);
      },
    });
    for (const conn of conns) await conn.consumer!.goodbye!();
    assertEquals(given.filter((value) => !(value instanceof Promise)), [text, stream]);
    assertEquals(conns[0].written.length, 1);
  });

  it("may be one that needs no stream, for any of them", () => {
    const options: FrameStreamOptions = { goodbye: () => {} };
    for (const make of [lines, frames, framed]) {
      const conn = new FakeConn();
      if (make === lines) lines(conn, options);
      else if (make === frames) frames(conn, lineDecoder(), options);
      else framed(conn, lengthPrefixCodec(), options);
      assertEquals(typeof conn.consumer!.goodbye, "function");
    }
  });

  it("is refused before the connection is taken if it is no function", () => {
    const conn = new FakeConn();
    assertThrows(() => lines(conn, { goodbye: "bye" as never }), OptionError, 'goodbye must be a function, got "bye"');
    assertEquals(conn.consumer, null);
  });
});
