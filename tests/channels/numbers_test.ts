import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Numbers } from "../../src/channels/server/numbers.ts";

const number = fc.integer({ min: 1, max: 40 });

describe("numbers", () => {
  it("are what a set would be, in whatever order they come", () => {
    fc.assert(fc.property(fc.array(number, { maxLength: 60 }), (added) => {
      const numbers = new Numbers();
      const set = new Set<number>();
      for (const one of added) {
        numbers.add(one);
        set.add(one);
        for (let each = 0; each <= 41; each++) assertEquals(numbers.has(each), set.has(each), `${each} of ${added}`);
      }
    }));
  });

  it("forget the lowest where many are left out, and never know one that was not added", () => {
    const numbers = new Numbers();
    for (let one = 2; one <= 1000; one += 2) numbers.add(one);
    for (let one = 1; one <= 1001; one += 2) assertEquals(numbers.has(one), false);
    assert(numbers.has(1000) && numbers.has(900));
    assertEquals(numbers.has(2), false);
    for (let one = 1001; one <= 100_000; one++) numbers.add(one);
    assert(numbers.has(1000) && numbers.has(50_000) && numbers.has(900));
  });
});
