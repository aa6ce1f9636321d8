/** Frames that are compressed one by one, on the compressors of the runtime. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { defaultAdapter, framed, FrameError, OptionError, UnsupportedError } from "../../mod.ts";
import { bytes, deflated, json, lengthPrefix, type Payload } from "../../src/framing/codecs/mod.ts";
import { memoryAdapter } from "../../src/testing/mod.ts";
import { world } from "../support/world.ts";
import { anyValue, VALUE_PAYLOADS } from "../fixtures/codec_tools.ts";
import { FakeConn } from "../fixtures/framing_tools.ts";

const adapter = await defaultAdapter();

/** All that a stream of the web makes of bytes. */
async function through(bytes: Uint8Array, stream: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const piped = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(stream);
  return new Uint8Array(await new Response(piped as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer());
}

/** A frame as another implementation makes it. */
function packed(length: number, stream: Uint8Array): Uint8Array {
  return Uint8Array.of(1, length >>> 24, length >>> 16 & 255, length >>> 8 & 255, length & 255, ...stream);
}

const raw = (options: { maxLength?: number; threshold?: number; level?: number } = {}): Payload<Uint8Array> =>
  deflated(bytes(), { adapter, ...options });

/** Text with as much in it as letters have. */
const text = new TextEncoder().encode(Array.from({ length: 500 }, (_, i) => `${i * i} and `).join(""));

describe("deflated()", () => {
  for (const [name, make] of VALUE_PAYLOADS) {
    it(`gives back what it was given: ${name}`, () => {
      const payload = deflated(make(), { adapter, threshold: 0, maxLength: 1 << 20 });
      fc.assert(
        fc.property(anyValue, fc.nat(200), (value, times) => {
          const values = Array.from({ length: times }, () => value);
          assertEquals(payload.decode(payload.encode(values)), values);
        }),
        { numRuns: 60 },
      );
    });
  }

  it("sends short payloads, and those that deflate makes no shorter, as they are behind a zero", () => {
    const noise = crypto.getRandomValues(new Uint8Array(4000));
    assertEquals(raw().encode(noise), Uint8Array.of(0, ...noise));
    assertEquals(raw().encode(text.subarray(0, 255)), Uint8Array.of(0, ...text.subarray(0, 255)));
    assertEquals(raw({ threshold: 10_000 }).encode(text).length, text.length + 1);
    assertLess(raw().encode(text).length, text.length / 2);
    assertEquals(raw().decode(raw().encode(new Uint8Array(0))), new Uint8Array(0));
  });

  it("makes streams that the web's DecompressionStream reads, and reads those of CompressionStream", async () => {
    const frame = raw().encode(text);
    assertEquals([frame[0], new DataView(frame.buffer).getUint32(1)], [1, text.length]);
    assertEquals(await through(frame.subarray(5), new DecompressionStream("deflate-raw")), text);
    const theirs = await through(text, new CompressionStream("deflate-raw"));
    assertEquals(raw().decode(packed(text.length, theirs)), text);
  });

  it("makes each frame of its own: one may be read without those before it", () => {
    const sender = raw();
    const frames = [text, text, text].map((each) => sender.encode(each));
    assertEquals(frames[0].length, frames[2].length);
    assertEquals(raw().decode(frames[2]), text);
  });

  it("refuses what inflates to more than maxLength before it is inflated, and what lies about it", async () => {
    const zeros = await through(new Uint8Array(10 << 20), new CompressionStream("deflate-raw"));
    assertLess(zeros.length, 20_000);
    const tooLong = assertThrows(() => raw().decode(packed(10 << 20, zeros)), FrameError, "longer than 65536");
    assertEquals((tooLong as FrameError).code, "ERR_FRAME_TOO_LONG");
    const liar = assertThrows(() => raw().decode(packed(1000, zeros)), FrameError, "more than the 1000 bytes");
    assertEquals((liar as FrameError).code, "ERR_FRAME_MALFORMED");
    // The next frame is another connection's.
    assertEquals(raw().decode(raw().encode(text)), text);
  });

  it("takes streams that are cut off, corrupt or unmarked for the peer's error", async () => {
    const stream = await through(text, new CompressionStream("deflate-raw"));
    const shared = raw();
    for (
      const frame of [
        packed(text.length, stream.subarray(0, stream.length / 2)),
        packed(text.length, Uint8Array.of(7, ...stream)),
        packed(text.length + 1, stream),
        Uint8Array.of(2, 1, 2, 3),
        Uint8Array.of(1, 0, 0),
        new Uint8Array(0),
      ]
    ) {
      const error = assertThrows(() => shared.decode(frame), FrameError);
      assertEquals((error as FrameError).code, "ERR_FRAME_MALFORMED");
      assertEquals(shared.decode(shared.encode(text)), text);
    }
    const long = new Uint8Array(70_000);
    assertThrows(() => shared.decode(long), FrameError, "longer than 65536");
    assertThrows(() => shared.encode(long), OptionError, "A payload of 70000 bytes is longer than 65536");
  });

  it("makes any bytes a value or a FrameError", () => {
    const shared = raw({ maxLength: 5000 });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(6000), (noise, length) => {
        for (const frame of [noise, packed(length, noise)]) {
          try {
            assert(shared.decode(frame).length <= 5000);
          } catch (error) {
            assert(error instanceof FrameError, String(error));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it("costs a peer that sends bombs its own connection, one frame of memory at a time", async () => {
    const bomb = raw({ maxLength: 60_000 }).encode(new Uint8Array(60_000));
    assertLess(bomb.length, 150);
    const conn = new FakeConn();
    let inflated = 0;
    const payload = raw({ maxLength: 60_000 });
    const counted = { encode: payload.encode, decode: (bytes: Uint8Array) => (inflated++, payload.decode(bytes)) };
    framed(conn, lengthPrefix(counted, { size: 1 }));
    conn.send(Array.from({ length: 400 }, () => [bomb.length, ...bomb]).flat());
    assertEquals(inflated, 0);

    await using w = await world(async (conn) => {
      const frames = framed(conn, lengthPrefix(deflated(json(), { adapter, maxLength: 1000 })));
      for await (const value of frames) await frames.send(value);
    });
    const [evil, good] = [await w.client(), await w.client()];
    evil.conn.write(Uint8Array.of(0, 0, 0, bomb.length, ...bomb));
    good.send('\0\0\0\x04\0"a"');
    await w.pass(50);
    assertEquals([evil.end, evil.text, good.end, good.text], ["fin", "", "open", '\0\0\0\x04\0"a"']);
    assertEquals(w.server.stats.peerErrors, 1);
  });

  it("needs compressors, a payload, and options that can be", () => {
    const memory = memoryAdapter();
    assertThrows(() => deflated(bytes(), { adapter: memory }), UnsupportedError, "leave deflated() out");
    assertThrows(() => deflated(bytes(), {} as never), OptionError, "adapter must be one, such as await");
    assertThrows(() => raw({ level: 10 }), OptionError, "level must be a whole number from 0 to 9, got 10");
    assertThrows(() => raw({ maxLength: 0 }), OptionError, "maxLength must be a whole number of at least 1, got 0");
    assertThrows(() => deflated(5 as never, { adapter }), OptionError, "payload must have encode()");
  });
});
