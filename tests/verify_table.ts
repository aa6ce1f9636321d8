/**
 * Makes the table of sluice verify's manual of what a stop costs: `sluice verify` on Sluice and on others, one command a row.
 *
 *   npm run verify-table                          everything, about ten minutes
 *   npm run verify-table -- --only node,go        rows whose name or kind has one of these words
 *   npm run verify-table -- --clients 20 --rounds 3 --busy 4
 *   npm run verify-table -- --round-trips 0,200ms     each row at each distance, with the losses of each in columns
 *   npm run verify-table -- --reloads 20          the other table, of what a reload loses
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import type { LossName, VerifyKind } from "../src/tools/verify/mod.ts";
import { commandLine, root, type RuntimeName } from "./support/processes.ts";
import { startVerify, type Verified } from "./support/verify_cli.ts";
import { reloadTable } from "./verify_reloads.ts";

/** Longest time for a row, in ms. */
const LIMIT = 600_000;
/** What every server is given, and a little less for those that can be told. */
const GRACE = "5s";
const OWN_GRACE = ["--grace", "4s"];
/** Longer than newcomers come after the signal: what a load balancer needs to hear of it. */
const LAME_DUCK = ["--lame-duck", "1300ms"];

const PEERS = "tests/programs/peers";
const SLUICE = "src/cli/main.ts";

interface Row {
  readonly name: string;
  readonly kind: VerifyKind;
  /** Options of `sluice verify`. */
  readonly options: readonly string[];
  /** The server's command, runnable. */
  readonly command: readonly string[];
  /** The same as people would type it. */
  readonly typed: string;
}

const LAUNCHERS: Readonly<Record<RuntimeName, string>> = { node: "node --import tsx", deno: "deno run -A", bun: "bun" };
const RUNTIMES: Readonly<Record<RuntimeName, string>> = { node: "Node", deno: "Deno", bun: "Bun" };

const OPTIONS: Readonly<Record<VerifyKind, readonly string[]>> = {
  tcp: [],
  http: ["--upload-path", "/echo", "--stream-path", "/stream?n=20&ms=25"],
  ws: ["--path", "/ws"],
};
const PEER_OPTIONS: Readonly<Record<VerifyKind, readonly string[]>> = {
  tcp: [],
  http: ["--stream-path", "/stream"],
  ws: ["--path", "/ws"],
};

/** Sluice's own command line. */
function sluice(runtime: RuntimeName, kind: VerifyKind, more: readonly string[]): Row {
  const args = kind === "tcp"
    ? ["echo", "--port", "{port}"]
    : ["demo", "--http-port", "{port}", "--tcp-port", "0", "--log", "memory"];
  return {
    name: `Sluice on ${RUNTIMES[runtime]}${more.length === 0 ? ", no lame duck" : ""}`,
    kind,
    options: OPTIONS[kind],
    command: commandLine(root + SLUICE, { runtime, args: [...args, ...OWN_GRACE, ...more] }),
    typed: [`${LAUNCHERS[runtime]} ${SLUICE}`, ...args, ...OWN_GRACE, ...more].join(" "),
  };
}

/** Somebody else's way to stop. */
function peer(name: string, kind: VerifyKind, runtime: RuntimeName, file: string): Row {
  return {
    name,
    kind,
    options: PEER_OPTIONS[kind],
    command: commandLine(`${root}${PEERS}/${file}`, { runtime }),
    typed: `${LAUNCHERS[runtime]} ${PEERS}/${file}`,
  };
}

/** Go's programs are built first: `go run` would not pass the signal on. */
function go(name: string, kind: VerifyKind, folder: string, file: string): Row {
  const path = join(folder, file);
  const built = spawnSync("go", ["build", "-o", path, `${root}${PEERS}/${file}/main.go`], { encoding: "utf8" });
  if (built.status !== 0) console.error(`${name} can't be built: ${built.stderr ?? built.error}`);
  return { name, kind, options: PEER_OPTIONS[kind], command: [path], typed: `./${file}` };
}

function allRows(folder: string): Row[] {
  const runtimes: readonly RuntimeName[] = ["node", "deno", "bun"];
  const ours = (kind: VerifyKind) => runtimes.map((runtime) => sluice(runtime, kind, LAME_DUCK));
  return [
    ...ours("tcp"),
    sluice("node", "tcp", []),
    go("Go, the textbook's line server", "tcp", folder, "go_lines"),
    ...ours("http"),
    peer("node:http, close()", "http", "node", "node_http.ts"),
    peer("Deno.serve, shutdown()", "http", "deno", "deno_serve.ts"),
    peer("Bun.serve, stop()", "http", "bun", "bun_serve.ts"),
    go("Go net/http, Shutdown", "http", folder, "go_http"),
    ...ours("ws"),
    peer("ws, Close 1001 to all", "ws", "node", "node_ws.ts"),
    peer("Deno.serve, shutdown()", "ws", "deno", "deno_serve.ts"),
    peer("Bun.serve, stop()", "ws", "bun", "bun_serve.ts"),
  ];
}

const HEAD = [
  "server",
  "kind",
  "messages",
  "no whole answer",
  "reset",
  "no good Close",
  "not gone in 5 s",
  "exit code",
  "slowest stop",
  "`sluice verify` options and command",
];

/** Classes of loss by column. */
const COLUMNS: readonly (readonly LossName[])[] = [
  ["truncated", "unansweredBeforeSignal", "unansweredBeforeEnd"],
  ["acceptedThenReset", "resetInsteadOfFin"],
  ["noClose", "wrongCode"],
  ["stillThere"],
  ["exitCode"],
];

/** The columns' heads; those of losses once for each distance. */
function headOf(roundTrips: readonly string[]): string[] {
  const [server, kind, messages, ...rest] = HEAD;
  const losses = rest.slice(0, COLUMNS.length).flatMap((loss) =>
    roundTrips.length === 1 ? [loss] : roundTrips.map((roundTrip) => `${loss}, ${roundTrip}`)
  );
  return [server, kind, messages, ...losses, ...rest.slice(COLUMNS.length)];
}

/** A row; `found` has what was found at each distance. */
function cells({ name, kind, options, typed }: Row, found: readonly Verified[]): string[] {
  const scenarios = found.flatMap(({ report }) => report.scenarios);
  const sent = scenarios.reduce((sum, { messages }) => sum + messages.sent, 0);
  const stops = scenarios.map(({ stop }) => stop.took ?? Infinity);
  const lost = COLUMNS.flatMap((names) =>
    found.map(({ report: { totals } }) => names.reduce((sum, loss) => sum + totals[loss], 0))
  );
  const slowest = Math.max(...stops);
  const shown = [...kindOptions(kind), ...options.map(quoted)].join(" ");
  return [
    name,
    kind,
    sent.toLocaleString("en"),
    ...lost.map((count) => count === 0 ? "0" : `**${count.toLocaleString("en")}**`),
    slowest === Infinity ? "killed" : `${(slowest / 1000).toFixed(1)} s`,
    `\`${shown === "" ? "" : `${shown} `}-- ${typed}\``,
  ];
}

function kindOptions(kind: VerifyKind): string[] {
  return kind === "http" ? [] : ["--kind", kind];
}

function quoted(word: string): string {
  return /[?&]/.test(word) ? `'${word}'` : word;
}

function line(parts: readonly string[]): string {
  return `| ${parts.join(" | ")} |`;
}

async function verified({ kind, options, command }: Row, common: readonly string[]): Promise<Verified> {
  await using program = startVerify([...common, "--kind", kind, ...options, "--json"], command);
  const { code, stdout, stderr } = await program.exited(LIMIT);
  if (!stdout.startsWith("{")) throw new Error(stderr);
  return { code, report: JSON.parse(stdout), stderr };
}

/** Tells on standard error what was found and what was left out. */
function explain({ name, kind }: Row, roundTrip: string, { report }: Verified): void {
  for (const { scenario, losses, details, clean } of report.scenarios) {
    if (!clean) console.error(name, kind, roundTrip, scenario, JSON.stringify(losses), details[0] ?? "");
  }
  for (const { scenario, reason } of report.skipped) console.error(name, roundTrip, scenario, reason);
}

/** Plays a row at each distance, and prints it. */
async function play(row: Row, roundTrips: readonly string[], common: readonly string[]): Promise<void> {
  const found: Verified[] = [];
  for (const roundTrip of roundTrips) {
    found.push(await verified(row, [...common, "--round-trip", roundTrip]));
    explain(row, roundTrip, found.at(-1)!);
  }
  console.log(line(cells(row, found)));
}

async function main(): Promise<void> {
  const text = { type: "string" } as const;
  const distances = { "round-trip": text, "round-trips": text };
  const { values } = parseArgs({
    options: { only: text, clients: text, rounds: text, reloads: text, busy: text, ...distances },
  });
  const words = values.only?.split(",") ?? [""];
  const { clients = "50", rounds = "1", busy = "0" } = values;
  const roundTrips = (values["round-trips"] ?? values["round-trip"] ?? "0").split(",");
  const common = ["--clients", clients, "--busy", busy];
  const folder = mkdtempSync(join(tmpdir(), "sluice-peers-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  if (values.reloads !== undefined) return await reloadTable(words, [...common, "--reloads", values.reloads], folder);
  await stopTable(words, roundTrips, [...common, "--grace", GRACE, "--rounds", rounds], folder);
}

async function stopTable(
  words: readonly string[],
  roundTrips: readonly string[],
  common: readonly string[],
  folder: string,
): Promise<void> {
  const head = headOf(roundTrips);
  console.log(line(head));
  console.log(line(head.map((_, i) => i < 2 || i === head.length - 1 ? "---" : "---:")));
  for (const row of allRows(folder)) {
    if (!words.some((word) => row.name.toLowerCase().includes(word) || row.kind === word)) continue;
    try {
      await play(row, roundTrips, common);
    } catch (error) {
      console.error(`${row.name}, ${row.kind}: ${(error as Error).message}`);
    }
  }
}

await main();
