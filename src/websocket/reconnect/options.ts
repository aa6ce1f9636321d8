/**
 * Checks what a reconnecting WebSocket is given, before anything is done, and fills in the defaults.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { FAREWELL_PROTOCOL } from "../farewell.ts";
import { nativeTransport, requireNative } from "./native.ts";
import { defaultPage } from "./page.ts";
import type { ConnectionEnd, PageTarget, ReconnectOptions, Transport, WhenFull } from "./types.ts";

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
  shouldReconnect: true,
  transport: true,
  page: true,
  clock: true,
  random: true,
};

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
  readonly hello: () => readonly (string | Uint8Array)[];
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
  const settings: ReconnectSettings = {
    protocols: offeredProtocols(options.protocols ?? [], options.farewell ?? false),
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

/**
 * A whole address of a WebSocket; in a page, one that is relative to the page will do.
 *
 * @throws {OptionError} It isn't one.
 */
export function webSocketUrl(url: string | URL): string {
  const { location } = globalThis as { location?: { readonly href: string } };
  let parsed: URL;
  try {
    parsed = new URL(url, location?.href);
  } catch (cause) {
    throw new OptionError("url", `url must be the address of a WebSocket, got ${url}`, { cause });
  }
  parsed.hash = "";
  const href = parsed.href.replace(/^http/, "ws");
  if (/^wss?:/.test(href)) return href;
  throw new OptionError("url", `url must begin with ws:, wss:, http: or https:, got ${url}`);
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

function offeredProtocols(protocols: readonly string[], farewell: boolean): readonly string[] {
  const offered = farewell ? [...protocols, FAREWELL_PROTOCOL] : [...protocols];
  offered.forEach((protocol, i) => {
    if (TOKEN.test(protocol) && offered.indexOf(protocol) === i) return;
    throw new OptionError("protocols", `protocols must be different tokens, got ${JSON.stringify(protocol)}`);
  });
  return offered;
}

function atLeast(least: number, option: string, value: number): number {
  if (value >= least) return value;
  throw new OptionError(option, `${option} must be a number from ${least} on, got ${value}`);
}
