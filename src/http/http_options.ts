/**
 * The options of the HTTP server, checked and defaulted in one place.
 *
 * @module
 */
import type { Names } from "../names.ts";
import { CONFIGURE_NAMES, type ConfigureOptions, SERVE_NAMES, type ServeOptions } from "../server/serve_options.ts";
import { count, duration, integer } from "../validate.ts";
import type { ParserLimits } from "./parser/mod.ts";
import type { HttpLimitOptions, HttpOptions } from "./http_api.ts";

/** Checked limits. */
export interface HttpLimits {
  readonly parser: ParserLimits;
  readonly readHeaderTimeout: number;
  readonly readTimeout: number;
  readonly handlerTimeout: number;
  readonly maxRequestsPerConnection: number;
  readonly maxUnreadBody: number;
  readonly maxConcurrentRequests: number;
  readonly maxQueuedRequests: number;
  readonly queueTimeout: number;
  readonly retryAfter: number;
}

/** A head of a few fields arrives in one packet; ten seconds forgive a slow phone, and bound a slowloris. */
const READ_HEADER_TIMEOUT = 10_000;
/** Five minutes for an upload, as Node has it. */
const READ_TIMEOUT = 300_000;
/** A client that takes nothing for half a minute is gone. */
const WRITE_TIMEOUT = 30_000;
/** Longer than balancers keep their idle connections, mostly: it is better that they close than we. */
const IDLE_TIMEOUT = 75_000;
/** A JSON document or a picture; more is asked for. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;
/** What Go reads of an unread body to keep a connection. */
const MAX_UNREAD_BODY = 256 * 1024;

const LIMIT_NAMES: Names<HttpLimitOptions> = {
  readHeaderTimeout: true,
  readTimeout: true,
  handlerTimeout: true,
  maxRequestsPerConnection: true,
  maxHeadBytes: true,
  maxTargetBytes: true,
  maxHeaders: true,
  maxBodyBytes: true,
  maxUnreadBody: true,
  maxConcurrentRequests: true,
  maxQueuedRequests: true,
  queueTimeout: true,
  retryAfter: true,
};

/** Names of `HttpOptions`. */
export const HTTP_NAMES: Names<HttpOptions> = {
  ...SERVE_NAMES,
  ...LIMIT_NAMES,
  trustProxy: true,
  accessLog: true,
  onConnect: true,
};

/** Names of what a running HTTP server can be told. */
export const HTTP_CONFIGURE_NAMES: Names<ConfigureOptions & HttpLimitOptions> = { ...CONFIGURE_NAMES, ...LIMIT_NAMES };

/** Checks the limits of HTTP; what is not given comes from `base`. */
export function httpLimits(options: HttpLimitOptions, base?: HttpLimits): HttpLimits {
  const { parser } = base ?? {};
  return {
    parser: {
      maxHeadBytes: count("maxHeadBytes", options.maxHeadBytes, parser?.maxHeadBytes ?? 16_384, 64),
      maxTargetBytes: count("maxTargetBytes", options.maxTargetBytes, parser?.maxTargetBytes ?? 8192),
      maxHeaders: count("maxHeaders", options.maxHeaders, parser?.maxHeaders ?? 100),
      maxBodyBytes: count("maxBodyBytes", options.maxBodyBytes, parser?.maxBodyBytes ?? MAX_BODY_BYTES, 0),
    },
    readHeaderTimeout: duration(
      "readHeaderTimeout",
      options.readHeaderTimeout,
      base?.readHeaderTimeout ?? READ_HEADER_TIMEOUT,
    ),
    readTimeout: duration("readTimeout", options.readTimeout, base?.readTimeout ?? READ_TIMEOUT),
    handlerTimeout: duration("handlerTimeout", options.handlerTimeout, base?.handlerTimeout ?? 0),
    maxRequestsPerConnection: count(
      "maxRequestsPerConnection",
      options.maxRequestsPerConnection,
      base?.maxRequestsPerConnection ?? Infinity,
    ),
    maxUnreadBody: count("maxUnreadBody", options.maxUnreadBody, base?.maxUnreadBody ?? MAX_UNREAD_BODY, 0),
    maxConcurrentRequests: count(
      "maxConcurrentRequests",
      options.maxConcurrentRequests,
      base?.maxConcurrentRequests ?? Infinity,
    ),
    maxQueuedRequests: count("maxQueuedRequests", options.maxQueuedRequests, base?.maxQueuedRequests ?? 1024, 0),
    queueTimeout: duration("queueTimeout", options.queueTimeout, base?.queueTimeout ?? 5000),
    retryAfter: integer("retryAfter", options.retryAfter, base?.retryAfter ?? 1, 0, 86_400),
  };
}

/**
 * What the core is told: HTTP has its own read timeouts, and its own last word to those it turns away.
 *
 * @param ownWord What it says where the user has said nothing else.
 */
export function coreOptions(options: HttpOptions, ownWord: () => string): ServeOptions {
  return {
    ...options,
    readTimeout: 0,
    writeTimeout: options.writeTimeout ?? WRITE_TIMEOUT,
    idleTimeout: options.idleTimeout ?? IDLE_TIMEOUT,
    rejectWith: options.rejectWith === undefined ? ownWord : options.rejectWith,
    tls: tlsOptions(options),
  };
}

/** TLS says what is spoken here (RFC 7301), unless told otherwise. */
export function tlsOptions({ tls }: HttpOptions): HttpOptions["tls"] {
  return tls && { alpnProtocols: ["http/1.1"], ...tls };
}
