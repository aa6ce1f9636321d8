/** Values in frames: what goes in comes out however the bytes are split, and what can't is told to whose fault it is. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { sizeDelimitedDecodeStream, sizeDelimitedEncode } from "@bufbuild/protobuf/wire";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { endOfTurn } from "../../src/clock.ts";
import { type Codec, delimiterCodec, framed, FrameError, OptionError } from "../../mod.ts";
import {
  bytes,
  json,
  jsonLines,
  lengthPrefix,
  msgpack,
  type Payload,
  payloadCodec,
  protobuf,
} from "../../src/framing/codecs/mod.ts";
import { anyValue, callMessage, calls, decode, encode, VALUE_PAYLOADS } from "../fixtures/codec_tools.ts";
import { bytesOf, cut, FakeConn } from "../fixtures/framing_tools.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;

/** Compiles only for `true`. */
function holds<_T extends true>(): void {}

/** What a codec makes of chunks: values, and the code of the error behind them. */
function decoded<T>(
  codec: Pick<Codec<T>, "decoder">,
  chunks: readonly Uint8Array[],
): { values: T[]; error: string | undefined } {
  const values: T[] = [];
  try {
    for (const chunk of chunks) codec.decoder.decode(chunk.slice(), values);
    codec.decoder.finish(values);
    return { values, error: undefined };
  } catch (error) {
    if (!(error instanceof FrameError)) throw error;
    return { values, error: error.code };
  }
}

/** The bytes of all values, one behind the other. */
function encoded<T>(codec: Codec<unknown, T>, values: readonly T[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [...codec.encoder.encode(value)]));
}

const places = fc.array(fc.nat());

const CODECS: readonly (readonly [name: string, make: () => Codec<unknown>])[] = [
  ...VALUE_PAYLOADS.map(([name, make]) =>
    [`${name} behind its length`, () => lengthPrefix(make(), { size: "varint", maxLength: 1 << 20 })] as const
  ),
  ["json up to a zero byte", () => payloadCodec(delimiterCodec("\0", { maxLength: 1 << 20 }), json())],
  ["json lines", () => jsonLines({ maxLength: 1 << 20 })],
];

describe("every codec", () => {
  for (const [name, make] of CODECS) {
    it(`gives back what it was given, however the bytes are split: ${name}`, () => {
      fc.assert(
        fc.property(fc.array(anyValue, { maxLength: 5 }), places, (values, places) => {
          const got = decoded(make(), cut(encoded(make(), values), places));
          assertEquals(got, { values, error: undefined });
        }),
        { numRuns: 150 },
      );
    });

    it(`makes values or a FrameError of any bytes, the same for every split: ${name}`, () => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 80 }), places, (bytes, places) => {
          const whole = decoded(make(), [bytes]);
          assertEquals(decoded(make(), cut(bytes, places)), whole);
        }),
        { numRuns: 300 },
      );
    });
  }

  it("gives back messages of a protobuf schema, however the bytes are split", () => {
    const message = fc.record({ kind: fc.string(), id: fc.double({ noNaN: true }), value: fc.string() });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), places, (fields, places) => {
        const messages = fields.map((each) => callMessage(each));
        const got = decoded(lengthPrefix(calls()), cut(encoded(lengthPrefix(calls()), messages), places));
        assertEquals(got, { values: messages, error: undefined });
      }),
      { numRuns: 100 },
    );
  });
});

describe("protobuf()", () => {
  it("has the type of its schema's messages", () => {
    const payload = protobuf(TimestampSchema, { fromBinary, toBinary });
    holds<Same<typeof payload, Payload<Timestamp>>>();
    assertEquals(payload.decode(payload.encode(create(TimestampSchema, { seconds: 5n }))).seconds, 5n);
  });

  it("behind a varint is what the library calls size-delimited", async () => {
    const codec = lengthPrefix(protobuf(TimestampSchema, { fromBinary, toBinary }), { size: "varint" });
    const messages = [1n, 2n ** 40n, 0n].map((seconds) => create(TimestampSchema, { seconds }));
    const theirs = messages.flatMap((message) => [...sizeDelimitedEncode(TimestampSchema, message)]);
    assertEquals([...encoded(codec, messages)], theirs);
    const back: Timestamp[] = [];
    const stream = (async function* () {
      yield await Promise.resolve(encoded(codec, messages));
    })();
    for await (const message of sizeDelimitedDecodeStream(TimestampSchema, stream)) back.push(message);
    assertEquals(back, messages);
  });

  it("refuses at once a message of another schema, and values that the schema doesn't know", () => {
    const { encoder } = lengthPrefix(protobuf(TimestampSchema, { fromBinary, toBinary }));
    assertThrows(
      () => encoder.encode(callMessage({}) as never),
      OptionError,
      "frame must be a message google.protobuf.Timestamp, as create() makes it, got a message test.Call",
    );
    assertThrows(
      () => encoder.encode({ seconds: 1n } as never),
      OptionError,
      "as create() makes it, got an Object",
    );
    const wrong = create(TimestampSchema, { seconds: "x" as never });
    assertThrows(() => encoder.encode(wrong), OptionError, "frame must have values that its schema knows");
  });

  it("takes what is no message of it for the peer's error", () => {
    const got = decoded(lengthPrefix(calls(), { size: 1 }), [Uint8Array.of(0, 2, 0x0a, 0x7f)]);
    assertEquals([got.values.length, got.error], [1, "ERR_FRAME_MALFORMED"]);
  });

  it("needs a schema and the library's functions", () => {
    assertThrows(() => protobuf({} as never, { fromBinary, toBinary } as never), OptionError, "schema must be");
    assertThrows(
      () => protobuf(TimestampSchema, {} as never),
      OptionError,
      "library must be { fromBinary, toBinary } of @bufbuild/protobuf, got an Object",
    );
  });
});

describe("json()", () => {
  it("refuses at once what JSON has no form for, and says where it stands", () => {
    const { encoder } = lengthPrefix(json());
    for (
      const [value, message] of [
        [undefined, "frame must be a JSON value, got undefined"],
        [() => 1, "frame must be a JSON value, got the function"],
        [5n, "frame must be a JSON value, got 5n"],
        [{ order: [{ price: 5n }] }, "frame must be a JSON value, which .order[0].price is not, got an Object"],
      ] as const
    ) assertThrows(() => encoder.encode(value), OptionError, message);
    const round: { self?: unknown } = {};
    round.self = round;
    assertThrows(() => encoder.encode({ round }), OptionError, "which .round.self is not");
  });

  it("gives the type that parse sees to, and what parse refuses is the peer's error", () => {
    const parse = (value: unknown): number => {
      if (typeof value === "number") return value;
      throw new TypeError("not a number");
    };
    const codec = lengthPrefix(json({ parse }), { size: 1 });
    holds<Same<typeof codec, Codec<number, number>>>();
    const got = decoded(codec, [Uint8Array.of(1, 0x35, 3, 0x22, 0x78, 0x22)]);
    assertEquals(got, { values: [5], error: "ERR_FRAME_MALFORMED" });
    assertThrows(() => json({ parse: "number" as never }), OptionError, "parse must be a function");
    assertThrows(() => json({ pares: parse } as never), OptionError, "did you mean parse?");
  });

  it("takes text that is no UTF-8, and levels without end, for the peer's error", () => {
    for (const frame of [Uint8Array.of(0x22, 0xff, 0x22), new Uint8Array(60_000).fill(0x5b)]) {
      const got = decoded(lengthPrefix(json()), [encoded(lengthPrefix(bytes()), [frame])]);
      assertEquals(got, { values: [], error: "ERR_FRAME_MALFORMED" });
    }
  });
});

describe("jsonLines()", () => {
  it("passes over empty lines, and refuses a last one that was cut off", () => {
    const got = decoded(jsonLines(), [bytesOf('1\n\r\n\n{"a":2}\r\n12')]);
    assertEquals(got, { values: [1, { a: 2 }], error: "ERR_FRAME_TRUNCATED" });
    const kept = decoded(jsonLines({ unterminated: "deliver" }), [bytesOf("1\n12")]);
    assertEquals(kept, { values: [1, 12], error: undefined });
  });

  it("holds both directions to maxLength, in bytes", () => {
    const codec = jsonLines({ maxLength: 10 });
    assertEquals(new TextDecoder().decode(codec.encoder.encode("12345678")), '"12345678"\n');
    assertThrows(() => codec.encoder.encode("äöüß€"), OptionError, "A line of 13 bytes is longer than 10");
    assertThrows(() => codec.encoder.encodeText!("123456789"), OptionError, "A line of 11 bytes");
    assertEquals(decoded(codec, [bytesOf('"12345678"\n"123456789"\n')]), {
      values: ["12345678"],
      error: "ERR_FRAME_TOO_LONG",
    });
  });
});

describe("msgpack()", () => {
  /** Arrays that announce the most there can be, each in the one before. */
  const bomb = Uint8Array.from({ length: 60_000 }, (_, i) => [0xdd, 0, 1, 0, 0][i % 5]);

  it("never lets a library make room for what a frame only announces", () => {
    let asked = 0;
    const payload = msgpack({ encode, decode: (bytes) => (asked++, decode(bytes)) });
    assertThrows(() => payload.decode(bomb), FrameError, "it announces more than it has");
    assertThrows(() => payload.decode(Uint8Array.of(0xdf, 0, 0, 1, 0, 1)), FrameError, "it announces more");
    assertEquals(asked, 0);
  });

  it("lets through what the library decodes, and nothing that it finds too short or too long", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        const theirs = attempt(() => decode(bytes));
        const ours = attempt(() => msgpack({ encode, decode: () => 1 }).decode(bytes));
        if (theirs === null) assertEquals(ours, null);
        else if (theirs instanceof RangeError) assert(ours instanceof FrameError, `${bytes}: ${theirs.message}`);
      }),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(anyValue, (value) => assertEquals(msgpack({ encode, decode }).decode(encode(value)), value)),
      { numRuns: 300 },
    );
  });

  it("has forms of its own: bytes, numbers of all sizes, dates", () => {
    const payload = msgpack({ encode, decode });
    const values = [
      new Uint8Array(70_000).fill(7),
      "x".repeat(300),
      Array.from({ length: 70_000 }, (_, i) => i),
      new Date(1234567890123),
      [0, -1, 127, 128, -33, 65_536, -70_000, 2 ** 40, -(2 ** 40), 0.5, null, true],
      Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`key${i}`, i])),
    ];
    for (const value of values) assertEquals(payload.decode(payload.encode(value)), value);
  });

  it("refuses more levels than maxDepth, and what has no form", () => {
    const payload = msgpack({ encode, decode }, { maxDepth: 3 });
    assertEquals(payload.decode(encode([[[1]]])), [[[1]]]);
    assertThrows(() => payload.decode(encode([[[[1]]]])), FrameError, "it is deeper than 3 levels");
    assertThrows(() => payload.decode(Uint8Array.of(0xc1)), FrameError, "it has a byte 0xc1");
    assertThrows(() => payload.encode({ f: () => 1 }), OptionError, "frame must be a MessagePack value, got an Object");
    assertThrows(() => msgpack({ encode } as never), OptionError, "library must be { encode, decode }");
  });
});

function attempt(fn: () => unknown): Error | null {
  try {
    fn();
    return null;
  } catch (error) {
    return error as Error;
  }
}

describe("payloadCodec()", () => {
  it("opens a frame when it is taken, not before", async () => {
    const conn = new FakeConn();
    let opened = 0;
    const counted: Payload<number, number> = {
      encode: (value) => Uint8Array.of(value),
      decode: (bytes) => (opened++, bytes[0]),
    };
    const stream = framed(conn, lengthPrefix(counted, { size: 1 }));
    const first = stream.next();
    conn.send(Array.from({ length: 100 }, (_, i) => i % 2 === 0 ? 1 : i));
    assertEquals((await first).value, 1);
    assert(opened <= 2, `${opened} opened`);
    assertEquals((await stream.next()).value, 3);
    assert(opened <= 3, `${opened} opened`);
    const batch = await stream.batches().next();
    // Fewer, where it took so long that others had their turn.
    assert(batch.value.length >= 1 && batch.value.length <= 16, `${batch.value.length} at once`);
    assert(opened <= 3 + batch.value.length, `${opened} opened`);
  });

  for (const way of ["next", "forEach", "batches"] as const) {
    it(`lets others have their turn while many frames take long to open, and loses none: ${way}`, async () => {
      const conn = new FakeConn();
      const slow: Payload<number, number> = {
        encode: (value) => Uint8Array.of(value),
        decode: (bytes) => {
          const end = performance.now() + 0.5;
          while (performance.now() < end);
          return bytes[0];
        },
      };
      let turns = 0;
      let isOver = false;
      const turn = (): void => void (turns++, isOver || endOfTurn(turn));
      const stream = framed(conn, lengthPrefix(slow, { size: 1 }));
      const sent = Array.from({ length: 200 }, (_, i) => i);
      endOfTurn(turn);
      conn.send(sent.flatMap((value) => [1, value]));
      conn.consumer!.end();
      const got: number[] = [];
      if (way === "forEach") await stream.forEach((value) => void got.push(value));
      else if (way === "next") { for await (const value of stream) got.push(value); }
      else for await (const values of stream.batches()) got.push(...values);
      isOver = true;
      assertEquals(got, sent);
      // 100 ms of work in pieces of 8, or of a batch.
      assert(turns >= 8, `${turns} turns`);
    });
  }

  it("delivers what is right before the frame that is not, and ends there", async () => {
    for (const way of ["next", "forEach", "batches"] as const) {
      const conn = new FakeConn();
      const stream = framed(conn, lengthPrefix(json(), { size: 1 }));
      conn.send([1, 0x31, 1, 0x32, 1, 0x78, 1, 0x33]);
      const got: unknown[] = [];
      const taking = async (): Promise<void> => {
        if (way === "forEach") return await stream.forEach((value) => void got.push(value));
        if (way === "next") { for await (const value of stream) got.push(value); }
        else for await (const values of stream.batches()) got.push(...values);
      };
      const error = await assertRejects(taking, FrameError, "A frame is no JSON");
      assertEquals([got, error.code], [[1, 2], "ERR_FRAME_MALFORMED"], way);
      assertEquals(conn.unread, Uint8Array.of(1, 0x78, 1, 0x33), way);
      assertEquals(conn.paused, false);
    }
  });

  it("gives a connection back with the first frame that nobody took", async () => {
    const conn = new FakeConn();
    const stream = framed(conn, lengthPrefix(json(), { size: 1 }));
    conn.send([1, 0x31, 1, 0x32, 1, 0x33, 9, 0x20]);
    assertEquals((await stream.next()).value, 1);
    await stream.return();
    assertEquals(conn.unread, Uint8Array.of(1, 0x32, 1, 0x33, 9, 0x20));
  });

  it("sends what the payload makes of a value, and nothing of one that can't be", () => {
    const conn = new FakeConn();
    const stream = framed(conn, lengthPrefix(json(), { size: 2 }));
    stream.send({ a: 1 });
    assertThrows(() => stream.send(undefined), OptionError);
    assertThrows(() => stream.send("x".repeat(70_000)), OptionError, "A frame of 70002 bytes is longer than 65535");
    assertEquals(conn.written.map((each) => new TextDecoder().decode(each)), ['\0\x07{"a":1}']);
  });

  it("needs a payload", () => {
    assertThrows(
      () => lengthPrefix({ size: 4 } as never),
      OptionError,
      "payload must have encode() and decode(), such as json(), got an Object",
    );
    assertThrows(() => lengthPrefix(bytes()).encoder.encode("x" as never), OptionError, 'frame must be bytes, got "x"');
  });
});
