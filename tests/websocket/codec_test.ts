import { describe, it } from "node:test";
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../src/errors.ts";
import { checkCode, isReceivable, isSendable } from "../../src/websocket/close_code.ts";
import { cutReason } from "../../src/websocket/farewell.ts";
import { FrameDecoder, type Role } from "../../src/websocket/codec/mod.ts";
import { HandshakeError, WebSocketClosedError, WebSocketError } from "../../src/websocket/websocket_errors.ts";
import { singles } from "../fixtures/framing_tools.ts";
import { BAD_CASES, BAD_UTF8, binary, FRAME_CASES, more, pattern, text } from "../fixtures/websocket_frames.ts";
import {
  concat,
  decodeAll,
  type Decoded,
  drain,
  type Frame,
  frame,
  hex,
  LIMITS,
  type Limits,
  utf8Bytes,
} from "../fixtures/websocket_tools.ts";

const ROLES: readonly Role[] = ["server", "client"];

function wire(role: Role, frames: readonly Frame[]): Uint8Array {
  return concat(frames.map((each) => frame(role, each)));
}

function decoder(role: Role, limits: Partial<Limits> = {}): FrameDecoder {
  return new FrameDecoder({ role, ...LIMITS, ...limits });
}

function refusal(fn: () => unknown): number {
  return assertThrows(fn, WebSocketError).closeCode;
}

function ended(frames: readonly Frame[]): boolean {
  return frames.some((each) => each.opcode === 8);
}

for (const role of ROLES) {
  describe(`a ${role} takes what is right`, () => {
    for (const test of FRAME_CASES) {
      const bytes = wire(role, test.frames);
      const right = (decoded: Decoded) => {
        assertEquals(decoded, { events: [...test.events], closeCode: null, buffered: 0, partial: false });
      };
      it(`whole: ${test.name}`, () => right(decodeAll(role, [bytes], test.limits)));
      it(`byte by byte: ${test.name}`, () => right(decodeAll(role, singles(bytes), test.limits)));
      it(`byte by byte, read at the end: ${test.name}`, () => {
        if (bytes.length < 5000) right(decodeAll(role, singles(bytes), test.limits, true));
      });
      it(`a frame at a time: ${test.name}`, () => {
        right(decodeAll(role, test.frames.map((each) => frame(role, each)), test.limits));
      });
      it(`with half a frame behind it: ${test.name}`, () => {
        const half = frame(role, text("half")).subarray(0, 3);
        const { events, closeCode, buffered, partial } = decodeAll(role, [concat([bytes, half])], test.limits);
        // A head that was read is not held any more.
        const held = ended(test.frames) ? 0 : role === "server" ? 3 : 1;
        assertEquals({ events, closeCode, buffered, partial }, {
          events: [...test.events],
          closeCode: null,
          buffered: held,
          partial: held > 0,
        });
      });
    }
  });

  it(`a ${role} takes no payload for frames`, () => {
    const inner = frame(role, text("inner"));
    for (const outer of [{ opcode: 9, fin: true }, { opcode: 2, fin: true }, { opcode: 2, fin: false }]) {
      // Masked with zeros, the payload looks on the wire like the frame that it holds.
      const bytes = frame(role, { ...outer, payload: concat([inner, inner]), key: [0, 0, 0, 0] });
      const head = bytes.length - 2 * inner.length;
      const { events } = decodeAll(role, [bytes.subarray(0, head), bytes.subarray(head)]);
      assertEquals(events.filter((event) => typeof event === "string"), []);
      assertEquals(events.length, outer.fin ? 1 : 0);
    }
  });

  describe(`a ${role} refuses what is wrong, and takes nothing behind it`, () => {
    for (const test of BAD_CASES) {
      const bytes = concat([wire(role, test.frames), frame(role, text("behind"))]);
      const wrong = (decoded: Decoded) => {
        assertEquals(decoded, {
          events: [...test.events ?? []],
          closeCode: test.closeCode,
          buffered: 0,
          partial: false,
        });
      };
      it(`whole: ${test.name}`, () => wrong(decodeAll(role, [bytes], test.limits)));
      it(`byte by byte: ${test.name}`, () => wrong(decodeAll(role, singles(bytes), test.limits)));
    }

    it("a frame that is masked as its own are", () => {
      for (const payload of ["", "a", "a".repeat(130)]) {
        const bytes = frame(role, text(payload, { masked: role === "client" }));
        assertEquals(decodeAll(role, [bytes]).closeCode, 1002);
        assertEquals(decodeAll(role, singles(bytes)).closeCode, 1002);
      }
    });

    it("a length with its highest bit set", () => {
      const head = Uint8Array.of(0x82, role === "server" ? 0xff : 0x7f, 0x80);
      assertEquals(decodeAll(role, [head], { maxMessageBytes: Infinity }).closeCode, 1002);
    });

    it("once: then it gives nothing, and drops what it is fed", () => {
      const d = decoder(role);
      d.feed(frame(role, { opcode: 3, payload: hex("") }));
      assertEquals(refusal(() => d.next()), 1002);
      d.feed(frame(role, text("more")));
      assertEquals([d.next(), d.buffered, d.partial], [null, 0, false]);
    });
  });

  describe(`a ${role} refuses as early as can be known`, () => {
    const early = (bytes: Uint8Array, limits: Partial<Limits> = {}) => decodeAll(role, [bytes], limits).closeCode;
    const masked = role === "server" ? 0x80 : 0;

    it("by the first two bytes", () => {
      assertEquals(early(Uint8Array.of(0x83)), 1002);
      assertEquals(early(Uint8Array.of(0xc1)), 1002);
      assertEquals(early(Uint8Array.of(0x80)), 1002);
      assertEquals(early(Uint8Array.of(0x81, masked ^ 0x80)), 1002);
      assertEquals(early(Uint8Array.of(0x89, masked | 126)), 1002);
      assertEquals(early(Uint8Array.of(0x81, masked | 11), { maxMessageBytes: 10 }), 1009);
    });

    it("by the declared length, without a byte of payload", () => {
      assertEquals(early(Uint8Array.of(0x82, masked | 126, 0, 125)), 1002);
      assertEquals(early(Uint8Array.of(0x82, masked | 126, 255, 255), { maxMessageBytes: 65_534 }), 1009);
      assertEquals(early(Uint8Array.of(0x82, masked | 127, 0, 0, 0, 1, 0, 0, 0, 0)), 1009);
      assertEquals(early(Uint8Array.of(0x82, masked | 127, 0x7f, 255, 255, 255, 255, 255, 255, 255)), 1009);
    });

    for (const [name, bytes, right] of BAD_UTF8) {
      for (const before of [0, 3, 16, 1023, 5000]) {
        it(`${name}, after ${before} bytes, in a frame that is not complete`, () => {
          const payload = Uint8Array.from([...new Uint8Array(before).fill(0x61), ...bytes, ...new Uint8Array(500)]);
          const whole = frame(role, { opcode: 1, payload });
          const head = whole.length - payload.length;
          for (const cut of [0, head, head + before]) {
            const d = decoder(role);
            if (cut > 0) d.feed(whole.slice(0, cut));
            assertStrictEquals(d.next(), null);
            d.feed(whole.slice(cut, head + before + right));
            assertStrictEquals(d.next(), null);
            d.feed(whole.slice(head + before + right, head + before + right + 1));
            assertEquals(refusal(() => d.next()), 1007);
          }
        });
      }
    }
  });

  describe(`a ${role} counts what it holds`, () => {
    it("in a head, a payload, between fragments, and before it is asked", () => {
      const d = decoder(role);
      const counts = () => [d.next(), d.buffered, d.partial];
      assertEquals(counts(), [null, 0, false]);
      const first = frame(role, binary(pattern(3000), { fin: false }));
      d.feed(first.slice(0, 1));
      assertEquals(counts(), [null, 1, true]);
      const head = first.length - 3000;
      d.feed(first.slice(1, head));
      assertEquals(counts(), [null, 0, true]);
      d.feed(first.slice(head, head + 2000));
      assertEquals(counts(), [null, 2000, true]);
      d.feed(first.slice(head + 2000));
      assertEquals(counts(), [null, 3000, true]);
      const ping = frame(role, { opcode: 9, payload: utf8Bytes("12345") });
      d.feed(ping.slice(0, -1));
      assertEquals(counts(), [null, 3004, true]);
      d.feed(ping.slice(-1));
      d.feed(frame(role, more(pattern(7))));
      d.feed(frame(role, text("x")));
      assertEquals(d.buffered, 3004 + 1 + head + 7 - 2 + 2 + (role === "server" ? 5 : 1));
      assertEquals(drain(d).length, 3);
      assertEquals(counts(), [null, 0, false]);
    });

    it("while a burst of texts is handed out", () => {
      const d = decoder(role);
      const one = frame(role, text("hello"));
      d.feed(concat([one, one, one]));
      for (const left of [2, 1, 0]) {
        assertEquals([d.next(), d.buffered, d.partial], ["hello", left * one.length, left > 0]);
      }
    });
  });

  describe(`a ${role} hands out bytes of their own`, () => {
    const given = (chunk: Uint8Array): Uint8Array => {
      const d = decoder(role);
      d.feed(chunk);
      const event = d.next();
      assert(event instanceof Uint8Array);
      return event;
    };

    it("as a view of a chunk that is small or mostly the message", () => {
      for (const size of [0, 10, 20_000]) {
        const chunk = frame(role, binary(pattern(size)));
        assertStrictEquals(given(chunk).buffer, chunk.buffer);
      }
    });

    it("as a copy of a chunk that is much larger", () => {
      const chunk = new Uint8Array(65_536);
      chunk.set(frame(role, binary(pattern(100))));
      const bytes = given(chunk);
      assertEquals([bytes, bytes.buffer.byteLength], [pattern(100), 100]);
    });

    it("without keeping large chunks for small parts", () => {
      const d = decoder(role);
      const half = frame(role, binary(pattern(2000), { fin: false }));
      const chunk = new Uint8Array(65_536).subarray(0, half.length);
      chunk.set(half);
      d.feed(chunk);
      assertStrictEquals(d.next(), null);
      chunk.fill(0);
      d.feed(frame(role, more(pattern(1))));
      assertEquals(d.next(), Uint8Array.of(...pattern(2000), 0));
    });

    it("without memory for what was only announced", () => {
      const d = decoder(role, { maxMessageBytes: 2 ** 50 });
      const masked = role === "server" ? 0x80 : 0;
      d.feed(Uint8Array.of(0x82, masked | 127, 0, 1, 0, 0, 0, 0, 0, 0, ...masked ? [1, 2, 3, 4] : [], 5));
      assertEquals([d.next(), d.buffered, d.partial], [null, 1, true]);
    });
  });

  describe(`a ${role} inflates`, () => {
    it("with its limit, and not beyond what a limit makes useless", () => {
      const calls: [number, number][] = [];
      const limits = {
        maxMessageBytes: 800,
        inflate: (data: Uint8Array, limit: number) => (calls.push([data.length, limit]), data.slice(0, 3)),
      };
      assertEquals(decodeAll(role, [frame(role, binary(pattern(964), { rsv: 4 }))], limits).events, [pattern(3)]);
      assertEquals(calls, [[964, 800]]);
      assertEquals(decodeAll(role, [frame(role, binary(pattern(965), { rsv: 4 }))], limits).closeCode, 1009);
    });

    it("fragments whose sum is within that, and no more", () => {
      const limits = { maxMessageBytes: 800, inflate: (data: Uint8Array) => data.slice(0, 3) };
      const first = frame(role, binary(pattern(500), { rsv: 4, fin: false }));
      assertEquals(decodeAll(role, [first, frame(role, more(pattern(464)))], limits).events, [pattern(3)]);
      assertEquals(decodeAll(role, [first, frame(role, more(pattern(465)))], limits).closeCode, 1009);
    });

    it("and passes on what that throws, once", () => {
      const inflate = () => {
        throw new WebSocketError(1009, "Too large");
      };
      assertEquals(decodeAll(role, [frame(role, text("a", { rsv: 4 }))], { inflate }).closeCode, 1009);
    });
  });
}

describe("what goes with a Close", () => {
  const codes = Array.from({ length: 5100 }, (_, code) => code);

  it("may be sent if it may be received", () => {
    const receivable = codes.filter(isReceivable);
    assertEquals(receivable.slice(0, 12), [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]);
    assertEquals([receivable[12], receivable.at(-1), receivable.length], [3000, 4999, 2012]);
    assertEquals(codes.filter(isSendable), receivable);
    assertEquals([NaN, -1, 1000.5, Infinity].filter(isSendable), []);
  });

  it("is checked before it is sent", () => {
    checkCode(1000);
    checkCode(4999);
    assertEquals(assertThrows(() => checkCode(1005), OptionError).option, "code");
    assertEquals(cutReason("é".repeat(61) + "r"), "é".repeat(61) + "r");
    // Cut at a character's edge, be it one of two, three or four bytes.
    assertEquals(cutReason("é".repeat(62)), "é".repeat(61));
    assertEquals(cutReason("x" + "€".repeat(50)), "x" + "€".repeat(40));
    assertEquals(cutReason("xy" + "😀".repeat(40)), "xy" + "😀".repeat(30));
  });
});

describe("errors", () => {
  it("have a code, and what there is to answer with", () => {
    assertEquals(new WebSocketError(1002, "M").code, "ERR_WEBSOCKET");
    assertEquals(new WebSocketClosedError("M").code, "ERR_WEBSOCKET_CLOSED");
    const error = new HandshakeError(403, "M");
    assertEquals([error.code, error.status, error.name], ["ERR_HANDSHAKE", 403, "HandshakeError"]);
  });

  it("have messages that fit into a Close", () => {
    for (const test of BAD_CASES) {
      const d = decoder("client", test.limits);
      d.feed(wire("client", test.frames));
      const { message } = assertThrows(() => drain(d), WebSocketError);
      assert(utf8Bytes(message).length <= 123, message);
      assert(/^[A-Z].*[^.]$/.test(message), message);
    }
  });
});
