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
import { checkNamed, checkServers } from "../source_checks.ts";
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
  checkServers(options.servers, isObserved);
  checkNamed("channels", options.channels, isObserved, "must be Channels");
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
