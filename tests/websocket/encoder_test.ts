import { describe, it } from "node:test";
import { assert, assertEquals, assertNotEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { frameBytes, FrameEncoder, type Role } from "../../src/websocket/codec/mod.ts";
import { headerSize, writeHeader } from "../../src/websocket/codec/header.ts";
import { pattern } from "../fixtures/websocket_frames.ts";
import { concat, decodeAll, frame, hex, Sink, utf8Bytes } from "../fixtures/websocket_tools.ts";

const SIZES = [0, 1, 31, 32, 33, 125, 126, 127, 1023, 1024, 1025, 4095, 4096, 4097, 65_535, 65_536, 200_000];

/** What the other end reads. */
function read(role: Role, sink: Sink): unknown[] {
  const inflate = (data: Uint8Array) => data;
  const { events, closeCode, partial } = decodeAll(role === "server" ? "client" : "server", [sink.bytes], { inflate });
  assertEquals([closeCode, partial], [null, false]);
  return events;
}

function server(send: (encoder: FrameEncoder, sink: Sink) => void): Sink {
  const sink = new Sink();
  send(new FrameEncoder("server"), sink);
  return sink;
}

describe("a server's frames", () => {
  it("are those of RFC 6455 (section 5.7)", () => {
    const examples: [string, (encoder: FrameEncoder, sink: Sink) => void][] = [
      ["81 05 48 65 6c 6c 6f", (encoder, sink) => void encoder.text(sink, "Hello")],
      ["89 05 48 65 6c 6c 6f", (encoder, sink) => void encoder.control(sink, 9, utf8Bytes("Hello"))],
      ["8a 00", (encoder, sink) => void encoder.control(sink, 10, hex(""))],
      ["c2 01 ff", (encoder, sink) => void encoder.compressed(sink, 2, hex("ff"))],
      ["c1 01 ff", (encoder, sink) => void encoder.compressed(sink, 1, hex("ff"))],
      ["88 00", (encoder, sink) => void encoder.close(sink, null, "unheard")],
      ["88 05 03 e8 62 79 65", (encoder, sink) => void encoder.close(sink, 1000, "bye")],
    ];
    for (const [bytes, send] of examples) assertEquals(server(send).bytes, hex(bytes));
  });

  it("have the shortest head for every size, text and binary", () => {
    for (const size of SIZES) {
      const sink = server((encoder, sink) => {
        encoder.text(sink, "x".repeat(size));
        encoder.binary(sink, pattern(size));
      });
      const text = frame("client", { opcode: 1, payload: utf8Bytes("x".repeat(size)) });
      const binary = frame("client", { opcode: 2, payload: pattern(size) });
      assertEquals(sink.bytes, concat([text, binary]));
    }
  });

  it("can announce more than 32 bits hold", () => {
    const bytes = new Uint8Array(10);
    assertEquals([headerSize(0x12_3456_789a), writeHeader(bytes, 0, 0x82, 0, 0x12_3456_789a)], [10, 10]);
    assertEquals(bytes, hex("82 7f 00 00 00 12 34 56 78 9a"));
  });

  it("take text whose bytes need a longer head than its characters", () => {
    for (const count of [32, 41, 42, 62, 63, 125, 1024, 21_845, 21_846, 40_000]) {
      const text = "€".repeat(count);
      const sink = server((encoder, sink) => void encoder.text(sink, text));
      assertEquals(sink.bytes, frame("client", { opcode: 1, payload: utf8Bytes(text) }));
    }
  });

  it("replace half a surrogate pair, as the web does", () => {
    for (const text of ["a\ud800b", "\udc00" + "x".repeat(2000)]) {
      assertEquals(read("server", server((encoder, sink) => void encoder.text(sink, text))), [
        text.replace(/[\ud800\udc00]/, "\ufffd"),
      ]);
    }
  });

  it("leave in one write if they are small, and large bytes are not copied", () => {
    const large = pattern(4097);
    const sink = server((encoder, sink) => {
      encoder.text(sink, "x".repeat(1024));
      encoder.binary(sink, pattern(4096));
      encoder.binary(sink, large);
    });
    assertEquals(sink.writes.map((bytes) => bytes.length), [1028, 4100, 4, 4097]);
    assertStrictEquals(sink.writes[3], large);
  });

  it("give the promise of their last write", () => {
    const promises: Promise<void>[] = [];
    const write = () => (promises.push(Promise.resolve()), promises.at(-1)!);
    const encoder = new FrameEncoder("server");
    for (const size of [1, 5000]) {
      assertStrictEquals(encoder.text({ write, writeOwn: write }, "x".repeat(size)), promises.at(-1));
      assertStrictEquals(encoder.binary({ write, writeOwn: write }, pattern(size)), promises.at(-1));
    }
    assertEquals(promises.length, 6);
  });

  it("are the same for many as for one", () => {
    for (const size of SIZES) {
      const payload = pattern(size);
      const sink = server((encoder, sink) => void encoder.compressed(sink, 2, payload));
      const bytes = frameBytes(2, payload, true);
      assertEquals([bytes, bytes.buffer.byteLength], [sink.bytes, bytes.length]);
      assertEquals(frameBytes(1, payload, false)[0], 0x81);
    }
  });
});

for (const role of ["server", "client"] as const) {
  describe(`what a ${role} writes`, () => {
    it("stays as it was written", () => {
      const sink = new Sink();
      const encoder = new FrameEncoder(role);
      const copies: Uint8Array[] = [];
      for (let i = 0; i < 3000; i++) {
        encoder.text(sink, "m".repeat(i % 50));
        while (copies.length < sink.writes.length) copies.push(sink.writes[copies.length].slice());
      }
      assertEquals(sink.writes, copies);
      assertEquals(read(role, sink), Array.from({ length: 3000 }, (_, i) => "m".repeat(i % 50)));
    });

    it("leaves the bytes it was given as they were", () => {
      for (const size of SIZES) {
        const given = pattern(size);
        const sink = new Sink();
        const encoder = new FrameEncoder(role);
        encoder.binary(sink, given);
        encoder.compressed(sink, 2, given);
        assertEquals(read(role, sink), [pattern(size), pattern(size)]);
        assertEquals(given, pattern(size));
      }
    });

    it("has no control frame above 125 bytes", () => {
      const sink = new Sink();
      const encoder = new FrameEncoder(role);
      assertThrows(() => encoder.control(sink, 9, pattern(126)), RangeError, "126");
      assertEquals(sink.writes, []);
      encoder.control(sink, 9, pattern(125));
      encoder.close(sink, 1001, "é".repeat(100));
      const reason = "é".repeat(61);
      const data = Uint8Array.of(3, 233, ...utf8Bytes(reason));
      assertEquals(read(role, sink), [
        { type: "ping", data: pattern(125), code: 0, reason: "" },
        { type: "close", data, code: 1001, reason },
      ]);
    });
  });
}

describe("a client's frames", () => {
  it("are masked with a key that is new each time", () => {
    const keys = new Set<string>();
    for (const encoder of [new FrameEncoder("client"), new FrameEncoder("client")]) {
      for (let i = 0; i < 600; i++) {
        const sink = new Sink();
        encoder.text(sink, "secret");
        assertEquals(sink.bytes[1], 0x86);
        keys.add(sink.bytes.subarray(2, 6).join());
      }
    }
    // Two of 1200 keys may be the same by chance, in one run of 6,000.
    assert(keys.size >= 1198, `${keys.size}`);
  });

  it("don't show what is in them, long or short", () => {
    for (const size of SIZES.filter((size) => size >= 31)) {
      const sink = new Sink();
      const encoder = new FrameEncoder("client");
      encoder.text(sink, "x".repeat(size));
      const bytes = sink.bytes.subarray(-8);
      assertEquals(bytes.subarray(0, 4), bytes.subarray(4));
      assertNotEquals(bytes.subarray(0, 4), utf8Bytes("xxxx"));
    }
  });
});
