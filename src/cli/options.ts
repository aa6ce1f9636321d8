/**
 * The options of `sluice echo`: one table for the parser, the help and the names in error messages.
 *
 * @module
 */
import { type AdmissionPolicy, LOG_LEVELS, type LogLevel } from "../../mod.ts";
import { UsageError } from "./errors.ts";

/** How log records are written. */
export type LogFormat = "json" | "pretty";

/** What `sluice echo` was asked for; what was not given is undefined. Durations in ms. */
export interface EchoOptions {
  port?: number;
  hostname?: string;
  path?: string;
  /** Path of the certificate. */
  cert?: string;
  /** Path of its key. */
  key?: string;
  grace?: number;
  lameDuck?: number;
  patience?: number;
  maxConnections?: number;
  maxConnectionsPerIp?: number;
  policy?: AdmissionPolicy;
  idleTimeout?: number;
  level?: LogLevel;
  format?: LogFormat;
}

/** One option that takes a value. */
export interface OptionRow {
  readonly flag: string;
  /** The library's name of it. */
  readonly option: keyof EchoOptions;
  /** The value's name in the help. */
  readonly value: string;
  readonly help: string;
  /** Turns the text of the value into what it means. */
  readonly read: (flag: string, text: string) => string | number;
}

const POLICIES: readonly AdmissionPolicy[] = ["reject", "queue", "shedIdle"];
const FORMATS: readonly LogFormat[] = ["json", "pretty"];
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** In the order of the help. */
export const ECHO_OPTIONS: readonly OptionRow[] = [
  row("--port", "port", "N", number, "TCP port; 0 lets the system choose (default 9000)"),
  row("--host", "hostname", "ADDRESS", text, "address to listen on (default 127.0.0.1: this machine only)"),
  row("--unix", "path", "PATH", text, "Unix socket, instead of port and host"),
  row("--tls-cert", "cert", "FILE", text, "certificate (PEM): speak TLS"),
  row("--tls-key", "key", "FILE", text, "private key of the certificate (PEM)"),
  row("--grace", "grace", "DURATION", duration, "longest that a stop may take (default 10s)"),
  row("--lame-duck", "lameDuck", "DURATION", duration, "go on accepting for so long when asked to stop (default 0)"),
  row("--patience", "patience", "DURATION", duration, "serve busy clients on for so long (default half of grace)"),
  row("--max-connections", "maxConnections", "N", number, "connections at once (default no limit)"),
  row("--max-connections-per-ip", "maxConnectionsPerIp", "N", number, "the same for each address (default no limit)"),
  row("--policy", "policy", POLICIES.join("|"), oneOf(POLICIES), "what happens at a limit (default reject)"),
  row(
    "--idle-timeout",
    "idleTimeout",
    "DURATION",
    duration,
    "close a connection that is idle for so long (default never)",
  ),
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

/** The command line's name of one of the library's options. */
export function flagOf(option: string): string | undefined {
  return ECHO_OPTIONS.find((row) => row.option === option)?.flag;
}

function row(
  flag: string,
  option: keyof EchoOptions,
  value: string,
  read: OptionRow["read"],
  help: string,
): OptionRow {
  return { flag, option, value, help, read };
}

function text(_flag: string, value: string): string {
  return value;
}

function number(flag: string, value: string): number {
  if (!/^\d+$/.test(value)) throw new UsageError(`${flag} must be a whole number, got ${JSON.stringify(value)}`);
  return Number(value);
}

function duration(flag: string, value: string): number {
  const [, amount, unit = "ms"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value) ?? [];
  if (amount === undefined) {
    const forms = "10s, 500ms, 2m, 1h, or a number of milliseconds";
    throw new UsageError(`${flag} must be a duration like ${forms}, got ${JSON.stringify(value)}`);
  }
  return Number(amount) * UNITS[unit];
}

function oneOf(words: readonly string[]): OptionRow["read"] {
  return (flag, value) => {
    if (words.includes(value)) return value;
    throw new UsageError(`${flag} must be one of ${words.join(", ")}, got ${JSON.stringify(value)}`);
  };
}
