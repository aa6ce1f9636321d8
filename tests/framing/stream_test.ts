import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ConnResetError, FrameError, OptionError, SluiceError } from "../../src/errors.ts";
import {
  framed,
  frames,
  type FrameStream,
  type FrameStreamOptions,
  lengthPrefixCodec,
  lineDecoder,
  type LineOptions,
  lines,
} from "../../src/framing/mod.ts";
import { bytesOf, FakeConn, show } from "../fixtures/framing_tools.ts";

function open(options: LineOptions & FrameStreamOptions = {}): { conn: FakeConn; stream: FrameStream<string> } {
  const conn = new FakeConn();
  const { highWaterMark, goodbye, ...lineOptions } = options;
  const stream = frames(conn, lineDecoder(lineOptions), { highWaterMark, goodbye });
  assertEquals(conn.taken(), ["-busy -partial"]);
  return { conn, stream };
}

/** Lets everything run that is ready. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

/** A promise and the function that fulfils it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => open = resolve);
  return { opened, open };
}

describe("iteration", () => {
  it("gives every frame and ends with the peer's FIN", async () => {
    const { conn, stream } = open();
    conn.send("a\nb\nc");
    conn.consumer!.end();
    const got: string[] = [];
    for await (const line of stream) got.push(line);
    assertEquals(got, ["a", "b", "c"]);
    assertEquals(await stream.next(), { done: true, value: undefined });
    assertEquals(conn.taken(), ["+busy +partial", "+busy -partial", "-busy -partial", "release"]);
  });

  it("reports busy from a frame's arrival until its taker asks again and finds nothing", async () => {
    const { conn, stream } = open();
    const first = stream.next();
    assertEquals(conn.taken(), []);
    conn.send("a\nb\n");
    assertEquals(conn.taken(), ["+busy -partial"]);
    assertEquals((await first).value, "a");
    assertEquals((await stream.next()).value, "b");
    assertEquals(conn.taken(), []);
    const third = stream.next();
    assertEquals(conn.taken(), ["-busy -partial"]);
    conn.send("c");
    assertEquals(conn.taken(), ["-busy +partial"]);
    conn.send("d");
    assertEquals(conn.taken(), []);
    conn.send("\n");
    assertEquals(conn.taken(), ["+busy -partial"]);
    assertEquals((await third).value, "cd");
  });

  it("serves several pending calls in order", async () => {
    const { conn, stream } = open();
    const asked = [stream.next(), stream.next(), stream.next()];
    conn.send("a\nb\n");
    conn.consumer!.end();
    assertEquals((await Promise.all(asked)).map((result) => result.value), ["a", "b", undefined]);
  });

  it("delivers the frames before a broken one, then rejects, once", async () => {
    const { conn, stream } = open({ maxLength: 3 });
    conn.send("a\nb\ntoolong\n");
    conn.send("c\n");
    assertEquals([(await stream.next()).value, (await stream.next()).value], ["a", "b"]);
    const error = await assertRejects(() => stream.next(), FrameError);
    assertEquals(error.code, "ERR_FRAME_TOO_LONG");
    assertEquals(conn.taken(), ["+busy -partial", "release"]);
    assertEquals((await stream.next()).done, true);
  });

  it("rejects when the stream ends inside a frame", async () => {
    const { conn, stream } = open({ unterminated: "error" });
    const next = stream.next();
    conn.send("abc");
    conn.consumer!.end();
    assertEquals((await assertRejects(() => next, FrameError)).code, "ERR_FRAME_TRUNCATED");
  });

  it("doesn't take half a line for a line when it is we who close", async () => {
    const { conn, stream } = open();
    conn.send("whole\nhal");
    conn.state = "closing";
    conn.consumer!.end();
    assertEquals((await stream.next()).value, "whole");
    assertEquals((await stream.next()).done, true);
    assertEquals(conn.consumer!.afterFin!(bytesOf("f\nnew\n")), 1);
  });

  it("rejects with the connection's error, and runs no frame for a peer that is gone", async () => {
    const { conn, stream } = open();
    const error = new ConnResetError("reset");
    conn.send("a\nb\n");
    conn.end(error);
    assertStrictEquals(await assertRejects(() => stream.next()), error);
    assertEquals((await stream.next()).done, true);
  });

  it("ends when the connection closes well, pending call included", async () => {
    const { conn, stream } = open();
    const next = stream.next();
    conn.end();
    assertEquals((await next).done, true);
  });

  it("gets bytes that waited before it", async () => {
    const conn = new FakeConn();
    conn.waiting = bytesOf("a\nb");
    const stream = lines(conn);
    assertEquals(conn.taken(), ["+busy +partial"]);
    assertEquals((await stream.next()).value, "a");
  });
});

describe("return()", () => {
  it("gives back the bytes of frames not taken and of a partial one, exactly", async () => {
    const text = "STARTTLS\r\none\r\n\ntwo\nthr";
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(text.length)), fc.nat(4), async (places, count) => {
        const { conn, stream } = open();
        const ends = [...new Set([...places, text.length])].sort((a, b) => a - b);
        let taken = 0;
        ends.forEach((end, index) => conn.send(text.slice(index === 0 ? 0 : ends[index - 1], end)));
        while (taken < count) assert(!(await stream.next()).done, `frame ${taken++}`);
        await stream.return();
        const rest = ["STARTTLS\r\n", "one\r\n", "\n", "two\n", "thr"].slice(count).join("");
        assertEquals([show(conn.unread!), conn.consumer], [rest, null]);
      }),
      { numRuns: 200 },
    );
  });

  it("gives them back when taking and arriving are mixed", async () => {
    const { conn, stream } = open();
    conn.send("a");
    conn.send("b\nc\nd");
    assertEquals((await stream.next()).value, "ab");
    conn.send("e\nf");
    assertEquals((await stream.next()).value, "c");
    await stream.return();
    assertEquals(show(conn.unread!), "de\nf");
  });

  it("comes with a break out of the loop, and ends a pending next()", async () => {
    const { conn, stream } = open();
    conn.send("a\nb\n");
    for await (const _ of stream) break;
    assertEquals(show(conn.unread!), "b\n");
    assertEquals((await stream.next()).done, true);
    const other = open();
    const pending = other.stream.next();
    await other.stream.return();
    assertEquals((await pending).done, true);
    await other.stream.return();
    assertEquals(other.conn.taken(), ["release"]);
  });

  it("stops a forEach from inside its function", async () => {
    const { conn, stream } = open();
    const got: string[] = [];
    const done = stream.forEach((line) => {
      got.push(line);
      if (line === "STARTTLS") stream.return();
    });
    conn.send("a\nSTARTT");
    conn.send("LS\n\x16\x03\n");
    await done;
    assertEquals([got, show(conn.unread!)], [["a", "STARTTLS"], "\x16\x03\n"]);
  });

  it("resumes what was paused; an error gives the connection back with the broken frame", async () => {
    const { conn, stream } = open({ maxLength: 3, highWaterMark: 1 });
    conn.send("a\nb\n");
    assert(conn.paused && stream.paused);
    await stream.next();
    await stream.return();
    assertEquals([show(conn.unread!), conn.paused], ["b\n", false]);
    const other = open({ maxLength: 3 });
    other.conn.send("a\nto");
    other.conn.send("olong\nb\n");
    await other.stream.next();
    await assertRejects(() => other.stream.next(), FrameError);
    assertEquals(show(other.conn.unread!), "toolong\nb\n");
  });

  it("doesn't release a connection that is gone", async () => {
    const { conn, stream } = open();
    conn.end();
    await stream.return();
    assertEquals(conn.taken(), []);
  });
});

describe("backpressure", () => {
  it("pauses above the mark and resumes when the frames are taken", async () => {
    const { conn, stream } = open({ highWaterMark: 8 });
    conn.send("aaa\nbbb\n");
    assert(!conn.paused);
    conn.send("ccc\nddd\n");
    assert(conn.paused);
    assertEquals(conn.taken(), ["+busy -partial", "pause"]);
    for (const line of ["aaa", "bbb", "ccc"]) assertEquals((await stream.next()).value, line);
    assert(conn.paused);
    assertEquals((await stream.next()).value, "ddd");
    assertEquals(conn.taken(), ["resume"]);
    conn.send("eee\n");
    assertEquals((await stream.next()).value, "eee");
  });

  it("doesn't pause while frames are taken as they come", () => {
    const { conn, stream } = open({ highWaterMark: 8 });
    stream.forEach(() => {});
    for (let i = 0; i < 10; i++) conn.send("aaa\nbbb\nccc\nddd\n");
    assertEquals(conn.taken().filter((call) => !call.includes("busy")), []);
  });

  it("holds back behind a slow forEach", async () => {
    const { conn, stream } = open({ highWaterMark: 4 });
    const slow = gate();
    stream.forEach(() => slow.opened);
    conn.send("a\n");
    conn.send("bb\ncc\n");
    assert(conn.paused);
    slow.open();
    await settle();
    assert(!conn.paused);
    assertEquals(conn.taken(), ["+busy -partial", "pause", "resume", "-busy -partial"]);
  });

  it("refuses a mark that can't be used, and leaves the connection alone", () => {
    const conn = new FakeConn();
    assertEquals(assertThrows(() => lines(conn, { highWaterMark: -1 }), OptionError).option, "highWaterMark");
    assertEquals(conn.consumer, null);
  });
});

describe("forEach()", () => {
  it("calls a function straight from the callback, with two reports for a chunk", async () => {
    const { conn, stream } = open();
    const got: string[] = [];
    const done = stream.forEach((line) => {
      got.push(line);
    });
    conn.send("a\nb\nc\n");
    assertEquals(got, ["a", "b", "c"]);
    assertEquals(conn.taken(), ["+busy -partial", "-busy -partial"]);
    conn.send("d\ne");
    assertEquals(conn.taken(), ["+busy +partial", "-busy +partial"]);
    conn.consumer!.end();
    await done;
    assertEquals(got, ["a", "b", "c", "d", "e"]);
  });

  it("lets the next frame wait for a promise, busy all the while", async () => {
    const { conn, stream } = open();
    const gates = [gate(), gate()];
    const got: string[] = [];
    const done = stream.forEach((line) => {
      got.push(line);
      return gates[got.length - 1].opened;
    });
    conn.send("a\nb\n");
    conn.consumer!.end();
    await settle();
    assertEquals([got, conn.taken()], [["a"], ["+busy -partial"]]);
    gates[0].open();
    await settle();
    assertEquals([got, conn.taken()], [["a", "b"], []]);
    gates[1].open();
    await done;
    assertEquals(conn.taken(), ["-busy -partial", "release"]);
  });

  it("rejects with what the function throws or rejects with", async () => {
    for (const fail of [() => Promise.reject(new Error("mine")), () => assert(false, "mine")]) {
      const { conn, stream } = open();
      const done = stream.forEach(fail);
      conn.send("a\nb\n");
      await assertRejects(() => done, Error, "mine");
    }
  });

  it("rejects with a FrameError after the frames before it", async () => {
    const { conn, stream } = open({ maxLength: 1 });
    const got: string[] = [];
    const done = stream.forEach((line) => void got.push(line));
    conn.send("a\nbb\n");
    await assertRejects(() => done, FrameError);
    assertEquals(got, ["a"]);
  });

  it("waits for the function that runs when the connection is lost, and runs no other", async () => {
    const { conn, stream } = open();
    const slow = gate();
    let calls = 0;
    let settled = false;
    const done = stream.forEach(() => {
      calls++;
      return slow.opened;
    });
    done.catch(() => {}).then(() => settled = true);
    conn.send("a\nb\n");
    conn.end(new ConnResetError("reset"));
    await settle();
    assert(!settled);
    slow.open();
    await assertRejects(() => done, ConnResetError);
    assertEquals(calls, 1);
  });

  it("that nobody awaits doesn't turn a lost connection into an unhandled rejection", async () => {
    const { conn, stream } = open();
    stream.forEach(() => {});
    conn.end(new ConnResetError("reset"));
    // The runtime reports an unhandled rejection after this turn, as a failure of this test.
    await new Promise((resolve) => setTimeout(resolve, 1));
  });

  it("keeps the order when the function makes the peer answer at once", () => {
    const { conn, stream } = open();
    const got: string[] = [];
    stream.forEach((line) => {
      got.push(line);
      if (line === "a") conn.send("c\nd\n");
    });
    conn.send("a\nb\n");
    assertEquals(got, ["a", "b", "c", "d"]);
  });

  it("is refused while somebody else takes the frames", () => {
    const { stream } = open();
    stream.forEach(() => {});
    assertThrows(() => stream.forEach(() => {}), SluiceError);
    assertThrows(() => stream.next(), SluiceError);
  });
});

describe("batches()", () => {
  it("gives the frames of a chunk together", async () => {
    const { conn, stream } = open();
    const batches = stream.batches();
    const first = batches.next();
    conn.send("a\nb\n");
    conn.send("c\n");
    conn.send("d\ne");
    assertEquals((await first).value, ["a", "b"]);
    assertEquals((await batches.next()).value, ["c", "d"]);
    conn.consumer!.end();
    assertEquals((await batches.next()).value, ["e"]);
    assertEquals((await batches.next()).done, true);
  });

  it("gives the connection back with its rest", async () => {
    const { conn, stream } = open();
    conn.send("a\nb\nc");
    for await (const batch of stream.batches()) {
      assertEquals(batch, ["a", "b"]);
      break;
    }
    assertEquals(show(conn.unread!), "c");
  });
});

describe("the drain's questions", () => {
  it("late() counts messages that begin in a chunk, a partial one once", () => {
    const { conn } = open({ maxLength: 9 });
    const late = (text: string) => conn.consumer!.afterFin!(bytesOf(text));
    conn.send("be");
    assertEquals([late("fore\na\nb"), late("b"), late("b\nc\nd\n"), late("")], [2, 0, 2, 0]);
    assertEquals([late("too long, all of it"), late("more\n")], [1, 0]);
  });

  it("goodbye() is the option's, and the bytes held are told", async () => {
    const said = gate();
    const { conn } = open({ goodbye: () => said.opened });
    conn.send("abc");
    assertEquals(conn.consumer!.buffered, 3);
    const deferred = conn.consumer!.goodbye!();
    assert(deferred instanceof Promise);
    said.open();
    await deferred;
    assertEquals(open().conn.consumer!.goodbye, undefined);
  });
});

describe("framed()", () => {
  it("carries frames both ways", async () => {
    const conn = new FakeConn();
    const messages = framed(conn, lengthPrefixCodec({ size: 2 }));
    conn.send([0, 1, 97]);
    const { value } = await messages.next();
    await messages.send(value);
    assertEquals([...conn.written[0]], [0, 1, 97]);
    await messages.return();
    const text = lines(conn, { eol: "\r\n" });
    await text.send("ü");
    assertEquals(show(conn.written[1]), "\xc3\xbc\r\n");
    assertThrows(() => text.send("a\nb"), OptionError);
  });
});
