/**
 * The options of an upstream and of its calls, checked and defaulted.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import type { Address, TlsConnectOptions } from "../../endpoint.ts";
import { OptionError } from "../../errors.ts";
import { jsonLogger, type Logger } from "../../log.ts";
import { checkNames, gotNumber, type Names } from "../../names.ts";
import type { Adapter } from "../../platform.ts";
import { callable, checkParts, count, duration, integer, text } from "../../validate.ts";
import type { UpstreamAddress, UpstreamOptions } from "./upstream_api.ts";

const NAMES: Names<UpstreamOptions> = {
  name: true,
  max: true,
  minIdle: true,
  idleTimeout: true,
  maxLifetime: true,
  acquireTimeout: true,
  connectTimeout: true,
  headTimeout: true,
  bodyTimeout: true,
  continueTimeout: true,
  maxHeadBytes: true,
  leakWarning: true,
  failures: true,
  ejectFor: true,
  isFailure: true,
  tls: true,
  logger: true,
  adapter: true,
  clock: true,
};
const ADDRESS_NAMES: Names<UpstreamAddress> = { url: true, weight: true, socketPath: true };
const TLS_NAMES: Names<TlsConnectOptions> = { ca: true, serverName: true, alpnProtocols: true, insecure: true };

/** Answers by which servers and balancers say that they can't serve now. */
const FAILURES: ReadonlySet<number> = new Set([502, 503, 504]);

/** An address, read. */
export interface Place {
  /** `http://10.0.0.7:8080` */
  readonly origin: string;
  /** For the Host field. */
  readonly host: string;
  readonly address: Address;
  readonly tls: TlsConnectOptions | undefined;
  readonly weight: number;
}

/** What an upstream goes by; durations in ms, `Infinity` for none. */
export interface UpstreamLimits {
  readonly name: string;
  readonly places: readonly Place[];
  readonly options: UpstreamOptions;
  readonly headTimeout: number;
  readonly bodyTimeout: number;
  readonly continueTimeout: number;
  readonly maxHeadBytes: number;
  readonly failures: number;
  readonly ejectFor: number;
  readonly isFailure: (status: number) => boolean;
  readonly logger: Logger;
  readonly adapter: Adapter | undefined;
  readonly clock: Clock;
}

type Given = string | URL | UpstreamAddress;

/** @throws {OptionError} An address or an option can't be used. */
export function upstreamLimits(given: Given | readonly Given[], options: UpstreamOptions): UpstreamLimits {
  checkNames("upstream()", options, NAMES);
  checkParts(options);
  const list: readonly Given[] = Array.isArray(given) ? given : [given as Given];
  if (list.length === 0) throw new OptionError("addresses", "addresses must have at least one, got none");
  if (options.tls !== undefined) checkNames("tls", options.tls, TLS_NAMES);
  const places = list.map((one) => placeOf(one, options.tls));
  return {
    name: text("name", options.name, places[0].host),
    places,
    options,
    headTimeout: duration("headTimeout", options.headTimeout, 30_000) || Infinity,
    bodyTimeout: duration("bodyTimeout", options.bodyTimeout, 30_000) || Infinity,
    continueTimeout: duration("continueTimeout", options.continueTimeout, 1000),
    maxHeadBytes: integer("maxHeadBytes", options.maxHeadBytes, 65_536, 64, 16_777_216),
    failures: count("failures", options.failures, 5),
    ejectFor: duration("ejectFor", options.ejectFor, 10_000),
    isFailure: callable("isFailure", options.isFailure) ?? ((status) => FAILURES.has(status)),
    logger: options.logger ?? jsonLogger(),
    adapter: options.adapter,
    clock: options.clock ?? systemClock,
  };
}

function placeOf(given: Given, tls: TlsConnectOptions | undefined): Place {
  const entry: UpstreamAddress = typeof given === "string" || given instanceof URL ? { url: given } : given;
  checkNames("addresses", entry, ADDRESS_NAMES);
  const url = originOf(entry.url);
  const isSecure = url.protocol === "https:";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (isSecure ? 443 : 80) : Number(url.port);
  const { socketPath, weight = 1 } = entry;
  if (typeof weight !== "number" || !(weight > 0 && weight < Infinity)) {
    throw new OptionError("weight", `weight must be a number above 0, got ${gotNumber(weight)}`);
  }
  return {
    origin: url.origin,
    host: url.host,
    address: socketPath === undefined
      ? { transport: "tcp", hostname, port }
      : { transport: "unix", path: text("socketPath", socketPath, "") },
    tls: isSecure ? { serverName: hostname, alpnProtocols: ["http/1.1"], ...tls } : undefined,
    weight,
  };
}

function originOf(given: string | URL): URL {
  const shown = JSON.stringify(String(given));
  const url = URL.canParse(String(given)) ? new URL(String(given)) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new OptionError("addresses", `An address must be a URL such as "http://10.0.0.7:8080", got ${shown}`);
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "" || url.username !== "" || url.password !== "") {
    throw new OptionError("addresses", `An address must have a scheme, a host and a port only, got ${shown}`);
  }
  return url;
}
