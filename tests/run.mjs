/**
 * The one command behind `npm test`: format, lint, documentation, types and the dry run of publishing, and the suite on
 * node, a newer node, deno and bun. Ends with one line that sums the suite up over the runtimes: `N passed, N failed`,
 * with `, N skipped` where tests were skipped. A check that fails counts as one failed. What is run where, and what
 * beside what, stands in runner/classes.mjs.
 *
 *   npm test -- --only node        one or more of check, node, node24, deno, bun, separated by commas
 *   npm test -- --filter framing   only test files whose path under tests/ has this in it, on each runtime
 *   npm test -- --changed [base]   only test files that what differs from the commit can break; HEAD if none is given
 *   npm test -- --day 20421        the share of long tests and seeds that was run on that day
 *   npm test -- --list             only says which files would be run where
 *   npm run test:long              everything on each runtime
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { affected, changedFiles } from "./runner/changed.mjs";
import { classOf, problems, runtimesFor, SEEDS_SHARE } from "./runner/classes.mjs";
import { eraseTypes } from "./runner/erase.mjs";
import { countTests } from "./runner/junit.mjs";
import { environment, nodeFor, root, runtimes, tools } from "./runner/runtimes.mjs";
import { schedule } from "./runner/schedule.mjs";

/** Limits in milliseconds: of one check, of one file of process tests, of one group of pure ones. */
const CHECK_LIMIT = 600_000;
const FILE_LIMIT = 600_000;
const GROUP_LIMIT = 2_100_000;

/** Groups that the pure files of a runtime are dealt out to, so that none is alone at the end. */
const GROUPS = 2;

const DAY = 86_400_000;

const children = new Set();

/** The checks: name, and command or function that tells problems. */
function checks() {
  const entries = ["", "src/tools/"].flatMap((folder) => {
    const { exports } = JSON.parse(readFileSync(join(root, folder, "deno.json"), "utf8"));
    return Object.values(exports).map((entry) => join(folder, entry));
  });
  return [
    ["deno fmt --check", [tools.deno, "fmt", "--check"]],
    ["deno lint", [tools.deno, "lint"]],
    ["deno doc --lint", [tools.deno, "doc", "--quiet", "--lint", ...entries]],
    ["tsc", [tools.node, tools.tsc, "-p", "."]],
    ["deno check", [tools.deno, "check", "--quiet"]],
    ...["deno.json", "src/tools/deno.json"].map((config) => [
      `deno publish --dry-run --config ${config}`,
      [tools.deno, "publish", "--quiet", "--dry-run", "--allow-dirty", "--config", config],
    ]),
  ];
}

/** Runs a command in a process group of its own, so that its end takes everything it started along. */
function run(command, limit, env) {
  const started = performance.now();
  const stdio = ["ignore", "pipe", "pipe"];
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
      // What it has written is in the pipe still; not "close": a forgotten grandchild may hold the pipe open.
      setImmediate(() =>
        resolve({
          code,
          output: output.trimEnd(),
          problem: late ? `not done within ${limit} ms` : problem,
          ms: performance.now() - started,
        })
      );
    };
    child.on("error", (error) => done(1, error.message));
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
  const result = await run(command, CHECK_LIMIT, environment("node"));
  const failed = result.code !== 0 || result.problem !== undefined;
  console.log(`${failed ? "FAILED" : "ok    "} ${name} (${seconds(result.ms)})`);
  if (failed) console.log(`${result.output}\n${result.problem ?? `exit code ${result.code}`}\n`);
  return { passed: 0, failed: failed ? 1 : 0, skipped: 0 };
}

function tellProblems(found) {
  console.log(`${found.length > 0 ? "FAILED" : "ok    "} each test has a class`);
  for (const problem of found) console.log(problem);
  return { passed: 0, failed: found.length > 0 ? 1 : 0, skipped: 0 };
}

async function runGroup({ runtime, kind, files }, index, erased, day) {
  const report = join(reports, `${index}.xml`);
  const command = runtimes[runtime].command(files.map((file) => `tests/${file}`), report);
  const limit = kind === "process" ? FILE_LIMIT : GROUP_LIMIT;
  const result = await run(command, limit, environment(runtime, erased, day === null ? "" : `${day}/${SEEDS_SHARE}`));
  const what = kind === "process" ? files[0] : `${files.length} ${kind} files`;
  console.log(`\n===== ${runtime}, ${what}\n${result.output}`);
  const counts = readCounts(runtime, report, result);
  console.log(`===== ${runtime}, ${what}: ${sum(counts)} (${seconds(result.ms)})`);
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

function total(counts) {
  const add = (key) => counts.reduce((all, one) => all + one[key], 0);
  return { passed: add("passed"), failed: add("failed"), skipped: add("skipped") };
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
  console.error(
    `${message}\nusage: npm test -- [--only check,${Object.keys(runtimes).join(",")}] [--filter part-of-a-path] ` +
      "[--changed [base]] [--long] [--day number] [--list]",
  );
  process.exit(2);
}

function readArguments() {
  const text = { type: "string" };
  const flag = { type: "boolean", default: false };
  try {
    const known = { only: text, filter: text, changed: flag, day: text, long: flag, list: flag };
    const { values, positionals } = parseArgs({ options: known, allowPositionals: true });
    if (positionals.length > (values.changed ? 1 : 0)) usage(`There is no place for "${positionals.at(-1)}"`);
    return { ...values, base: positionals[0] ?? "HEAD" };
  } catch (error) {
    return usage(error.message);
  }
}

function changesSince(base) {
  try {
    return changedFiles(base);
  } catch {
    return usage(`--changed: git knows no commit "${base}"`);
  }
}

/** Which file is run on which runtimes, from the command line. */
function choose(options, all) {
  const known = ["check", ...Object.keys(runtimes)];
  const names = options.only?.split(",") ?? known;
  for (const name of names) if (!known.includes(name)) usage(`--only: there is no "${name}"`);
  const day = Number(options.day ?? Math.floor(Date.now() / DAY));
  if (!Number.isSafeInteger(day) || day < 0) usage(`--day: ${options.day} is no number of a day`);
  const named = all.filter((file) => classOf(file) !== undefined && file.includes(options.filter ?? ""));
  if (named.length === 0) usage(`--filter: no test file has "${options.filter}" in its path`);
  const files = options.changed ? affected(named, changesSince(options.base)) : named;
  const whole = options.long || options.filter !== undefined;
  const wanted = Object.keys(runtimes).filter((name) => names.includes(name));
  const places = new Map(files.map((file) => [file, whole ? wanted : runtimesFor(file, all, wanted, day)]));
  return { checks: names.includes("check"), places, day: whole ? null : day };
}

/** Process tests file by file, with the runtimes taking turns, the long ones first; pure ones dealt out. */
function groupsOf(places) {
  const groups = [];
  const there = ([file, names]) => names.filter((name) => runtimes[name].path !== null).map((name) => [file, name]);
  const pairs = [...places].flatMap(there);
  const isLong = ([file]) => classOf(file).scope === "long";
  const processes = pairs.filter(([file]) => classOf(file).kind === "process");
  for (const [file, runtime] of [...processes.filter(isLong), ...processes.filter((pair) => !isLong(pair))]) {
    groups.push({ runtime, kind: "process", files: [file] });
  }
  for (const runtime of Object.keys(runtimes)) {
    const files = pairs.filter(([file, name]) => name === runtime && classOf(file).kind === "pure").map(([file]) =>
      file
    );
    for (let first = 0; first < GROUPS; first++) {
      const dealt = files.filter((_, i) => i % GROUPS === first);
      if (dealt.length > 0) groups.push({ runtime, kind: "pure", files: dealt });
    }
  }
  return groups;
}

/** The sources without their types, for each node that these groups need: a folder by its path. */
async function eraseFor(groups) {
  const folders = new Map();
  for (const node of new Set(groups.map(({ runtime }) => nodeFor(runtime)))) {
    const folder = join(reports, `erased-${folders.size}`);
    await eraseTypes(node, folder);
    folders.set(node, folder);
  }
  return folders;
}

async function main(chosen, all) {
  const results = [];
  const jobs = [];
  if (chosen.checks) {
    results.push(tellProblems(problems(all)));
    // None is idle: one check after the other.
    jobs.push({
      waits: false,
      run: async () => {
        const counts = [];
        for (const check of checks()) counts.push(await runCheck(check));
        return total(counts);
      },
    });
  }
  const groups = groupsOf(chosen.places);
  const erased = await eraseFor(groups);
  for (const name of new Set([...chosen.places.values()].flat())) {
    if (runtimes[name].path === null) console.log(`${name} is not there for this machine: left out`);
  }
  if (chosen.day !== null && groups.length > 0) {
    console.log(`of long tests and seeds the share of day ${chosen.day} (again: npm test -- --day ${chosen.day})`);
  }
  const named = new Map();
  groups.forEach((group, index) => {
    const run = async () => {
      const counts = await runGroup(group, index, erased.get(nodeFor(group.runtime)), chosen.day);
      named.set(group.runtime, [...named.get(group.runtime) ?? [], counts]);
      return counts;
    };
    jobs.push({ run, waits: group.kind === "process" });
  });
  results.push(...await schedule(jobs));
  console.log("");
  for (const [name, counts] of named) console.log(`===== ${name}: ${sum(total(counts))}`);
  const counts = total(results);
  console.log(`\n${sum(counts)}`);
  return counts.failed === 0 ? 0 : 1;
}

function list({ places }) {
  for (const [file, names] of places) {
    const { kind, scope } = classOf(file);
    if (names.length > 0) console.log(`${file} ${kind} ${scope} ${names.join(",")}`);
  }
}

const options = readArguments();
const all = readdirSync(join(root, "tests"), { recursive: true }).filter((path) => path.endsWith("_test.ts")).sort();
const chosen = choose(options, all);
if (options.list) {
  list(chosen);
  // A pipe may be smaller than the list.
  await new Promise((written) => process.stdout.write("", written));
  process.exit(0);
}
const reports = mkdtempSync(join(tmpdir(), "sluice-test-"));
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
const code = await main(chosen, all);
rmSync(reports, { recursive: true, force: true });
process.exit(code);
