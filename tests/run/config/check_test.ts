import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import * as v from "valibot";
import { ConfigError } from "../../../src/run/config/mod.ts";
import { changedPaths } from "../../../src/run/config/changes.ts";
import type { StandardResult, StandardSchema } from "../../../src/run/config/standard_schema.ts";
import { checked, faults } from "../../support/config_world.ts";

const SCHEMA = v.object({
  port: v.pipe(v.number(), v.maxValue(65_535, "must be at most 65535")),
  name: v.optional(v.string()),
  limits: v.optional(v.object({ maxConnections: v.number(), maxQueue: v.optional(v.number()) })),
  sockets: v.optional(v.array(v.object({ name: v.string() }))),
});

describe("a configuration's text", () => {
  it("becomes what its schema makes of it, without the $schema of editors", async () => {
    const text = '{ "$schema": "./app.schema.json", "port": 80, "limits": { "maxConnections": 5 } } // mine';
    assertEquals(await checked<v.InferOutput<typeof SCHEMA>>(text, SCHEMA), {
      port: 80,
      limits: { maxConnections: 5 },
    });
  });

  it("is wrong with all that is wrong in it, each with place, expectation and value", async () => {
    const text =
      '{\n  "port": 70000,\n  "limits": { "maxConnections": "many", "maxConections": 3 },\n  "sockets": [{}]\n}';
    assertEquals(await faults(text, SCHEMA), [
      "line 2, column 11: port must be at most 65535, got 70000",
      'line 3, column 33: limits.maxConnections must be number, got "many"',
      "line 3, column 41: limits.maxConections is not known here, did you mean maxConnections?",
      "line 4, column 15: sockets[0].name is missing",
    ]);
  });

  it("is wrong where it is no JSON, or no object", async () => {
    assertEquals(await faults("", SCHEMA), ["it is empty: it must be an object"]);
    assertEquals(await faults(" \n", SCHEMA), ["it is empty: it must be an object"]);
    assertEquals(await faults("[1]", SCHEMA), ["line 1, column 1: it must be an object in braces"]);
    assertEquals(await faults('{\n"port": 80', SCHEMA), [
      'line 2, column 11: it must have "," or "}" here, the file ends',
    ]);
  });

  it("is no way into an object's prototype", async () => {
    const value = await checked('{ "__proto__": { "admin": true }, "constructor": 1 }', v.looseObject({}));
    assertEquals((value as { admin?: boolean }).admin, undefined);
    assertEquals(({} as { admin?: boolean }).admin, undefined);
    assertEquals(await faults('{ "port": 1, "__proto__": {}, "toString": 1 }', SCHEMA), [
      "line 1, column 14: __proto__ is not known here: there is port, name, limits, sockets",
      "line 1, column 31: toString is not known here: there is port, name, limits, sockets",
    ]);
  });

  it("is never taken from a part of it", async () => {
    const whole = JSON.stringify(
      { port: 1, name: "n", limits: { maxConnections: 2 }, sockets: [{ name: "s" }] },
      null,
      2,
    );
    await fc.assert(fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
      await assertRejects(() => checked(whole.slice(0, length), SCHEMA), ConfigError);
    }));
  });

  it("throws nothing but a ConfigError, whatever it is", async () => {
    const noise = fc.oneof(fc.string(), fc.json(), fc.string({ unit: fc.constantFrom(...'{}[]",:$\\/*1 a\n') }));
    await fc.assert(fc.asyncProperty(noise, async (text) => {
      await checked(text, SCHEMA).catch((error) => assert(error instanceof ConfigError, String(error)));
    }));
  });
});

describe("names that a schema does not know", () => {
  const valibot: readonly (readonly [what: string, schema: StandardSchema, text: string, wrong: readonly string[]])[] =
    [
      ["of an object", v.object({ port: v.number() }), '{"port":1,"prot":2}', ["prot"]],
      ["of a strict object, once", v.strictObject({ port: v.number() }), '{"port":1,"prot":2}', ["prot"]],
      ["of no loose object", v.looseObject({ port: v.number() }), '{"port":1,"prot":2}', []],
      ["of no record", v.record(v.string(), v.number()), '{"port":1,"prot":2}', []],
      ["of no object with a rest", v.objectWithRest({ port: v.number() }, v.number()), '{"port":1,"prot":2}', []],
      [
        "inside of what is optional",
        v.object({ a: v.optional(v.nullable(v.object({ b: v.number() }))) }),
        '{"a":{"b":1,"x":1}}',
        [
          "a.x",
        ],
      ],
      ["inside of lists", v.object({ a: v.array(v.object({ b: v.number() })) }), '{"a":[{"b":1},{"b":1,"x":1}]}', [
        "a[1].x",
      ]],
      [
        "that no alternative has",
        v.object({ a: v.union([v.string(), v.object({ b: v.number() })]) }),
        '{"a":{"b":1,"x":1}}',
        [
          "a.x",
        ],
      ],
      [
        "of no variant that takes any",
        v.object({ a: v.union([v.any(), v.object({ b: v.number() })]) }),
        '{"a":{"x":1}}',
        [],
      ],
      ["behind checks", v.pipe(v.object({ b: v.number() }), v.check(() => true)), '{"b":1,"x":1}', ["x"]],
    ];
  for (const [what, schema, text, wrong] of valibot) {
    it(`are found with Valibot: those ${what}`, async () => {
      if (wrong.length === 0) await checked(text, schema);
      else {
        const told = await faults(text, schema);
        assertEquals(told.map((line) => line.replace(/^.*: (\S+) is not known here.*$/, "$1")), [...wrong]);
      }
    });
  }

  /** As Zod and others tell themselves. */
  function telling(jsonSchema: unknown): StandardSchema {
    const validate = (value: unknown): StandardResult<unknown> => ({ value });
    return {
      "~standard": { version: 1, vendor: "zod", validate, ...{ jsonSchema: { input: () => jsonSchema } } },
    };
  }

  it("are found with every schema that tells itself as JSON Schema", async () => {
    const limits = { type: "object", properties: { maxConnections: { type: "number" } } };
    const schema = telling({
      type: "object",
      properties: {
        limits: { $ref: "#/$defs/limits" },
        open: { type: "object", properties: { a: {} }, additionalProperties: {} },
        some: { anyOf: [{ type: "null" }, { type: "object", properties: { b: {} }, additionalProperties: false }] },
        any: {},
        list: { type: "array", items: { $ref: "#/$defs/limits" } },
      },
      $defs: { limits },
    });
    const text = `{ "limit": {}, "limits": { "maxConections": 1 }, "open": { "x": 1 }, "some": { "c": 1 },
      "any": { "x": 1 }, "list": [{ "x": 1 }] }`;
    assertEquals((await faults(text, schema)).map((line) => line.replace(/^line \d+, column \d+: /, "")), [
      "limit is not known here, did you mean limits?",
      "limits.maxConections is not known here, did you mean maxConnections?",
      "some.c is not known here: there is b",
      "list[0].x is not known here: there is maxConnections",
    ]);
  });

  it("are the validator's own business where it does not tell its names", async () => {
    assertEquals(await checked('{ "x": 1 }', telling(null)), { x: 1 });
    const throwing = telling({});
    Object.assign(throwing["~standard"], {
      jsonSchema: {
        input: () => {
          throw new Error("not to be told");
        },
      },
    });
    assertEquals(await checked('{ "x": 1 }', throwing), { x: 1 });
  });

  it("may refer to themselves", async () => {
    const node = { type: "object", properties: { child: { $ref: "#/$defs/node" } } };
    const schema = telling({ $ref: "#/$defs/node", $defs: { node, loop: { $ref: "#/$defs/loop" } } });
    assertEquals(await faults('{ "child": { "child": { "chld": {} } } }', schema), [
      "line 1, column 25: child.child.chld is not known here, did you mean child?",
    ]);
    assertEquals(await checked('{ "x": 1 }', telling({ $ref: "#/$defs/l", $defs: { l: { $ref: "#/$defs/l" } } })), {
      x: 1,
    });
  });
});

describe("variables", () => {
  const schema = v.looseObject({});
  const env = { PORT: "80", EMPTY: "", HOST: "a.example" };

  it("are filled in wherever a string is", async () => {
    const text = '{ "a": "${HOST}:${PORT}", "b": ["${PORT}"], "c": { "d": "x${PORT}" } }';
    assertEquals(await checked(text, schema, { env }), { a: "a.example:80", b: ["80"], c: { d: "x80" } });
  });

  it("have defaults, which an empty one has too", async () => {
    const text = '{ "a": "${NONE:-7}", "b": "${EMPTY:-7}", "c": "${EMPTY}", "d": "${PORT:-7}", "e": "${NONE:-}" }';
    assertEquals(await checked(text, schema, { env }), { a: "7", b: "7", c: "", d: "80", e: "" });
  });

  it("are not looked for in what is written $${, nor in what was filled in", async () => {
    const text = '{ "a": "$${PORT} costs $5 {x}", "b": "${NESTED}" }';
    assertEquals(await checked(text, schema, { env: { NESTED: "${PORT}" } }), {
      a: "${PORT} costs $5 {x}",
      b: "${PORT}",
    });
  });

  it("that are missing are named, with path and place, all of them", async () => {
    const text = '{ "a": "${HSOT}",\n  "b": ["${PORT}", "${DB_URL}"] }';
    assertEquals(await faults(text, schema, { env }), [
      "line 1, column 8: a needs the variable HSOT, which is not set",
      "line 2, column 20: b[1] needs the variable DB_URL, which is not set",
    ]);
  });

  it("that are none are refused", async () => {
    assertEquals(await faults('{ "a": "${A B}", "b": "${", "c": "${A:=1}" }', schema, { env }), [
      "line 1, column 8: a has ${A B} that is no ${NAME} or ${NAME:-default}: write $${ for a ${",
      "line 1, column 23: b has ${ that is no ${NAME} or ${NAME:-default}: write $${ for a ${",
      "line 1, column 34: c has ${A:=1} that is no ${NAME} or ${NAME:-default}: write $${ for a ${",
    ]);
  });

  it("are shown as the file has them, never as what they stand for", async () => {
    const told = await faults('{ "port": "${PASSWORD}" }', v.object({ port: v.number("must be a number") }), {
      env: { PASSWORD: "hunter2" },
    });
    assertEquals(told, ['line 1, column 11: port must be a number, got "${PASSWORD}"']);
    const repeating = v.object({ port: v.pipe(v.string(), v.check(() => false, (issue) => `is bad: ${issue.input}`)) });
    const repeated = await faults('{ "port": "x${PASSWORD}" }', repeating, { env: { PASSWORD: "hunter2" } });
    assertEquals(repeated, ['line 1, column 11: port is bad: ***, got "x${PASSWORD}"']);
  });
});

describe("secrets", () => {
  const schema = v.object({ db: v.object({ password: v.pipe(v.string(), v.maxLength(9)) }) });
  const text = '{ "db": { "password": { "$file": "/run/secrets/${WHICH:-db}" } } }';

  it("come from files, without the line end behind them", async () => {
    for (
      const [content, value] of [["abc\n", "abc"], ["abc\r\n", "abc"], ["abc\n\n", "abc\n"], [" a ", " a "], ["", ""]]
    ) {
      const read = await checked<v.InferOutput<typeof schema>>(text, schema, {
        secrets: { "/run/secrets/db": content },
      });
      assertEquals(read.db.password, value);
    }
  });

  it("are never shown, not by their validator either", async () => {
    const told = await faults(text, schema, { secrets: { "/run/secrets/db": "hunter2hunter2\n" } });
    assertEquals(told, ["line 1, column 23: db.password must be <=9, got a secret"]);
    const says = v.object({
      db: v.pipe(v.looseObject({}), v.check(() => false, (i) => `is ${JSON.stringify(i.input)}`)),
    });
    const quoted = await faults(text, says, { secrets: { "/run/secrets/db": 'say "x"\n' } });
    assertEquals(quoted, ['line 1, column 9: db is {"password":"***"}, got an object']);
  });

  it("that can't be read are named by their file, not by what they have", async () => {
    assertEquals(await faults(text, schema), [
      'line 1, column 23: db.password must be in the file "/run/secrets/db": there is no such file',
    ]);
    assertEquals(await faults('{ "db": { "password": { "$file": "/a", "x": 1 } } }', schema), [
      'line 1, column 23: db.password must have "$file" alone, and the path of a file for it',
    ]);
    assertEquals(await faults('{ "db": { "password": { "$file": 5 } } }', schema), [
      'line 1, column 23: db.password must have "$file" alone, and the path of a file for it',
    ]);
  });
});

describe("a schema", () => {
  it("may take its time", async () => {
    const slow = v.objectAsync({
      port: v.pipeAsync(v.number(), v.checkAsync(async () => await Promise.resolve(true))),
    });
    assertEquals(await checked('{ "port": 1 }', slow), { port: 1 });
  });

  it("that throws has not passed a value", async () => {
    const throwing = v.pipe(
      v.object({ port: v.number() }),
      v.check(() => {
        throw new Error("no such table");
      }),
    );
    assertEquals(await faults('{ "port": 1 }', throwing), [
      "line 1, column 1: it can't be checked, its schema threw: no such table, got an object",
    ]);
  });
});

describe("changedPaths()", () => {
  const cases: readonly (readonly [previous: unknown, next: unknown, paths: readonly string[]])[] = [
    [{ a: 1 }, { a: 1 }, []],
    [{ a: 1, b: { c: 2 } }, { b: { c: 2 }, a: 1 }, []],
    [{ a: 1, b: { c: 2 } }, { a: 1, b: { c: 3 }, d: 4 }, ["b.c", "d"]],
    [{ a: { b: 1 } }, {}, ["a"]],
    [{ a: { b: 1 } }, { a: [1] }, ["a"]],
    [{ a: [{ b: 1 }, 2] }, { a: [{ b: 2 }] }, ["a[0].b", "a[1]"]],
    [{ a: null }, { a: {} }, ["a"]],
    [{ "x.y": { z: 1 } }, { "x.y": { z: 2 } }, ['["x.y"].z']],
    [{}, { toString: 1 }, ["toString"]],
    [{}, JSON.parse('{ "__proto__": {} }'), ["__proto__"]],
    [{ a: "1" }, { a: 1 }, ["a"]],
  ];
  for (const [previous, next, paths] of cases) {
    it(`of ${JSON.stringify(previous)} and ${JSON.stringify(next)}`, () => {
      assertEquals(changedPaths(previous, next), [...paths]);
    });
  }
});
