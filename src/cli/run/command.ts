/**
 * `sluice run`: a program in several processes that share its sockets.
 *
 * @module
 */
import { appendFileSync, readFileSync } from "node:fs";
import { basename, extname } from "node:path";
import process from "node:process";
import { parseEnv } from "node:util";
import { LOG_LEVELS, type LogLevel } from "../../../mod.ts";
import {
  controlPath,
  ControlServer,
  createSupervisor,
  StartFailedError,
  type SuperviseReport,
  type Supervisor,
} from "../../run/supervisor/mod.ts";
import type { LogFormat } from "../command_options.ts";
import { duration, number, oneOf, port, text } from "../option_values.ts";
import type { Print } from "../output.ts";
import type { ToolCommand, ToolInput, ToolOption } from "../tool.ts";
import { StartError, UsageError } from "../usage_errors.ts";
import { supervisorLogger, writeOutput } from "./output.ts";
import { programCommand } from "./program.ts";
import { StopSignals } from "./stop_signals.ts";
import { watchFiles } from "./watch_files.ts";

const FORCED = 128;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = { SIGINT: 2, SIGTERM: 15 };

const ROWS: readonly ToolOption[] = [
  row("--workers", "workers", "N", number, "processes that serve at once (default: one for each core)"),
  row("--port", "port", "N", port, "of a module whose default export is served (default PORT, or 8000)"),
  row("--host", "host", "ADDRESS", text, "the same: address to listen on (default all)"),
  row("--unix", "path", "PATH", text, "the same: a Unix socket, instead of port and host"),
  row("--tls-cert", "certFile", "FILE", text, "the same: certificate (PEM)"),
  row("--tls-key", "keyFile", "FILE", text, "the same: its private key (PEM)"),
  row(
    "--grace",
    "grace",
    "DURATION",
    duration,
    "longest that a worker may take to leave; then it is killed (default 30s)",
  ),
  row(
    "--ready-timeout",
    "readyTimeout",
    "DURATION",
    duration,
    "longest that a new one may take to be ready (default 30s)",
  ),
  row("--stable", "stable", "DURATION", duration, "it has to be ready so long before the old one goes (default 500ms)"),
  row(
    "--hang-timeout",
    "hangTimeout",
    "DURATION",
    duration,
    "name a worker that says nothing for so long (default 30s)",
  ),
  row("--replace-hung", "replaceHung", "", text, "and replace it"),
  row("--watch", "watch", "", text, "reload when a file of the program's folder changes"),
  {
    ...row("--env-file", "envFile", "FILE", text, "variables for the workers, read at each start; may be repeated"),
    many: true,
  },
  {
    ...row("--runtime-arg", "runtimeArgs", "ARG", text, "for the runtime, in front of the program; may be repeated"),
    many: true,
  },
  row(
    "--no-fast-response",
    "noFastResponse",
    "",
    text,
    "leave the global Response alone (on Node a faster one stands in)",
  ),
  row("--name", "name", "NAME", text, "by which status, reload and stop find it (default: the program's)"),
  row("--control", "control", "PATH", text, "their Unix socket (default: by the name, in the user's run-time folder)"),
  row("--report", "report", "FILE", text, "append a line of JSON for each reload and the stop"),
  row("--log-level", "level", "LEVEL", oneOf(LOG_LEVELS), `${LOG_LEVELS.join(", ")} (default info)`),
  row("--log-format", "format", "json|pretty", oneOf(["json", "pretty"]), "of the supervisor's log"),
];

const ABOUT = `Runs a program that uses Sluice, unchanged, in several processes of the runtime that runs this. The
supervisor opens what the program listens on, and every worker gets the same open socket, so a reload refuses nobody: for
each worker a new one is started and waited for, then the old one drains. Behind -- stand the program's own arguments.
A module whose default export is a function, or an object with fetch, is served itself.

SIGHUP, sluice reload and --watch reload; a version that does not start, or dies at once, calls the reload off. A worker
that dies is replaced. Ctrl-C or SIGTERM drains all workers; a second one cuts.

Exit code: 0 stopped clean; 1 something was lost, or no worker became ready (then the program's own code); 2 wrong usage;
130 or 143 a second signal.`;

const EXAMPLES = `
sluice run app.ts --workers 2
sluice run handler.ts --port 8080 --watch
sluice run server.js --env-file .env --grace 1m -- --verbose
`;

/** The command. */
export const COMMAND: ToolCommand = {
  name: "run",
  usage: "sluice run PROGRAM [options] [-- ARGUMENTS]",
  about: ABOUT,
  examples: EXAMPLES,
  rows: ROWS,
  operands: [1, 1],
  takesRest: true,
  run: runProgram,
};

/** What was asked for, as `ROWS` read it. */
interface RunSettings {
  readonly workers?: number;
  readonly port?: number;
  readonly host?: string;
  readonly path?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly grace?: number;
  readonly readyTimeout?: number;
  readonly stable?: number;
  readonly hangTimeout?: number;
  readonly replaceHung?: boolean;
  readonly watch?: boolean;
  readonly envFile?: readonly string[];
  readonly runtimeArgs?: readonly string[];
  readonly noFastResponse?: boolean;
  readonly name?: string;
  readonly control?: string;
  readonly report?: string;
  readonly level?: LogLevel;
  readonly format?: LogFormat;
}

async function runProgram({ operands: [program], command: args, options }: ToolInput, print: Print): Promise<number> {
  const settings = options as RunSettings;
  const { workers, grace, readyTimeout, stable, hangTimeout, replaceHung, level, format } = settings;
  const name = settings.name ?? basename(program, extname(program));
  const logger = supervisorLogger(level, format);
  const command = commandOf(program, args, settings);
  // Before anything is opened: what is wrong with it is told now, and not by the first worker.
  command();
  const supervisor = await createSupervisor({
    command,
    name,
    workers,
    grace,
    readyTimeout,
    stable,
    hangTimeout,
    replaceHung,
    logger,
    onOutput: writeOutput,
  });
  return await new Running(supervisor, settings, print).run(program, settings.control ?? controlPath(name));
}

function commandOf(program: string, args: readonly string[], settings: RunSettings) {
  const { port, host, path, certFile, keyFile, grace, envFile = [], runtimeArgs = [], noFastResponse } = settings;
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError("--tls-cert and --tls-key go together");
  }
  const place = { port, host, path, certFile, keyFile, grace };
  return () => {
    const started = programCommand({ program, args, runtimeArgs, place, fastResponse: noFastResponse !== true });
    return { command: started.command, env: { ...readEnvFiles(envFile), ...started.env } };
  };
}

function readEnvFiles(files: readonly string[]): Record<string, string> {
  const all: Record<string, string> = {};
  for (const file of files) {
    try {
      Object.assign(all, parseEnv(readFileSync(file, "utf8")));
    } catch (error) {
      throw new StartError(`--env-file ${JSON.stringify(file)} can't be read: ${(error as Error).message}`);
    }
  }
  return all;
}

/** A supervisor with everything around it that a command has. */
class Running {
  readonly #supervisor: Supervisor;
  readonly #settings: RunSettings;
  readonly #print: Print;
  #forcedBy: string | null = null;
  #stopped: Promise<SuperviseReport> | null = null;
  #ended: () => void = () => {};
  readonly #isEnded: Promise<void> = new Promise((resolve) => this.#ended = resolve);

  constructor(supervisor: Supervisor, settings: RunSettings, print: Print) {
    this.#supervisor = supervisor;
    this.#settings = settings;
    this.#print = print;
  }

  async run(program: string, controlAt: string): Promise<number> {
    const control = await ControlServer.open(controlAt, (command) => this.#answer(command));
    const signals = new StopSignals((signal) => void this.#stop(signal));
    const onReload = (): void => void this.#reload("SIGHUP");
    process.on("SIGHUP", onReload);
    const unwatch = this.#settings.watch === true
      ? watchFiles(program, (file) => void this.#reload(`${file} has changed`))
      : null;
    try {
      await this.#supervisor.start();
      await this.#isEnded;
      return await this.#exitCode();
    } catch (error) {
      if (!(error instanceof StartFailedError)) throw error;
      console.error(`sluice: ${error.message}`);
      return error.exitCode;
    } finally {
      unwatch?.();
      control.close();
      signals.dispose();
      process.off("SIGHUP", onReload);
    }
  }

  async #exitCode(): Promise<number> {
    const report = await this.#stopped!;
    if (this.#forcedBy !== null) return FORCED + SIGNAL_NUMBERS[this.#forcedBy];
    return report.clean ? 0 : 1;
  }

  async #stop(signal: string): Promise<SuperviseReport> {
    if (this.#stopped !== null) this.#forcedBy = signal;
    const report = await (this.#stopped = this.#supervisor.stop(signal));
    if (this.#isTold) return report;
    this.#isTold = true;
    await this.#tell(report);
    this.#ended();
    return report;
  }

  #isTold = false;

  async #reload(cause: string): Promise<SuperviseReport> {
    const report = await this.#supervisor.reload(cause);
    await this.#tell(report);
    return report;
  }

  async #answer(command: string): Promise<object> {
    if (command === "status") return this.#supervisor.status();
    if (command === "reload") return await this.#reload("sluice reload");
    if (command === "stop") return await this.#stop("SIGTERM");
    throw new Error(`There is no command ${JSON.stringify(command)}`);
  }

  async #tell(report: SuperviseReport): Promise<void> {
    const line = JSON.stringify(report);
    const { report: file } = this.#settings;
    if (process.stdout.isTTY !== true) await this.#print(line);
    else await this.#print(summary(report));
    if (file !== undefined) appendFileSync(file, `${line}\n`);
  }
}

function summary({ kind, clean, done, reason, duration, workers }: SuperviseReport): string {
  const what = kind === "reload" ? "reload" : "stop";
  const ended = !done ? `called off: ${reason}` : clean ? "nothing was lost" : reason;
  return `${what}: ${ended} (${workers.length} left in ${(duration / 1000).toFixed(2)} s)`;
}

function row(
  flag: string,
  option: keyof RunSettings,
  value: string,
  read: ToolOption["read"],
  help: string,
): ToolOption {
  return { flag, option, value, help, read };
}
