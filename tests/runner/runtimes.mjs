/**
 * The runtimes that the suite runs on: where they are, and how each runs test files.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Top of the repository. */
export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Limit in milliseconds of one test on bun, which would else have one of 5 s: for what hangs, not for what is slow. */
const TEST_LIMIT = 300_000;

/** What lets node run TypeScript. */
const LOADER = new URL("loader.mjs", import.meta.url).href;

/** What makes node's test runner cheap. */
const UNTRACKED = new URL("untracked.mjs", import.meta.url).href;

// In an npm script the first node on the path may be that of a package: the machine's own is the one that runs npm.
const ownNode = process.env.npm_node_execpath ?? process.execPath;
const node24 = packaged(`node-${process.platform}-${process.arch}`, "bin/node");
const deno = join(root, "node_modules/deno/deno");
const bun = join(root, "node_modules/bun/bin/bun.exe");

/** Programs that the checks need. */
export const tools = { node: ownNode, deno, tsc: join(root, "node_modules/typescript/bin/tsc") };

/** Each runtime by name: its executable, null if it is not there; and the command that runs files. */
export const runtimes = {
  node: { path: ownNode, command: nodeCommand(ownNode) },
  node24: { path: node24, command: nodeCommand(node24) },
  deno: {
    path: deno,
    command: (files, report) => [deno, "test", "-A", "--no-check", `--junit-path=${report}`, ...files],
  },
  bun: {
    path: bun,
    command: (files, report) => [
      bun,
      "test",
      "--timeout",
      String(TEST_LIMIT),
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      ...files.map((file) => `./${file}`),
    ],
  },
};

/**
 * What a suite finds in its environment: programs that it starts as `node` are the node that is tested. `erased` is the
 * folder of the sources without types for that node, and `share` the share of the seeds that it is to play; empty for
 * all.
 */
export function environment(name, erased, share = "") {
  const env = { ...process.env, PATH: `${dirname(nodeFor(name))}${delimiter}${process.env.PATH}` };
  if (erased !== undefined) env.SLUICE_TEST_ERASED = erased;
  if (share !== "") env.SLUICE_TEST_SHARE = share;
  if (!process.stdout.isTTY) env.NO_COLOR = "1";
  return env;
}

/** The node that a suite on this runtime starts programs on. */
export function nodeFor(name) {
  return name === "node24" ? node24 : ownNode;
}

function nodeCommand(path) {
  return (files, report) => [
    path,
    "--import",
    LOADER,
    "--import",
    UNTRACKED,
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=junit",
    `--test-reporter-destination=${report}`,
    "tests/runner/many.mjs",
    ...files,
  ];
}

/** A program of a package that is installed where there is one for this machine; else null. */
function packaged(name, program) {
  try {
    const path = join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), program);
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}
