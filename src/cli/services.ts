/**
 * Runs the servers of a command: what they log, what is printed of a drain, and the reports.
 *
 * @module
 */
import process from "node:process";
import {
  type Address,
  type DrainPhase,
  type DrainReport,
  jsonLogger,
  listen,
  type Listener,
  ListenError,
  type ListenOptions,
  type Logger,
  prettyLogger,
  run,
  type ServeOptions,
  type Server,
} from "../../mod.ts";
import { StartError } from "./usage_errors.ts";
import { listenHint } from "./hints.ts";
import type { CommonOptions, LogFormat } from "./command_options.ts";
import type { Print } from "./output.ts";
import { formatPhase, formatReport } from "./print.ts";

/** What every server of a command gets, whatever it speaks. */
export type ServiceOptions = Pick<ServeOptions, "name" | "logger" | "onDrainPhase">;

/** One server of a command. */
export interface Service {
  /** Its name in what is printed, logged and reported. */
  readonly name: string;
  /** Where it listens. */
  readonly at: ListenOptions;
  /** The options that say so. */
  readonly place: string;
  /** Makes it; `servers` will be all of them, in order. */
  readonly make: (options: ServiceOptions, servers: readonly Server[]) => Server;
  /** What to print when all have started; `localhost` may be two addresses. */
  readonly greeting: (addresses: readonly Address[]) => readonly string[];
}

/**
 * Serves until a signal, prints the reports and ends the process. If one can't listen, nothing stays open.
 *
 * @throws {StartError} One can't listen.
 * @throws {OptionError} The library refuses an option.
 */
export async function runServices(services: readonly Service[], options: CommonOptions, print: Print): Promise<void> {
  const logger = makeLogger(options);
  const servers = makeServers(services, logger, phasePrinter(services.length > 1, options, print));
  const listeners = await listenAll(services);
  for (const [i, listener] of listeners.entries()) servers[i].serve(listener);
  const running = run(servers, { logger, onReport: ({ reports }) => printReports(reports, print) });
  // Not before: whoever reads that it runs may send a signal at once.
  for (const [i, service] of services.entries()) service.greeting(servers[i].addresses).forEach((line) => print(line));
  await running;
}

type PhasePrinter = (server: Server, phase: DrainPhase) => void;

function makeServers(services: readonly Service[], logger: Logger, printPhase: PhasePrinter): Server[] {
  const servers: Server[] = [];
  for (const { name, make } of services) {
    const server: Server = make({ name, logger, onDrainPhase: (phase) => printPhase(server, phase) }, servers);
    servers.push(server);
  }
  return servers;
}

/** All or none. */
async function listenAll(services: readonly Service[]): Promise<Listener[]> {
  const listeners: Listener[] = [];
  try {
    for (const { name, at, place } of services) listeners.push(await listenAt(name, at, place));
    return listeners;
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close()));
    throw error;
  }
}

async function listenAt(name: string, at: ListenOptions, place: string): Promise<Listener> {
  try {
    return await listen(at);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw new StartError(`${name}: ${error.message}`, listenHint(error, place), { cause: error });
  }
}

function phasePrinter(named: boolean, { lameDuck }: CommonOptions, print: Print): PhasePrinter {
  let first = true;
  return (server, phase) => {
    // What the terminal shows of Ctrl-C gets a line of its own.
    if (first && process.stdout.isTTY === true) print("");
    first = false;
    if (phase === "lameDuck" && !lameDuck) return;
    print(formatPhase(phase, server.stats.active, server.holders(), named ? `${server.name} drain` : "drain"));
  };
}

async function printReports(reports: readonly DrainReport[], print: Print): Promise<void> {
  const onTerminal = process.stdout.isTTY === true;
  await Promise.all(reports.map((report) => {
    if (!onTerminal) return print(JSON.stringify(report));
    return print(reports.length > 1 ? `${report.server}\n${formatReport(report)}` : formatReport(report));
  }));
}

/** The logger of a command. */
export function makeLogger({ level, format }: CommonOptions): Logger {
  // On a terminal the phases are there to read already.
  const isShown = process.stderr.isTTY === true && process.stdout.isTTY === true;
  return loggerIn(format)({ level: level ?? (isShown ? "warn" : "info") });
}

/** What makes a logger that writes in this format; pretty on a terminal, and JSON elsewhere, if none was asked for. */
export function loggerIn(format: LogFormat | undefined): typeof jsonLogger {
  return (format ?? (process.stderr.isTTY === true ? "pretty" : "json")) === "json" ? jsonLogger : prettyLogger;
}
