/** `sluice run` with TLS: workers share one socket, take up new certificates, and are replaced under handshakes. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { certify } from "../support/certificates.ts";
import { root, startProgram } from "../support/processes.ts";
import { meet, type Met } from "../support/tls_meet.ts";

const CLI = `${root}src/cli/main.ts`;
const LIMIT = 60_000;

describe("sluice run with TLS", () => {
  let folder = "";
  before(() => void (folder = mkdtempSync(join(tmpdir(), "sluice-tls-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function write(name: string): void {
    const { cert, key } = certify(name);
    for (const [file, text] of [["tls.crt", cert], ["tls.key", key]]) {
      writeFileSync(join(folder, `${file}.new`), text);
      renameSync(join(folder, `${file}.new`), join(folder, file));
    }
  }

  /** Until so many in a row have seen it: there are two workers. */
  async function allShow(port: number, name: string): Promise<void> {
    const until = performance.now() + LIMIT;
    for (let row = 0; row < 20;) {
      assert(performance.now() < until, `not all workers show ${name}`);
      row = (await meet(port)).shown === name ? row + 1 : 0;
    }
  }

  it("takes up new certificates in all workers, and replaces these without a lost handshake", async () => {
    write("one");
    const control = join(folder, "control.sock");
    const args = ["run", `${root}tests/programs/tls_worker.ts`, "--workers", "2", "--control", control];
    await using program = startProgram(CLI, { args, env: { FOLDER: folder } });
    const port = Number(/tls:\/\/127\.0\.0\.1:(\d+)/.exec(await program.line(/at tls:/, LIMIT))![1]);
    await allShow(port, "one");
    const met: Met[] = [];
    let over = false;
    const storm = Array.from({ length: 3 }, async () => {
      while (!over) met.push(await meet(port));
    });
    write("two");
    await allShow(port, "two");
    const reload = await startProgram(CLI, { args: ["reload", "--control", control] }).exited(LIMIT);
    over = true;
    await Promise.all(storm);
    assertEquals([reload.code, met.filter(({ answer }) => !/^worker \d+$/.test(answer ?? ""))], [0, []]);
    assertGreater(new Set(met.map(({ answer }) => answer)).size, 2);
    program.signal("SIGTERM");
    assertEquals((await program.exited(LIMIT)).code, 0);
  });
});
