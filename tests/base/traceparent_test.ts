import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { continueTrace, isTraceparent, traceIdOf } from "../../src/traceparent.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const VALID = `00-${TRACE}-${PARENT}-01`;

const INVALID: readonly (readonly [why: string, header: string])[] = [
  ["empty", ""],
  ["too short", VALID.slice(0, -1)],
  ["version 00 with more behind it", `${VALID}-x`],
  ["version 00 with a longer flags field", `${VALID}1`],
  ["repeated", `${VALID}, ${VALID}`],
  ["version ff", `ff${VALID.slice(2)}`],
  ["a trace id of zeros", `00-${"0".repeat(32)}-${PARENT}-01`],
  ["a parent id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
  ["an upper-case trace id", VALID.toUpperCase()],
  ["a letter that is no digit", VALID.replace("a", "g")],
  ["another separator", VALID.replaceAll("-", "_")],
  ["a later version whose fourth field is too long", `cc-${TRACE}-${PARENT}-01.what`],
  ["a space in front", ` ${VALID.slice(0, -1)}`],
];

describe("continueTrace()", () => {
  it("keeps trace id and flags, and sets a parent id of its own", () => {
    for (const flags of ["00", "01"]) {
      const own = continueTrace(`00-${TRACE}-${PARENT}-${flags}`);
      assertMatch(own, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-${flags}$`));
      assertNotEquals(own.slice(36, 52), PARENT);
      assert(isTraceparent(own));
    }
  });

  it("sends flags that this version doesn't know as zero", () => {
    assert(continueTrace(`00-${TRACE}-${PARENT}-ff`).endsWith("-01"));
    assert(continueTrace(`00-${TRACE}-${PARENT}-fe`).endsWith("-00"));
  });

  it("reads a later version as far as it knows it, and goes on as version 00", () => {
    for (const header of [`cc-${TRACE}-${PARENT}-01`, `cc-${TRACE}-${PARENT}-01-what-the-future-brings`]) {
      assertMatch(continueTrace(header), new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`));
    }
  });

  for (const [why, header] of INVALID) {
    it(`begins a new trace for a field that is invalid: ${why}`, () => {
      const own = continueTrace(header);
      assertMatch(own, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      assertNotEquals(traceIdOf(own), TRACE);
    });
  }

  it("begins a new trace that nobody records without a field, and never gives an id twice", () => {
    const seen = new Set<string>();
    for (let i = 0; i < 2000; i++) {
      const own = continueTrace(null);
      assert(isTraceparent(own) && own.endsWith("-00"), own);
      seen.add(traceIdOf(own)).add(own.slice(36, 52));
    }
    assertEquals(seen.size, 4000);
  });
});

describe("traceIdOf()", () => {
  it("gives the trace id", () => assertEquals(traceIdOf(VALID), TRACE));
});
