/**
 * Raw requests of other servers' tests and of lists of smuggling tricks, with a strict reader's verdict on each; they
 * stand beside the project, not in it. Where they don't, the test is skipped.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import process from "node:process";
import { LOADER, root, runtimeName, runtimePath } from "../support/processes.ts";

const RUNNER = process.env.SLUICE_CORPORA ?? join(root, "../shared/corpora/http.mjs");
const LIMIT = 100_000;

/** How the recorder is started. */
const COMMANDS = {
  node: `${runtimePath("node")} --import ${LOADER}`,
  deno: `${runtimePath("deno")} run -A --no-check`,
  bun: runtimePath("bun"),
};

/** Where Sluice differs on purpose from what the corpora's reader makes of a request, by the RFC's section. */
const DIFFERS: Readonly<Record<string, readonly string[]>> = {
  // RFC 9112 §7.1.1: an extension has a name of token characters, and a quoted value ends within its line.
  "end=reject statuses=400": [
    "llhttp:llhttp/request/transfer-encoding.md:331",
    "llhttp:llhttp/request/transfer-encoding.md:427+host",
    "smuggling:chunk-line-end/18",
    "smuggling:chunk-line-end/27",
    "smuggling:last-chunk-end/18",
    "smuggling:last-chunk-end/27",
  ],
  // RFC 9112 §3.2.2: the authority of an absolute target takes the place of the Host field.
  "statuses=200": [
    "llhttp:llhttp/request/uri.md:55+host",
    "llhttp:llhttp/request/uri.md:78+host",
    "llhttp:llhttp/request/uri.md:128+host",
    "go:readrequest/24",
  ],
  "statuses=200,200": ["request-line:44:GET http://b/b HTTP/1.1"],
};

function differs({ id, got }: Result): boolean {
  return Object.entries(DIFFERS).some(([end, ids]) => ids.includes(id) && got.trim().endsWith(end));
}

/** No tunnel is served without `onConnect` (RFC 9110 §9.3.6), the readers hand it on. */
function isRefusedTunnel({ want, got }: Result): boolean {
  return want.startsWith("CONNECT ") && got.trim() === "end=reject statuses=405";
}

interface Result {
  readonly id: string;
  readonly verdict: string;
  readonly want: string;
  readonly got: string;
}

function play(report: string): Promise<string> {
  const args = [RUNNER, "--cmd", COMMANDS[runtimeName()], "--concurrency", "24", "--json", report];
  const child = spawn(runtimePath("node"), args, { cwd: root });
  const late = setTimeout(() => child.kill("SIGKILL"), LIMIT);
  let output = "";
  child.stdout.on("data", (text) => output += text);
  child.stderr.on("data", (text) => output += text);
  return new Promise((resolve) =>
    child.on("close", () => {
      clearTimeout(late);
      resolve(output);
    })
  );
}

describe("the corpora", { skip: existsSync(RUNNER) ? false : "they are not beside the project" }, () => {
  it("find the parser as strict and as lenient as the RFCs", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-corpora-"));
    try {
      const report = join(folder, "report.json");
      const output = await play(report);
      const results: Result[] = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : [];
      assertGreater(results.length, 7000, output.slice(-2000));
      const wrong = results.filter((result) =>
        result.verdict === "DISAGREE" && !isRefusedTunnel(result) && !differs(result)
      );
      assertEquals(wrong.map(({ id, want, got }) => ({ id, want, got })), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
