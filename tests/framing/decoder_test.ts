import { describe, it } from "node:test";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FrameError } from "../../src/errors.ts";
import {
  type Decoder,
  delimiterDecoder,
  fixedDecoder,
  lengthPrefixDecoder,
  lineDecoder,
} from "../../src/framing/mod.ts";
import { FRAMING_CASES, type FramingCase } from "../fixtures/framing_cases.ts";
import { bytesOf, cut, decodeAll, show, singles } from "../fixtures/framing_tools.ts";
import { worked } from "../support/lag.ts";

const RUNS = 60;

function expected(test: FramingCase): { frames: string[]; error: string | undefined } {
  return { frames: [...test.frames], error: test.error };
}

describe("every decoder finds the same frames", () => {
  for (const test of FRAMING_CASES) {
    const bytes = bytesOf(test.input);
    it(`whole: ${test.name}`, () => assertEquals(decodeAll(test.make(), [bytes]), expected(test)));
    it(`byte by byte: ${test.name}`, () => assertEquals(decodeAll(test.make(), singles(bytes)), expected(test)));
    it(`split anywhere: ${test.name}`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat()), (places) => {
          assertEquals(decodeAll(test.make(), cut(bytes, places)), expected(test));
        }),
        { numRuns: RUNS },
      );
    });
  }
});

describe("every decoder with trailing data", () => {
  for (const test of FRAMING_CASES.filter((test) => test.error === undefined)) {
    it(`holds it, tells how much, and measures the frames before it: ${test.name}`, () => {
      const bytes = bytesOf(test.input);
      const whole: (string | Uint8Array)[] = [];
      const decoder = test.make();
      decoder.decode(bytes, whole);
      const end = decoder.measure(bytes, whole.length);
      assertEquals(show(decoder.unread()), show(bytes.subarray(bytes.length - decoder.buffered)));
      assert(end + decoder.buffered <= bytes.length);
      for (let count = 0; count <= whole.length; count++) {
        const head = decodeWithoutEnd(test.make(), bytes.subarray(0, decoder.measure(bytes, count)));
        assertEquals(head, whole.slice(0, count).map(show));
      }
    });
  }
});

function decodeWithoutEnd(decoder: Decoder<string | Uint8Array>, bytes: Uint8Array): string[] {
  const out: (string | Uint8Array)[] = [];
  decoder.decode(bytes, out);
  assertEquals(decoder.buffered, 0);
  return out.map(show);
}

describe("random streams", () => {
  it("lines equal a split of the text, whatever the line length limit's path", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "ü", "€", "𝄞", "\r", "\n", " "), maxLength: 60 });
    fc.assert(
      fc.property(text, fc.array(fc.nat()), fc.constantFrom(300, 65_536), (text, places, maxLength) => {
        const lines = text.split("\n");
        if (lines.at(-1) === "") lines.pop();
        const frames = lines.map((line) => line.replace(/\r$/, ""));
        const got = decodeAll(lineDecoder({ maxLength }), cut(bytesOf(text), places));
        assertEquals(got, { frames, error: undefined });
      }),
      { numRuns: 300 },
    );
  });

  it("a line is refused exactly if its bytes exceed the limit", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "ü", "\r", "\n"), maxLength: 40 });
    fc.assert(
      fc.property(text, fc.array(fc.nat()), fc.integer({ min: 1, max: 6 }), (text, places, maxLength) => {
        const lines = text.split("\n");
        if (lines.at(-1) === "") lines.pop();
        const stripped = lines.map((line) => line.replace(/\r$/, ""));
        const bad = stripped.findIndex((line) => bytesOf(line).length > maxLength);
        const frames = bad === -1 ? stripped : stripped.slice(0, bad);
        const error = bad === -1 ? undefined : "ERR_FRAME_TOO_LONG";
        assertEquals(decodeAll(lineDecoder({ maxLength }), cut(bytesOf(text), places)), { frames, error });
        const bytes = decodeAll(lineDecoder({ maxLength, encoding: "bytes" }), cut(bytesOf(text), places));
        assertEquals(bytes.error, error);
        assertEquals(bytes.frames.length, frames.length);
      }),
      { numRuns: 500 },
    );
  });

  it("delimited frames equal a split of the text", () => {
    const unit = fc.constantFrom("a", "b");
    const delimiter = fc.string({ unit, minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 60 }), delimiter, fc.array(fc.nat()), (text, delimiter, places) => {
        const frames = text.split(delimiter);
        if (frames.at(-1) === "") frames.pop();
        const got = decodeAll(delimiterDecoder(delimiter), cut(bytesOf(text), places));
        assertEquals(got, { frames, error: undefined });
      }),
      { numRuns: 500 },
    );
  });

  it("any bytes at all give frames or a FrameError, the same for every split", () => {
    const makers: (() => Decoder<string | Uint8Array>)[] = [
      () => lineDecoder({ maxLength: 5, fatal: true }),
      () => lengthPrefixDecoder({ size: "varint", maxLength: 9 }),
      () => lengthPrefixDecoder({ size: 2, endian: "little", maxLength: 300 }),
      () => delimiterDecoder(Uint8Array.of(1, 1, 2), { maxLength: 4 }),
    ];
    const byte = fc.oneof(fc.constantFrom(0, 1, 2, 10, 13, 0x80, 0xc3), fc.nat(255));
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), fc.array(fc.nat()), (input, places) => {
        const bytes = bytesOf(input);
        for (const make of makers) assertEquals(decodeAll(make(), cut(bytes, places)), decodeAll(make(), [bytes]));
      }),
      { numRuns: 500 },
    );
  });
});

describe("a decoder", () => {
  const makers: [string, () => Decoder<unknown>, number[]][] = [
    ["lines", () => lineDecoder({ maxLength: 1 }), [97, 97]],
    ["delimited frames", () => delimiterDecoder("\n", { maxLength: 1 }), [97, 97]],
    ["prefixed frames", () => lengthPrefixDecoder({ size: 1, maxLength: 1 }), [2]],
  ];
  for (const [name, make, bad] of makers) {
    it(`of ${name} is dead after an error, says so, and holds nothing`, () => {
      const decoder = make();
      const first = assertThrows(() => decoder.decode(bytesOf(bad), []), FrameError);
      assertEquals(first.code, "ERR_FRAME_TOO_LONG");
      const second = assertThrows(() => decoder.decode(bytesOf("\n"), []), FrameError);
      assertEquals(second.code, "ERR_FRAME_DEAD");
      assertStrictEquals(second.cause, first);
      assertThrows(() => decoder.finish([]), FrameError);
      assertEquals([decoder.buffered, decoder.unread().length], [0, 0]);
    });
  }

  it("gives views of the chunk for frames that lie wholly within it", () => {
    const makers: [Decoder<Uint8Array>, string][] = [
      [lineDecoder({ encoding: "bytes" }), "ab\r\ncd\n"],
      [delimiterDecoder("--"), "ab--cd--"],
      [lengthPrefixDecoder({ size: 1 }), "\x02ab\x02cd"],
      [fixedDecoder(2), "abcd"],
    ];
    for (const [decoder, input] of makers) {
      const chunk = bytesOf(input);
      const out: Uint8Array[] = [];
      decoder.decode(chunk, out);
      assertEquals(out.map(show), ["ab", "cd"]);
      for (const frame of out) assertStrictEquals(frame.buffer, chunk.buffer);
    }
  });

  it("never changes bytes it has given out", () => {
    const decoder = fixedDecoder(3);
    const out: Uint8Array[] = [];
    decoder.decode(bytesOf("a"), out);
    const held = decoder.unread();
    for (const text of ["bcd", "efg", "hij"]) decoder.decode(bytesOf(text), out);
    assertEquals([show(held), ...out.map(show)], ["a", "abc", "def", "ghi"]);
  });

  it("refuses a declared length before the memory for it exists", () => {
    const decoder = lengthPrefixDecoder({ size: 4, maxLength: 2 ** 31 });
    decoder.decode(bytesOf([0x7f, 0xff, 0xff, 0xff, 1]), []);
    assert(decoder.unread().buffer.byteLength < 1024);
    assertThrows(() => lengthPrefixDecoder().decode(bytesOf([0, 1, 0, 1]), []), FrameError, "65537");
  });

  it("takes a megabyte byte by byte in linear time", () => {
    const size = 1 << 20;
    const makers: (() => Decoder<unknown>)[] = [
      () => lineDecoder({ maxLength: size }),
      () => delimiterDecoder("xxy", { maxLength: size }),
      () => lengthPrefixDecoder({ size: 4, maxLength: size }),
      () => fixedDecoder(size),
    ];
    const start = worked();
    for (const make of makers) {
      const decoder = make();
      const zero = new Uint8Array(1);
      decoder.decode(bytesOf([0, 15, 255, 255]), []);
      for (let i = 4; i < size - 1; i++) decoder.decode(zero, []);
      assertEquals(decoder.buffered, size - 1);
    }
    // Quadratic copying would move half a terabyte for each.
    assert(worked() - start < 10_000);
  });
});
