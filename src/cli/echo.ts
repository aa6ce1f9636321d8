/**
 * `sluice echo`: the line server.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import {
  type Conn,
  type DrainPhase,
  type DrainReport,
  jsonLogger,
  lines,
  type Logger,
  prettyLogger,
  run,
  serve,
  type ServeOptions,
  type Server,
} from "../../mod.ts";
import { StartError } from "./errors.ts";
import { type EchoOptions, flagOf } from "./options.ts";
import type { Print } from "./output.ts";
import { formatAddress, formatPhase, formatReport, tryCommand } from "./print.ts";

const DEFAULT_PORT = 9000;
/** Nobody's business but this machine's, until asked otherwise. */
const DEFAULT_HOST = "127.0.0.1";

/**
 * Serves until a signal, prints the report and ends the process.
 *
 * @throws {StartError} A certificate can't be read.
 * @throws {OptionError} The library refuses an option.
 * @throws {ListenError} It can't listen.
 */
export async function echo(options: EchoOptions, print: Print): Promise<void> {
  const logger = makeLogger(options);
  const starting = start(options, logger, print);
  // It may fail before run() looks at it, and would then count as unhandled.
  starting.catch(() => {});
  await run(starting, { logger, onReport: ({ reports }) => print(showReport(reports[0])) });
}

async function start(options: EchoOptions, logger: Logger, print: Print): Promise<Server> {
  let server: Server | null = null;
  const onDrainPhase = (phase: DrainPhase) => {
    // What the terminal shows of Ctrl-C gets a line of its own.
    if (phase === "lameDuck" && process.stdout.isTTY === true) print("");
    if (server === null || (phase === "lameDuck" && !options.lameDuck)) return;
    print(formatPhase(phase, server.connections.size, server.holders()));
  };
  server = await serve({ ...serveOptions(options), name: "echo", logger, onDrainPhase }, answer);
  print(`listening on ${formatAddress(server.address)}${options.cert === undefined ? "" : " (TLS)"}`);
  print(`try it: ${tryCommand(server.address, options.cert !== undefined)}   (then type a line; Ctrl-C here stops it)`);
  return server;
}

/** All lines that arrived together get their answers in one write. */
async function answer(conn: Conn): Promise<void> {
  for await (const batch of lines(conn).batches()) {
    await conn.write(batch.map((line) => `echo: ${line}\n`).join(""));
  }
}

function serveOptions({ cert, key, level: _level, format: _format, ...options }: EchoOptions): ServeOptions {
  const tls = cert === undefined || key === undefined
    ? undefined
    : { cert: readPem("cert", cert), key: readPem("key", key) };
  if (options.path !== undefined) return { ...options, tls };
  return { port: DEFAULT_PORT, hostname: DEFAULT_HOST, ...options, tls };
}

function readPem(option: "cert" | "key", path: string): string {
  const text = readText(option, path);
  if (text.includes("-----BEGIN ")) return text;
  throw new StartError(`${flagOf(option)} ${JSON.stringify(path)} is no PEM file: it has no "-----BEGIN" line`);
}

function readText(option: "cert" | "key", path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new StartError(`${flagOf(option)} ${JSON.stringify(path)} can't be read: ${(error as Error).message}`);
  }
}

function makeLogger({ level, format }: EchoOptions): Logger {
  const onTerminal = process.stderr.isTTY === true;
  const make = (format ?? (onTerminal ? "pretty" : "json")) === "json" ? jsonLogger : prettyLogger;
  // On a terminal the phases are there to read already.
  return make({ level: level ?? (onTerminal && process.stdout.isTTY === true ? "warn" : "info") });
}

function showReport(report: DrainReport): string {
  return process.stdout.isTTY === true ? formatReport(report) : JSON.stringify(report);
}
