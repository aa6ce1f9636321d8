import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { systemClock } from "../../../src/clock.ts";
import { FILLED_BYTES, SCRATCH_BYTES, SMALL_BYTES, WriteQueue } from "../../../src/server/conn/write_queue.ts";
import { WriteBatch } from "../../../src/server/conn/write_batch.ts";
import type { RawSocket } from "../../../src/socket.ts";
import { pattern } from "../../support/rig.ts";

const encoder = new TextEncoder();

/** Of one run. */
const MAX_PIECES = 24;
const MAX_PIECE = 120_000;

/** A socket that takes so many bytes of each write, and keeps the others where they are until `drain()`. */
class SlowSocket {
  readonly sizes: number[] = [];
  unsent = 0;
  readonly #taken: Uint8Array[] = [];
  readonly #kept: Uint8Array[] = [];
  readonly #appetite: number;

  constructor(appetite: number) {
    this.#appetite = appetite;
  }

  write(bytes: Uint8Array): boolean {
    this.sizes.push(bytes.length);
    const size = this.unsent > 0 ? 0 : Math.min(this.#appetite, bytes.length);
    this.#taken.push(bytes.slice(0, size));
    if (size < bytes.length) this.#kept.push(bytes.subarray(size));
    this.unsent += bytes.length - size;
    return this.unsent === 0;
  }

  drain(): void {
    this.#taken.push(...this.#kept.splice(0).map((bytes) => bytes.slice()));
    this.unsent = 0;
  }

  bytes(): Buffer {
    this.drain();
    return Buffer.concat(this.#taken);
  }
}

/** Moves all to the socket, as a connection does at the end of a turn. */
function move(out: WriteQueue, socket: SlowSocket, batch: WriteBatch, gather: number = SCRATCH_BYTES): number {
  return out.moveTo(socket as Partial<RawSocket> as RawSocket, batch, gather);
}

describe("what leaves in one turn", () => {
  it("is one piece if it is small", () => {
    const socket = new SlowSocket(Infinity);
    const out = new WriteQueue();
    for (const size of [10, 300, 5000]) out.add(pattern(size));
    move(out, socket, new WriteBatch(systemClock));
    assertEquals(socket.sizes, [5310]);
  });

  it("never begins with a small packet: a head is filled up from the body behind it", () => {
    const socket = new SlowSocket(Infinity);
    const out = new WriteQueue();
    const [head, body, tail] = [pattern(10), pattern(1 << 20), pattern(20)];
    for (const piece of [head, body, tail]) out.add(piece);
    assertEquals(move(out, socket, new WriteBatch(systemClock)), head.length + body.length + tail.length);
    assertEquals(socket.sizes, [FILLED_BYTES, head.length + body.length - FILLED_BYTES, tail.length]);
  });

  it("is given on as it is if it begins with a large piece", () => {
    const socket = new SlowSocket(Infinity);
    const out = new WriteQueue();
    for (const size of [100_000, 10]) out.add(pattern(size));
    move(out, socket, new WriteBatch(systemClock));
    assertEquals(socket.sizes, [100_000, 10]);
  });

  it("is not copied for a socket that holds bytes already", () => {
    const socket = new SlowSocket(0);
    const out = new WriteQueue();
    const batch = new WriteBatch(systemClock);
    for (const size of [10, 100_000]) out.add(pattern(size));
    move(out, socket, batch);
    for (const size of [10, 100_000]) out.add(pattern(size));
    move(out, socket, batch);
    assertEquals(socket.sizes, [FILLED_BYTES, 100_010 - FILLED_BYTES, 10, 100_000]);
  });

  it("gathers in the same memory again, behind what the socket holds of it", () => {
    const batch = new WriteBatch(systemClock);
    const gatherIn = (socket: SlowSocket) => {
      const { byteOffset, buffer } = batch.takeScratch(310);
      const out = new WriteQueue();
      for (const size of [10, 300]) out.add(pattern(size));
      move(out, socket, batch);
      assertEquals(out.size, 0);
      return { byteOffset, buffer };
    };
    const first = gatherIn(new SlowSocket(310));
    assertEquals([gatherIn(new SlowSocket(100)), gatherIn(new SlowSocket(310))], [first, {
      ...first,
      byteOffset: 310,
    }]);
    assert(batch.takeScratch(SCRATCH_BYTES).buffer !== first.buffer, "there is not so much room left");
  });

  it("costs a socket that never takes bytes at once no more memory than they have", () => {
    const batch = new WriteBatch(systemClock);
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 3 * SCRATCH_BYTES / 310; i++) {
      buffers.add(batch.takeScratch(310).buffer);
      const out = new WriteQueue();
      for (const size of [10, 300]) out.add(pattern(size));
      move(out, new SlowSocket(0), batch);
    }
    assertEquals(buffers.size, 4);
  });

  it("leaves with its first byte alone, and the rest follows", () => {
    const piece = fc.oneof(
      fc.string({ minLength: 1, maxLength: 5, unit: "binary" }),
      fc.uint8Array({ minLength: 1, maxLength: 5 }),
    );
    fc.assert(fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), (pieces) => {
      const socket = new SlowSocket(Infinity);
      const batch = new WriteBatch(systemClock);
      const out = new WriteQueue();
      for (const piece of pieces) out.add(piece);
      const whole = Buffer.concat(pieces.map((piece) => Buffer.from(piece as string)));
      const rest = out.keepFirst();
      assertEquals(out.size, 1);
      move(out, socket, batch);
      for (const chunk of rest) out.add(chunk);
      assertEquals(out.size, whole.length - 1);
      move(out, socket, batch);
      assert(socket.bytes().equals(whole));
    }));
  });

  it("arrives in order, whatever the kernel takes, and is not touched while the socket holds it", () => {
    const source = pattern(MAX_PIECES * MAX_PIECE);
    const sizes = fc.oneof(fc.nat(40), fc.integer({ min: SMALL_BYTES - 20, max: SMALL_BYTES + 20 }), fc.nat(MAX_PIECE));
    const pieces = fc.record({ size: sizes, isText: fc.boolean() });
    const turns = fc.array(fc.array(pieces, { minLength: 1, maxLength: MAX_PIECES / 4 }), { maxLength: 4 });
    const appetites = fc.oneof(fc.nat(50), fc.nat(200_000));
    const gathers = fc.constantFrom(SMALL_BYTES, SCRATCH_BYTES);
    fc.assert(
      fc.property(turns, appetites, gathers, fc.boolean(), (turns, appetite, gather, drains) => {
        const socket = new SlowSocket(appetite);
        const batch = new WriteBatch(systemClock);
        const out = new WriteQueue();
        const sent: Uint8Array[] = [];
        let at = 0;
        for (const turn of turns) {
          for (const { size, isText } of turn) {
            const text = String.fromCharCode(0x20 + (sent.length % 0x50)).repeat(size);
            const piece = isText ? encoder.encode(text) : source.subarray(at, at += size);
            sent.push(piece);
            out.add(isText ? text : piece);
          }
          move(out, socket, batch, gather);
          assertEquals(out.size, 0);
          if (drains) socket.drain();
        }
        assert(socket.bytes().equals(Buffer.concat(sent)));
      }),
      { numRuns: 200 },
    );
  });
});
