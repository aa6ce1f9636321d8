/**
 * Compressors and decompressors.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Adapter } from "../../../src/platform.ts";
import {
  CORRUPT_CASES,
  FLUSHED,
  noise,
  PAYLOAD_CASES,
  records,
  referenceInflate,
  referencePayloads,
  unhex,
} from "../../fixtures/deflate_messages.ts";
import { bytes, concat, firstDifference } from "../../support/rig.ts";

/** What an adapter has of it. */
export type Compressors = Required<Pick<Adapter, "deflater" | "inflater">>;

/** One rule: the test's name says what holds. */
export type DeflateRule = (name: string, body: (compressors: Compressors) => void | Promise<void>) => void;

const BEST = { windowBits: 15, level: 6, memLevel: 8 };
const MIB = 1024 * 1024;
const decoder = new TextDecoder();

/** Lengths around which something changes inside. */
const EDGES = [0, 1, 3, 4, 5, 100, 65_530, 65_535, 65_536, 65_537, 131_072, 131_073, 300_000];

function assertBytes(actual: Uint8Array, expected: Uint8Array): void {
  assertEquals(firstDifference(actual, expected), -1);
}

export function deflateRules(rule: DeflateRule): void {
  deflaterRules(rule);
  inflaterRules(rule);
  limitRules(rule);

  rule("contexts don't get into each other's way, nor results into each other", ({ deflater, inflater }) => {
    const pairs = [0, 1, 2].map((seed) => ({ seed, out: deflater(BEST), in: inflater({ windowBits: 15 }) }));
    const results: (readonly [Uint8Array, Uint8Array])[] = [];
    for (let round = 0; round < 5; round++) {
      for (const pair of pairs) {
        const message = records(1000 * (round + 1), pair.seed * 1000);
        const arrived = pair.in.push(pair.out.push(message), message.length);
        results.push([arrived, message]);
        if (round === 2 && pair.seed === 1) pair.out.reset();
        if (round === 3 && pair.seed === 2) pair.out.close();
      }
    }
    for (const [arrived, message] of results) assertBytes(arrived, message);
    for (const pair of pairs) {
      for (const end of [pair.out, pair.in]) {
        end.close();
        end.close();
      }
    }
  });

  rule(
    "whatever is sent arrives, with every window, level and length, and resets between",
    ({ deflater, inflater }) => {
      const message = fc.oneof(
        fc.uint8Array({ maxLength: 2000 }),
        fc.tuple(fc.constantFrom(...EDGES), fc.nat(), fc.boolean()).map(([n, seed, hard]) =>
          hard ? noise(n, seed) : records(n, seed)
        ),
      );
      const step = fc.record({ message, reset: fc.boolean() });
      const options = fc.record({
        windowBits: fc.integer({ min: 9, max: 15 }),
        level: fc.integer({ min: 0, max: 9 }),
        memLevel: fc.integer({ min: 1, max: 9 }),
      });
      fc.assert(
        fc.property(options, fc.array(step, { maxLength: 6 }), (options, steps) => {
          const [out, into] = [deflater(options), inflater(options)];
          for (const { message, reset } of steps) {
            assertBytes(into.push(out.push(message), message.length), message);
            if (reset) out.reset();
          }
          out.close();
          into.close();
        }),
        { numRuns: 60 },
      );
    },
  );
}

function deflaterRules(rule: DeflateRule): void {
  rule("a deflater's messages are one stream, which any inflater with its window reads", ({ deflater }) => {
    const messages = EDGES.flatMap((length) => [records(length, 0), noise(length, length)]);
    for (let windowBits = 9; windowBits <= 15; windowBits++) {
      const out = deflater({ ...BEST, windowBits });
      const payloads = messages.map((message) => out.push(message));
      out.close();
      assertBytes(referenceInflate(payloads, windowBits), concat(messages));
    }
  });

  rule("an empty message is one byte of 0, at any time", ({ deflater }) => {
    const out = deflater(BEST);
    const messages = [new Uint8Array(0), bytes("Hello"), new Uint8Array(0), new Uint8Array(0)];
    const payloads = messages.map((message) => out.push(message));
    assertEquals([payloads[0], payloads[2], payloads[3]].map((payload) => [...payload]), [[0], [0], [0]]);
    assertBytes(referenceInflate(payloads, 15), bytes("Hello"));
    out.close();
  });

  rule("after reset() a deflater refers to nothing before", ({ deflater }) => {
    const out = deflater(BEST);
    const message = records(5000, 1);
    const first = out.push(message);
    out.push(message);
    out.reset();
    assertBytes(out.push(message), first);
    out.close();
  });
}

function inflaterRules(rule: DeflateRule): void {
  for (const { name, payloads } of PAYLOAD_CASES) {
    rule(`an inflater reads ${name}`, ({ inflater }) => {
      for (let windowBits = 9; windowBits <= 15; windowBits += 6) {
        const into = inflater({ windowBits });
        const texts = payloads.map(([hex]) => decoder.decode(into.push(unhex(hex), 100)));
        assertEquals(texts, payloads.map(([, text]) => text));
        into.close();
      }
    });
  }

  rule("an inflater reads what zlib's own stream makes, and remembers a whole window", async ({ inflater }) => {
    for (let windowBits = 9; windowBits <= 15; windowBits++) {
      const size = 1 << windowBits;
      // The same again, as far back as a deflater of this window may look.
      const block = noise(size - 262, windowBits);
      const messages = [block, block, ...EDGES.map((length) => records(length, 7)), block.subarray(10), block];
      const into = inflater({ windowBits });
      for (const [i, payload] of (await referencePayloads(messages, windowBits)).entries()) {
        assertBytes(into.push(payload, messages[i].length), messages[i]);
      }
      into.close();
    }
  });

  for (const [name, hex] of CORRUPT_CASES) {
    rule(`an inflater throws at once for ${name}, then begins anew`, async ({ inflater }) => {
      const into = inflater({ windowBits: 15 });
      for (let i = 0; i < 2; i++) {
        const error = assertThrows(() => into.push(unhex(hex), MIB), Error);
        assert(!(error instanceof RangeError), error.message);
        // What is emitted later would fail the test.
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      assertEquals(decoder.decode(into.push(unhex("f2 48 cd c9 c9 07 00"), 5)), "Hello");
      into.reset();
      assertThrows(() => into.push(unhex("f2 00 11 00 00"), 5), Error);
      into.close();
    });
  }

  rule("noise is inflated or refused, never more than that", ({ inflater }) => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 5 }), (payloads) => {
        const into = inflater({ windowBits: 15 });
        for (const payload of payloads) {
          try {
            assert(into.push(payload, 1000).length <= 1000);
          } catch (error) {
            assert(error instanceof Error);
          }
        }
        into.close();
      }),
      { numRuns: 500 },
    );
  });
}

function limitRules(rule: DeflateRule): void {
  rule("a message as long as the limit passes, one byte more throws a RangeError", ({ deflater, inflater }) => {
    for (const length of EDGES.filter((length) => length > 0)) {
      for (const message of [records(length, 3), noise(length, 5)]) {
        const out = deflater(BEST);
        const into = inflater({ windowBits: 15 });
        const payload = out.push(message);
        assertBytes(into.push(payload, length), message);
        into.reset();
        assertThrows(() => into.push(payload, length - 1), RangeError);
        out.close();
        into.close();
      }
    }
  });

  rule("the limit holds for all blocks with BFINAL together", ({ inflater }) => {
    const into = inflater({ windowBits: 15 });
    const hellos = unhex("f3 48 cd c9 c9 07 00".repeat(3));
    assertEquals(into.push(hellos, 15).length, 15);
    assertThrows(() => into.push(hellos, 14), RangeError);
    into.close();
  });

  rule("a gigabyte of zeros in a megabyte is refused before it is there", ({ deflater, inflater }) => {
    const out = deflater(BEST);
    const zeros = new Uint8Array(MIB);
    const [first, again] = [out.push(zeros), out.push(zeros)];
    const bomb = concat([first, FLUSHED, ...Array.from({ length: 1023 }, () => [again, FLUSHED]).flat()]);
    assert(bomb.length < 1.1 * MIB, `${bomb.length}`);
    const into = inflater({ windowBits: 15 });
    const began = performance.now();
    for (let i = 0; i < 3; i++) assertThrows(() => into.push(bomb, MIB), RangeError);
    // A gigabyte takes 2 s.
    assert(performance.now() - began < 1000, `${performance.now() - began} ms`);
    out.close();
    into.close();
  });
}
