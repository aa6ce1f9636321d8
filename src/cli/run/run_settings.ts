/**
 * What `sluice run` was asked for: by its command line, and by a `sluice.json` where that says nothing.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { basename, extname } from "node:path";
import { parseEnv } from "node:util";
import type { LogLevel } from "../../../mod.ts";
import type { RunConfig } from "../../run/run_config/mod.ts";
import type { ChangeOptions, SocketSetting, WorkerCommand } from "../../run/supervisor/mod.ts";
import type { LogFormat } from "../command_options.ts";
import { StartError, UsageError } from "../usage_errors.ts";
import { type ModulePlace, programCommand } from "./program.ts";

/** As the command line has it; what was not given is undefined. */
export interface RunOptions extends ModulePlace {
  readonly config?: string;
  readonly workers?: number;
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
  /** As it is written: `9464`, `127.0.0.1:9464`. */
  readonly metrics?: string;
  readonly lastScrape?: number;
  readonly level?: LogLevel;
  readonly format?: LogFormat;
}

/** All of it. */
export interface RunSettings extends RunOptions {
  readonly program: string;
  /** For the program. */
  readonly args: readonly string[];
  readonly name: string;
  /** Variables for the workers, beside those of files. */
  readonly env: Readonly<Record<string, string>>;
  readonly sockets: readonly SocketSetting[];
}

/** What was typed. */
export interface Typed {
  readonly program: string | undefined;
  readonly args: readonly string[];
  readonly options: RunOptions;
}

/**
 * What was typed goes before what stands in the file.
 *
 * @throws {UsageError} Nobody says which program, or what is asked for makes no sense together.
 */
export function runSettings({ program, args, options }: Typed, config: RunConfig): RunSettings {
  const { unix: path, tls, limits: _, sockets = [], env = {}, args: configured = [], ...rest } = config;
  const chosen = program ?? config.program;
  if (chosen === undefined) throw new UsageError("There is no program: name it, or see program of sluice.json");
  const all = { ...rest, path, ...tls, ...given(options) };
  if ((all.certFile === undefined) !== (all.keyFile === undefined)) {
    throw new UsageError("--tls-cert and --tls-key go together");
  }
  const name = all.name ?? basename(chosen, extname(chosen));
  if (!/^[\w.@+-]+$/.test(name)) {
    throw new UsageError(`--name must be letters, digits and . _ @ + -, got ${JSON.stringify(name)}`);
  }
  return {
    ...all,
    program: chosen,
    args: args.length > 0 ? args : configured,
    name,
    env,
    sockets: sockets.map(({ unix, ...socket }) => ({ ...socket, ...(unix === undefined ? {} : { path: unix }) })),
  };
}

/** Undefined would hide what the file says. */
function given(options: RunOptions): RunOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** What of them the supervisor may be told while it runs. */
export function changeable(settings: RunSettings): ChangeOptions {
  const { workers, grace, readyTimeout, stable, hangTimeout, replaceHung } = settings;
  return { command: () => commandOf(settings), workers, grace, readyTimeout, stable, hangTimeout, replaceHung };
}

/**
 * What starts a worker now: files with variables are read each time.
 *
 * @throws {UsageError} There is no such program.
 * @throws {StartError} It can't be run here, or a file can't be read.
 */
export function commandOf(settings: RunSettings): WorkerCommand {
  const { program, args, port, host, path, certFile, keyFile, grace, runtimeArgs = [], noFastResponse } = settings;
  const place = { port, host, path, certFile, keyFile, grace, counted: settings.metrics !== undefined };
  const started = programCommand({ program, args, runtimeArgs, place, fastResponse: noFastResponse !== true });
  return {
    command: started.command,
    env: { ...readEnvFiles(settings.envFile ?? []), ...settings.env, ...started.env },
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
