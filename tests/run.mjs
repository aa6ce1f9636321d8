/**
 * The one command behind `npm test`: format, lint, documentation, types and the dry run of publishing, then the suite
 * on node, deno and bun, one after the other. Ends with one line that sums the suite up over the runtimes:
 * `N passed, N failed`, with `, N skipped` where tests were skipped. A check that fails counts as one failed.
 *
 *   npm test -- --only node        one or more of check, node, deno, bun, separated by commas
 *   npm test -- --filter framing   only test files whose path under tests/ has this in it
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { countTests } from "./support/junit.mjs";

/** Limits in milliseconds: of one check, of the suite on one runtime, of one test file (node) or test (bun). */
const CHECK_LIMIT = 120_000;
const SUITE_LIMIT = 2_100_000;
const TEST_LIMIT = 120_000;

const root = fileURLToPath(new URL("../", import.meta.url));
const bin = { deno: join(root, "node_modules/deno/deno"), bun: join(root, "node_modules/bun/bin/bun.exe") };
const tsc = join(root, "node_modules/typescript/bin/tsc");
const children = new Set();

/** The checks that come before the suite: name and command. */
function checks() {
  const entries = ["", "src/tools/"].flatMap((folder) => {
    const { exports } = JSON.parse(readFileSync(join(root, folder, "deno.json"), "utf8"));
    return Object.values(exports).map((entry) => join(folder, entry));
  });
  return [
    ["deno fmt --check", [bin.deno, "fmt", "--check"]],
    ["deno lint", [bin.deno, "lint"]],
    ["deno doc --lint", [bin.deno, "doc", "--quiet", "--lint", ...entries]],
    ["tsc", [process.execPath, tsc, "-p", "."]],
    ["deno check", [bin.deno, "check", "--quiet"]],
    ...["deno.json", "src/tools/deno.json"].map((config) => [
      `deno publish --dry-run --config ${config}`,
      [bin.deno, "publish", "--quiet", "--dry-run", "--allow-dirty", "--config", config],
    ]),
  ];
}

/** The suite on each runtime: its command, given the test files and the path of the JUnit report. */
const suites = {
  node: (files, report) => [
    process.execPath,
    "--import",
    "tsx",
    "--test",
    "--test-concurrency=1",
    `--test-timeout=${TEST_LIMIT}`,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=junit",
    `--test-reporter-destination=${report}`,
    ...files,
  ],
  deno: (files, report) => [bin.deno, "test", "-A", "--no-check", `--junit-path=${report}`, ...files],
  bun: (files, report) => [
    bin.bun,
    "test",
    "--timeout",
    String(TEST_LIMIT),
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...files.map((file) => `./${file}`),
  ],
};

/** Runs a command in a process group of its own, so that its end takes everything it started along. */
function run(command, limit, stdio) {
  const started = performance.now();
  const env = process.stdout.isTTY ? process.env : { ...process.env, NO_COLOR: "1" };
  const child = spawn(command[0], command.slice(1), { cwd: root, detached: true, stdio, env });
  children.add(child);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text) => output += text);
  child.stderr?.setEncoding("utf8").on("data", (text) => output += text);
  return new Promise((resolve) => {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      killGroup(child);
    }, limit);
    const done = (code, problem) => {
      clearTimeout(timer);
      killGroup(child);
      children.delete(child);
      resolve({
        code,
        output,
        problem: late ? `not done within ${limit} ms` : problem,
        ms: performance.now() - started,
      });
    };
    child.on("error", (error) => done(1, error.message));
    // Not "close": a forgotten grandchild may hold the pipes open.
    child.on("exit", (code, signal) => done(code ?? 1, signal === null ? undefined : `ended by ${signal}`));
  });
}

function killGroup(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // The whole group is gone already.
  }
}

async function runCheck([name, command]) {
  const result = await run(command, CHECK_LIMIT, ["ignore", "pipe", "pipe"]);
  const failed = result.code !== 0 || result.problem !== undefined;
  console.log(`${failed ? "FAILED" : "ok    "} ${name} (${seconds(result.ms)})`);
  if (failed) console.log(`${result.output.trimEnd()}\n${result.problem ?? `exit code ${result.code}`}\n`);
  return { passed: 0, failed: failed ? 1 : 0, skipped: 0 };
}

async function runSuite(runtime, files) {
  console.log(`\n===== ${runtime}`);
  const report = join(reports, `${runtime}.xml`);
  const result = await run(suites[runtime](files, report), SUITE_LIMIT, ["ignore", "inherit", "inherit"]);
  const counts = readCounts(runtime, report, result);
  console.log(`===== ${runtime}: ${sum(counts)} (${seconds(result.ms)})`);
  return counts;
}

/** An exit code that the report does not explain (a hook, a file that could not be loaded, a crash) is one failure. */
function readCounts(runtime, report, result) {
  const unexplained = (counts, reason) => {
    console.log(`===== ${runtime}: ${reason}`);
    return { ...counts, failed: counts.failed + 1 };
  };
  const none = { passed: 0, failed: 0, skipped: 0 };
  let counts;
  try {
    counts = countTests(readFileSync(report, "utf8"));
  } catch (error) {
    return unexplained(none, `no report of the tests: ${result.problem ?? error.message}`);
  }
  if (result.problem !== undefined) return unexplained(counts, result.problem);
  if (counts.passed + counts.failed + counts.skipped === 0) return unexplained(counts, "no test was run");
  if (result.code !== 0 && counts.failed === 0) return unexplained(counts, `exit code ${result.code}`);
  return counts;
}

function sum(counts) {
  return `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ""}`;
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

function stop(signal) {
  for (const child of children) killGroup(child);
  rmSync(reports, { recursive: true, force: true });
  process.exit(signal === "SIGINT" ? 130 : 143);
}

function usage(message) {
  console.error(`${message}\nusage: npm test -- [--only check,node,deno,bun] [--filter part-of-a-path]`);
  process.exit(2);
}

/** What to run, from the command line. */
function options() {
  const { only, filter } = readArguments();
  const all = ["check", ...Object.keys(suites)];
  const names = only?.split(",") ?? all;
  for (const name of names) if (!all.includes(name)) usage(`--only: there is no "${name}"`);
  const files = readdirSync(join(root, "tests"), { recursive: true })
    .filter((path) => path.endsWith("_test.ts") && path.includes(filter)).sort().map((path) => `tests/${path}`);
  if (files.length === 0) usage(`--filter: no test file has "${filter}" in its path`);
  return { names, files };
}

function readArguments() {
  try {
    return parseArgs({ options: { only: { type: "string" }, filter: { type: "string", default: "" } } }).values;
  } catch (error) {
    return usage(error.message);
  }
}

async function main(names, files) {
  const results = [];
  if (names.includes("check")) { for (const check of checks()) results.push(await runCheck(check)); }
  for (const runtime of Object.keys(suites)) {
    if (names.includes(runtime)) results.push(await runSuite(runtime, files));
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const counts of results) for (const key of Object.keys(total)) total[key] += counts[key];
  console.log(`\n${sum(total)}`);
  return total.failed === 0 ? 0 : 1;
}

const wanted = options();
const reports = mkdtempSync(join(tmpdir(), "sluice-test-"));
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
const code = await main(wanted.names, wanted.files);
rmSync(reports, { recursive: true, force: true });
process.exit(code);
