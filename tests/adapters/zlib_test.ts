import process from "node:process";
import { constants, createInflateRaw } from "node:zlib";
import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Zlib } from "../../adapters/shared/zlib/mod.ts";
import { Output } from "../../adapters/shared/zlib/native.ts";
import { MIN_CHUNK, ZlibStream } from "../../adapters/shared/zlib/stream.ts";
import { deflateRules } from "./conformance/deflate.ts";
import { noise, records } from "../fixtures/deflate_messages.ts";

const BEST = { windowBits: 15, level: 6, memLevel: 8 };

describe("zlib through public functions only", () => {
  deflateRules((name, body) => it(name, async () => await body(new Zlib(true))));
});

describe("zlib's output", () => {
  /** Fills whatever it is given. */
  class Flood {
    given = 0;

    step(_input: Uint8Array, _from: number, output: Uint8Array, at: number): readonly [number, number] {
      this.given += output.length - at;
      return [0, output.length];
    }
  }

  it("takes no memory beyond the shared place and the limit", () => {
    for (const limit of [1, 1000, 1001, 5000, 100_000]) {
      const flood = new Flood();
      const output = new Output(new Uint8Array(1000), limit);
      assertThrows(() => output.fill(flood, new Uint8Array(1), 0), RangeError);
      assertEquals(flood.given, Math.max(1000, limit + 1));
    }
  });
});

describe("zlib of this runtime", () => {
  it("keeps the context from message to message: its streams are as they were when this was written", () => {
    const [out, plain] = [new Zlib().deflater(BEST), new Zlib(true).deflater(BEST)];
    const message = noise(1000, 1);
    assertEquals([out, plain].map((deflater) => deflater.push(message).length > 1000), [true, true]);
    assertEquals([out, plain].map((deflater) => deflater.push(message).length > 100), [false, true]);
    out.close();
  });

  it("gives way to public functions where its streams are made differently", () => {
    const [handle, state] = [{ writeSync() {}, reset() {}, close() {} }, new Uint32Array(2)];
    new ZlibStream({ _handle: handle, _writeState: state });
    const others = [{}, { _handle: {}, _writeState: state }, { _handle: handle }, { _writeState: state }];
    for (const stream of others) {
      assertThrows(() => new ZlibStream(stream));
    }
  });

  it("throws after close(), and for what is not bytes, where Node would end the process", () => {
    const stream = new ZlibStream(createInflateRaw({ chunkSize: MIN_CHUNK }));
    const output = new Uint8Array(10);
    assertThrows(() => stream.step("text" as unknown as Uint8Array, 0, output, 0), TypeError);
    assertEquals(stream.step(Uint8Array.of(0x03, 0x00), 0, output, 0), [2, 0]);
    stream.close();
    stream.close();
    stream.reset();
    assertThrows(() => stream.step(Uint8Array.of(0x03, 0x00), 0, output, 0), TypeError);
    assertEquals(constants.Z_SYNC_FLUSH, 2);
  });

  it("takes memory for one context, however many reset after each message", () => {
    const zlib = new Zlib();
    const before = process.memoryUsage().rss;
    const message = records(50_000, 1);
    const pairs = Array.from({ length: 500 }, () => [zlib.deflater(BEST), zlib.inflater({ windowBits: 15 })] as const);
    for (const [out, into] of pairs) {
      into.push(out.push(message), message.length);
      out.reset();
      into.reset();
    }
    const grown = process.memoryUsage().rss - before;
    // 500 contexts of each kind would take 125 MB and more.
    assert(grown < 64 * 1024 * 1024, `${grown}`);
  });
});
