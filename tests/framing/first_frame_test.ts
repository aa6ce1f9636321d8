/** How long a peer may take for its first frame. */
import { describe, it } from "node:test";
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type Clock,
  type Conn,
  DeadlineError,
  framed,
  frames,
  lengthPrefixCodec,
  lineDecoder,
  lines,
  OptionError,
  serve,
  silentLogger,
} from "../../mod.ts";
import { FakeConn } from "../fixtures/framing_tools.ts";
import { type Client, World, world, type WorldOptions } from "../support/world.ts";

const LIMIT = 1000;

/** A server of lines that wants the first one in time, and how its handlers have ended. */
async function strict(options: WorldOptions = {}): Promise<{ w: World; ends: unknown[] }> {
  const ends: unknown[] = [];
  const w = await world(async (conn) => {
    const text = lines(conn, { firstFrameTimeout: LIMIT });
    try {
      for await (const line of text) await text.send(`echo: ${line}`);
      ends.push(null);
    } catch (error) {
      ends.push(error);
      throw error;
    }
  }, options);
  return { w, ends };
}

function ended({ text, end }: Client): unknown[] {
  return [text, end];
}

describe("firstFrameTimeout", () => {
  it("drops who says nothing, and who sends half a frame for ever, and tells the handler", async () => {
    const { w, ends } = await strict();
    await using _ = w;
    const [silent, half, drips] = [await w.client(), await w.client(), await w.client()];
    half.send("hel");
    for (let i = 0; i < 9; i++) {
      drips.send("x");
      await w.pass(100);
    }
    assertEquals([silent.end, half.end, drips.end], ["open", "open", "open"]);
    await w.pass(150);
    assertEquals([silent.end, half.end, drips.end], ["reset", "reset", "reset"]);
    assertEquals(ends.map((error) => [error instanceof DeadlineError, (error as Error).message]), [
      [true, "The peer sent no whole message within 1000 ms"],
      [true, "The peer sent no whole message within 1000 ms"],
      [true, "The peer sent no whole message within 1000 ms"],
    ]);
  });

  it("is for the first frame only: silence and halves behind it are for other limits", async () => {
    const { w } = await strict();
    await using _ = w;
    const client = await w.client();
    client.send("a\nb");
    await w.pass(60 * LIMIT);
    client.send("c\n");
    await w.pass(10);
    assertEquals(ended(client), ["echo: a\necho: bc\n", "open"]);
  });

  it("is kept by a frame that is here and that nobody has taken yet", async () => {
    await using w = await world(async (conn) => {
      const text = lines(conn, { firstFrameTimeout: LIMIT });
      await new Promise<void>((resolve) => void w.clock.setTimer(resolve, 3 * LIMIT));
      for await (const line of text) await text.send(`late: ${line}`);
    });
    const client = await w.client();
    client.send("a\n");
    await w.pass(4 * LIMIT);
    assertEquals(ended(client), ["late: a\n", "open"]);
  });

  it("cuts no answer to a peer that has finished without a frame", async () => {
    await using w = await world(async (conn) => {
      const text = lines(conn, { firstFrameTimeout: LIMIT });
      await new Promise<void>((resolve) => void w.clock.setTimer(resolve, 3 * LIMIT));
      for await (const _ of text);
      await conn.write("the news of today\n");
    });
    const client = await w.client();
    await client.conn.closeWrite();
    await w.pass(4 * LIMIT);
    assertEquals(ended(client), ["the news of today\n", "fin"]);
  });

  it("ends with the stream that it is for, and begins with the next", async () => {
    const given: Conn[] = [];
    await using w = await world(async (conn) => {
      given.push(conn);
      await frames(conn, lineDecoder(), { firstFrameTimeout: LIMIT }).return();
      await new Promise<void>((resolve) => void w.clock.setTimer(resolve, 2 * LIMIT));
      const messages = framed(conn, lengthPrefixCodec({ size: 1 }), { firstFrameTimeout: LIMIT });
      for await (const message of messages) await messages.send(message);
    });
    const client = await w.client();
    await w.pass(2 * LIMIT + 900);
    assertEquals([given[0].state, client.end], ["new", "open"]);
    await w.pass(200);
    assertEquals([given[0].state, client.end], ["closed", "reset"]);
  });

  it("leaves a silent peer to a drain that says goodbye to it", async () => {
    const { w } = await strict({ goodbye: (conn) => conn.write("bye\n"), idleGrace: 300, quiet: 250, grace: 5000 });
    await using _ = w;
    const client = await w.client({ stubborn: true });
    await w.pass(500);
    const report = w.server.shutdown();
    await w.pass(LIMIT);
    client.conn.abort();
    await w.until(report);
    assertEquals([ended(client), (await report).cut], [["bye\n", "fin"], []]);
  });

  it("drops nobody whose frame waits unread behind a timer that comes late", async () => {
    await using w = new World();
    let thaw: (() => void) | null = null;
    let frozen = 0;
    const clock: Clock = {
      now: () => w.clock.now() + frozen,
      soon: (fn) => w.clock.soon(fn),
      setTimer: (fn, delay) =>
        w.clock.setTimer(() => {
          thaw?.();
          thaw = null;
          fn();
        }, delay),
    };
    w.server = await serve({ adapter: w.adapter, clock, logger: silentLogger, keepAlive: 0 }, async (conn) => {
      const text = lines(conn, { firstFrameTimeout: LIMIT });
      for await (const line of text) await text.send(`echo: ${line}`);
    });
    const [client, silent] = [await w.client(), await w.client()];
    await w.pass(LIMIT / 2);
    thaw = () => {
      frozen = 5 * LIMIT;
      client.send("here since long\n");
    };
    await w.pass(LIMIT);
    assertEquals([ended(client), ended(silent)], [["echo: here since long\n", "open"], ["", "reset"]]);
  });

  it("is checked before the connection is taken", () => {
    const conn = new FakeConn();
    for (const wrong of [-1, NaN, "1000"]) {
      assertThrows(() => lines(conn, { firstFrameTimeout: wrong as number }), OptionError, "firstFrameTimeout");
    }
    assertEquals(conn.consumer, null);
  });
});

describe("readTimeout", () => {
  it("is for halves of later frames, as the manual says", async () => {
    const { w, ends } = await strict({ readTimeout: 500 });
    await using _ = w;
    const client = await w.client();
    client.send("a\n");
    await w.pass(60 * LIMIT);
    client.send("half");
    await w.pass(600);
    assertEquals(ended(client), ["echo: a\n", "reset"]);
    assertStringIncludes((ends[0] as Error).message, "did not finish its message");
  });
});
