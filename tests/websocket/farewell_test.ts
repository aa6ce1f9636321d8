import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { OptionError } from "../../src/errors.ts";
import { type FarewellFlag, formatFarewell, MAX_FAREWELL_MS, parseFarewell } from "../../src/websocket/farewell.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text).byteLength;

const flag = fc.constantFrom<FarewellFlag>("normal", "urgent", "deferred");
const ms = fc.integer({ min: 0, max: MAX_FAREWELL_MS });

describe("formatFarewell()", () => {
  it("writes flag, wait, retry and words", () => {
    assertEquals(formatFarewell({ flag: "normal", wait: 250, retry: 0 }), "normal wait=250 retry=0");
    assertEquals(
      formatFarewell({ flag: "urgent", wait: 0, retry: 1000, words: "going away" }),
      "urgent wait=0 retry=1000 going away",
    );
  });

  it("rounds fractions of a millisecond up", () => {
    assertEquals(formatFarewell({ flag: "deferred", wait: 0.2, retry: 7.5 }), "deferred wait=1 retry=8");
  });

  it("cuts words at a character's edge, at 123 bytes", () => {
    const head = "normal wait=1 retry=1 ";
    const room = 123 - head.length;
    for (const [words, kept] of [["x".repeat(200), room], ["é".repeat(200), room >> 1], ["😀".repeat(50), room >> 2]]) {
      const reason = formatFarewell({ flag: "normal", wait: 1, retry: 1, words: words as string });
      assertEquals(reason, head + [...words as string].slice(0, kept as number).join(""));
      assert(bytesOf(reason) <= 123);
    }
  });

  it("refuses times that are not a number in range", () => {
    for (const wrong of [-1, NaN, Infinity, MAX_FAREWELL_MS + 1]) {
      assertThrows(() => formatFarewell({ flag: "normal", wait: wrong, retry: 0 }), OptionError, "wait");
      assertThrows(() => formatFarewell({ flag: "normal", wait: 0, retry: wrong }), OptionError, "retry");
    }
  });
});

describe("parseFarewell()", () => {
  for (
    const reason of [
      "",
      "going away",
      "normal",
      "normal wait=1",
      "normal retry=1 wait=1",
      "Normal wait=1 retry=1",
      "other wait=1 retry=1",
      " normal wait=1 retry=1",
      "normal  wait=1 retry=1",
      "normal wait=1 retry=1 ",
      "normal wait=1 retry=1words",
      "normal wait=01 retry=1",
      "normal wait=1 retry=-1",
      "normal wait=1.5 retry=1",
      "normal wait= retry=1",
      "normal wait=1 retry=1000000000",
      "x\nnormal wait=1 retry=1",
    ]
  ) {
    it(`takes ${JSON.stringify(reason)} for ordinary words`, () => assertEquals(parseFarewell(reason), null));
  }

  it("gives back what was written, words as far as they fit", () => {
    fc.assert(
      fc.property(flag, ms, ms, fc.string({ unit: "binary", maxLength: 150 }), (flag, wait, retry, words) => {
        const reason = formatFarewell({ flag, wait, retry, words });
        assert(bytesOf(reason) <= 123);
        const parsed = parseFarewell(reason)!;
        assertEquals({ ...parsed, words: "" }, { flag, wait, retry, words: "" });
        assert(words.startsWith(parsed.words));
        const cut = bytesOf(words) - bytesOf(parsed.words);
        assert(cut === 0 || bytesOf(reason) >= 120, "words were cut although there was room");
      }),
    );
  });

  it("never throws, and takes nothing that would be written otherwise", () => {
    const part = fc.constantFrom("normal", "urgent", " ", "wait=", "retry=", "0", "12", "words", "\n", "é");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 10 }).map((parts) => parts.join("")), (reason) => {
        const parsed = parseFarewell(reason);
        if (parsed !== null) assertEquals(formatFarewell(parsed), reason);
      }),
      { numRuns: 500 },
    );
  });
});
