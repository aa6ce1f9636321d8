/**
 * The options of WebSockets, checked and defaulted in one place.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { checkNames, type Names } from "../names.ts";
import { count, duration, integer, oneOf, text, yesOrNo } from "../validate.ts";
import { MAX_FAREWELL_MS, MAX_REASON_BYTES } from "./farewell.ts";
import type { Role } from "./codec/mod.ts";
import { headerLines, isToken, kindOf } from "./fields.ts";
import type { ClientHandshakeOptions, ServerHandshakeOptions } from "./handshake/handshake_options.ts";
import { originRule, ownOrigin } from "./handshake/origin.ts";
import type {
  CompressionOptions,
  HeartbeatOptions,
  SlowConsumerPolicy,
  WebSocketLimitOptions,
  WebSocketOptions,
} from "./websocket_api.ts";

/** Checked limits. */
export interface WebSocketLimits {
  readonly maxMessageBytes: number;
  readonly maxFragments: number;
  readonly readHighWaterMark: number;
  readonly maxBufferedAmount: number;
  readonly slowConsumer: SlowConsumerPolicy;
  readonly closeTimeout: number;
  readonly answers: boolean;
  /** Null for none. */
  readonly heartbeat: Required<HeartbeatOptions> | null;
  /** Null for none. */
  readonly compression: Required<CompressionOptions> | null;
}

/** What a client's handshake can be told. */
export interface ClientHandshake extends WebSocketLimitOptions {
  readonly protocols?: readonly string[];
  readonly origin?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Checked options of a drain's end. */
export interface FarewellOptions {
  readonly lastMessage: NonNullable<WebSocketOptions["lastMessage"]> | null;
  readonly goingAway: string;
  readonly retryAfter: number;
}

/** The longest text that every runtime can hold in one string. */
const LONGEST_MESSAGE = 2 ** 29 - 24;
/** A document or a picture; more is asked for. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Frames of any message, however small. */
const MIN_FRAGMENTS = 1024;
/** The smallest frames that somebody cuts a long message into. */
const FRAGMENT_BYTES = 64;
/** As that of a connection. */
const READ_HIGH_WATER_MARK = 64 * 1024;
/** A second of a fast consumer's traffic. */
const MAX_BUFFERED_AMOUNT = 1024 * 1024;
/** A round trip and a peer that has to finish a sentence. */
const CLOSE_TIMEOUT = 5000;
/** Below the minute after which routers forget a silent connection. */
const HEARTBEAT_INTERVAL = 30_000;
/** A phone that changes cells is silent for seconds. */
const HEARTBEAT_TIMEOUT = 10_000;
/** Spreads a thousand clients to one a millisecond. */
const RETRY_AFTER = 1000;
/** Short messages grow by compression. */
const COMPRESSION_THRESHOLD = 1024;
/** Compressing blocks the loop: level 6 takes four times as long, and saves an eighth. */
const COMPRESSION_LEVEL = 3;

/** Names of `WebSocketLimitOptions`. */
export const LIMIT_NAMES: Names<WebSocketLimitOptions> = {
  maxMessageBytes: true,
  maxFragments: true,
  readHighWaterMark: true,
  maxBufferedAmount: true,
  slowConsumer: true,
  answers: true,
  closeTimeout: true,
  heartbeat: true,
  compression: true,
};

/** Names of `WebSocketOptions`. */
export const WEBSOCKET_NAMES: Names<WebSocketOptions> = {
  ...LIMIT_NAMES,
  protocols: true,
  allowedOrigins: true,
  headers: true,
  lastMessage: true,
  goingAway: true,
  retryAfter: true,
};

const HEARTBEAT_NAMES: Names<HeartbeatOptions> = { interval: true, timeout: true, misses: true };

const COMPRESSION_NAMES: Names<CompressionOptions> = {
  threshold: true,
  level: true,
  memLevel: true,
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: true,
  clientMaxWindowBits: true,
};

/** So many that a message within its size may come in pieces of 64 bytes, and empty ones are bounded all the same. */
function fragmentsFor(maxMessageBytes: number = MAX_MESSAGE_BYTES): number {
  return Math.max(MIN_FRAGMENTS, Math.ceil(maxMessageBytes / FRAGMENT_BYTES));
}

/** Checks the limits of a WebSocket. @throws {OptionError} An option can't be used. */
export function webSocketLimits(options: WebSocketLimitOptions, role: Role): WebSocketLimits {
  checkObject(options);
  return Object.freeze({
    maxMessageBytes: integer("maxMessageBytes", options.maxMessageBytes, MAX_MESSAGE_BYTES, 1, LONGEST_MESSAGE),
    maxFragments: count("maxFragments", options.maxFragments, fragmentsFor(options.maxMessageBytes)),
    readHighWaterMark: count("readHighWaterMark", options.readHighWaterMark, READ_HIGH_WATER_MARK),
    maxBufferedAmount: count("maxBufferedAmount", options.maxBufferedAmount, MAX_BUFFERED_AMOUNT),
    slowConsumer: oneOf("slowConsumer", options.slowConsumer, "wait", ["wait", "drop", "close"]),
    closeTimeout: tellable("closeTimeout", options.closeTimeout, CLOSE_TIMEOUT),
    answers: yesOrNo("answers", options.answers, true),
    heartbeat: heartbeatOptions(options.heartbeat),
    compression: compressionOptions(options.compression, role),
  });
}

/** Checks what a server's handshake goes by. @throws {OptionError} An option can't be used. */
export function handshakeOptions(options: WebSocketOptions): ServerHandshakeOptions {
  checkObject(options);
  return Object.freeze({
    protocols: typeof options.protocols === "function" ? options.protocols : protocolList(options.protocols),
    origins: originRule(options.allowedOrigins),
    lines: headerLines(options.headers),
    compression: compressionOptions(options.compression, "server"),
  });
}

/** Checks what a client's handshake goes by. @throws {OptionError} An option can't be used. */
export function clientHandshakeOptions(options: ClientHandshake): ClientHandshakeOptions {
  return {
    protocols: protocolList(options.protocols),
    origin: options.origin === undefined ? null : ownOrigin(options.origin),
    lines: headerLines(options.headers, { origin: "origin", host: "url" }),
    compression: compressionOptions(options.compression, "client"),
  };
}

/** Checks how a drain ends a WebSocket. @throws {OptionError} An option can't be used. */
export function farewellOptions(options: WebSocketOptions): FarewellOptions {
  const { lastMessage = null } = options;
  if (lastMessage !== null && typeof lastMessage !== "function") {
    throw new OptionError("lastMessage", `lastMessage must be a function, got ${kindOf(lastMessage)}`);
  }
  const goingAway = options.goingAway === "" ? "" : text("goingAway", options.goingAway, "going away");
  if (new TextEncoder().encode(goingAway).length > MAX_REASON_BYTES) {
    throw new OptionError(
      "goingAway",
      `goingAway must be ${MAX_REASON_BYTES} bytes of UTF-8 at most, got ${kindOf(goingAway)}`,
    );
  }
  return { lastMessage, goingAway, retryAfter: tellable("retryAfter", options.retryAfter, RETRY_AFTER) };
}

/** Checks a list of subprotocols. @throws {OptionError} One is not a token, or is there twice. */
export function protocolList(protocols: unknown): readonly string[] {
  if (protocols === undefined) return [];
  if (!Array.isArray(protocols)) {
    throw new OptionError("protocols", `protocols must be a list such as ["chat"], got ${kindOf(protocols)}`);
  }
  protocols.forEach((protocol, i) => {
    if (typeof protocol !== "string" || !isToken(protocol)) {
      const hint = 'use letters, digits, "-" and "."';
      throw new OptionError("protocols", `protocols has ${kindOf(protocol)}, which is not a token: ${hint}`);
    }
    if (protocols.indexOf(protocol) !== i) {
      throw new OptionError("protocols", `protocols has ${kindOf(protocol)} twice: name it once`);
    }
  });
  return [...protocols];
}

function checkObject(options: object): void {
  if (typeof options === "object" && options !== null) return;
  throw new OptionError("options", `options must be an object such as { compression: true }, got ${kindOf(options)}`);
}

function heartbeatOptions(heartbeat: WebSocketLimitOptions["heartbeat"]): Required<HeartbeatOptions> | null {
  if (heartbeat === false) return null;
  const { interval, timeout, misses } = group(
    "heartbeat",
    heartbeat,
    HEARTBEAT_NAMES,
    "{ interval: 30000 }, or false for none",
  );
  return Object.freeze({
    interval: period("heartbeat.interval", interval, HEARTBEAT_INTERVAL),
    timeout: period("heartbeat.timeout", timeout, HEARTBEAT_TIMEOUT),
    misses: integer("heartbeat.misses", misses, 1, 0, 1000),
  });
}

function compressionOptions(
  compression: WebSocketLimitOptions["compression"],
  role: Role,
): Required<CompressionOptions> | null {
  if (compression === undefined || compression === false) return null;
  const given = compression === true
    ? {}
    : group("compression", compression, COMPRESSION_NAMES, "{ threshold: 1024 }, or true or false");
  const bits = (name: "serverMaxWindowBits" | "clientMaxWindowBits") =>
    integer(`compression.${name}`, given[name], 15, 9, 15);
  const yes = (name: "serverNoContextTakeover" | "clientNoContextTakeover", fallback: boolean) =>
    yesOrNo(`compression.${name}`, given[name], fallback);
  return Object.freeze({
    threshold: count("compression.threshold", given.threshold, COMPRESSION_THRESHOLD, 0),
    level: integer("compression.level", given.level, COMPRESSION_LEVEL, 0, 9),
    memLevel: integer("compression.memLevel", given.memLevel, 8, 1, 9),
    // A server has many connections, and a compressor that remembers costs a quarter of a megabyte for each.
    serverNoContextTakeover: yes("serverNoContextTakeover", role === "server"),
    clientNoContextTakeover: yes("clientNoContextTakeover", false),
    serverMaxWindowBits: bits("serverMaxWindowBits"),
    clientMaxWindowBits: bits("clientMaxWindowBits"),
  });
}

function group<T extends object>(
  option: string,
  value: T | true | undefined,
  names: Names<T>,
  example: string,
): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null) {
    throw new OptionError(option, `${option} must be an object such as ${example}, got ${kindOf(value)}`);
  }
  checkNames(option, value, names);
  return value;
}

/** A duration that may not be 0: a timer would never rest. */
function period(option: string, value: number | undefined, fallback: number): number {
  const ms = duration(option, value, fallback);
  if (ms < 1) throw new OptionError(option, `${option} must be at least 1 millisecond, got ${ms}`);
  return ms;
}

/** A duration that a farewell can name. */
function tellable(option: string, value: number | undefined, fallback: number): number {
  const ms = duration(option, value, fallback);
  if (ms <= MAX_FAREWELL_MS) return ms;
  throw new OptionError(option, `${option} must be from 0 to ${MAX_FAREWELL_MS} milliseconds, got ${ms}`);
}
