/** Scales of the pages' charts, and numbers as the pages write them. */
import { describe, it } from "node:test";
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  formatBytes,
  formatCount,
  formatMs,
  formatNumber,
  formatShare,
  listed,
} from "../../../src/tools/report_page/format.ts";
import {
  byteScale,
  linearScale,
  loadScale,
  logScale,
  niceStep,
  percentileScale,
  type Scale,
  timeScale,
} from "../../../src/tools/report_page/scale.ts";

describe("a linear scale", () => {
  it("begins at zero and ends at a round value that everything fits under", () => {
    const { min, max, ticks } = linearScale([120, 870, 20_531]);
    assertEquals([min, max, ticks], [0, 25_000, [0, 5000, 10_000, 15_000, 20_000, 25_000]]);
  });

  it("ends at the greatest value where that is round", () => {
    assertEquals(linearScale([0.3, 0.1]).ticks, [0, 0.1, 0.2, 0.3]);
    assertEquals(linearScale([500], 2).ticks, [0, 500]);
  });

  it("has a height where all values are zero, or where there are none", () => {
    for (const values of [[], [0], [0, 0], [NaN], [5e-324]]) {
      const scale = linearScale(values);
      assert(scale.max > scale.min, JSON.stringify(values));
      assertEquals(scale.at(0), 0);
    }
  });

  it("reaches below zero where a value does", () => {
    assertEquals(linearScale([-3, 5], 4).ticks, [-4, -2, 0, 2, 4, 6]);
  });
});

describe("a log scale", () => {
  it("takes in all values, and gives equal ratios equal room", () => {
    const scale = logScale([0.31, 41]);
    assertEquals([scale.min, scale.max], [0.2, 50]);
    assertAlmostEquals(scale.at(2) - scale.at(1), scale.at(20) - scale.at(10));
  });

  it("names tens alone over many decades, and 1, 2 and 5 over few", () => {
    assertEquals(logScale([0.31, 41]).ticks, [1, 10]);
    assertEquals(logScale([2.1, 38]).ticks, [2, 5, 10, 20, 50]);
    assertEquals(logScale([3, 4]).ticks, [2, 5]);
  });

  it("names no more than it has room for over very many decades", () => {
    const { ticks } = logScale([1e-6, 1e6]);
    assertEquals(ticks, [1e-6, 1e-4, 0.01, 1, 100, 10_000, 1e6]);
  });

  it("gives a single value an axis around it", () => {
    for (const value of [1, 2, 7, 0.05, 1000]) {
      const { min, max, ticks } = logScale([value]);
      assert(min <= value && value <= max && min < max, `${value}: ${min} to ${max}`);
      assert(ticks.length >= 2, `${value}: ${ticks}`);
    }
  });

  it("puts what has no logarithm at its beginning, and does not look at it otherwise", () => {
    const scale = logScale([0, -1, NaN, 10, 100]);
    assertEquals([scale.min, scale.max], [10, 100]);
    assertEquals([scale.at(0), scale.at(-5), scale.at(100)], [0, 0, 1]);
    assertEquals(logScale([0, 5e-324]).ticks, logScale([]).ticks);
  });
});

describe("a scale of times", () => {
  it("names round times and ends with the run", () => {
    assertEquals(timeScale(10_003).ticks, [0, 2000, 4000, 6000, 8000, 10_000]);
    assertEquals(timeScale(10_003).max, 10_003);
    assertEquals(timeScale(1_800_000).ticks, [0, 300_000, 600_000, 900_000, 1_200_000, 1_500_000, 1_800_000]);
    assertEquals(timeScale(7).ticks, [0, 2, 4, 6]);
  });

  it("counts long runs in hours, and days", () => {
    assertEquals(timeScale(86_400_000).ticks.length, 7);
    assertEquals(timeScale(20 * 86_400_000).ticks, [0, 4, 8, 12, 16, 20].map((days) => days * 86_400_000));
  });

  it("has room where there was no time", () => {
    for (const duration of [0, -1, NaN]) assertEquals(timeScale(duration).max, 1000);
  });
});

describe("a scale of loads", () => {
  it("goes from the first step of a ramp to its last", () => {
    const { min, max, ticks } = loadScale([10, 64, 500]);
    assertEquals([min, max, ticks], [10, 500, [100, 200, 300, 400, 500]]);
  });

  it("has room for a single step, and for none", () => {
    assertEquals(loadScale([50]).at(50), 1);
    assert(loadScale([]).max > 0);
  });
});

describe("a scale of percentiles", () => {
  it("gives each further nine the same room, and the end to 100", () => {
    const scale = percentileScale([0, 50, 99.99, 100]);
    assertEquals(scale.ticks, [0, 50, 90, 99, 99.9, 99.99, 100]);
    assertAlmostEquals(scale.at(99) - scale.at(90), scale.at(99.9) - scale.at(99));
    assertEquals([scale.at(0), scale.at(100)], [0, 1]);
    assert(scale.at(99.99) < 1);
  });

  it("is there without values, and for 100 alone", () => {
    assertEquals(percentileScale([]).ticks, [0, 50, 90, 99, 100]);
    assertEquals(percentileScale([100]).ticks, [0, 50, 90, 99, 100]);
  });
});

describe("a scale of bytes", () => {
  it("has steps that are round in binary units", () => {
    const mib = 1024 ** 2;
    assertEquals(byteScale([103 * mib], 2).ticks, [0, 100 * mib, 200 * mib]);
    assertEquals(byteScale([700]).ticks, [0, 200, 400, 600, 800]);
    assertEquals(byteScale([0]).min, 0);
  });
});

describe("every scale", () => {
  const kinds: readonly ((values: readonly number[]) => Scale)[] = [linearScale, logScale, byteScale, loadScale];

  it("has ordered ticks between its ends, and all values between 0 and 1 in their order", () => {
    const value = fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.integer({ min: 0, max: 1000 }));
    fc.assert(fc.property(fc.constantFrom(...kinds), fc.array(value, { maxLength: 8 }), (kind, values) => {
      const scale = kind(values);
      const slack = 1e-9 * Math.abs(scale.max);
      assert(scale.min < scale.max);
      assert(scale.ticks.length <= 20);
      scale.ticks.forEach((tick, i) => {
        assert(tick >= scale.min - slack && tick <= scale.max + slack);
        assert(i === 0 || tick > scale.ticks[i - 1]);
      });
      const places = values.toSorted((a, b) => a - b).map((each) => scale.at(each));
      places.forEach((place, i) => assert(place >= (places[i - 1] ?? 0) && place <= 1));
    }));
  });

  it("has steps of 1, 2 or 5", () => {
    assertEquals([0.03, 0.1, 1.01, 3, 70, 1e-7].map(niceStep), [0.05, 0.1, 2, 5, 100, 1e-7]);
    assertEquals([0, -1, NaN, Infinity].map(niceStep), [1, 1, 1, 1]);
  });
});

describe("a number in a page", () => {
  const plain = (text: string) => text.replaceAll("\u00a0", " ");

  it("has commas, and about three digits that count", () => {
    assertEquals([0, 999, 1000, 1_234_567].map(formatCount), ["0", "999", "1,000", "1,234,567"]);
    assertEquals([0.0421, 0.5, 12.34, 20_531.4].map(formatNumber), ["0.042", "0.5", "12.3", "20,531"]);
  });

  it("has the unit that suits it", () => {
    const times = [0, 0.031, 0.0999, 0.84, 999.4, 1240, 119_000, 125_000, 3_600_000];
    assertEquals(times.map((ms) => plain(formatMs(ms))), [
      "0 ms",
      "31 µs",
      "0.1 ms",
      "0.84 ms",
      "999 ms",
      "1.24 s",
      "119 s",
      "2 min 5 s",
      "1 h",
    ]);
    assertEquals([0, 1023, 1024, 1.5 * 2 ** 20, 2 ** 50].map((size) => plain(formatBytes(size))), [
      "0 B",
      "1,023 B",
      "1 KiB",
      "1.5 MiB",
      "1 PiB",
    ]);
  });

  it("never makes nothing of something, nor all of less", () => {
    assertEquals([0, 1e-6, 0.1057, 0.99999, 1].map((share) => plain(formatShare(share))), [
      "0 %",
      "< 0.01 %",
      "10.57 %",
      "> 99.99 %",
      "100 %",
    ]);
  });

  it("is a dash where there is none", () => {
    for (const format of [formatCount, formatNumber, formatMs, formatBytes, formatShare]) {
      assertEquals(format(NaN), "–");
    }
    assertEquals(listed(["a", "b", "c"]), "a, b and c");
  });
});
