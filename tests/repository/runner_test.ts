/** What `npm test` chooses to run, asked of the runner itself. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
import { type Exit, startCommand } from "../support/processes.ts";

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

/** What the runner finds that the change of these files can break. */
async function affected(changed: readonly string[]): Promise<string[]> {
  const program = `
    import { affected } from "./tests/runner/changed.mjs";
    import { readdirSync } from "node:fs";
    const tests = readdirSync("tests", { recursive: true }).filter((path) => path.endsWith("_test.ts"));
    console.log(JSON.stringify(affected(tests, ${JSON.stringify(changed)}).sort()));`;
  const { code, stdout, stderr } = await startCommand(["node", "--input-type=module", "--eval", program]).exited();
  assertEquals(code, 0, stderr);
  // This file names them all, and so is always among them.
  return JSON.parse(stdout).filter((file: string) => file !== "repository/runner_test.ts");
}

describe("the runner of the tests", () => {
  it("runs what does not depend on the runtime once, and the rest everywhere", async () => {
    const files = (await list("--day", "1")).filter(({ scope }) => scope !== "long");
    assertEquals(files.filter(({ scope }) => scope === "sampled").length, 5);
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

  it("runs everything on each runtime if it is told to be long, or what it is to run", async () => {
    for (const { file, runtimes } of [...await list("--long"), ...await list("--filter", "seeds")]) {
      assertEquals(runtimes, RUNTIMES, file);
    }
  });

  it("finds what a change can break, over imports and over paths in texts", async () => {
    const broken = (...changed: string[]) => affected(changed);
    assertEquals(await broken("tests/base/log_test.ts"), [...TEXTS, "base/log_test.ts"].sort());
    const cases: [changed: string, hit: string, spared: string][] = [
      ["src/http/parser/parser.ts", "http/parser/parser_test.ts", "base/sync_test.ts"],
      ["src/context/tree.ts", "http/drain_test.ts", "websocket/codec_test.ts"],
      ["tests/support/drained.ts", "server/drain/budget_process_test.ts", "http/server_test.ts"],
      ["tests/programs/leak_server.ts", "server/leaks_test.ts", "server/server_test.ts"],
      ["src/tools/report_page/mod.ts", "tools/report_page/report_page_test.ts", "http/server_test.ts"],
      ["tests/gone.ts", "repository/layers_test.ts", "base/log_test.ts"],
    ];
    for (const [changed, hit, spared] of cases) {
      const files = await broken(changed);
      assertEquals([files.includes(hit), files.includes(spared)], [true, false], changed);
    }
    assertEquals(await broken(), []);
    assertGreater((await broken("package.json")).length, 150);
  });

  it("refuses what it does not know", async () => {
    for (
      const args of [["--only", "perl"], ["--filter", "no such file"], ["--day", "today"], ["--what"], [
        "--changed",
        "no-commit",
      ], ["what"]]
    ) {
      const { code, stderr } = await run(...args);
      assertEquals(code, 2);
      assertMatch(stderr, /usage: npm test/);
    }
  });
});
