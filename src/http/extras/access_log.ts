/**
 * The access log: one line of JSON per request.
 *
 * @module
 */
import { type Clock, systemClock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { formatAddress } from "../../address.ts";
import type { Address } from "../../endpoint.ts";
import { type Sample, Sampler } from "./sampling.ts";
import { traceIdOf } from "./traceparent.ts";

/** Options of the access log. */
export interface AccessLogOptions {
  /**
   * Which lines are written: all, a share of them (0 to 1), or a budget of lines per second. Errors (a status from 500
   * on, or a request that failed) always are; what was left out is counted in the next line's `suppressed`.
   * @default "all"
   */
  readonly sample?: Sample;
  /** Receives each line, without a line end. What it throws reaches nobody. @default `console.error`: standard error */
  readonly write?: (line: string) => void;
}

const NAMES: Names<AccessLogOptions> = { sample: true, write: true };

/** A request that is over. Its members are read only if its line is written: getters are welcome. */
export interface AccessRecord {
  /** Method as sent. */
  readonly method: string;
  /** Target as sent, with its query. */
  readonly target: string;
  /** Status of the answer; 0 if none was sent. */
  readonly status: number;
  /** From the head's first byte to the answer's last, in ms. */
  readonly duration: number;
  /** Bytes of the request's body. */
  readonly bytesIn: number;
  /** Bytes of the answer's body. */
  readonly bytesOut: number;
  /** Number of the connection. */
  readonly conn: number;
  /** Id of the request. */
  readonly request: string;
  /** The client. */
  readonly remote: Address;
  /** W3C Trace Context. */
  readonly traceparent: string;
  /** What made the request fail, if something did. */
  readonly error?: unknown;
}

/** An error is named here, and told in full by the server's logger. */
const MAX_ERROR_LENGTH = 200;

/** Writes records as lines of JSON. */
export class AccessLog {
  readonly #write: (line: string) => unknown;
  readonly #clock: Clock;
  readonly #sampler: Sampler;

  /**
   * Makes an access log.
   *
   * @param random From 0 up to, but not including, 1; for tests.
   * @throws {OptionError} An option can't be used.
   */
  constructor(options: AccessLogOptions = {}, clock: Clock = systemClock, random: () => number = Math.random) {
    checkNames("accessLog", options, NAMES);
    const { sample = "all", write = (line: string) => console.error(line) } = options;
    if (typeof write !== "function") {
      throw new OptionError("write", `write must be a function, got ${typeof write}`);
    }
    this.#write = write;
    this.#clock = clock;
    this.#sampler = new Sampler(sample, clock, random);
  }

  /** Lines left out and not yet reported in a line. */
  get suppressed(): number {
    return this.#sampler.suppressed;
  }

  /** Writes the record's line, unless sampling leaves it out; never throws. */
  record(entry: AccessRecord): void {
    try {
      if (!this.#sampler.pass(entry.status >= 500 || entry.error !== undefined)) return;
      const pending = this.#write(this.#line(entry));
      this.#sampler.written();
      if (pending instanceof Promise) pending.catch(() => {});
    } catch {
      // A request must not fail because its log line does.
    }
  }

  #line(entry: AccessRecord): string {
    const { suppressed } = this.#sampler;
    const { traceparent, error } = entry;
    return JSON.stringify({
      time: new Date(this.#clock.wall?.() ?? Date.now()).toISOString(),
      method: entry.method,
      target: entry.target,
      status: entry.status,
      duration: Math.round(entry.duration * 1000) / 1000,
      bytesIn: entry.bytesIn,
      bytesOut: entry.bytesOut,
      conn: entry.conn,
      request: entry.request,
      remote: formatAddress(entry.remote),
      traceId: traceIdOf(traceparent),
      traceparent,
      error: error === undefined ? undefined : shortError(error),
      suppressed: suppressed === 0 ? undefined : suppressed,
    });
  }
}

/**
 * The access log that the server's option `accessLog` asks for, or null.
 *
 * @throws {OptionError} The option can't be used.
 */
export function accessLogFrom(option: boolean | AccessLogOptions | undefined, clock: Clock): AccessLog | null {
  if (option === undefined || option === false) return null;
  if (option === true) return new AccessLog({}, clock);
  if (typeof option !== "object" || option === null) {
    throw new OptionError("accessLog", `accessLog must be true, false or options, got ${JSON.stringify(option)}`);
  }
  return new AccessLog(option, clock);
}

function shortError(error: unknown): string {
  let text: string;
  try {
    text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    text = "[unreadable]";
  }
  return text.length <= MAX_ERROR_LENGTH ? text : `${text.slice(0, MAX_ERROR_LENGTH)}…`;
}
