/**
 * The options of `sluice verify --reload`.
 *
 * @module
 */
import { duration, text, type ToolInput, type ToolOption, UsageError } from "@sluice/sluice/cli/kit";
import { atLeastOne, row, signalName, target } from "../option_readers.ts";

/** How a server is reloaded. Durations in ms. */
export interface ReloadSettings {
  /** How often. */
  readonly count: number;
  /** What tells the server to reload, if no command does. */
  readonly signal: string;
  /** How long a reload by a signal lasts: a server does not tell when it is over. */
  readonly wait: number;
  /** A command that reloads the server, and ends with the reload; null: the signal does. */
  readonly command: string | null;
  /** Between two reloads a worker of the server is killed. */
  readonly killsWorkers: boolean;
  /** Target of WebSockets beside HTTP; null: there are none. */
  readonly webSocketPath: string | null;
}

/** So many show what happens in one of a hundred. */
const RELOADS = 20;
const SIGNAL = "SIGHUP";
/** Enough for a runtime that starts, and for old workers to serve out. */
const WAIT = 2000;

/** All of them, in the order of the help. */
export const RELOAD_ROWS: readonly ToolOption[] = [
  row("--reload", "reload", "", text, "reload the server under load, and do not stop it: clients of all kinds at once"),
  row("--reloads", "reloads", "N", atLeastOne, `how often it is reloaded (default ${RELOADS})`),
  row("--reload-signal", "reloadSignal", "NAME", signalName, `what asks it to reload (default ${SIGNAL})`),
  row("--reload-wait", "reloadWait", "DURATION", duration, "how long a reload by a signal takes (default 2s)"),
  row(
    "--reload-command",
    "reloadCommand",
    "TEXT",
    command,
    "reloads it in place of the signal, and ends when it is over",
  ),
  row("--kill-worker", "killWorker", "", text, "between reloads the busiest process is killed by SIGKILL (Linux)"),
  row("--ws-path", "webSocketPath", "/x", target, "target of WebSockets beside the requests of http (--reload)"),
];

/** What says nothing without `--reload`. */
const OWN: Readonly<Record<string, string>> = Object.fromEntries(
  RELOAD_ROWS.slice(1).map(({ option, flag }) => [option, flag]),
);

/** What `--reload` does not go with, and why. */
const OTHERS: Readonly<Record<string, string>> = {
  rolling: "--rolling restarts a server that can't reload: choose one of them",
  scenarios: "all clients run at once: leave --scenario out",
  rounds: "--reloads says how often: leave --rounds out",
};

/**
 * What was asked for; null if it is no reload.
 *
 * @throws {UsageError} It makes no sense.
 */
export function readReload(options: ToolInput["options"]): ReloadSettings | null {
  if (options.reload === undefined) {
    const alone = Object.keys(OWN).find((name) => options[name] !== undefined);
    if (alone === undefined) return null;
    throw new UsageError(`${OWN[alone]} is about --reload, give that as well`);
  }
  const other = Object.keys(OTHERS).find((name) => options[name] !== undefined);
  if (other !== undefined) throw new UsageError(`With --reload ${OTHERS[other]}`);
  const { reloadCommand, reloadSignal, reloadWait, webSocketPath, kind = "http" } = options;
  if (reloadCommand !== undefined && (reloadSignal !== undefined || reloadWait !== undefined)) {
    const flag = reloadSignal === undefined ? "--reload-wait" : "--reload-signal";
    throw new UsageError(`--reload-command says itself when a reload is over: leave ${flag} out`);
  }
  if (webSocketPath !== undefined && kind !== "http") {
    throw new UsageError("--ws-path is for WebSockets beside --kind http, for those alone there is --kind ws --path");
  }
  return {
    count: (options.reloads as number | undefined) ?? RELOADS,
    signal: (reloadSignal as string | undefined) ?? SIGNAL,
    wait: (reloadWait as number | undefined) ?? WAIT,
    command: (reloadCommand as string | undefined) ?? null,
    killsWorkers: options.killWorker !== undefined,
    webSocketPath: (webSocketPath as string | undefined) ?? null,
  };
}

function command(flag: string, value: string): string {
  if (value.trim() !== "") return value;
  throw new UsageError(`${flag} must be a command, got ${JSON.stringify(value)}`);
}
