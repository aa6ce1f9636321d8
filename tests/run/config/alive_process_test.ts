/** A watch and the process that it is in. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, startProgram } from "../../support/processes.ts";

/** Hears of two changes, the second behind a read of its own, and is not closed. */
const PROGRAM = `
import { writeFileSync } from "node:fs";
import { loadConfig } from ${JSON.stringify(`${root}src/run/config/mod.ts`)};

const validate = (value) => ({ value });
const schema = { "~standard": { version: 1, vendor: "own", validate } };
const quiet = { debug() {}, info() {}, warn: console.log, error: console.log };
const config = await loadConfig("app.json", { schema, watch: true, debounce: 1, poll: 0, logger: quiet });
const changed = (a) => new Promise((resolve) => {
  const stop = config.onChange((next) => void (next.a === a && resolve(stop())));
  writeFileSync("app.json", JSON.stringify({ a }));
});
const alive = setTimeout(() => {}, 60_000);
await changed(1);
await changed(2);
console.log("changed");
clearTimeout(alive);
`;

describe("a watch", () => {
  it("that nobody closes does not keep its process alive", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-config-"));
    try {
      writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
      writeFileSync(join(folder, "app.json"), '{ "a": 0 }');
      writeFileSync(join(folder, "program.ts"), PROGRAM);
      const permissions = ["--allow-read", "--allow-write", "--no-check"];
      await using program = startProgram(join(folder, "program.ts"), { cwd: folder, permissions });
      const { code, stdout, stderr } = await program.exited(30_000);
      assertEquals([code, stdout.trim(), stderr], [0, "changed", ""]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
