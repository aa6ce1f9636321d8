/**
 * The options of `sluice verify`.
 *
 * @module
 */
import {
  duration,
  number,
  oneOf,
  port,
  share,
  text,
  type ToolInput,
  type ToolOption,
  UsageError,
} from "@sluice/sluice/cli/kit";
import { type ScenarioName, SCENARIOS, type ScenarioWorld, type VerifyKind } from "../../verify/mod.ts";
import { didYouMean } from "@sluice/sluice";
import { stretchOf } from "./busy.ts";
import {
  CHANNEL,
  CHANNEL_CLIENTS,
  CHANNEL_ROWS,
  type ChannelSettings,
  readChannel,
} from "./channels/channel_options.ts";
import { atLeastOne, row, signalName, target } from "./option_readers.ts";
import type { Place } from "./places.ts";
import { readReload, RELOAD_ROWS, type ReloadSettings } from "./reload/reload_options.ts";

/** What was asked for. Durations in ms. */
export interface VerifySettings
  extends Pick<ScenarioWorld, "path" | "uploadPath" | "streamPath" | "expect" | "bigSize" | "think"> {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly kind: VerifyKind;
  readonly place: Place;
  /** Time to the server and back; 0: clients are on this machine, as they are. */
  readonly roundTrip: number;
  /** How far a delay may be off either way, as a share of it. */
  readonly jitter: number;
  /** Processes beside the server that do nothing but burn time. */
  readonly busy: number;
  /** In their order; what doesn't fit is still among them. */
  readonly scenarios: readonly ScenarioName[];
  readonly clients: number;
  readonly rounds: number;
  readonly seed: number;
  readonly signal: string;
  readonly grace: number;
  readonly readyTimeout: number;
  /** Exit codes that are right beside 0. */
  readonly exitCodes: readonly number[];
  readonly rolling: boolean;
  /** It is reloaded and not stopped; null: it is stopped. */
  readonly reload: ReloadSettings | null;
  /** It is a proof of channels; null: it is none. */
  readonly channel: ChannelSettings | null;
  readonly json: boolean;
  /** Where to write the page, or null. */
  readonly html: string | null;
}

/** Enough to have several connections in every state when the signal comes, few enough for a laptop. */
const CLIENTS = 50;
/** What orchestrators give a server before they kill it is 10 s (docker stop) to 30 s (Kubernetes). */
const GRACE = 10_000;
/** Enough for a runtime that compiles its program first. */
const READY_TIMEOUT = 20_000;
/** Longest think time: long enough that some clients are idle at the signal, short enough that most are not. */
const THINK = 20;
/** Every server here takes a line, body or message of so many bytes. */
const BIG_SIZE = 65_000;
/** A quarter off either way is what a mobile network does. */
const JITTER = 0.25;
/** More would only make the machine unusable: every core of any machine is taken many times by then. */
const MAX_BUSY = 256;
const MAX_SEED = 2 ** 32;
const KINDS: readonly VerifyKind[] = ["tcp", "http", "ws"];
const EXPECTATIONS = ["echo", "any"] as const;
const SCENARIO_NAMES: readonly ScenarioName[] = SCENARIOS.map(({ name }) => name);
/** Scenarios whose clients come again when a connection ends: a rolling restart shows in them. */
const ROLLING: readonly ScenarioName[] = ["ping-pong", "pipelined", "connect-storm"];

/** All options, in the order of the help. */
export const ROWS: readonly ToolOption[] = [
  row(
    "--kind",
    "kind",
    [...KINDS, CHANNEL].join("|"),
    oneOf([...KINDS, CHANNEL]),
    "what the server speaks: lines, HTTP, WebSocket or channels (default http)",
  ),
  row("--port", "port", "N", port, "where it listens; 0: a free port for each start, as {port} and PORT (default 0)"),
  row("--host", "hostname", "ADDRESS", text, "address on which it listens (default 127.0.0.1)"),
  row("--unix", "unix", "PATH", text, "it listens on a Unix socket instead"),
  row("--path", "path", "/x", target, "request target of http and ws (default /)"),
  row("--upload-path", "uploadPath", "/x", target, "target of uploads by POST (default that of --path)"),
  row("--stream-path", "streamPath", "/x", target, "target of a long answer (http), or of a flow of messages (ws)"),
  row(
    "--expect",
    "expect",
    EXPECTATIONS.join("|"),
    oneOf(EXPECTATIONS),
    "answers carry what was sent, or not (default any; ws echo)",
  ),
  row("--scenario", "scenarios", "A,B", scenarioNames, "only these (default all that fit); may be repeated", true),
  row("--clients", "clients", "N", atLeastOne, `connections of a scenario (default ${CLIENTS})`),
  row("--rounds", "rounds", "N", atLeastOne, "start and stop it so many times for each scenario (default 1)"),
  row("--rolling", "rolling", "", text, "restart two instances in turn behind a balancer, under load"),
  ...RELOAD_ROWS,
  ...CHANNEL_ROWS,
  row("--signal", "signal", "NAME", signalName, "what asks it to stop (default SIGTERM)"),
  row("--grace", "grace", "DURATION", duration, "longest that a stop may take; then it is killed (default 10s)"),
  row("--expect-exit", "exitCodes", "N,M", exitCodes, "exit codes that are right beside 0", true),
  row("--ready-timeout", "readyTimeout", "DURATION", duration, "longest wait until it listens (default 20s)"),
  row("--think", "think", "DURATION", duration, `longest rest of a client between two messages (default ${THINK}ms)`),
  row("--round-trip", "roundTrip", "DURATION", duration, "how far clients are: to the server and back (default 0)"),
  row("--jitter", "jitter", "P", share, `how far a delay of it is off at the most, as a share (default ${JITTER})`),
  row("--busy", "busy", "N", busyProcesses, "processes beside the server that burn the machine's time (default 0)"),
  row("--big", "bigSize", "BYTES", atLeastOne, `length of the big message; as much as it takes (default ${BIG_SIZE})`),
  row("--seed", "seed", "N", number, "repeat the choices of an earlier run (default: another one each time)"),
  row("--json", "json", "", text, "print the report as JSON"),
  row("--html", "html", "FILE", text, "write the report as a page"),
];

/**
 * Checks what belongs together, and puts in the defaults.
 *
 * @throws {UsageError} It makes no sense.
 */
export function readSettings({ command, options }: ToolInput): VerifySettings {
  const channel = readChannel(options);
  // Its clients are of a kind of their own.
  const kind = channel === null ? option<VerifyKind>(options.kind, "http") : "ws";
  const unix = option<string | null>(options.unix, null);
  if (unix !== null && options.port !== undefined) {
    throw new UsageError("--unix excludes --port, give one or the other");
  }
  const busy = option(options.busy, 0);
  const settings: VerifySettings = {
    command,
    kind,
    place: unix === null
      ? { hostname: option(options.hostname, "127.0.0.1"), port: option(options.port, 0) }
      : { path: unix },
    path: option(options.path, "/"),
    uploadPath: option(options.uploadPath, null),
    streamPath: option(options.streamPath, null),
    expect: option(options.expect, kind === "ws" ? "echo" : "any"),
    bigSize: option(options.bigSize, BIG_SIZE),
    think: option(options.think, THINK),
    ...distanceOf(options),
    busy,
    scenarios: scenariosOf(option<ScenarioName[][]>(options.scenarios, []).flat(), option(options.rolling, false)),
    clients: option(options.clients, channel === null ? CLIENTS : CHANNEL_CLIENTS),
    rounds: option(options.rounds, 1),
    seed: option(options.seed, Math.floor(Math.random() * MAX_SEED)),
    signal: option(options.signal, "SIGTERM"),
    grace: option(options.grace, GRACE),
    readyTimeout: option(options.readyTimeout, READY_TIMEOUT * stretchOf(busy)),
    exitCodes: option<number[][]>(options.exitCodes, []).flat(),
    rolling: option(options.rolling, false),
    reload: readReload(channel === null ? options : reloadOf(options)),
    channel,
    json: option(options.json, false),
    html: option(options.html, null),
  };
  if (settings.rolling) checkRolling(settings);
  return settings;
}

/** What of the options is about reloads: with channels the target of WebSockets is theirs. */
function reloadOf({ kind: _, webSocketPath: __, ...options }: ToolInput["options"]): ToolInput["options"] {
  return options;
}

function distanceOf({ roundTrip, jitter }: ToolInput["options"]): Pick<VerifySettings, "roundTrip" | "jitter"> {
  if (jitter !== undefined && roundTrip === undefined) {
    throw new UsageError("--jitter is a share of --round-trip, give that as well");
  }
  const given = option(roundTrip, 0);
  return { roundTrip: given, jitter: given === 0 ? 0 : option(jitter, JITTER) };
}

function scenariosOf(names: readonly ScenarioName[], rolling: boolean): readonly ScenarioName[] {
  if (names.length === 0) return rolling ? ROLLING : SCENARIO_NAMES;
  return [...new Set(names)];
}

function checkRolling({ place, scenarios }: VerifySettings): void {
  if (place.port !== 0) {
    throw new UsageError("--rolling needs a port for each instance, as {port} or PORT: leave --port and --unix out");
  }
  const unfit = scenarios.find((name) => !ROLLING.includes(name));
  if (unfit === undefined) return;
  throw new UsageError(`--rolling is for clients that come again, ${ROLLING.join(", ")}: leave ${unfit} out`);
}

function option<T>(value: unknown, fallback: T): T {
  return value === undefined ? fallback : value as T;
}

function busyProcesses(flag: string, value: string): number {
  const read = number(flag, value);
  if (read <= MAX_BUSY) return read;
  throw new UsageError(`${flag} must be at most ${MAX_BUSY}, got ${value}`);
}

function scenarioNames(flag: string, value: string): ScenarioName[] {
  return value.split(",").map((name) => {
    const known = SCENARIO_NAMES.find((scenario) => scenario === name);
    if (known !== undefined) return known;
    const hint = didYouMean(name, SCENARIO_NAMES) || `, there are ${SCENARIO_NAMES.join(", ")}`;
    throw new UsageError(`${flag}: no scenario is called ${JSON.stringify(name)}${hint}`);
  });
}

function exitCodes(flag: string, value: string): number[] {
  return value.split(",").map((code) => {
    const read = number(flag, code);
    if (read < 256) return read;
    throw new UsageError(`${flag} must be exit codes from 0 to 255, got ${code}`);
  });
}
