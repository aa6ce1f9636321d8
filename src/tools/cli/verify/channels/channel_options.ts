/**
 * The options of `sluice verify --kind channel`.
 *
 * @module
 */
import { didYouMean } from "@sluice/sluice";
import { duration, text, type ToolInput, type ToolOption, UsageError } from "@sluice/sluice/cli/kit";
import type { ChannelExtra, ChannelFault } from "../../../verify/mod.ts";
import { atLeastOne, row } from "../option_readers.ts";

/** How channels are proven. Durations in ms. */
export interface ChannelSettings {
  /** Instances of the server. */
  readonly instances: number;
  /** Channels with messages. */
  readonly channels: number;
  /** What their names begin with. */
  readonly prefix: string;
  /** What clients say that are no user of their own. */
  readonly token: string | undefined;
  /** Messages a second of all publishers together. */
  readonly rate: number;
  /** How long faults are made. */
  readonly duration: number;
  /** Which. */
  readonly faults: readonly ChannelFault[];
  /** Longest time until all has arrived, and presence is right, when they are over. */
  readonly settle: number;
  /** A command that restarts what the servers keep their messages in; null: there is none. */
  readonly engineCommand: string | null;
  /** Target of the WebSockets. */
  readonly path: string;
  /** What the server does its part of, beside channels. */
  readonly extras: readonly ChannelExtra[];
}

/** What `--kind` is called for channels. */
export const CHANNEL = "channel";
/** Publishers, subscribers and members together, if nothing is said. */
export const CHANNEL_CLIENTS = 18;

const CHANNELS = 4;
const RATE = 200;
const DURATION = 30_000;
/** More than a lease and a session of a server in a test. */
const SETTLE = 20_000;
/** Faults that every server can be put to. */
const COMMON: readonly ChannelFault[] = ["term", "kill", "stop", "network"];
const EXTRAS: readonly ChannelExtra[] = ["direct", "messages", "calls", "tcp"];
const FAULTS: readonly ChannelFault[] = [...COMMON, "roll", "reload", "engine"];

/** All of them, in the order of the help. */
export const CHANNEL_ROWS: readonly ToolOption[] = [
  row("--instances", "instances", "N", atLeastOne, "instances of the server behind a balancer (channel; default 1)"),
  row("--channels", "channels", "N", atLeastOne, `channels with messages (channel; default ${CHANNELS})`),
  row("--prefix", "prefix", "TEXT", text, "what names of channels begin with, as room: (channel; default nothing)"),
  row("--token", "token", "TEXT", text, "the token of clients that are no user of their own (channel; default none)"),
  row("--rate", "rate", "N", atLeastOne, `messages published in a second, in all (channel; default ${RATE})`),
  row(
    "--duration",
    "duration",
    "DURATION",
    duration,
    "how long faults are made, each kind at least once (channel; default 30s)",
  ),
  row("--faults", "faults", "A,B", faultNames, `only these: ${FAULTS.join(", ")}, or none (channel)`, true),
  row("--also", "also", "A,B", extraNames, `what the server does besides: ${EXTRAS.join(", ")} (channel)`, true),
  row(
    "--settle",
    "settle",
    "DURATION",
    duration,
    "until presence is right: above the server's session.expiry and lease (channel; 20s)",
  ),
  row("--engine-command", "engineCommand", "TEXT", text, "restarts what messages are kept in, such as Redis (channel)"),
];

/** What says nothing without `--kind channel`. */
const OWN: Readonly<Record<string, string>> = Object.fromEntries(
  CHANNEL_ROWS.map(({ option, flag }) => [option, flag]),
);

/** What `--kind channel` does not go with, and why. */
const OTHERS: Readonly<Record<string, string>> = {
  rolling: "--faults roll restarts instances in turn: leave --rolling out",
  scenarios: "all clients run at once: leave --scenario out",
  rounds: "--duration says how long: leave --rounds out",
  reloads: "--duration says how long: leave --reloads out",
  killWorker: "--faults kill kills instances: leave --kill-worker out",
  unix: "instances are behind a balancer: leave --unix out",
  path: "the target is that of --ws-path: leave --path out",
  uploadPath: "nothing is uploaded: leave --upload-path out",
  streamPath: "nothing is streamed: leave --stream-path out",
  expect: "what is expected is fixed: leave --expect out",
  think: "--rate says how much is published: leave --think out",
  bigSize: "messages are small: leave --big out",
  roundTrip: "--faults network has delays of its own: leave --round-trip out",
  jitter: "--faults network has delays of its own: leave --jitter out",
  html: "there is no page of channels: leave --html out",
};

/**
 * What was asked for; null if it is no proof of channels.
 *
 * @throws {UsageError} It makes no sense.
 */
export function readChannel(options: ToolInput["options"]): ChannelSettings | null {
  if (options.kind !== CHANNEL) {
    const alone = Object.keys(OWN).find((name) => options[name] !== undefined);
    if (alone === undefined) return null;
    throw new UsageError(`${OWN[alone]} is about --kind channel, give that as well`);
  }
  const other = Object.keys(OTHERS).find((name) => options[name] !== undefined);
  if (other !== undefined) throw new UsageError(`With --kind channel ${OTHERS[other]}`);
  const instances = (options.instances as number | undefined) ?? 1;
  if (options.port !== undefined && options.port !== 0 && instances > 1) {
    throw new UsageError("--port is for one instance: leave it out, each one learns its own by {port} or PORT");
  }
  const engineCommand = (options.engineCommand as string | undefined) ?? null;
  return {
    instances,
    channels: (options.channels as number | undefined) ?? CHANNELS,
    prefix: (options.prefix as string | undefined) ?? "",
    token: options.token as string | undefined,
    rate: (options.rate as number | undefined) ?? RATE,
    duration: (options.duration as number | undefined) ?? DURATION,
    faults: faultsOf(options, engineCommand, instances),
    settle: (options.settle as number | undefined) ?? SETTLE,
    engineCommand,
    path: (options.webSocketPath as string | undefined) ?? "/",
    extras: [...new Set((options.also as ChannelExtra[][] | undefined)?.flat())],
  };
}

function faultsOf(options: ToolInput["options"], engineCommand: string | null, instances: number): ChannelFault[] {
  const given = options.faults as ChannelFault[][] | undefined;
  const named = [...new Set(given?.flat())];
  const [engine, reload] = [engineCommand !== null, options.reload !== undefined];
  if (given === undefined) {
    const more: ChannelFault[] = [...instances > 1 ? ["roll" as const] : [], ...reload ? ["reload" as const] : []];
    return [...COMMON, ...more, ...engine ? ["engine" as const] : []];
  }
  if (named.includes("engine") && !engine) {
    throw new UsageError("--faults engine needs what restarts it, give --engine-command as well");
  }
  if (named.includes("reload") && !reload) {
    throw new UsageError("--faults reload needs a way to reload, give --reload as well");
  }
  return [...named, ...engine && !named.includes("engine") ? ["engine" as const] : []];
}

function faultNames(flag: string, value: string): ChannelFault[] {
  return value === "none" ? [] : value.split(",").map((name) => known(flag, "fault", name, FAULTS));
}

function extraNames(flag: string, value: string): ChannelExtra[] {
  return value.split(",").map((name) => known(flag, "part", name, EXTRAS));
}

function known<T extends string>(flag: string, what: string, name: string, all: readonly T[]): T {
  const found = all.find((each) => each === name);
  if (found !== undefined) return found;
  const hint = didYouMean(name, all) || `, there are ${all.join(", ")}`;
  throw new UsageError(`${flag}: no ${what} is called ${JSON.stringify(name)}${hint}`);
}
