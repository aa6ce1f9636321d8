/**
 * `sluice run`: a program in several processes that share its sockets.
 *
 * @module
 */
import { LOG_LEVELS, type Logger } from "../../../mod.ts";
import { controlPath, createSupervisor } from "../../run/supervisor/mod.ts";
import { duration, number, oneOf, port, text } from "../option_values.ts";
import type { Print } from "../output.ts";
import type { ToolCommand, ToolInput, ToolOption } from "../tool.ts";
import { supervisorLogger, writeOutput } from "./output.ts";
import { Running } from "./running.ts";
import { changeable, commandOf, type RunOptions, runSettings } from "./run_settings.ts";
import { RunFile } from "./run_file.ts";

const ROWS: readonly ToolOption[] = [
  row(
    "--config",
    "config",
    "FILE",
    text,
    "settings; what is typed goes before them (default sluice.json, if it is there)",
  ),
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
  row(
    "--metrics",
    "metrics",
    "PLACE",
    text,
    "serve what workers count with Metrics, added up: a port, or ADDRESS:PORT (default: nowhere)",
  ),
  row(
    "--last-scrape",
    "lastScrape",
    "DURATION",
    duration,
    "at the stop, wait so long for one more scrape of them (default 0)",
  ),
  row("--report", "report", "FILE", text, "append a line of JSON for each reload and the stop"),
  row("--log-level", "level", "LEVEL", oneOf(LOG_LEVELS), `${LOG_LEVELS.join(", ")} (default info)`),
  row("--log-format", "format", "json|pretty", oneOf(["json", "pretty"]), "of the supervisor's log"),
];

const ABOUT = `Runs a program that uses Sluice, unchanged, in several processes of the runtime that runs this. The
supervisor opens what the program listens on, and every worker gets the same open socket, so a reload refuses nobody: for
each worker a new one is started and waited for, then the old one drains. Behind -- stand the program's own arguments.
A module whose default export is a function, or an object with fetch, is served itself.

SIGHUP, sluice reload, --watch and a sluice.json that changes reload; a version that does not start, or dies at once,
calls the reload off. A worker that dies is replaced. Ctrl-C or SIGTERM drains all workers; a second one cuts.

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
  usage: "sluice run [PROGRAM] [options] [-- ARGUMENTS]",
  about: ABOUT,
  examples: EXAMPLES,
  rows: ROWS,
  operands: [0, 1],
  takesRest: true,
  run: runProgram,
};

async function runProgram({ operands: [program], command: args, options }: ToolInput, print: Print): Promise<number> {
  const typed = { program, args, options: options as RunOptions };
  const { level, format, config: named } = typed.options;
  const logger: Required<Logger> = supervisorLogger(level, format);
  const file = await RunFile.open(named, logger);
  try {
    const settings = runSettings(typed, file?.value ?? {});
    // Before anything is opened: what is wrong with it is told now, and not by the first worker.
    commandOf(settings);
    const { name, sockets } = settings;
    const supervisor = await createSupervisor({
      ...changeable(settings),
      name,
      sockets,
      logger,
      onOutput: writeOutput,
    });
    await file?.govern(supervisor, typed);
    return await new Running(supervisor, settings, file, print).run(settings.control ?? controlPath(name));
  } finally {
    file?.close();
  }
}

function row(
  flag: string,
  option: keyof RunOptions,
  value: string,
  read: ToolOption["read"],
  help: string,
): ToolOption {
  return { flag, option, value, help, read };
}
