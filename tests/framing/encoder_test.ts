import { describe, it } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { FrameError, OptionError } from "../../src/errors.ts";
import {
  type Codec,
  delimiterCodec,
  delimiterDecoder,
  delimiterEncoder,
  fixedCodec,
  fixedDecoder,
  fixedEncoder,
  lengthPrefixCodec,
  lengthPrefixDecoder,
  lengthPrefixEncoder,
  lineCodec,
  lineDecoder,
  lineEncoder,
  Utf8Decoder,
} from "../../src/framing/mod.ts";
import { bytesOf, cut, decodeAll, show } from "../fixtures/framing_tools.ts";

type ByteCodec = () => Codec<Uint8Array, Uint8Array | string>;

describe("what an encoder writes", () => {
  const prefixes = [1, 2, 4, 8, "varint"] as const;
  const prefixed = prefixes.flatMap((size) =>
    (["big", "little"] as const).map((endian): [string, ByteCodec] => [
      `${endian}-endian length of ${size}`,
      () => lengthPrefixCodec({ size, endian }),
    ])
  );
  const codecs: [string, ByteCodec][] = [
    ...prefixed,
    ["delimiter", () => delimiterCodec("\x07\x07")],
    ["LF", () => ({ decoder: lineDecoder({ encoding: "bytes" }), encoder: lineEncoder() })],
    ["CRLF", () => ({ decoder: lineDecoder({ encoding: "bytes" }), encoder: lineEncoder({ eol: "\r\n" }) })],
  ];
  const payload = fc.uint8Array({ maxLength: 255 }).map((bytes) => bytes.filter((b) => b > 13));

  for (const [name, make] of codecs) {
    it(`is what its decoder reads, however split: ${name}`, () => {
      fc.assert(
        fc.property(fc.array(payload, { maxLength: 5 }), fc.array(fc.nat()), (frames, places) => {
          const { decoder, encoder } = make();
          const bytes = frames.flatMap((frame) => [...encoder.encode(frame)]);
          assertEquals(decodeAll(decoder, cut(bytesOf(bytes), places)), { frames: frames.map(show), error: undefined });
        }),
        { numRuns: 60 },
      );
    });
  }

  it("is exact on the wire", () => {
    const long = "x".repeat(300);
    assertEquals([...lengthPrefixEncoder({ size: 2 }).encode("ab")], [0, 2, 97, 98]);
    assertEquals([...lengthPrefixEncoder({ size: 8, endian: "little" }).encode("a")], [1, 0, 0, 0, 0, 0, 0, 0, 97]);
    assertEquals([...lengthPrefixEncoder({ size: "varint" }).encode(long).subarray(0, 3)], [0xac, 2, 120]);
    assertEquals([...lengthPrefixEncoder({ size: 2 }).encode(long).subarray(0, 3)], [1, 44, 120]);
    assertEquals(show(lineEncoder({ eol: "\r\n" }).encode("€")), "\xe2\x82\xac\r\n");
    assertEquals(lineEncoder({ eol: "\r\n" }).encodeText!("€"), "€\r\n");
    // One CR alone is stripped by the peer.
    assertEquals(lineEncoder({ eol: "\r\n" }).encodeText!("a\r"), "a\r\r\n");
    assertEquals(lineEncoder().encodeText!(bytesOf("bytes")), null);
    assertEquals(show(fixedCodec(2).encoder.encode("ab")), "ab");
    assertEquals(decodeAll(lineCodec().decoder, [lineCodec().encoder.encode("€")]).frames, ["€"]);
  });

  it("is refused where the peer would read something else", () => {
    const refusals: (() => unknown)[] = [
      () => lineEncoder().encode("a\nb"),
      // The CR would be taken for a part of what ends the line.
      () => lineEncoder().encode("a\r"),
      () => lineEncoder().encode(bytesOf("\r")),
      () => lineEncoder().encodeText!("a\r"),
      () => lineCodec().encoder.encodeText!("\r"),
      () => lineEncoder().encode(bytesOf("a\nb")),
      () => lineEncoder().encodeText!("a\nb"),
      () => delimiterEncoder("--").encode("a--b"),
      () => delimiterEncoder("--").encode("a-"),
      () => lengthPrefixEncoder({ size: 1 }).encode("x".repeat(256)),
      () => lengthPrefixEncoder({ maxLength: 3 }).encode("abcd"),
      () => fixedEncoder(3).encode("ab"),
    ];
    for (const refusal of refusals) assertEquals(assertThrows(refusal, OptionError).option, "frame");
  });
});

describe("options that can't be used", () => {
  const bad: [string, () => unknown][] = [
    ["maxLength", () => lineDecoder({ maxLength: 0 })],
    ["maxLength", () => lineDecoder({ maxLength: NaN, encoding: "bytes" })],
    ["maxLength", () => delimiterDecoder("x", { maxLength: 1.5 })],
    ["maxLength", () => lengthPrefixDecoder({ maxLength: -1 })],
    ["maxLength", () => lengthPrefixDecoder({ maxLength: 2 ** 53 })],
    ["encoding", () => lineDecoder({ encoding: "latin1" as "utf-8" })],
    ["unterminated", () => lineDecoder({ unterminated: "maybe" as "drop" })],
    ["eol", () => lineEncoder({ eol: "\r" as "\n" })],
    ["delimiter", () => delimiterDecoder("")],
    ["delimiter", () => delimiterEncoder(new Uint8Array(0))],
    ["size", () => lengthPrefixDecoder({ size: 3 as 4 })],
    ["endian", () => lengthPrefixEncoder({ endian: "middle" as "big" })],
    ["size", () => fixedDecoder(0)],
    ["size", () => fixedEncoder(undefined as unknown as number)],
  ];
  for (const [option, make] of bad) {
    it(`are refused by name: ${make.toString().slice(6)}`, () => {
      assertEquals(assertThrows(make, OptionError).option, option);
    });
  }
});

describe("Utf8Decoder", () => {
  it("never splits a code point", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.array(fc.nat()), (text, places) => {
        const utf8 = new Utf8Decoder({ fatal: true });
        const parts = cut(bytesOf(text), places).map((chunk) => utf8.decode(chunk));
        assertEquals(parts.join("") + utf8.finish(), text);
      }),
      { numRuns: 300 },
    );
  });

  it("replaces invalid bytes as a decoder of the whole does", () => {
    const whole = new TextDecoder("utf-8", { ignoreBOM: true });
    const byte = fc.constantFrom(0x41, 0x80, 0xbf, 0xc3, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xff, 0xed, 0xa0);
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 12 }), fc.array(fc.nat()), (input, places) => {
        const utf8 = new Utf8Decoder();
        const parts = cut(bytesOf(input), places).map((chunk) => utf8.decode(chunk));
        assertEquals(parts.join("") + utf8.finish(), whole.decode(bytesOf(input)));
      }),
      { numRuns: 1000 },
    );
  });

  it("refuses a stream that ends inside a code point, with fatal", () => {
    const utf8 = new Utf8Decoder({ fatal: true });
    assertEquals(utf8.decode(bytesOf([0x61, 0xe2, 0x82])), "a");
    assertEquals(assertThrows(() => utf8.finish(), FrameError).code, "ERR_FRAME_MALFORMED");
  });
});
