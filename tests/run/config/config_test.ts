import { describe, it } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import * as v from "valibot";
import { OptionError } from "../../../mod.ts";
import { loadConfigFrom } from "../../../src/run/config/config.ts";
import { type Config, ConfigError, type ConfigOptions, loadConfig } from "../../../src/run/config/mod.ts";
import { VirtualClock } from "../../../src/testing/mod.ts";
import { keepingLogger, TestFiles } from "../../support/config_world.ts";

const FILE = "/etc/app/app.json";
const SECRET = "/etc/app/secret";
const SCHEMA = v.object({ a: v.number(), b: v.optional(v.object({ c: v.string() })) });
type Value = v.InferOutput<typeof SCHEMA>;

interface World {
  readonly files: TestFiles;
  readonly clock: VirtualClock;
  readonly config: Config<Value>;
  readonly lines: readonly string[];
  /** Each change that was applied: `a` before and after, and what differs. */
  readonly told: string[];
}

async function world(options: Partial<ConfigOptions<Value>> = {}, text: string = '{ "a": 1 }'): Promise<World> {
  const files = new TestFiles();
  files.contents.set(FILE, text);
  files.contents.set(SECRET, "one\n");
  const clock = new VirtualClock({ wall: 1_000_000 });
  const logger = keepingLogger();
  const config = await loadConfigFrom(files, FILE, { schema: SCHEMA, watch: true, logger, clock, ...options });
  const told: string[] = [];
  config.onChange((next, previous, paths) => void told.push(`${previous.a}-${next.a} ${paths}`));
  // The look behind the start of the watch.
  await clock.advance(100);
  return { files, clock, config, lines: logger.lines, told };
}

describe("a configuration that is watched", () => {
  it("is applied when it has been silent for a moment, once for each change, in order", async () => {
    const { files, clock, config, told, lines } = await world();
    files.write(FILE, '{ "a": 2 }');
    await clock.advance(99);
    assertEquals([config.value.a, told], [1, []]);
    await clock.advance(1);
    assertEquals(config.value, { a: 2 });
    files.write(FILE, '{ "a": 3, "b": { "c": "x" } }');
    await clock.advance(100);
    assertEquals(told, ["1-2 a", "2-3 a,b"]);
    assertEquals(lines, ["info configuration applied", "info configuration applied"]);
    assertEquals([config.status.applied, config.status.refused], [2, 0]);
  });

  it("is read once for what comes in many steps, and does not wait for ever for their end", async () => {
    const { files, clock, told } = await world();
    const before = files.reads;
    for (let i = 0; i < 9; i++) {
      files.write(FILE, `{ "a": 2${"0".repeat(i)} }`);
      await clock.advance(99);
    }
    assertEquals([files.reads - before, told], [0, []]);
    for (let i = 0; i < 4; i++) {
      files.write(FILE, `{ "a": 3${"0".repeat(i)} }`);
      await clock.advance(99);
    }
    assertEquals([files.reads - before, told.length], [1, 1]);
  });

  it("stays as it is while the file is empty, half-written, wrong or gone, and says so once each", async () => {
    const { files, clock, config, told, lines } = await world();
    const messages: (string | undefined)[] = [];
    for (const text of ["", '{ "a":', '{ "a": "x" }', '{ "a": "x" }', '{ "a": 2 }']) {
      files.write(FILE, text);
      await clock.advance(100);
      messages.push(config.status.error?.issues[0].expected);
      if (text !== '{ "a": 2 }') assertEquals(config.value, { a: 1 });
    }
    files.contents.delete(FILE);
    await clock.advance(5000);
    messages.push(config.status.error?.issues[0].expected);
    assertEquals(messages, [
      "is empty: it must be an object",
      "must have a value here, the file ends",
      "must be number",
      "must be number",
      undefined,
      "can't be read: there is no such file",
    ]);
    const refused = "error configuration refused, the previous one stays in use";
    assertEquals(lines, [refused, refused, refused, "info configuration applied", refused]);
    assertEquals([told, config.value.a, config.status.applied, config.status.refused], [["1-2 a"], 2, 1, 4]);
  });

  it("is as it was when a wrong change is taken back: nobody hears of it, and the error is gone", async () => {
    const { files, clock, config, told, lines } = await world();
    files.write(FILE, "{");
    await clock.advance(100);
    assert(config.status.error !== null && config.status.failedAt !== null);
    files.write(FILE, '{ "a": 1 }');
    await clock.advance(100);
    assertEquals([told, config.status.error, config.status.failedAt], [[], null, null]);
    assertEquals(lines[1], "info configuration is as it was");
  });

  it("tells nobody of a change of comments and spaces", async () => {
    const { files, clock, config, told, lines } = await world();
    const before = config.status.loadedAt;
    files.write(FILE, '{ // the best\n"a": 1, }');
    await clock.advance(100);
    assertEquals([told, lines, config.status.applied], [[], [], 0]);
    assert(config.status.loadedAt > before);
  });

  it("is looked at now and then, where nobody tells of changes", async () => {
    const { files, clock, told } = await world();
    files.contents.set(FILE, '{ "a": 2 }');
    await clock.advance(4900);
    assertEquals(told, ["1-2 a"]);
    const off = await world({ poll: 0 });
    off.files.contents.set(FILE, '{ "a": 2 }');
    await off.clock.advance(100_000);
    assertEquals([off.told, off.clock.pending], [[], 0]);
  });

  it("changes with a secret's file, and follows those that a change brings", async () => {
    const { files, clock, config, told } = await world({}, '{ "a": 1, "b": { "c": { "$file": "secret" } } }');
    assertEquals(config.value.b, { c: "one" });
    files.write(SECRET, "two\n");
    await clock.advance(100);
    assertEquals([config.value.b, told], [{ c: "two" }, ["1-1 b.c"]]);
    files.contents.set("/run/other", "three");
    files.write(FILE, '{ "a": 1, "b": { "c": { "$file": "/run/other" } } }');
    await clock.advance(200);
    files.write("/run/other", "four");
    await clock.advance(100);
    assertEquals(told.length, 3);
    assertEquals(config.value.b, { c: "four" });
  });

  it("is read again for what changed before its watch began", async () => {
    const files = new TestFiles();
    files.contents.set(FILE, '{ "a": 1 }');
    const read = files.read.bind(files);
    files.read = async (file) => {
      const content = await read(file);
      files.contents.set(FILE, '{ "a": 2 }');
      return content;
    };
    const clock = new VirtualClock();
    const config = await loadConfigFrom(files, FILE, {
      schema: SCHEMA,
      watch: true,
      poll: 0,
      clock,
      logger: keepingLogger(),
    });
    assertEquals(config.value.a, 1);
    await clock.advance(100);
    assertEquals(config.value.a, 2);
  });

  it("leaves no timer and no watch behind when it is closed", async () => {
    const { files, clock, config, told } = await world();
    files.write(FILE, '{ "a": 2 }');
    config.close();
    config[Symbol.dispose]();
    assertEquals([clock.pending, files.watched.size], [0, 0]);
    files.contents.set(FILE, '{ "a": 3 }');
    await clock.advance(100_000);
    assertEquals([told, config.value.a], [[], 1]);
    assertEquals((await config.reload()).a, 3);
    assertEquals(clock.pending, 0);
  });
});

describe("a configuration that is written in any steps", () => {
  it("is applied for each whole text that differs, once, in order, and for no other", async () => {
    /** A value, and how much of its text is written: all, where there is more than that. */
    const step = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.oneof(fc.nat(40), fc.constant(Infinity)));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const { files, clock, config, told } = await world({}, '{ "a": 0 }');
        let a = 0;
        const expected: string[] = [];
        for (const [next, length] of steps) {
          const text = `{ // the number ${next}\n  "a": ${next},\n}`;
          files.write(FILE, text.slice(0, length));
          await clock.advance(100);
          const isWhole = length >= text.length;
          assertEquals(config.status.error === null, isWhole);
          if (isWhole && next !== a) expected.push(`${a}-${next} a`);
          if (isWhole) a = next;
          assertEquals(config.value, { a });
        }
        assertEquals(told, expected);
        config.close();
      }),
      { numRuns: 50 },
    );
  });
});

describe("hooks", () => {
  it("hear of a change one after the other, and the next change waits for their promises", async () => {
    const { files, clock, config } = await world();
    const steps: string[] = [];
    let go = (): void => {};
    config.onChange(async ({ a }) => {
      steps.push(`first ${a} begins, ${config.value.a} is in use`);
      await new Promise<void>((resolve) => go = resolve);
      steps.push(`first ${a} ends`);
    });
    config.onChange(({ a }) => void steps.push(`second ${a}`));
    files.write(FILE, '{ "a": 2 }');
    await clock.advance(100);
    files.write(FILE, '{ "a": 3 }');
    await clock.advance(500);
    assertEquals([steps, config.value.a], [["first 2 begins, 1 is in use"], 1]);
    go();
    await clock.settle();
    assertEquals(steps, ["first 2 begins, 1 is in use", "first 2 ends", "second 2", "first 3 begins, 2 is in use"]);
    go();
    await clock.settle();
    assertEquals([config.value.a, steps.at(-1)], [3, "second 3"]);
  });

  it("that fail refuse it: those before go back, last one first, and the values stay", async () => {
    const { files, clock, config, told } = await world();
    const steps: string[] = [];
    config.onChange((next, previous) => void steps.push(`second ${previous.a}-${next.a}`));
    config.onChange(({ a }) => a === 2 ? Promise.reject(new Error("no room for it")) : undefined);
    config.onChange(() => void steps.push("never with 2"));
    files.write(FILE, '{ "a": 2 }');
    await clock.advance(100);
    assertEquals([told, steps], [["1-2 a", "2-1 a"], ["second 1-2", "second 2-1"]]);
    assertEquals([config.value.a, config.status.error?.issues[0].expected], [
      1,
      "was refused by a hook: no room for it",
    ]);
    await clock.advance(20_000);
    assertEquals(config.status.refused, 1);
    files.write(FILE, '{ "a": 3 }');
    await clock.advance(100);
    assertEquals([config.value.a, config.status.error, steps.at(-1)], [3, null, "never with 2"]);
  });

  it("that can't go back are told, and the others go back nevertheless", async () => {
    const { files, clock, config, told, lines } = await world();
    config.onChange(({ a }) => {
      if (a === 1) throw new Error("stuck");
    });
    config.onChange(() => {
      throw new Error("no");
    });
    files.write(FILE, '{ "a": 2 }');
    await clock.advance(100);
    assertEquals(lines[0], "error a hook could not go back to the previous configuration");
    assertEquals([told, config.value.a], [["1-2 a", "2-1 a"], 1]);
  });

  it("are not called once they were taken away", async () => {
    const { files, clock, config } = await world();
    const stop = config.onChange(() => {
      throw new Error("taken away");
    });
    stop();
    stop();
    files.write(FILE, '{ "a": 2 }');
    await clock.advance(100);
    assertEquals(config.value.a, 2);
  });
});

describe("reload()", () => {
  it("applies what has changed without a watch, and rejects with what is wrong", async () => {
    const { files, config, told, clock } = await world({ watch: false });
    assertEquals([files.watched.size, clock.pending], [0, 0]);
    files.contents.set(FILE, '{ "a": 2 }');
    assertEquals((await config.reload()).a, 2);
    files.contents.set(FILE, "{}");
    const error = await assertRejects(() => config.reload(), ConfigError) as ConfigError;
    assertEquals(error.message, `Configuration ${FILE} can't be used: line 1, column 1: a is missing`);
    await assertRejects(() => config.reload(), ConfigError);
    assertEquals([told, config.value.a], [["1-2 a"], 2]);
  });

  it("asks a hook again that has refused", async () => {
    const { files, config } = await world({ watch: false });
    let isRoom = false;
    config.onChange(() => {
      if (!isRoom) throw new Error("no room");
    });
    files.contents.set(FILE, '{ "a": 2 }');
    await assertRejects(() => config.reload(), ConfigError);
    isRoom = true;
    assertEquals((await config.reload()).a, 2);
  });
});

describe("loadConfig()", () => {
  it("gives values that nobody can change", async () => {
    const { config } = await world({}, '{ "a": 1, "b": { "c": "x" } }');
    assertThrows(() => (config.value.b as { c: string }).c = "y", TypeError);
  });

  it("rejects with what is wrong at the start", async () => {
    const error = await assertRejects(() => world({}, '{ "a": 1, "x": 2 }'), ConfigError) as ConfigError;
    assertEquals(error.code, "ERR_CONFIG");
    assertEquals(error.issues, [
      { path: "x", expected: "is not known here: there is a, b", value: null, line: 1, column: 11 },
    ]);
  });

  it("takes variables from where it is told", async () => {
    const schema = v.object({ a: v.pipe(v.string(), v.transform(Number)) });
    const { config } = await world({ schema, env: { A: "5" } } as never, '{ "a": "${A}" }');
    assertEquals(config.value.a, 5);
  });

  it("refuses what it can't use at once, by name", () => {
    const wrong: readonly (readonly [file: unknown, options: unknown, message: string])[] = [
      ["", { schema: SCHEMA }, 'file must be the path of a configuration, got ""'],
      [undefined, { schema: SCHEMA }, "file must be the path of a configuration, got undefined"],
      ["a", undefined, "options must be an object, such as { schema }, got undefined"],
      ["a", { schema: SCHEMA, wtach: true }, "loadConfig() has no option wtach, did you mean watch?"],
      ["a", {}, "schema must be one of Standard Schema, such as v.object({ … }), got undefined"],
      ["a", { schema: {} }, "schema must be one of Standard Schema, such as v.object({ … }), got object"],
      ["a", { schema: SCHEMA, watch: 1 }, "watch must be true or false, got 1"],
      ["a", { schema: SCHEMA, debounce: -1 }, "debounce must be from 0 to 2147483647 milliseconds, got -1"],
      ["a", { schema: SCHEMA, poll: "5s" }, 'poll must be from 0 to 2147483647 milliseconds, got "5s"'],
      ["a", { schema: SCHEMA, env: 1 }, "env must be an object such as process.env, got 1"],
      ["a", { schema: SCHEMA, logger: {} }, "logger must be an object with the function debug(), got [object Object]"],
    ];
    for (const [file, options, message] of wrong) {
      const error = assertThrows(() => loadConfig(file as string, options as never), OptionError) as OptionError;
      assertEquals(error.message, message);
    }
  });
});
