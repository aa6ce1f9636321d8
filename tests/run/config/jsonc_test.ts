import { describe, it } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { type JsonNode, JsonSyntaxError, parseJsonc, positionAt } from "../../../src/run/config/jsonc.ts";

function plain({ value }: JsonNode): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, { node }]) => [name, plain(node)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

/** Each with what is said of it, and where: line and column. */
const WRONG: readonly (readonly [text: string, message: string, line: number, column: number])[] = [
  ["", "must have a value here, the file ends", 1, 1],
  ["{", 'must have a name in double quotes or "}" here, the file ends', 1, 2],
  ['{"a":1', 'must have "," or "}" here, the file ends', 1, 7],
  ['{"a" 1}', 'must have ":" here, got "1"', 1, 6],
  ['{"a":1 "b":2}', 'must have "," or "}" here, got "\\""', 1, 8],
  ["{a:1}", 'must have a name in double quotes or "}" here, got "a"', 1, 2],
  ["{'a':1}", 'must have a name in double quotes or "}" here, got "\'"', 1, 2],
  ['{\n  "a": 1,\n  "b": 2,\n  "a": 3\n}', 'has the name "a" a second time', 4, 3],
  ["{,}", 'must have a name in double quotes or "}" here, got ","', 1, 2],
  ["[,]", 'must have a value or "]" here, got ","', 1, 2],
  ["[1,,2]", 'must have a value or "]" here, got ","', 1, 4],
  ["[1", 'must have "," or "]" here, the file ends', 1, 3],
  ["[01]", 'must have a value here, got "01"', 1, 2],
  ["[1.]", 'must have a value here, got "1."', 1, 2],
  ["[+1]", 'must have a value here, got "+1"', 1, 2],
  ["[NaN]", 'must have a value here, got "NaN"', 1, 2],
  ["[1e999]", "has a number that is too large, 1e999", 1, 2],
  ["[truely]", 'must have a value here, got "truely"', 1, 2],
  ['"a', "has a string without an end", 1, 1],
  ['["a\nb"]', "has a string without an end", 1, 2],
  ['["a\tb"]', "has a control character in a string: escape it", 1, 4],
  ['["\\x41"]', "has an unknown escape, \\x: a backslash itself is written twice", 1, 3],
  ['["\\u00g0"]', "has \\u without four hexadecimal digits", 1, 3],
  ["{} {}", 'must have the end of the file here, got "{"', 1, 4],
  ["{} /* more", "has a comment without an end", 1, 4],
  ["{} / more", 'must have the end of the file here, got "/"', 1, 4],
  ["\r\n\r\n\r\n  ?", 'must have a value here, got "?"', 4, 3],
  ["[\u{1f600}]", 'must have a value here, got "\u{1f600}"', 1, 2],
];

describe("JSON with comments", () => {
  it("is read as JSON is, where it is JSON", () => {
    fc.assert(fc.property(fc.json(), fc.nat(4), (text, indent) => {
      const spaced = JSON.stringify(JSON.parse(text), null, indent);
      assertEquals(plain(parseJsonc(spaced)), JSON.parse(spaced));
    }));
  });

  it("may have comments wherever a space may be, and a comma behind the last", () => {
    const text = '\ufeff// top\n{ /* a */ "a" /* b */ : /* c */ [ 1, 2, ], // d\r\n "b": "// no /* comment", }\n// end';
    assertEquals(plain(parseJsonc(text)), { a: [1, 2], b: "// no /* comment" });
  });

  it("knows where each value and each name stands", () => {
    const text = '{\n  "a": [10, true],\n  "b": { "c": null }\n}';
    const root = parseJsonc(text).value as ReadonlyMap<string, { offset: number; node: JsonNode }>;
    const a = root.get("a")!.node.value as readonly JsonNode[];
    const c = (root.get("b")!.node.value as typeof root).get("c")!;
    const at = (offset: number) => Object.values(positionAt(text, offset));
    assertEquals([a[0], a[1], c.node].map(({ offset }) => at(offset)), [[2, 9], [2, 13], [3, 15]]);
    assertEquals([at(root.get("a")!.offset), at(c.offset)], [[2, 3], [3, 10]]);
  });

  for (const [text, message, line, column] of WRONG) {
    it(`says what is wrong, and where: ${JSON.stringify(text)}`, () => {
      const error = assertThrows(() => parseJsonc(text), JsonSyntaxError) as JsonSyntaxError;
      assertEquals([error.message, positionAt(text, error.offset)], [message, { line, column }]);
    });
  }

  it("is refused when it is so deep that reading it would overflow a stack", () => {
    const error = assertThrows(() => parseJsonc("[".repeat(100_000)), JsonSyntaxError) as Error;
    assertEquals(error.message, "has more than 100 levels");
  });

  it("has no beginning that is a whole object", () => {
    fc.assert(fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(), (value, at) => {
      const text = JSON.stringify(value, null, 2);
      assertThrows(() => parseJsonc(text.slice(0, at % text.length)), JsonSyntaxError);
    }));
  });

  it("costs a time that grows with its length", () => {
    const text = `{ "a": [${'{ "b": "cccccccccccccccc" /* d */ },\n'.repeat(20_000)}] }`;
    assert((plain(parseJsonc(text)) as { a: unknown[] }).a.length === 20_000);
  });
});
