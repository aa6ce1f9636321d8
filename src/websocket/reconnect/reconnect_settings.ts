/**
 * Checks what a reconnecting WebSocket is given, before anything is done, and fills in the defaults.
 *
 * @module
 */
import { dataOf } from "../../bytes.ts";
import { type Clock, systemClock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, gotNumber, type Names } from "../../names.ts";
import { HEARTBEAT_PROTOCOL } from "../beat.ts";
import { FAREWELL_PROTOCOL } from "../farewell.ts";
import { nativeTransport, requireNative } from "./native.ts";
import { defaultPage } from "./page.ts";
import type {
  ConnectionEnd,
  Hello,
  PageTarget,
  ReconnectBinaryType,
  ReconnectHeartbeat,
  ReconnectOptions,
  Transport,
  WhenFull,
} from "./reconnect_api.ts";

/** A subprotocol is a token (RFC 6455 §4.1, RFC 9110 §5.6.2). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const NAMES: Names<ReconnectOptions> = {
  protocols: true,
  farewell: true,
  minDelay: true,
  maxDelay: true,
  maxAttempts: true,
  connectTimeout: true,
  stableAfter: true,
  closeTimeout: true,
  maxQueued: true,
  maxQueuedBytes: true,
  whenFull: true,
  hello: true,
  heartbeat: true,
  shouldReconnect: true,
  transport: true,
  page: true,
  clock: true,
  random: true,
};

const HEARTBEAT_NAMES: Names<ReconnectHeartbeat> = { message: true, interval: true, timeout: true };

/** The heartbeat with its values. */
export interface HeartbeatSettings {
  /** Null: that of a Sluice server, if it turns out to be one. */
  readonly message: (() => string | Uint8Array) | null;
  readonly interval: number;
  readonly timeout: number;
}

/** Every option with its value. */
export interface ReconnectSettings {
  readonly protocols: readonly string[];
  readonly minDelay: number;
  readonly maxDelay: number;
  readonly maxAttempts: number;
  readonly connectTimeout: number;
  readonly stableAfter: number;
  readonly closeTimeout: number;
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly whenFull: WhenFull;
  readonly hello: () => Hello | Promise<Hello>;
  readonly heartbeat: HeartbeatSettings | null;
  /** A Sluice server is asked for its heartbeat. */
  readonly offersBeat: boolean;
  readonly shouldReconnect: (end: ConnectionEnd, byDefault: boolean) => boolean;
  readonly transport: Transport;
  readonly page: PageTarget | null;
  readonly clock: Clock;
  readonly random: () => number;
}

/**
 * The options with their defaults.
 *
 * @throws {OptionError} A value can't be used.
 * @throws {UnsupportedError} There is neither a transport nor a WebSocket of the runtime's own.
 */
export function reconnectSettings(options: ReconnectOptions): ReconnectSettings {
  checkNames("ReconnectingWebSocket()", options, NAMES);
  const heartbeat = heartbeatOf(options.heartbeat);
  const offersBeat = options.farewell === true && heartbeat?.message === null;
  const own = options.farewell === true ? [FAREWELL_PROTOCOL] : [];
  if (offersBeat) own.push(HEARTBEAT_PROTOCOL);
  const settings: ReconnectSettings = {
    protocols: offeredProtocols([...(options.protocols ?? []), ...own]),
    heartbeat,
    offersBeat,
    minDelay: atLeast(1, "minDelay", options.minDelay ?? 500),
    maxDelay: atLeast(1, "maxDelay", options.maxDelay ?? 30_000),
    maxAttempts: atLeast(0, "maxAttempts", options.maxAttempts ?? Infinity),
    connectTimeout: atLeast(1, "connectTimeout", options.connectTimeout ?? 10_000),
    stableAfter: atLeast(0, "stableAfter", options.stableAfter ?? 5_000),
    closeTimeout: atLeast(0, "closeTimeout", options.closeTimeout ?? 5_000),
    maxQueued: atLeast(0, "maxQueued", options.maxQueued ?? 1_000),
    maxQueuedBytes: atLeast(0, "maxQueuedBytes", options.maxQueuedBytes ?? 1_048_576),
    whenFull: options.whenFull ?? "reject",
    hello: options.hello ?? (() => []),
    shouldReconnect: options.shouldReconnect ?? ((_, byDefault) => byDefault),
    transport: options.transport ?? nativeTransport,
    page: options.page === undefined ? defaultPage() : options.page,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  };
  const { minDelay, maxDelay, whenFull } = settings;
  if (minDelay > maxDelay) {
    throw new OptionError("minDelay", `minDelay must not be above maxDelay (${maxDelay}), got ${minDelay}`);
  }
  if (whenFull !== "reject" && whenFull !== "dropOldest") {
    throw new OptionError("whenFull", `whenFull must be "reject" or "dropOldest", got ${whenFull}`);
  }
  if (settings.transport === nativeTransport) requireNative();
  return settings;
}

/** Options, as they are or behind the web's subprotocols. */
export function reconnectArguments(
  given: string | readonly string[] | ReconnectOptions | undefined,
  options: ReconnectOptions = {},
): ReconnectOptions {
  if (given === undefined) return options;
  if (typeof given !== "string" && !Array.isArray(given)) return given as ReconnectOptions;
  checkNames("ReconnectingWebSocket()", options, NAMES);
  return { ...options, protocols: typeof given === "string" ? [given] : given };
}

/** @throws {OptionError} It is no kind of bytes. */
export function checkBinaryType(type: ReconnectBinaryType): ReconnectBinaryType {
  if (type === "bytes" || type === "arraybuffer" || type === "blob") return type;
  throw new OptionError("binaryType", `binaryType must be "bytes", "arraybuffer" or "blob", got ${String(type)}`);
}

/**
 * Holds `close()` to what a script may send everywhere.
 *
 * @throws {OptionError} The code can't be sent.
 */
export function checkClose(code: number): void {
  if (code === 1000 || (Number.isInteger(code) && code >= 3000 && code <= 4999)) return;
  throw new OptionError("code", `code must be 1000 or from 3000 to 4999, got ${code}`);
}

function heartbeatOf(given: ReconnectHeartbeat | false | undefined): HeartbeatSettings | null {
  if (given === false) return null;
  const options = given ?? {};
  checkNames("heartbeat", options, HEARTBEAT_NAMES);
  const { message } = options;
  const isRight = message === undefined || typeof message === "function" || typeof message === "string" ||
    message instanceof Uint8Array;
  if (!isRight) {
    throw new OptionError("message", `message must be text, a Uint8Array or a function, got ${String(message)}`);
  }
  return {
    message: message === undefined ? null : () => beatOf(message),
    interval: atLeast(1, "interval", options.interval ?? 30_000),
    timeout: atLeast(1, "timeout", options.timeout ?? 10_000),
  };
}

function beatOf(message: NonNullable<ReconnectHeartbeat["message"]>): string | Uint8Array {
  return dataOf(typeof message === "function" ? message() : message, "heartbeat.message()");
}

function offeredProtocols(offered: readonly string[]): readonly string[] {
  offered.forEach((protocol, i) => {
    if (TOKEN.test(protocol) && offered.indexOf(protocol) === i) return;
    throw new OptionError("protocols", `protocols must be different tokens, got ${JSON.stringify(protocol)}`);
  });
  return offered;
}

function atLeast(least: number, option: string, value: number): number {
  if (typeof value === "number" && value >= least) return value;
  throw new OptionError(option, `${option} must be a number from ${least} on, got ${gotNumber(value)}`);
}
