/**
 * Checks what a fault proxy is given, before anything is opened.
 *
 * @module
 */
import { checkNames, gotNumber, type Names, OptionError } from "@sluice/sluice";
import type { Fault, FaultEndpoint, FaultKind, FaultProxyOptions } from "./faults_api.ts";

/** The longest time in ms: what a timer takes. */
const MAX_MS = 2_147_483_647;
const MAX_PORT = 65_535;
const MAX_SEED = 4_294_967_295;

const NAMES: Names<FaultProxyOptions> = {
  listen: true,
  upstream: true,
  faults: true,
  seed: true,
  adapter: true,
  clock: true,
  logger: true,
};
const ENDPOINT_NAMES: Names<FaultEndpoint> = { port: true, hostname: true, path: true };

type Check = (option: string, value: unknown) => void;

/** The fields of one kind of fault besides `kind`; a question mark: it may be left out. */
type Fields = Readonly<Record<string, Check>>;

const SCOPE: Fields = { "direction?": direction, "share?": share };

const KINDS: Readonly<Record<FaultKind, Fields>> = {
  latency: { ms: duration, "jitter?": duration },
  bandwidth: { bytesPerSecond: positive },
  slice: { bytes: positive, "delay?": duration },
  reset: { "afterBytes?": count, "chance?": share },
  stall: { "afterBytes?": count },
  slowClose: { ms: duration },
  halfOpen: {},
  refuse: {},
  partition: { "ms?": duration },
};

/** All kinds of fault. */
export const FAULT_KINDS: readonly FaultKind[] = Object.keys(KINDS) as FaultKind[];

/**
 * Faults as somebody gave them, from a program or as JSON.
 *
 * @throws {OptionError} One can't be used; the message names it and its value.
 */
export function checkFaults(value: unknown): readonly Fault[] {
  if (!Array.isArray(value)) {
    throw new OptionError("faults", `faults must be a list such as [{"kind":"latency","ms":50}], got ${show(value)}`);
  }
  return value.map((fault, i) => checkFault(`faults[${i}]`, fault));
}

/** Checks the options that are not checked by who listens and connects. */
export function checkProxy(options: FaultProxyOptions): readonly Fault[] {
  if (typeof options !== "object" || options === null) {
    throw new OptionError("options", `options must be an object with an upstream, got ${show(options)}`);
  }
  checkNames("startFaultProxy()", options, NAMES);
  checkEndpoint("upstream", options.upstream, 1);
  if (options.listen !== undefined) checkEndpoint("listen", options.listen, 0);
  if (options.seed !== undefined) checkSeed(options.seed);
  return checkFaults(options.faults ?? []);
}

/** A time in ms. */
export function duration(option: string, value: unknown): void {
  if (typeof value === "number" && value >= 0 && value <= MAX_MS) return;
  throw new OptionError(option, `${option} must be from 0 to ${MAX_MS} milliseconds, got ${gotNumber(value)}`);
}

function checkFault(option: string, value: unknown): Fault {
  if (typeof value !== "object" || value === null) {
    throw new OptionError(option, `${option} must be an object with a kind, got ${show(value)}`);
  }
  const { kind, ...rest } = value as { readonly kind?: unknown };
  if (!FAULT_KINDS.includes(kind as FaultKind)) {
    throw new OptionError(option, `${option}.kind must be one of ${FAULT_KINDS.join(", ")}, got ${show(kind)}`);
  }
  const fields = { ...KINDS[kind as FaultKind], ...SCOPE };
  checkFields(option, fields, rest);
  // A fault of its own: what the caller changes later must not change what was checked.
  return { kind, ...rest } as Fault;
}

function checkFields(option: string, fields: Fields, given: Readonly<Record<string, unknown>>): void {
  for (const [field, check] of Object.entries(fields)) {
    const name = field.replace("?", "");
    if (given[name] !== undefined || name === field) check(`${option}.${name}`, given[name]);
  }
  const known = Object.keys(fields).map((field) => field.replace("?", ""));
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new OptionError(option, `${option}.${unknown} is unknown, this kind has ${known.join(", ")}`);
}

function checkEndpoint(option: string, value: FaultEndpoint, lowest: number): void {
  if (typeof value !== "object" || value === null || (value.port === undefined) === (value.path === undefined)) {
    throw new OptionError(option, `${option} must have a port or else a path, got ${show(value)}`);
  }
  checkNames(option, value, ENDPOINT_NAMES);
  const { port = lowest, path = "/" } = value;
  if (!Number.isInteger(port) || port < lowest || port > MAX_PORT) {
    throw new OptionError(option, `${option}.port must be from ${lowest} to ${MAX_PORT}, got ${gotNumber(port)}`);
  }
  if (typeof path !== "string" || path === "") {
    throw new OptionError(option, `${option}.path must be a non-empty string, got ${show(path)}`);
  }
}

function checkSeed(value: unknown): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_SEED) return;
  throw new OptionError("seed", `seed must be a whole number from 0 to ${MAX_SEED}, got ${gotNumber(value)}`);
}

function positive(option: string, value: unknown): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1) return;
  throw new OptionError(option, `${option} must be a whole number of at least 1, got ${gotNumber(value)}`);
}

function count(option: string, value: unknown): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0) return;
  throw new OptionError(option, `${option} must be a whole number of at least 0, got ${gotNumber(value)}`);
}

function share(option: string, value: unknown): void {
  if (typeof value === "number" && value >= 0 && value <= 1) return;
  throw new OptionError(option, `${option} must be from 0 to 1, got ${gotNumber(value)}`);
}

function direction(option: string, value: unknown): void {
  if (value === "up" || value === "down" || value === "both") return;
  throw new OptionError(option, `${option} must be up, down or both, got ${show(value)}`);
}

function show(value: unknown): string {
  return typeof value === "number" ? String(value) : JSON.stringify(value) ?? String(value);
}
