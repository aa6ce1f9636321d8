/**
 * What a `sluice.json` may have. One table, for the check, the messages and the JSON Schema of editors.
 *
 * @module
 */
import { resolve } from "node:path";
import * as v from "valibot";
import { MAX_TIMER_DELAY } from "../../clock.ts";
import type { StandardSchema } from "../config/standard_schema.ts";
import type { RunConfig } from "./run_config_api.ts";

type Schema<T> = v.GenericSchema<unknown, T>;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const MAX_PORT = 65_535;
const MAX_WORKERS = 1024;
/** What JSON and every counter can hold. */
const MAX_COUNT = Number.MAX_SAFE_INTEGER;

const words = text("must be a non-empty string");
const port = whole(0, MAX_PORT);
const duration = read(
  `must be a duration like "10s", "500ms", "2m", "1h", or a number of milliseconds, up to ${MAX_TIMER_DELAY} ms`,
  toMilliseconds,
  (ms) => ms >= 0 && ms <= MAX_TIMER_DELAY,
);
const yesOrNo = v.pipe(
  v.union([v.boolean(), v.picklist(["true", "false"])], "must be true or false"),
  v.transform((given) => given === true || given === "true"),
);
const list = v.array(v.string("must be a string"), "must be a list of strings");

/** Limits, by their names in `configure()`. */
const LIMITS = {
  readTimeout: duration,
  writeTimeout: duration,
  idleTimeout: duration,
  maxLifetime: duration,
  lifetimeJitter: read("must be a number from 0 to 1", toNumber, (share) => share >= 0 && share <= 1),
  lingerTimeout: duration,
  readHighWaterMark: whole(1, MAX_COUNT),
  writeHighWaterMark: whole(1, MAX_COUNT),
  keepAlive: duration,
  noDelay: yesOrNo,
  answers: yesOrNo,
  maxConnections: whole(1, MAX_COUNT),
  maxConnectionsPerIp: whole(1, MAX_COUNT),
  ipv6Prefix: whole(1, 128),
  acceptRate: whole(1, MAX_COUNT),
  acceptBurst: whole(1, MAX_COUNT),
  policy: v.picklist(["reject", "queue", "shedIdle"], 'must be "reject", "queue" or "shedIdle"'),
  rejectWith: v.string("must be a string"),
  maxQueue: whole(1, MAX_COUNT),
};

/**
 * The schema of a `sluice.json`.
 *
 * @param folder From where paths in it are seen.
 */
export function runSchema(folder: string): StandardSchema<RunConfig> {
  return runSchemaOf((path) => resolve(folder, path));
}

/** The same with another way to make whole paths. It is one of Valibot's schemas. */
export function runSchemaOf(whole: (path: string) => string): StandardSchema<RunConfig> {
  const path = v.pipe(words, v.transform(whole));
  return v.pipe(
    v.strictObject({ ...supervisorKeys(path), ...programKeys(path), ...placeKeys(path) }, "must be an object"),
    excludes("unix", "port"),
    excludes("unix", "host"),
    excludes("unix", "tls"),
  );
}

function supervisorKeys(path: Schema<string>) {
  return optional({
    name: v.pipe(words, v.regex(/^[\w.-]+$/, "must have letters, digits, ., _ and - alone")),
    workers: whole(1, MAX_WORKERS),
    grace: duration,
    readyTimeout: duration,
    stable: duration,
    hangTimeout: duration,
    replaceHung: yesOrNo,
    watch: yesOrNo,
    control: path,
    report: path,
    metrics: words,
    lastScrape: duration,
  });
}

function programKeys(path: Schema<string>) {
  const paths = v.pipe(
    v.union([path, v.array(path)], "must be a path, or a list of paths"),
    v.transform((given) => typeof given === "string" ? [given] : given),
  );
  return optional({
    program: path,
    envFile: paths,
    env: v.record(v.string(), v.string("must be a string"), "must be an object of strings"),
    runtimeArgs: list,
    args: list,
    limits: v.strictObject(optional(LIMITS), "must be an object"),
  });
}

function placeKeys(path: Schema<string>) {
  const socket = v.pipe(
    v.strictObject({ name: words, ...optional({ port, host: words, unix: path }) }, "must be an object"),
    v.check(
      ({ port, unix }) => (port === undefined) !== (unix === undefined),
      "must have either a port or a unix path",
    ),
    excludes("unix", "host"),
  );
  return optional({
    port,
    host: words,
    unix: path,
    tls: v.strictObject({ certFile: path, keyFile: path }, "must be an object"),
    sockets: v.pipe(
      v.array(socket, "must be a list"),
      v.check((sockets) => areApart(sockets), "must have names that differ"),
    ),
  });
}

type Optional<T extends v.ObjectEntries> = { [Name in keyof T]: v.OptionalSchema<T[Name], undefined> };

function optional<T extends v.ObjectEntries>(entries: T): Optional<T> {
  return Object.fromEntries(Object.entries(entries).map(([name, schema]) => [name, v.optional(schema)])) as Optional<T>;
}

function text(message: string) {
  return v.pipe(v.string(message), v.minLength(1, message));
}

/** A number, also as text: what is filled in from the environment is text. */
function whole(min: number, max: number) {
  const range = max === MAX_COUNT ? `of at least ${min}` : `from ${min} to ${max}`;
  return read(`must be a whole number ${range}`, toNumber, (n) => Number.isInteger(n) && n >= min && n <= max);
}

function read(message: string, toNumber: (given: string | number) => number, fits: (read: number) => boolean) {
  return v.pipe(
    v.union([v.number(), v.string()], message),
    v.transform(toNumber),
    v.check(fits, message),
  );
}

function toNumber(given: string | number): number {
  if (typeof given === "number") return given;
  return /^\d+(\.\d+)?$/.test(given) ? Number(given) : NaN;
}

function toMilliseconds(given: string | number): number {
  if (typeof given === "number") return given;
  const [, amount, unit = "ms"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(given) ?? [];
  return amount === undefined ? NaN : Number(amount) * UNITS[unit];
}

function areApart(sockets: readonly { readonly name: string }[]): boolean {
  return new Set(sockets.map(({ name }) => name)).size === sockets.length;
}

function excludes<T extends object>(name: keyof T & string, other: keyof T & string): v.RawCheckAction<T> {
  return v.rawCheck<T>(({ dataset, addIssue }) => {
    if (!dataset.typed || dataset.value[name] === undefined || dataset.value[other] === undefined) return;
    const input = dataset.value as Record<string, unknown>;
    const path = { type: "object", origin: "value", input, key: name, value: input[name] } as const;
    addIssue({ message: `excludes ${other}: give one or the other`, path: [path as never] });
  });
}
