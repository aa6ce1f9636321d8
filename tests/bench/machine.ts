/**
 * What this machine has to measure with.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Servers run on the first core, load on the second. */
export const SERVER_CORE = 0;
export const LOAD_CORE = 1;
/** Descriptors for 10,000 connections and what a runtime needs besides. */
export const MAX_FILES = 12_000;

/** Programs that are compiled for Node, and for a start on Bun, which runs packages of npm too. */
const NODE_SERVERS = [
  "ours",
  "scale",
  "bare_node",
  "http_ours",
  "http_node",
  "http_srvx",
  "http_hono",
  "proxy_ours",
  "proxy_httpproxy",
  "proxy_undici",
  "start_ours",
  "start_node",
  "start_bun",
  "ws_ours",
  "ws_node",
  "channels_channels",
  "channels_file",
  "channels_hub",
  "channels_socketio",
];

/** Programs beside them. */
const NODE_CLIENTS = ["sluice"];

/** What was found. */
export interface Machine {
  /** Programs can be bound to cores. */
  readonly pinned: boolean;
  /** Enough descriptors for the idle row. */
  readonly manyFiles: boolean;
  /** Path of the Go server; null where there is no Go. */
  readonly go: string | null;
  /** Folder of the programs for Node as JavaScript: a loader that compiles on the way would leave its marks in them. */
  readonly compiled: string;
  /** What is missing, for people. */
  readonly notes: readonly string[];
  readonly cpu: string;
}

/** Looks, and builds the Go server into a folder that goes away with this process. */
export function inspectMachine(withGo: boolean): Machine {
  const notes: string[] = [];
  const pinned = availableParallelism() > 1 && spawnSync("taskset", ["-c", String(LOAD_CORE), "true"]).status === 0;
  if (!pinned) notes.push("No taskset or a single core: nothing is pinned, expect noise");
  const limit = spawnSync("/bin/sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).stdout.trim();
  const manyFiles = limit === "unlimited" || Number(limit) >= MAX_FILES;
  if (!manyFiles) notes.push(`Only ${limit} descriptors: the rows of idle connections and of publishing are left out`);
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const go = withGo ? buildGo(folder, notes) : null;
  const compiled = compile(folder);
  return { pinned, manyFiles, go, compiled, notes, cpu: `${cpus()[0].model}, ${cpus().length} cores` };
}

function compile(folder: string): string {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const files = [
    ...NODE_SERVERS.map((name) => `${root}tests/bench/servers/${name}.ts`),
    ...NODE_CLIENTS.map((name) => `${root}tests/bench/load/${name}.ts`),
  ];
  const compilerOptions = { noEmit: false, rootDir: root, outDir: folder, typeRoots: [`${root}node_modules/@types`] };
  const config = join(folder, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ extends: `${root}tsconfig.json`, compilerOptions, files, include: [] }));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  succeed("The servers can't be compiled for Node", [process.execPath, tsc, "-p", config], root);
  succeed("The package can't be built", ["npm", "run", "build"], root);
  symlinkSync(`${root}node_modules`, join(folder, "node_modules"));
  return folder;
}

function succeed(otherwise: string, [command, ...args]: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${otherwise}:\n${stdout}${stderr}`);
}

function buildGo(folder: string, notes: string[]): string | null {
  const path = join(folder, "echo");
  const sources = ["main", "http"].map((name) => fileURLToPath(new URL(`servers/go/${name}.go`, import.meta.url)));
  const built = spawnSync("go", ["build", "-o", path, ...sources], { encoding: "utf8" });
  if (built.status === 0) return path;
  notes.push(
    built.error === undefined ? `Go can't build: ${built.stderr.trim()}` : "Go is not installed: its rows are left out",
  );
  return null;
}
