/**
 * The options of the commands: one table for the parser, the help and the names in error messages.
 *
 * @module
 */
import {
  type AdmissionOptions,
  type AdmissionPolicy,
  type DrainOptions,
  LOG_LEVELS,
  type LogLevel,
} from "../../mod.ts";
import { type AccessLog, duration, number, oneOf, port, type ReadValue, sample, text } from "./option_values.ts";
import type { ToolOption } from "./tool.ts";

/** The commands that serve. */
export type CommandName = "demo" | "echo";

/** Serves a module's default export as a worker of `sluice run`; nobody types it. */
export const SERVE_MODULE = "serve-module";

/** How log records are written. */
export type LogFormat = "json" | "pretty";

/** What every command takes; what was not given is undefined. Durations in ms. */
export interface CommonOptions {
  hostname?: string;
  grace?: number;
  lameDuck?: number;
  patience?: number;
  maxConnections?: number;
  maxConnectionsPerIp?: number;
  policy?: AdmissionPolicy;
  level?: LogLevel;
  format?: LogFormat;
}

/** What `sluice echo` was asked for. */
export interface EchoOptions extends CommonOptions {
  port?: number;
  path?: string;
  /** Path of the certificate. */
  cert?: string;
  /** Path of its key. */
  key?: string;
  idleTimeout?: number;
}

/** What `sluice demo` was asked for. */
export interface DemoOptions extends CommonOptions {
  tcpPort?: number;
  httpPort?: number;
  accessLog?: AccessLog;
  /** Folder of the channels' messages, or "memory". */
  log?: string;
}

/** One option of a server. */
export interface OptionRow extends ToolOption {
  readonly option: keyof EchoOptions | keyof DemoOptions;
}

/** Nobody's business but this machine's, until asked otherwise. */
export const DEFAULT_HOST = "127.0.0.1";
/** Where lines are echoed. */
export const DEFAULT_TCP_PORT = 9000;
/** Where HTTP is served. */
export const DEFAULT_HTTP_PORT = 8080;

const POLICIES: readonly AdmissionPolicy[] = ["reject", "queue", "shedIdle"];
const FORMATS: readonly LogFormat[] = ["json", "pretty"];

const HOST = row(
  "--host",
  "hostname",
  "ADDRESS",
  text,
  `address to listen on (default ${DEFAULT_HOST}: this machine only)`,
);

const DRAIN: readonly OptionRow[] = [
  row("--grace", "grace", "DURATION", duration, "longest that a stop may take (default 10s)"),
  row("--lame-duck", "lameDuck", "DURATION", duration, "go on accepting for so long when asked to stop (default 0)"),
  row("--patience", "patience", "DURATION", duration, "serve busy clients on for so long (default half of grace)"),
];

const ADMISSION: readonly OptionRow[] = [
  row("--max-connections", "maxConnections", "N", number, "connections of a server at once (default no limit)"),
  row("--max-connections-per-ip", "maxConnectionsPerIp", "N", number, "the same for each address (default no limit)"),
  row("--policy", "policy", POLICIES.join("|"), oneOf(POLICIES), "what happens at a limit (default reject)"),
];

const LOG: readonly OptionRow[] = [
  row(
    "--log-level",
    "level",
    "LEVEL",
    oneOf(LOG_LEVELS),
    `${LOG_LEVELS.join(", ")} (default info; warn on a terminal)`,
  ),
  row(
    "--log-format",
    "format",
    FORMATS.join("|"),
    oneOf(FORMATS),
    "of the log (default pretty on a terminal, else json)",
  ),
];

/** Each command's options, in the order of its help. */
export const OPTIONS: Readonly<Record<CommandName, readonly OptionRow[]>> = {
  demo: [
    row("--tcp-port", "tcpPort", "N", port, `port of the TCP echo; 0: any free one (default ${DEFAULT_TCP_PORT})`),
    row("--http-port", "httpPort", "N", port, `port of HTTP; 0: any free one (default ${DEFAULT_HTTP_PORT})`),
    HOST,
    ...DRAIN,
    ...ADMISSION,
    ...LOG,
    row(
      "--access-log",
      "accessLog",
      "WHICH",
      sample,
      "requests to log: off, all, a share as 0.1, or 100/s (default off)",
    ),
    row("--log", "log", "DIR", text, "where messages of channels are kept, or memory (default one for each port)"),
  ],
  echo: [
    row("--port", "port", "N", port, `TCP port; 0 lets the system choose (default ${DEFAULT_TCP_PORT})`),
    HOST,
    row("--unix", "path", "PATH", text, "Unix socket, instead of port and host"),
    row("--tls-cert", "cert", "FILE", text, "certificate (PEM): speak TLS"),
    row("--tls-key", "key", "FILE", text, "private key of the certificate (PEM)"),
    ...DRAIN,
    ...ADMISSION,
    row(
      "--idle-timeout",
      "idleTimeout",
      "DURATION",
      duration,
      "close a connection that is idle for so long (default never)",
    ),
    ...LOG,
  ],
};

/** All commands, the one to begin with first. */
export const COMMANDS: readonly CommandName[] = ["demo", "echo"];

/** What the library takes of the options that all commands share. */
export function limitsOf(options: CommonOptions): DrainOptions & AdmissionOptions {
  const { grace, lameDuck, patience, maxConnections, maxConnectionsPerIp, policy } = options;
  return { grace, lameDuck, patience, maxConnections, maxConnectionsPerIp, policy };
}

function row(flag: string, option: OptionRow["option"], value: string, read: ReadValue, help: string): OptionRow {
  return { flag, option, value, help, read };
}
