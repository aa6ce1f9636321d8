import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Few } from "../../src/channels/server/few.ts";

type Step = readonly ["set" | "delete" | "get", string] | readonly ["clear", ""];

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(fc.constantFrom("set", "delete", "get"), fc.constantFrom("a", "b", "c", "")) },
  { weight: 1, arbitrary: fc.constant(["clear", ""] as const) },
);

describe("few", () => {
  it("are what a map would be, whatever is done to them", () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const few = new Few<string, { readonly at: number }>();
      const map = new Map<string, { readonly at: number }>();
      for (const [at, [what, key]] of steps.entries()) {
        const value = { at };
        if (what === "set") {
          few.set(key, value);
          map.set(key, value);
        } else if (what === "delete") assertEquals(few.delete(key), map.delete(key));
        else if (what === "get") assertEquals(few.get(key), map.get(key));
        else {
          few.clear();
          map.clear();
        }
        assertEquals([few.size, few.values()], [map.size, [...map.values()]]);
      }
    }));
  });
});
