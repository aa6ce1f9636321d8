/**
 * What `Traces` takes, checked in one place.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import type { Server } from "../../mod.ts";
import type { ChannelsObserver } from "../channels/mod.ts";
import type { HttpServer, ObservedRequest } from "../http/mod.ts";
import { checkNames, type Names } from "../names.ts";
import { callable } from "../validate.ts";
import type { TracingApi } from "./opentelemetry.ts";

/** Channels, as far as they are traced. */
export interface TracedChannels {
  /** Lets one hear of messages. */
  observe(observer: ChannelsObserver): () => void;
}

/** Everything `Traces` takes. */
export interface TracesOptions {
  /** The program's own OpenTelemetry: `import * as api from "@opentelemetry/api"`. */
  readonly api: TracingApi;
  /** Servers: of HTTP their requests, upgrades and drains are recorded, of others their drains. @default none */
  readonly servers?: readonly (Server | HttpServer)[];
  /** Channels, by names of yours. @default none */
  readonly channels?: Readonly<Record<string, TracedChannels>>;
  /** Requests that get no span, such as those of probes and scrapes. @default none */
  readonly ignore?: (request: ObservedRequest) => boolean;
}

const NAMES: Names<TracesOptions> = { api: true, servers: true, channels: true, ignore: true };

/** @throws {OptionError} An option can't be used. */
export function checkTraces(options: TracesOptions): void {
  checkNames("Traces", options, NAMES);
  checkApi(options.api);
  const { servers = [], channels = {} } = options;
  if (!Array.isArray(servers)) {
    throw new OptionError("servers", `servers must be a list of servers, got ${typeof servers}`);
  }
  for (const server of servers) {
    const hint = server instanceof Promise ? "a promise: await it before" : String(server);
    if (isObserved(server)) continue;
    throw new OptionError("servers", `servers must be what serve() or serveHttp() gives, got ${hint}`);
  }
  if (typeof channels !== "object" || channels === null || Array.isArray(channels) || isObserved(channels)) {
    throw new OptionError("channels", `channels must be an object of names, such as { main: … }, got ${channels}`);
  }
  for (const [name, one] of Object.entries(channels)) {
    if (!isObserved(one)) throw new OptionError("channels", `channels.${name} must be Channels, got ${String(one)}`);
  }
  callable("ignore", options.ignore);
}

function checkApi(api: unknown): void {
  const { trace, context, propagation, ROOT_CONTEXT } = (api ?? {}) as Partial<TracingApi>;
  const isApi = typeof trace?.getTracer === "function" && typeof context?.with === "function" &&
    typeof propagation?.extract === "function" && ROOT_CONTEXT !== undefined;
  if (isApi) return;
  throw new OptionError("api", `api must be @opentelemetry/api: import * as api from it, got ${String(api)}`);
}

function isObserved(value: unknown): boolean {
  return typeof (value as { observe?: unknown } | null | undefined)?.observe === "function";
}
