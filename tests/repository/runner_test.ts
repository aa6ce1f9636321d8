/** What `npm test` chooses to run, asked of the runner itself. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { type Exit, root, startCommand } from "../support/processes.ts";

/** One test file of the runner's list. */
interface Listed {
  readonly file: string;
  readonly kind: string;
  readonly scope: string;
  readonly runtimes: readonly string[];
}

const RUNTIMES = ["node", "node24", "deno", "bun"];

function run(...args: string[]): Promise<Exit> {
  return startCommand(["node", "tests/run.mjs", ...args]).exited();
}

async function list(...args: string[]): Promise<Listed[]> {
  const { code, stdout, stderr } = await run("--list", ...args);
  assertEquals([code, stderr], [0, ""]);
  return stdout.trim().split("\n").map((line) => {
    const [file, kind, scope, runtimes] = line.split(" ");
    return { file, kind, scope, runtimes: runtimes.split(",") };
  });
}

/** Test files that read all sources. */
const TEXTS = ["repository/exports_test.ts", "repository/layers_test.ts"];

/** What the runner finds that the change of each of these sets of files can break. */
async function affected(changes: readonly (readonly string[])[]): Promise<string[][]> {
  const program = `
    import { affected } from "./tests/runner/changed.mjs";
    import { readdirSync } from "node:fs";
    const tests = readdirSync("tests", { recursive: true }).filter((path) => path.endsWith("_test.ts"));
    const found = ${JSON.stringify(changes)}.map((changed) => affected(tests, changed).sort());
    console.log(JSON.stringify(found));`;
  const { code, stdout, stderr } = await startCommand(["node", "--input-type=module", "--eval", program]).exited();
  assertEquals(code, 0, stderr);
  // This file names them all, and so is always among them.
  return JSON.parse(stdout).map((files: string[]) => files.filter((file) => file !== "repository/runner_test.ts"));
}

describe("the runner of the tests", () => {
  it("runs what does not depend on the runtime once, and the rest everywhere", async () => {
    const files = (await list("--day", "1")).filter(({ scope }) => scope !== "long" && scope !== "repeated");
    assertEquals(files.filter(({ scope }) => scope === "sampled").length, 9);
    for (const { file, scope, runtimes } of files) {
      assertEquals(runtimes, scope === "one" ? ["node"] : RUNTIMES, file);
    }
    assert(files.some(({ scope }) => scope === "one"));
    for (const { scope, runtimes } of await list("--day", "1", "--only", "deno")) {
      if (scope === "one") assertEquals(runtimes, ["deno"]);
    }
  });

  it("turns the share of the long ones by the day, until each has been everywhere", async () => {
    const everything = (await list("--long")).filter(({ scope }) => scope === "long");
    const wanted = everything.flatMap(({ file, runtimes }) => runtimes.map((runtime) => `${file} ${runtime}`));
    const seen: string[] = [];
    const days = Array.from({ length: 12 }, (_, i) => list("--day", `${100 + i}`));
    for (const files of await Promise.all(days)) {
      const share = files.filter(({ scope }) => scope === "long");
      assertGreater(share.length, 0);
      for (const { file, runtimes } of share) seen.push(...runtimes.map((runtime) => `${file} ${runtime}`));
    }
    assertEquals(seen.sort(), wanted.sort());
    assertEquals(await list("--day", "100"), await list("--day", "100"));
  });

  it("repeats on node 24 a share by the day of what the other node runs, and everything where that is left out", async () => {
    const isRepeated = ({ scope }: Listed) => scope === "repeated";
    const everything = (await list("--long")).filter(isRepeated);
    assert(everything.every(({ runtimes }) => runtimes.length === RUNTIMES.length));
    const seen: string[] = [];
    for (const files of await Promise.all([100, 101, 102].map((day) => list("--day", `${day}`)))) {
      const again = files.filter(isRepeated);
      assertEquals(again.map(({ file }) => file), everything.map(({ file }) => file));
      assert(again.every(({ runtimes }) => ["node", "deno", "bun"].every((name) => runtimes.includes(name))));
      const share = again.filter(({ runtimes }) => runtimes.includes("node24"));
      assertGreater(share.length, everything.length / 3 - 1);
      seen.push(...share.map(({ file }) => file));
    }
    assertEquals(seen.sort(), everything.map(({ file }) => file).sort());
    const alone = (await list("--day", "100", "--only", "node24")).filter(isRepeated);
    assertEquals(alone.length, everything.length);
  });

  it("runs everything on each runtime if it is told to be long, or what it is to run", async () => {
    for (const { file, runtimes } of [...await list("--long"), ...await list("--filter", "seeds")]) {
      assertEquals(runtimes, RUNTIMES, file);
    }
  });

  it("finds what a change can break, over imports and over paths in texts", async () => {
    const cases: [changed: string, hit: string, spared: string][] = [
      ["src/http/parser/parser.ts", "http/parser/parser_test.ts", "base/sync_test.ts"],
      ["src/context/tree.ts", "http/drain_test.ts", "websocket/codec_test.ts"],
      ["tests/support/drained.ts", "server/drain/budget_process_test.ts", "http/server_test.ts"],
      ["tests/programs/leak_server.ts", "server/leaks_test.ts", "server/server_test.ts"],
      ["src/tools/report_page/mod.ts", "tools/report_page/report_page_test.ts", "http/server_test.ts"],
      ["tests/gone.ts", "repository/layers_test.ts", "base/log_test.ts"],
    ];
    const [own, none, everything, ...found] = await affected([
      ["tests/base/log_test.ts"],
      [],
      ["package.json"],
      ...cases.map(([changed]) => [changed]),
    ]);
    assertEquals(own, [...TEXTS, "base/log_test.ts"].sort());
    for (const [i, [changed, hit, spared]] of cases.entries()) {
      assertEquals([found[i].includes(hit), found[i].includes(spared)], [true, false], changed);
    }
    assertEquals(none, []);
    assertGreater(everything.length, 150);
  });

  it("runs so many working jobs at once and no more, and waiting ones beside them, each once", async () => {
    const program = `
      import { availableParallelism } from "node:os";
      import { schedule } from "./tests/runner/schedule.mjs";
      const now = { true: 0, false: 0 };
      const most = { true: 0, false: 0 };
      let together = false;
      const job = (name, waits) => ({ waits, run: async () => {
        most[waits] = Math.max(most[waits], ++now[waits]);
        together ||= now.true > 0 && now.false > 0;
        await new Promise((resolve) => setTimeout(resolve, 700));
        now[waits]--;
        return name;
      } });
      const jobs = ["a", "b", "c", "d", "e", "f"].map((name, i) => job(name, i > 2));
      const results = await schedule(jobs);
      const cores = availableParallelism();
      console.log(JSON.stringify([results.sort(), most.false <= cores, most.true >= Math.min(2, cores), together]));`;
    const { code, stdout, stderr } = await startCommand(["node", "--input-type=module", "--eval", program]).exited();
    assertEquals(code, 0, stderr);
    assertEquals(JSON.parse(stdout), [["a", "b", "c", "d", "e", "f"], true, true, true]);
  });

  it("runs on node what was erased before, and erases what is new, with the lines of the sources", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-runner-"));
    const env = { SLUICE_TEST_ERASED: folder };
    try {
      const start = (file: string) => startCommand(["node", "--import", "./tests/runner/loader.mjs", file], { env });
      mkdirSync(join(folder, "tests/programs"), { recursive: true });
      writeFileSync(join(folder, "tests/programs/leak_server.ts"), 'console.log("erased");');
      assertEquals((await start(`${root}tests/programs/leak_server.ts`).exited()).stdout, "erased\n");
      writeFileSync(join(folder, "new.ts"), 'interface A {\n  a: 1;\n}\nthrow new Error("boom" satisfies string);\n');
      const { stderr } = await start(join(folder, "new.ts")).exited();
      assertMatch(stderr, /Error: boom\n +at .*new\.ts:4:7/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("fails on node at an error that nobody caught, and keeps groups, their hooks and what they skip", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-runner-"));
    const file = join(folder, "sample.mjs");
    const command = [
      "node",
      "--import",
      "./tests/runner/untracked.mjs",
      "--test-reporter=tap",
      "tests/runner/many.mjs",
      file,
    ];
    // Not that of the run that this test is in.
    const env = { NODE_TEST_CONTEXT: "" };
    try {
      for (
        const [error, expected] of [["throw new Error('boom')", 1], ["Promise.reject(new Error('boom'))", 1], ["", 0]]
      ) {
        writeFileSync(
          file,
          `import { after, before, describe, it } from "node:test";
          let inGroup = false;
          describe("a group", () => {
            before(() => inGroup = true);
            after(() => inGroup = false);
            it("has its hooks", async () => {
              if (!inGroup) throw new Error("no hook");
              setTimeout(() => { ${error} }, 1);
              await new Promise((resolve) => setTimeout(resolve, 50));
            });
          });
          describe("another", () => it("is out of it", () => { if (inGroup) throw new Error("a hook too many"); }));
          describe("a third", { skip: true }, () => it("is not run", () => { throw new Error("run"); }));`,
        );
        const { code, stdout } = await startCommand(command, { env }).exited();
        const counts = ["pass 2", "fail 0"].map((line) => stdout.includes(`# ${line}`));
        assertEquals([code, stdout.includes("boom"), counts], [expected, expected === 1, [true, true]], stdout);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("refuses what it does not know", async () => {
    const wrong = [
      ["--only", "perl"],
      ["--filter", "no such file"],
      ["--day", "today"],
      ["--what"],
      ["--changed", "no-commit"],
      ["what"],
    ];
    for (const { code, stderr } of await Promise.all(wrong.map((args) => run(...args)))) {
      assertEquals(code, 2);
      assertMatch(stderr, /usage: npm test/);
    }
  });
});
