/**
 * Options of a load: checked and completed before anything is opened.
 *
 * @module
 */
import { checkNames, type Names } from "@sluice/sluice";
import { amount, exclude, methods, range, refuse, whole, word } from "./option_checks.ts";
import { MAX_SEED } from "./random.ts";
import type { LoadCheck, LoadKind, LoadOptions, LoadProxyProtocol, LoadRamp, ResolvedLoadOptions } from "./load_api.ts";

/** Enough to be a load, and no strain on a laptop. */
const DEFAULT_CLIENTS = 10;
/** Long enough for a runtime to be warm. */
const DEFAULT_DURATION = 10_000;
/** Nobody waits longer for an answer. */
const DEFAULT_TIMEOUT = 10_000;
/** A plot of ten points shows a knee. */
const DEFAULT_STEPS = 10;
/** More than a machine has ports for. */
const MAX_CLIENTS = 100_000;
/** Far beyond what one process can send in a second. */
const MAX_RATE = 10_000_000;
/** Requests of one connection; their number is written into every one. */
const MAX_PIPELINE = 10_000;
/** A message has to fit into memory a few times. */
const MAX_SIZE = 256 * 1024 * 1024;
/** Timers take no longer delay (2^31-1 ms). */
const MAX_TIME = 2_147_483_647;
/** A plot with more points says no more. */
const MAX_STEPS = 1000;

const CHECKS: readonly LoadCheck[] = ["echo", "same", "whole"];
const PROXY_PROTOCOLS: readonly LoadProxyProtocol[] = ["v1", "v2"];
const UNITS: readonly Required<LoadRamp>["unit"][] = ["clients", "rate"];
/** A token of RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

const NAMES: Names<LoadOptions> = {
  clients: true,
  duration: true,
  count: true,
  rate: true,
  think: true,
  pipeline: true,
  size: true,
  ramp: true,
  method: true,
  headers: true,
  body: true,
  check: true,
  timeout: true,
  tlsInsecure: true,
  proxyProtocol: true,
  seed: true,
  adapter: true,
  clock: true,
  context: true,
  server: true,
  onProgress: true,
};
const RAMP_NAMES: Names<LoadRamp> = { from: true, to: true, over: true, steps: true, unit: true };

/** What `resolveOptions` gives. */
export interface Resolved {
  readonly options: ResolvedLoadOptions;
  readonly seed: number;
}

/**
 * Checks all options and fills in what was not given.
 *
 * @throws {OptionError} An option can't be used, with this kind of server or beside another one.
 */
export function resolveOptions(given: LoadOptions, kind: LoadKind): Resolved {
  checkNames("runLoad()", given, NAMES);
  checkParts(given);
  const ramp = rampOf(given);
  const rate = amount("rate", given.rate, 0.001, MAX_RATE, "requests a second");
  checkLoads(given, ramp);
  const size = range("size", given.size, MAX_SIZE, "bytes");
  const body = bodyOf(given, kind);
  const timed = times(given, ramp);
  return {
    seed: whole("seed", given.seed, 0, MAX_SEED) ?? Math.floor(Math.random() * (MAX_SEED + 1)),
    options: {
      clients: clientsOf(given, ramp),
      ...timed,
      rate,
      think: range("think", given.think, MAX_TIME, "milliseconds"),
      pipeline: whole("pipeline", given.pipeline, 1, MAX_PIPELINE) ?? 1,
      size: size === null ? null : { min: Math.round(size.min), max: Math.round(size.max) },
      ramp,
      method: methodOf(given, kind),
      headers: headersOf(given, kind),
      body,
      check: checkOf(given, kind),
      tlsInsecure: given.tlsInsecure === true,
      proxyProtocol: word("proxyProtocol", given.proxyProtocol, PROXY_PROTOCOLS),
    },
  };
}

function checkParts(given: LoadOptions): void {
  methods("adapter", given.adapter, ["connect"]);
  methods("clock", given.clock, ["now", "setTimer", "soon"]);
  methods("server", given.server, ["sample"]);
  if (given.onProgress !== undefined && typeof given.onProgress !== "function") {
    refuse("onProgress", "a function", given.onProgress);
  }
}

/** A load is either the clients' own pace or a plan, and either fixed or a ramp. */
function checkLoads(given: LoadOptions, ramp: Required<LoadRamp> | null): void {
  const open = given.rate !== undefined || ramp?.unit === "rate";
  if (open && given.think !== undefined) {
    exclude(
      "think",
      "think is a pause after an answer, and with a rate requests don't wait for answers: give one of both",
    );
  }
  if (ramp !== null && given.rate !== undefined) {
    exclude("rate", "rate is fixed and a ramp is not: give one of both, a ramp of requests a second has the unit rate");
  }
  if (ramp?.unit === "clients" && given.clients !== undefined) {
    exclude("clients", `clients must not be given beside a ramp of clients, it goes from ${ramp.from} to ${ramp.to}`);
  }
}

function clientsOf(given: LoadOptions, ramp: Required<LoadRamp> | null): number {
  if (ramp?.unit === "clients") return Math.max(ramp.from, ramp.to);
  return whole("clients", given.clients, 1, MAX_CLIENTS) ?? DEFAULT_CLIENTS;
}

function times(given: LoadOptions, ramp: Required<LoadRamp> | null): Times {
  const count = whole("count", given.count, 1, Number.MAX_SAFE_INTEGER);
  const asked = amount("duration", given.duration, 1, MAX_TIME, "milliseconds");
  const timeout = amount("timeout", given.timeout, 1, MAX_TIME, "milliseconds") ?? DEFAULT_TIMEOUT;
  if (ramp !== null && asked !== null && asked < ramp.over) {
    exclude("duration", `duration must be at least the ramp's ${ramp.over} ms, got ${asked}`);
  }
  const fallback = ramp !== null ? ramp.over : count === null ? DEFAULT_DURATION : null;
  return { count, duration: asked ?? fallback, timeout };
}

type Times = Pick<ResolvedLoadOptions, "count" | "duration" | "timeout">;

function rampOf({ ramp }: LoadOptions): Required<LoadRamp> | null {
  if (ramp === undefined) return null;
  if (typeof ramp !== "object" || ramp === null) return refuse("ramp", "an object { from, to, over }", ramp);
  checkNames("ramp", ramp, RAMP_NAMES);
  const unit = word("ramp", ramp.unit, UNITS) ?? "clients";
  const over = amount("ramp", ramp.over, 1, MAX_TIME, "milliseconds");
  const [from, to] = unit === "clients"
    ? [whole("ramp", ramp.from, 1, MAX_CLIENTS), whole("ramp", ramp.to, 1, MAX_CLIENTS)]
    : [amount("ramp", ramp.from, 0.001, MAX_RATE, "a second"), amount("ramp", ramp.to, 0.001, MAX_RATE, "a second")];
  if (over === null || from === null || to === null) return refuse("ramp", "an object { from, to, over }", ramp);
  const loads = unit === "clients" ? Math.abs(to - from) + 1 : DEFAULT_STEPS;
  const steps = whole("steps", ramp.steps, 1, MAX_STEPS) ?? Math.min(DEFAULT_STEPS, loads);
  if (over < steps) return refuse("ramp", `at least 1 ms long for each of its ${steps} steps`, over);
  return { from, to, over, steps, unit };
}

function bodyOf(given: LoadOptions, kind: LoadKind): string | null {
  if (given.body === undefined) return null;
  if (typeof given.body !== "string") return refuse("body", "a string", given.body);
  httpOnly("body", kind);
  if (given.size !== undefined) exclude("body", "body and size exclude each other: size makes bodies of its own");
  return given.body;
}

function methodOf(given: LoadOptions, kind: LoadKind): string {
  if (given.method === undefined) return given.body === undefined && given.size === undefined ? "GET" : "POST";
  httpOnly("method", kind);
  if (typeof given.method === "string" && TOKEN.test(given.method) && given.method !== "CONNECT") return given.method;
  return refuse("method", "a method of HTTP such as GET or POST, other than CONNECT", given.method);
}

function headersOf(given: LoadOptions, kind: LoadKind): ResolvedLoadOptions["headers"] {
  const headers = given.headers ?? [];
  if (!Array.isArray(headers)) return refuse("headers", "an array of [name, value]", headers);
  if (headers.length > 0 && kind === "tcp") exclude("headers", "headers are for HTTP and WebSocket, lines have none");
  for (const field of headers) {
    const [name, value] = Array.isArray(field) ? field : [];
    const fine = typeof name === "string" && typeof value === "string" && TOKEN.test(name) && !/[\0\r\n]/.test(value);
    if (!fine) refuse("headers", "an array of [name, value] as HTTP allows them", field);
  }
  return headers.map(([name, value]) => [name, value] as const);
}

function checkOf(given: LoadOptions, kind: LoadKind): LoadCheck {
  const check = word("check", given.check, CHECKS);
  const bodies = given.size !== undefined || given.body !== undefined;
  if (check === "same") httpOnly("check same", kind, "check");
  if (check === "echo" && kind === "http" && !bodies) {
    exclude("check", "check is echo, which needs something to be echoed: give a size or a body");
  }
  return check ?? (kind !== "http" || given.size !== undefined ? "echo" : "same");
}

function httpOnly(what: string, kind: LoadKind, option: string = what): void {
  if (kind !== "http") {
    exclude(option, `${what} is for HTTP, and this target is ${kind === "ws" ? "a WebSocket" : "lines"}`);
  }
}
