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

describe("the runner of the tests", () => {
  it("runs what does not depend on the runtime once, and the rest everywhere", async () => {
    const files = (await list("--day", "1")).filter(({ scope }) => scope !== "long");
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

  it("refuses what it does not know", async () => {
    for (const args of [["--only", "perl"], ["--filter", "no such file"], ["--day", "today"], ["--what"]]) {
      const { code, stderr } = await run(...args);
      assertEquals(code, 2);
      assertMatch(stderr, /usage: npm test/);
    }
  });
});
