/**
 * The options of channels, checked and defaulted in one place.
 *
 * @module
 */
import { nameOf } from "../bytes.ts";
import { type Clock, systemClock } from "../clock.ts";
import { OptionError } from "../errors.ts";
import { jsonLogger, type Logger, safeLogger } from "../log.ts";
import { checkNames, type Names } from "../names.ts";
import { callable, checkParts, count, duration, integer, text } from "../validate.ts";
import type {
  AcceptOptions,
  ChannelLimits,
  ChannelsOptions,
  HistoryOptions,
  QueueOptions,
  SessionOptions,
} from "./channels_api.ts";
import type { ChannelLog, Retention } from "./log/log_api.ts";
import { memoryLog } from "./log/memory_log.ts";
import { randomText } from "./server/signer.ts";

/** What a page of history and a phone in a tunnel need. */
const HISTORY: Retention = { size: 1000, bytes: 16 * 1024 * 1024, age: 300_000 };
/** A phone in a lift, a page that is loaded anew, a deploy. */
const EXPIRY = 120_000;
const WINDOW = 100;
/** A user who is away for a week. */
const QUEUE: Retention = { size: 10_000, bytes: 16 * 1024 * 1024, age: 7 * 24 * 60 * 60 * 1000 };
const ATTEMPTS = 16;
/** Longer than clients repeat themselves. */
const DEDUPE = 300_000;
/** Three heartbeats and a pause of the collector. */
const LEASE = 10_000;
const CHECK_EVERY = 1000;
const MAX_MESSAGE_BYTES = 64 * 1024;
const MAX_SUBSCRIPTIONS = 1000;
const MAX_MATCHES = 100;
const MAX_PENDING = 256;
/** Whoever guesses a secret reads and writes positions. */
const MIN_SECRET = 16;
/** Longest name of an instance: beside it a stream's name has little. */
const MAX_INSTANCE = 200;

/** Names of `ChannelsOptions`. */
export const CHANNELS_NAMES: Names<ChannelsOptions> = {
  log: true,
  secret: true,
  instance: true,
  history: true,
  session: true,
  queue: true,
  dedupe: true,
  limits: true,
  lease: true,
  checkEvery: true,
  logger: true,
  clock: true,
};

const HISTORY_NAMES: Names<HistoryOptions> = { size: true, bytes: true, age: true };
const SESSION_NAMES: Names<SessionOptions> = { expiry: true, window: true };
const QUEUE_NAMES: Names<QueueOptions> = { ...HISTORY_NAMES, attempts: true };
const LIMIT_NAMES: Names<ChannelLimits> = {
  maxMessageBytes: true,
  maxSubscriptions: true,
  maxMatches: true,
  maxPending: true,
  maxReplay: true,
};
const ACCEPT_NAMES: Names<AcceptOptions> = {
  authenticate: true,
  authorize: true,
  onMessage: true,
  onCall: true,
  webSocket: true,
};

/** Checked options. */
export interface ChannelsSettings {
  readonly log: ChannelLog;
  readonly secrets: readonly string[];
  readonly instance: string;
  /** What is kept of a channel. */
  readonly history: (channel: string) => Retention;
  readonly session: Required<SessionOptions>;
  readonly queue: Retention & { readonly attempts: number };
  readonly dedupe: number;
  readonly limits: Required<ChannelLimits>;
  readonly lease: number;
  readonly checkEvery: number;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Checks what `Channels` is given. @throws {OptionError} An option can't be used. */
export function channelsSettings(options: ChannelsOptions): ChannelsSettings {
  checkNames("Channels()", options, CHANNELS_NAMES);
  const { session = {}, queue = {}, limits = {}, clock = systemClock } = options;
  checkParts({ logger: options.logger, clock: options.clock });
  checkNames("session", session, SESSION_NAMES);
  checkNames("queue", queue, QUEUE_NAMES);
  checkNames("limits", limits, LIMIT_NAMES);
  const log = logOf(options.log, clock);
  return Object.freeze({
    log,
    secrets: secretsOf(options.secret, log),
    instance: instanceOf(options.instance),
    history: historyOf(options.history),
    session: {
      expiry: duration("session.expiry", session.expiry, EXPIRY),
      window: count("session.window", session.window, WINDOW),
    },
    queue: { ...retention("queue", queue, QUEUE), attempts: count("queue.attempts", queue.attempts, ATTEMPTS) },
    dedupe: duration("dedupe", options.dedupe, DEDUPE),
    limits: {
      maxMessageBytes: count("limits.maxMessageBytes", limits.maxMessageBytes, MAX_MESSAGE_BYTES),
      maxSubscriptions: count("limits.maxSubscriptions", limits.maxSubscriptions, MAX_SUBSCRIPTIONS),
      maxMatches: integer("limits.maxMatches", limits.maxMatches, MAX_MATCHES, 1, 100_000),
      maxPending: count("limits.maxPending", limits.maxPending, MAX_PENDING),
      maxReplay: count("limits.maxReplay", limits.maxReplay, Infinity, 0),
    },
    lease: integer("lease", options.lease, LEASE, 100, 600_000),
    checkEvery: integer("checkEvery", options.checkEvery, CHECK_EVERY, 10, 600_000),
    logger: safeLogger(options.logger ?? jsonLogger()),
    clock,
  });
}

/** Checks what `accept()` is given. @throws {OptionError} An option can't be used. */
export function checkAccept(what: string, options: AcceptOptions): void {
  checkNames(what, options, ACCEPT_NAMES);
  callable("authenticate", options.authenticate);
  callable("authorize", options.authorize);
  callable("onMessage", options.onMessage);
  callable("onCall", options.onCall);
}

/** It is part of a stream's name, and stands in logs. */
function instanceOf(given: string | undefined): string {
  const name = text("instance", given, randomText(9));
  // deno-lint-ignore no-control-regex
  if (name.length <= MAX_INSTANCE && !/[\x00-\x1f\x7f]/.test(name)) return name;
  const rule = `1 to ${MAX_INSTANCE} characters, none of them a control character`;
  throw new OptionError("instance", `instance must have ${rule}, got ${JSON.stringify(name.slice(0, MAX_INSTANCE))}`);
}

function logOf(log: ChannelLog | undefined, clock: Clock): ChannelLog {
  if (log === undefined) return memoryLog({ clock });
  if (typeof log?.append === "function" && typeof log.read === "function") return log;
  throw new OptionError("log", `log must be a ChannelLog, such as memoryLog(), got ${typeof log}`);
}

function secretsOf(secret: ChannelsOptions["secret"], log: ChannelLog): readonly string[] {
  if (secret === undefined) {
    if (log.name === "memory") return [randomText(32)];
    throw new OptionError(
      "secret",
      `secret is needed with a log that outlives this process (${log.name}): positions are signed with it, give the ` +
        "same one to all instances",
    );
  }
  const secrets = typeof secret === "string" ? [secret] : secret;
  if (!Array.isArray(secrets) || secrets.length === 0) {
    throw new OptionError(
      "secret",
      `secret must be a text, or a list of texts that begins with the one to sign with, got ${nameOf(secret)}`,
    );
  }
  for (const one of secrets) {
    if (typeof one === "string" && one.length >= MIN_SECRET) continue;
    const got = typeof one === "string" ? `one of ${one.length}` : typeof one;
    throw new OptionError("secret", `secret must be a text of at least ${MIN_SECRET} characters, got ${got}`);
  }
  return [...secrets];
}

function historyOf(history: ChannelsOptions["history"]): (channel: string) => Retention {
  if (typeof history !== "function") {
    const all = retention("history", history ?? {}, HISTORY);
    return () => all;
  }
  return (channel) => retention(`history(${JSON.stringify(channel)})`, history(channel), HISTORY);
}

function retention(option: string, given: HistoryOptions, fallback: Retention): Retention {
  if (option !== "queue") checkNames(option, given, HISTORY_NAMES);
  return {
    size: count(`${option}.size`, given.size, fallback.size, 0),
    bytes: count(`${option}.bytes`, given.bytes, fallback.bytes, 0),
    age: given.age === Infinity ? Infinity : duration(`${option}.age`, given.age, fallback.age),
  };
}
