import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { FrameEncoder, type FrameEvent, type Role } from "../../src/websocket/codec/mod.ts";
import { cut, singles } from "../fixtures/framing_tools.ts";
import { BAD_CASES, FRAME_CASES, pattern } from "../fixtures/websocket_frames.ts";
import {
  concat,
  decodeAll,
  type Decoded,
  type Frame,
  frame,
  type Limits,
  Sink,
  utf8Bytes,
} from "../fixtures/websocket_tools.ts";

const role = fc.constantFrom<Role>("server", "client");
const places = fc.array(fc.nat(), { maxLength: 10 });

/** Stands for permessage-deflate. */
const inflate = (data: Uint8Array) => data.slice();
const WIDE: Partial<Limits> = { inflate };
/** So small that generated frames meet each of them. */
const TIGHT: Partial<Limits> = { inflate: null, maxMessageBytes: 100, maxFragments: 3 };
const limits = fc.constantFrom<Partial<Limits>>(WIDE, TIGHT, { ...TIGHT, inflate });

/** Decodes bytes whole; fails if any other way to split or to read them gives anything else. */
function decodeEveryWay(role: Role, bytes: Uint8Array, places: readonly number[], limits: Partial<Limits>): Decoded {
  const whole = decodeAll(role, [bytes], limits);
  if (whole.closeCode !== null) assertEquals([1002, 1007, 1008, 1009].includes(whole.closeCode), true);
  const parts = cut(bytes, places);
  assertEquals(decodeAll(role, parts, limits), whole);
  assertEquals(decodeAll(role, parts, limits, true), whole);
  if (bytes.length < 3000) assertEquals(decodeAll(role, singles(bytes), limits), whole);
  return whole;
}

const shortText = fc.oneof(fc.string({ maxLength: 40 }), fc.string({ unit: "binary", maxLength: 40 }));
const anyText = fc.oneof(
  { weight: 5, arbitrary: shortText },
  fc.tuple(shortText, fc.nat({ max: 6000 })).map(([text, count]) => text + "ä€😀x".repeat(count)),
  fc.nat({ max: 70_000 }).map((count) => "a".repeat(count)),
);
const anyBytes = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 300 }) },
  fc.nat({ max: 70_000 }).map(pattern),
);
const byte = fc.nat({ max: 255 });
const small = fc.uint8Array({ maxLength: 125 });

type Sent =
  | { type: "text"; text: string }
  | { type: "binary" | "deflated" | "ping" | "pong"; data: Uint8Array };

const sent: fc.Arbitrary<Sent> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant("text" as const), text: anyText }) },
  fc.record({ type: fc.constantFrom("binary" as const, "deflated" as const), data: anyBytes }),
  fc.record({ type: fc.constantFrom("ping" as const, "pong" as const), data: small }),
);

function send(encoder: FrameEncoder, sink: Sink, each: Sent): void {
  if (each.type === "text") encoder.text(sink, each.text);
  else if (each.type === "binary") encoder.binary(sink, each.data);
  else if (each.type === "deflated") encoder.compressed(sink, 2, each.data);
  else encoder.control(sink, each.type === "ping" ? 9 : 10, each.data);
}

function received(each: Sent): FrameEvent {
  if (each.type === "text") return each.text;
  if (each.type === "binary" || each.type === "deflated") return each.data;
  return { type: each.type, data: each.data, code: 0, reason: "" };
}

describe("what a valid peer sent is what arrives", () => {
  it("from the encoder of one role at the decoder of the other, for every split", () => {
    fc.assert(
      fc.property(role, fc.array(sent, { maxLength: 12 }), places, (role, messages, places) => {
        const sink = new Sink();
        const encoder = new FrameEncoder(role === "server" ? "client" : "server");
        for (const each of messages) send(encoder, sink, each);
        const decoded = decodeEveryWay(role, sink.bytes, places, WIDE);
        const events = messages.map(received);
        assertEquals(decoded, { events, closeCode: null, buffered: 0, partial: false });
      }),
      { numRuns: 300 },
    );
  });

  it("in many short texts, most of them ASCII", () => {
    const text = fc.oneof({ weight: 40, arbitrary: fc.string({ maxLength: 140 }) }, anyText);
    fc.assert(
      fc.property(role, fc.array(text, { maxLength: 150, size: "max" }), places, (role, texts, places) => {
        const sink = new Sink();
        const encoder = new FrameEncoder(role === "server" ? "client" : "server");
        for (const each of texts) encoder.text(sink, each);
        assertEquals(decodeAll(role, [sink.bytes]).events, texts);
        assertEquals(decodeAll(role, cut(sink.bytes, places)).events, texts);
      }),
      { numRuns: 100 },
    );
  });

  it("in fragments cut anywhere, with control frames between", () => {
    const message = fc.record({
      text: fc.boolean(),
      content: anyText,
      places: fc.array(fc.nat(), { maxLength: 5 }),
      ping: fc.option(small, { nil: null }),
      key: fc.tuple(byte, byte, byte, byte),
    });
    fc.assert(
      fc.property(role, fc.array(message, { maxLength: 5 }), places, (role, messages, places) => {
        const frames: Frame[] = [];
        const events: FrameEvent[] = [];
        for (const { text, content, places, ping, key } of messages) {
          const payload = utf8Bytes(content);
          const parts = cut(payload, places);
          parts.forEach((part, index) => {
            const opcode = index > 0 ? 0 : text ? 1 : 2;
            frames.push({ opcode, payload: part, fin: index === parts.length - 1, key });
            if (ping !== null && index < parts.length - 1) {
              frames.push({ opcode: 9, payload: ping, key });
              events.push({ type: "ping", data: ping, code: 0, reason: "" });
            }
          });
          events.push(text ? content : payload);
        }
        const bytes = concat(frames.map((each) => frame(role, each)));
        const decoded = decodeEveryWay(role, bytes, places, WIDE);
        assertEquals(decoded, { events, closeCode: null, buffered: 0, partial: false });
      }),
      { numRuns: 200 },
    );
  });
});

describe("whatever arrives gives messages or a WebSocketError, the same for every split", () => {
  const known = fc.constantFrom(...[...FRAME_CASES, ...BAD_CASES].map((test) => test.frames))
    .filter((frames) => frames.reduce((sum, each) => sum + each.payload.length, 0) < 1000);
  const change = fc.record({
    at: fc.nat(),
    drop: fc.nat({ max: 3 }),
    insert: fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.constantFrom(Uint8Array.of(0x81), Uint8Array.of(0xc1, 0x80))),
  });

  it("right and wrong frames with bytes changed, dropped and put in", () => {
    const changes = fc.array(change, { maxLength: 3 });
    const input = fc.array(known, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(role, input, changes, places, limits, (role, input, changes, places, limits) => {
        let bytes = concat(input.flat().map((each) => frame(role, each)));
        for (const { at, drop, insert } of changes) {
          const place = at % (bytes.length + 1);
          bytes = concat([bytes.subarray(0, place), insert, bytes.subarray(place + drop)]);
        }
        decodeEveryWay(role, bytes, places, limits);
      }),
      { numRuns: 1500 },
    );
  });

  it("frames of any bits and any bytes", () => {
    const opcode = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(0, 1, 2, 9, 10) }, fc.nat({ max: 15 }));
    const rare = fc.integer({ min: 0, max: 40 });
    const any = fc.record({
      opcode,
      payload: fc.oneof(fc.string({ unit: "binary", maxLength: 30 }).map(utf8Bytes), fc.uint8Array({ maxLength: 140 })),
      fin: fc.boolean(),
      rsv: rare.map((bits) => bits > 33 ? bits - 33 : bits > 25 ? 4 : 0),
      form: rare.map((form) => form === 1 ? 16 as const : form === 2 ? 64 as const : undefined),
    });
    fc.assert(
      fc.property(role, fc.array(any, { maxLength: 12 }), places, limits, (role, frames, places, limits) => {
        decodeEveryWay(role, concat(frames.map((each) => frame(role, each))), places, limits);
      }),
      { numRuns: 1500 },
    );
  });

  it("garbage", () => {
    fc.assert(
      fc.property(role, fc.uint8Array({ maxLength: 200 }), places, limits, (role, bytes, places, limits) => {
        decodeEveryWay(role, bytes, places, limits);
      }),
      { numRuns: 1000 },
    );
  });

  it("text of any bytes, refused exactly where a native decoder refuses it", () => {
    const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 3 }).map(utf8Bytes),
      fc.uint8Array({ maxLength: 3 }),
      fc.constantFrom(1000, 1024, 5000).map((count) => new Uint8Array(count).fill(0x61)),
    );
    fc.assert(
      fc.property(role, fc.array(piece, { maxLength: 12 }), places, places, (role, pieces, places, fragments) => {
        const payload = concat(pieces);
        let expected: string | null = null;
        try {
          expected = strict.decode(payload);
        } catch {
          // It is refused.
        }
        const parts = cut(payload, fragments);
        const frames = parts.map((part, index) =>
          frame(role, { opcode: index === 0 ? 1 : 0, payload: part, fin: index === parts.length - 1 })
        );
        const decoded = decodeEveryWay(role, concat(frames), places, WIDE);
        assertEquals([decoded.events, decoded.closeCode], expected === null ? [[], 1007] : [[expected], null]);
      }),
      { numRuns: 800 },
    );
  });
});
