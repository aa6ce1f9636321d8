/**
 * The access log: one line of JSON, or a record of a logger, for each request.
 *
 * @module
 */
import { type Clock, systemClock, wallOf } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { type Logger, safeLogger, silentLogger } from "../../log.ts";
import { checkNames, gotNumber, type Names } from "../../names.ts";
import { formatAddress } from "../../address.ts";
import { checkParts } from "../../validate.ts";
import type { HttpObserver, ObservedRequest } from "../http_observer.ts";
import { type Sample, Sampler } from "./sampling.ts";
import { traceFields } from "./request_log.ts";

/** Options of the access log. */
export interface AccessLogOptions {
  /**
   * Which lines are written: all, a share of them (0 to 1), or a budget of lines per second. Errors (a status from 500
   * on, or a request that failed) and slow ones always are; what was left out is counted in the next line's `suppressed`.
   * @default "all"
   */
  readonly sample?: Sample;
  /** A request that took at least so long is written whatever `sample` says, in ms; Infinity for none. @default 1000 */
  readonly slow?: number;
  /**
   * Receives each line, without a line end. What it throws reaches nobody. @default `console.error`: standard error
   */
  readonly write?: (line: string) => void;
  /**
   * Gets each request as a record instead of a line, errors as `error` and all others as `info`: true for the server's
   * logger, or another one. @default false
   */
  readonly logger?: boolean | Logger;
}

const NAMES: Names<AccessLogOptions> = { sample: true, slow: true, write: true, logger: true };

/** An error is named here, and told in full by the server's logger. */
const MAX_ERROR_LENGTH = 200;
/** Names of browsers are longer than one would think, and nobody else's have to be. */
const MAX_AGENT_LENGTH = 400;
/** Nobody waits for so long without noticing, in ms. */
const SLOW = 1000;

/** The message of a record: what is told of the request is in its fields. */
const MESSAGE = "Request";

type Fields = Readonly<Record<string, unknown>>;

/** Writes each request as a line of JSON, or as a record of a logger. */
export class AccessLog implements HttpObserver {
  readonly #put: (fields: Fields, failed: boolean) => unknown;
  readonly #slow: number;
  readonly #sampler: Sampler;

  /**
   * Makes an access log.
   *
   * @param logger The server's, for who asks for it.
   * @param random From 0 up to, but not including, 1; for tests.
   * @throws {OptionError} An option can't be used.
   */
  constructor(
    options: AccessLogOptions = {},
    clock: Clock = systemClock,
    logger: Logger = silentLogger,
    random: () => number = Math.random,
  ) {
    checkNames("accessLog", options, NAMES);
    const { sample = "all", slow = SLOW } = options;
    if (typeof slow !== "number" || !(slow >= 0)) {
      throw new OptionError("slow", `slow must be 0 or more milliseconds, or Infinity, got ${gotNumber(slow)}`);
    }
    this.#slow = slow;
    this.#sampler = new Sampler(sample, clock, random);
    this.#put = writerOf(options, clock, logger);
  }

  /** Lines left out and not yet reported in a line. */
  get suppressed(): number {
    return this.#sampler.suppressed;
  }

  /** Writes the request's line, unless sampling leaves it out; never throws. */
  ended(request: ObservedRequest): void {
    try {
      const failed = request.status >= 500 || request.error !== undefined;
      if (!this.#sampler.pass(failed || request.duration >= this.#slow)) return;
      const pending = this.#put(this.#fields(request), failed);
      this.#sampler.written();
      if (pending instanceof Promise) pending.catch(() => {});
    } catch {
      // A request must not fail because its log line does.
    }
  }

  #fields(request: ObservedRequest): Fields {
    const { suppressed } = this.#sampler;
    const { traceparent, error, route, upgrade } = request;
    const agent = request.header("user-agent");
    return {
      method: request.method,
      scheme: request.scheme,
      host: request.host,
      target: request.target,
      route: route === "" ? undefined : route,
      protocol: `HTTP/${request.protocol}`,
      upgrade: upgrade === "" ? undefined : upgrade,
      status: request.status,
      duration: Math.round(request.duration * 1000) / 1000,
      bytesIn: request.bytesIn,
      bytesOut: request.bytesOut,
      conn: request.conn.id,
      request: request.id,
      remote: formatAddress(request.remote),
      userAgent: agent === null ? undefined : shortened(agent, MAX_AGENT_LENGTH),
      ...traceFields(traceparent),
      error: error === undefined ? undefined : shortError(error),
      suppressed: suppressed === 0 ? undefined : suppressed,
    };
  }
}

/** Where the lines go. @throws {OptionError} An option can't be used. */
function writerOf(
  options: AccessLogOptions,
  clock: Clock,
  serversLogger: Logger,
): (fields: Fields, failed: boolean) => unknown {
  const { write, logger = false } = options;
  if (write !== undefined && typeof write !== "function") {
    throw new OptionError("write", `write must be a function, got ${typeof write}`);
  }
  if (typeof logger === "boolean") {
    if (!logger) {
      const writeLine = write ?? ((line: string) => console.error(line));
      return (fields) => writeLine(JSON.stringify({ time: timeOf(clock), ...fields }));
    }
  } else checkParts({ logger });
  if (write !== undefined) {
    throw new OptionError("write", "write excludes logger: the one gets lines, the other gets records");
  }
  const to = logger === true ? serversLogger : safeLogger(logger as Logger);
  return (fields, failed) => failed ? to.error(MESSAGE, withoutGaps(fields)) : to.info(MESSAGE, withoutGaps(fields));
}

function timeOf(clock: Clock): string {
  return new Date(wallOf(clock)).toISOString();
}

/** JSON leaves out what is undefined; loggers for people would print it. */
function withoutGaps(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/**
 * The access log that the server's option `accessLog` asks for, or null.
 *
 * @throws {OptionError} The option can't be used.
 */
export function accessLogFrom(
  option: boolean | AccessLogOptions | undefined,
  clock: Clock,
  logger: Logger,
): AccessLog | null {
  if (option === undefined || option === false) return null;
  if (option === true) return new AccessLog({}, clock);
  if (typeof option !== "object" || option === null) {
    throw new OptionError("accessLog", `accessLog must be true, false or options, got ${JSON.stringify(option)}`);
  }
  return new AccessLog(option, clock, logger);
}

function shortError(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    text = "[unreadable]";
  }
  return shortened(text, MAX_ERROR_LENGTH);
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most)}…`;
}
