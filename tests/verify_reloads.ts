/**
 * The rows of the table of what a reload loses: one server and one way to reload it a row, with its command.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { ReloadLossName, ReloadReport, VerifyKind } from "../src/tools/verify/mod.ts";
import { commandLine, root, type RuntimeName } from "./support/processes.ts";
import { startVerify } from "./support/verify_cli.ts";

/** Longest time for a row, in ms. */
const LIMIT = 900_000;

const PEERS = "tests/programs/peers";
const SLUICE = "src/cli/main.ts";
const NODE24 = `${root}node_modules/node-${process.platform}-${process.arch}/bin/node`;

interface ReloadRow {
  readonly name: string;
  readonly kind: VerifyKind;
  /** Options of `sluice verify --reload`. */
  readonly options: readonly string[];
  /** What of them people would type otherwise. */
  readonly typedOptions?: readonly string[];
  /** The server's command, runnable. */
  readonly command: readonly string[];
  /** The same as people would type it. */
  readonly typed: string;
  /** Gets what it needs; says why it can't be run, or null. */
  readonly prepare?: () => string | null;
  readonly env?: Readonly<Record<string, string>>;
}

const STREAM = ["--stream-path", "/stream"];
const RUNTIMES: Readonly<Record<RuntimeName, readonly [name: string, launcher: string]>> = {
  node: ["Node", "node --import tsx"],
  deno: ["Deno", "deno run -A"],
  bun: ["Bun", "bun"],
};

/** Sluice's own supervisor, which is asked by its command. */
function sluiceRun(runtime: RuntimeName, folder: string): ReloadRow {
  const [name, launcher] = RUNTIMES[runtime];
  const program = `${PEERS}/sluice_http.ts`;
  const control = join(folder, `${runtime}.sock`);
  const args = (path: string) => ["run", program, "--workers", "2", "--control", path];
  const reload = commandLine(root + SLUICE, { runtime, args: ["reload", "--control", control] });
  const options = [...STREAM, "--ws-path", "/ws", "--reload-command"];
  return {
    name: `\`sluice run\` on ${name}`,
    kind: "http",
    options: [...options, reload.map(shellWord).join(" ")],
    typedOptions: [...options, `${launcher} ${SLUICE} reload --control c.sock`],
    command: commandLine(root + SLUICE, { runtime, args: args(control) }),
    typed: [`${launcher} ${SLUICE}`, ...args("c.sock")].join(" "),
  };
}

/** `npm install` is part of it: it is nothing that others need. */
function pm2(folder: string): ReloadRow {
  const home = join(folder, "pm2");
  const bin = (name: string) => join(home, "node_modules/.bin", name);
  const start = ["start", `${PEERS}/pm2_app.mjs`, "-i", "2"];
  return {
    name: "pm2, `pm2 reload`",
    kind: "http",
    options: [...STREAM, "--reload-command", `${bin("pm2")} reload all`],
    typedOptions: [...STREAM, "--reload-command", "pm2 reload all"],
    command: [bin("pm2-runtime"), ...start],
    typed: ["pm2-runtime", ...start].join(" "),
    env: { PM2_HOME: join(home, "home") },
    prepare() {
      const args = ["install", "--prefix", home, "--no-audit", "--no-fund", "--loglevel=error", "pm2"];
      const { status, stderr } = spawnSync("npm", args, { encoding: "utf8" });
      return status === 0 ? null : `pm2 can't be installed: ${stderr}`;
    },
  };
}

function nginx(folder: string): ReloadRow {
  const file = `${PEERS}/nginx_static.sh`;
  return {
    name: "nginx, static files",
    kind: "http",
    options: [],
    command: [root + file, join(folder, "nginx")],
    typed: `${file} FOLDER`,
  };
}

function clusterRow(): ReloadRow {
  const file = `${PEERS}/cluster_disconnect.ts`;
  return {
    name: "`node:cluster`, `disconnect()`",
    kind: "http",
    options: STREAM,
    command: commandLine(root + file, { runtime: "node" }),
    typed: `node --import tsx ${file}`,
  };
}

function reusePort(): ReloadRow {
  const file = `${PEERS}/reuse_port_pair.ts`;
  return {
    name: "`reusePort` pair on Node 24, `close()`",
    kind: "http",
    options: STREAM,
    command: [NODE24, root + file],
    typed: `node ${file}`,
    prepare: () => existsSync(NODE24) ? null : "Node 24 is not here",
  };
}

function reloadRows(folder: string): ReloadRow[] {
  const runtimes: readonly RuntimeName[] = ["node", "deno", "bun"];
  return [
    ...runtimes.map((runtime) => sluiceRun(runtime, folder)),
    pm2(folder),
    clusterRow(),
    nginx(folder),
    reusePort(),
  ];
}

const HEAD = [
  "server",
  "reloads",
  "connections",
  "messages",
  "refused",
  "reset",
  "no whole answer",
  "no good Close",
  "longest wait in / between reloads",
  "`sluice verify --reload` with",
];

/** Classes of loss by column; those of a server that fails are told beside the table. */
const COLUMNS: readonly (readonly ReloadLossName[])[] = [
  ["refused"],
  ["reset"],
  ["unanswered", "truncated", "turnedAway"],
  ["noClose", "wrongCode"],
];

/** Prints the table of the rows whose name has one of these words. */
export async function reloadTable(words: readonly string[], common: readonly string[], folder: string): Promise<void> {
  console.log(line(HEAD));
  console.log(line(HEAD.map((_, i) => i === 0 || i === HEAD.length - 1 ? "---" : "---:")));
  for (const row of reloadRows(folder)) {
    if (!words.some((word) => row.name.toLowerCase().includes(word))) continue;
    try {
      const report = await reloaded(row, common);
      explain(row, report);
      console.log(line(cells(row, report)));
    } catch (error) {
      console.error(`${row.name}: ${(error as Error).message}`);
    }
  }
}

async function reloaded(row: ReloadRow, common: readonly string[]): Promise<ReloadReport> {
  const missing = row.prepare?.() ?? null;
  if (missing !== null) throw new Error(`left out: ${missing}`);
  const args = ["--reload", ...common, "--kind", row.kind, ...row.options, "--json"];
  await using program = startVerify(args, row.command, row.env);
  const { stdout, stderr } = await program.exited(LIMIT);
  if (!stdout.startsWith("{")) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Tells on standard error what was lost. */
function explain({ name }: ReloadRow, { total, details }: ReloadReport): void {
  const lost = Object.entries(total.losses).filter(([, count]) => count > 0);
  if (lost.length > 0) console.error(name, JSON.stringify(Object.fromEntries(lost)), details[0] ?? "");
}

function cells(row: ReloadRow, { parts, total, during, between }: ReloadReport): string[] {
  const lost = COLUMNS.map((names) => names.reduce((sum, name) => sum + total.losses[name], 0));
  const longest = [during, between].map(({ connectWait, answerWait }) =>
    `${Math.round(Math.max(connectWait.max, answerWait.max))} ms`
  );
  const options = (row.typedOptions ?? row.options).map(shellWord).join(" ");
  return [
    row.name,
    String(parts.filter(({ kind }) => kind === "reload").length),
    total.connections.toLocaleString("en"),
    total.sent.toLocaleString("en"),
    ...lost.map((count) => count === 0 ? "0" : `**${count.toLocaleString("en")}**`),
    longest.join(" / "),
    `\`${options === "" ? "" : `${options} `}-- ${row.typed}\``,
  ];
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function line(parts: readonly string[]): string {
  return `| ${parts.join(" | ")} |`;
}
