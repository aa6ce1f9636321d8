/** Many reloads of an idle program leave nothing in the supervisor. RELOADS says how many. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ask } from "../../src/run/supervisor/mod.ts";
import { until } from "../support/apps.ts";
import { root, startProgram } from "../support/processes.ts";

const RELOADS = Number(process.env.RELOADS ?? 40);
/** Of them, until everything is loaded and every cache is full. */
const WARM = Math.min(20, RELOADS / 2);
/** What one reload may leave on the average, in bytes of memory: pages are not given back at once. */
const PER_RELOAD = 64 * 1024;
const LIMIT = 60_000;
const skip = existsSync("/proc/self/fd") ? false : "needs /proc";

describe("many reloads", { skip }, () => {
  it("leave no descriptor, no child and no memory", { timeout: 3_600_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-reloads-"));
    try {
      writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
      const file = join(folder, "handler.js");
      writeFileSync(file, "export default () => new Response();\n");
      const control = join(folder, "control.sock");
      const args = ["--workers", "1", "--stable", "0", "--control", control, "--unix", join(folder, "http.sock")];
      await using program = startProgram(`${root}src/cli/main.ts`, { args: ["run", file, ...args] });
      await until(() => program.stderr, () => program.stderr.includes("is ready"));
      const reload = async (times: number): Promise<void> => {
        for (let i = 0; i < times; i++) assertEquals((await ask(control, "reload")).done, true);
      };
      await reload(WARM);
      const before = { descriptors: descriptors(program.pid), memory: memory(program.pid) };
      await reload(RELOADS - WARM);
      const after = { descriptors: descriptors(program.pid), memory: memory(program.pid) };
      console.log(`${RELOADS} reloads: ${JSON.stringify({ before, after })}`);
      assert(
        after.descriptors <= before.descriptors + 2,
        `${before.descriptors} descriptors, then ${after.descriptors}`,
      );
      const grown = after.memory - before.memory;
      assert(grown < 16 * 2 ** 20 + (RELOADS - WARM) * PER_RELOAD, `${grown} bytes more`);
      program.signal("SIGTERM");
      assertEquals((await program.exited(LIMIT)).code, 0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident bytes. */
function memory(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1024;
}
