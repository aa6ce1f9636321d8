/**
 * Logging: an interface of the shape of `@std/log`'s `Logger`, and loggers for machines, terminals and nobody.
 *
 * @module
 */
import { OptionError } from "./errors.ts";
import { checkNames, type Names } from "./names.ts";

/** Levels of `@std/log`, least severe first. */
export const LOG_LEVELS: readonly ["debug", "info", "warn", "error", "critical"] = [
  "debug",
  "info",
  "warn",
  "error",
  "critical",
];

/** One of the levels of `@std/log`. */
export type LogLevel = typeof LOG_LEVELS[number];

/**
 * What Sluice calls of a logger: `console`, pino's loggers, `@std/log`'s `Logger`, and any other of that shape fit as
 * they are. A record is a message and an object of fields (pino gets them the other way round, as it expects them). An
 * error stands in the field `error` as plain data: name, message, code if there is one, stack, and cause.
 */
export interface Logger {
  /** For whoever looks for a fault. */
  debug(msg: string, ...args: unknown[]): unknown;
  /** What happens. */
  info(msg: string, ...args: unknown[]): unknown;
  /** Something is amiss; all goes on. */
  warn(msg: string, ...args: unknown[]): unknown;
  /** Something failed. */
  error(msg: string, ...args: unknown[]): unknown;
  /** The whole is in danger. @default `fatal`, where the logger has it, else `error` */
  critical?(msg: string, ...args: unknown[]): unknown;
}

/** Options of `jsonLogger`. */
export interface JsonLoggerOptions {
  /** Least severe level that is written. @default "info" */
  readonly level?: LogLevel;
  /** Receives each line, without a line end. @default `console.error`: standard error */
  readonly write?: (line: string) => void;
  /** The time of a record. @default the machine's */
  readonly now?: () => Date;
}

/** Options of `prettyLogger`. */
export interface PrettyLoggerOptions extends JsonLoggerOptions {
  /** Colours the level with terminal escapes. @default false */
  readonly color?: boolean;
}

const JSON_NAMES: Names<JsonLoggerOptions> = { level: true, write: true, now: true };
const PRETTY_NAMES: Names<PrettyLoggerOptions> = { ...JSON_NAMES, color: true };

type Fields = Record<string, unknown>;
type Format = (level: LogLevel, time: Date, msg: string, fields: Fields) => string;

/** Deeper values are named, not written: a log line is no place for a whole object graph. */
const MAX_DEPTH = 6;
const LEVEL_COLORS: Readonly<Record<LogLevel, number>> = { debug: 90, info: 32, warn: 33, error: 31, critical: 35 };

/** Writes nothing. */
export const silentLogger: Required<Logger> = { debug() {}, info() {}, warn() {}, error() {}, critical() {} };

/**
 * A logger that writes one line of JSON per record: `time` (ISO 8601), `level`, `msg`, then the fields.
 *
 * Plain objects among the arguments become fields, an `Error` becomes the field `error`, all else joins the field
 * `args`. A field whose name is taken, by `time`, `level`, `msg` or an earlier field, gets an underscore behind it.
 *
 * @throws {OptionError} `level` is unknown.
 * @example
 * ```ts
 * const logger = jsonLogger({ level: "debug" });
 * logger.warn("accept failed", { backoff: 5 }, new Error("EMFILE"));
 * ```
 */
export function jsonLogger(options: JsonLoggerOptions = {}): Required<Logger> {
  checkNames("jsonLogger()", options, JSON_NAMES);
  return build(options, (level, time, msg, fields) => {
    const record: Fields = Object.assign(Object.create(null), { time: time.toISOString(), level, msg });
    for (const [name, value] of Object.entries(fields)) put(record, name, value);
    return JSON.stringify(record);
  });
}

/**
 * A logger for people at a terminal: `12:00:00.000 WARN  accept failed backoff=5`, an error's stack below it.
 * Control characters are escaped, so that no peer can paint the terminal.
 *
 * @throws {OptionError} `level` is unknown.
 */
export function prettyLogger(options: PrettyLoggerOptions = {}): Required<Logger> {
  checkNames("prettyLogger()", options, PRETTY_NAMES);
  const color = options.color ?? false;
  return build(options, (level, time, msg, fields) => {
    const label = (level === "critical" ? "CRIT" : level.toUpperCase()).padEnd(5);
    const shown = color ? `\x1b[${LEVEL_COLORS[level]}m${label}\x1b[0m` : label;
    const pairs = Object.entries(fields).map(([name, value]) => ` ${printable(name)}=${prettyValue(value)}`);
    const head = `${time.toISOString().slice(11, 23)} ${shown} ${printable(msg)}${pairs.join("")}`;
    return head + prettyStacks(fields);
  });
}

function build(options: JsonLoggerOptions, format: Format): Required<Logger> {
  const { level = "info", write = (line: string) => console.error(line), now = () => new Date() } = options;
  const least = LOG_LEVELS.indexOf(level);
  if (least < 0) {
    throw new OptionError("level", `level must be one of ${LOG_LEVELS.join(", ")}, got ${JSON.stringify(level)}`);
  }
  const at = (own: LogLevel): (msg: string, ...args: unknown[]) => void => {
    if (LOG_LEVELS.indexOf(own) < least) return () => {};
    return (msg, ...args) => write(format(own, now(), String(msg), fieldsOf(args)));
  };
  const logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    critical: at("critical"),
  };
  OWN.add(logger);
  return logger;
}

function fieldsOf(args: readonly unknown[]): Fields {
  const fields: Fields = Object.create(null);
  const rest: unknown[] = [];
  for (const arg of args) {
    const value = toData(arg, []);
    if (arg instanceof Error) put(fields, "error", value);
    else if (isPlain(arg) && isPlain(value)) {
      for (const [name, item] of Object.entries(value)) put(fields, name, item);
    } else rest.push(value);
  }
  if (rest.length > 0) put(fields, "args", rest);
  return fields;
}

/** Loses nothing: a name that is taken gets an underscore. */
function put(fields: Fields, name: string, value: unknown): void {
  while (name in fields) name += "_";
  fields[name] = value;
}

function isPlain(value: unknown): value is Fields {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** What JSON can hold of `value`; never throws, whatever getters and proxies are in it. */
function toData(value: unknown, above: readonly unknown[]): unknown {
  try {
    if (typeof value !== "object" || value === null) return scalar(value);
    if (above.includes(value)) return "[circular]";
    if (above.length >= MAX_DEPTH) return "[too deep]";
    return objectData(value, [...above, value]);
  } catch {
    return "[unreadable]";
  }
}

function scalar(value: unknown): unknown {
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "bigint" || typeof value === "symbol") return String(value);
  return typeof value === "function" ? `[function ${value.name}]` : value;
}

function objectData(value: object, above: readonly unknown[]): unknown {
  if (value instanceof Error) return errorData(value, above);
  if (Array.isArray(value)) return value.map((item) => toData(item, above));
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Map || value instanceof Set) return [...value].map((item) => toData(item, above));
  const own = (value as { toJSON?: unknown }).toJSON;
  if (typeof own === "function") return toData(own.call(value), above);
  const data: Fields = Object.create(null);
  for (const [name, item] of Object.entries(value)) data[name] = toData(item, above);
  return data;
}

function errorData(error: Error, above: readonly unknown[]): Fields {
  const { name, message, stack, cause } = error;
  const code = (error as { code?: unknown }).code;
  return {
    name,
    message,
    ...(code === undefined ? {} : { code: toData(code, above) }),
    stack,
    ...(cause === undefined ? {} : { cause: toData(cause, above) }),
  };
}

// deno-lint-ignore no-control-regex -- these are what must not reach a terminal
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g;

function printable(text: string): string {
  return text.replace(CONTROLS, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function prettyValue(value: unknown): string {
  if (isErrorData(value)) {
    return JSON.stringify(printable(`${value.name}: ${value.message}${value.code ? ` (${value.code})` : ""}`));
  }
  if (typeof value === "string" && /^[^\s"=\\]+$/.test(value) && printable(value) === value) return value;
  return printable(JSON.stringify(value) ?? "undefined");
}

function isErrorData(value: unknown): value is { name: string; message: string; code?: unknown; stack: string } {
  return isPlain(value) && typeof value.stack === "string" && typeof value.message === "string";
}

/** The frames only: name and message stand in the line above. */
function prettyStacks(fields: Fields): string {
  const stacks = Object.values(fields).filter(isErrorData).map(({ stack }) =>
    stack.split("\n").map((line) => line.trim()).filter((line) => /^at |@/.test(line)).map(printable)
  );
  return stacks.flat().map((line) => `\n    ${line}`).join("");
}

/** Loggers that were made here: they read errors by themselves, and only those that they write. A cache, not state. */
const OWN: WeakSet<Logger> = new WeakSet([silentLogger]);

/** What every logger of pino has, whichever version, and no other: it takes the fields first, and the message second. */
const PINO = Symbol.for("pino.serializers");

/**
 * The logger as Sluice calls it: what it throws, and what its promises reject with, reaches nobody; `critical` is always
 * there; an error among the fields becomes plain data, since most loggers write an `Error` as `{}`.
 *
 * @example
 * ```ts
 * const log = safeLogger(console);
 * log.critical("disk full", { free: 0, error: new Error("ENOSPC") }); // by console.error
 * ```
 */
export function safeLogger(logger: Logger): Required<Logger> {
  const fatal = (logger as { fatal?: unknown }).fatal;
  const gravest = typeof logger.critical === "function" ? "critical" : typeof fatal === "function" ? "fatal" : "error";
  const own = OWN.has(logger);
  const fieldsFirst = PINO in logger;
  const guard = (method: string) => (msg: string, ...args: unknown[]): void => {
    try {
      const data = own ? args : args.map(withPlainErrors);
      const [fields, ...rest] = data;
      const all = fieldsFirst && isPlain(fields) ? [fields, msg, ...rest] : [msg, ...data];
      // Called on the logger: its methods may need it.
      const written: unknown = (logger as unknown as Record<string, (...args: unknown[]) => unknown>)[method](...all);
      if (written instanceof Promise) written.catch(() => {});
    } catch {
      // A server must not stop because its log does.
    }
  };
  return {
    debug: guard("debug"),
    info: guard("info"),
    warn: guard("warn"),
    error: guard("error"),
    critical: guard(gravest),
  };
}

function withPlainErrors(arg: unknown): unknown {
  if (arg instanceof Error) return { error: plainError(arg) };
  if (!isPlain(arg)) return arg;
  const fields: Fields = {};
  for (const [name, value] of Object.entries(arg)) fields[name] = value instanceof Error ? plainError(value) : value;
  return fields;
}

/** With a usual prototype: some loggers ask their fields for `hasOwnProperty`. */
function plainError(error: Error): unknown {
  const data = toData(error, []);
  return typeof data === "object" ? { ...data } : data;
}
