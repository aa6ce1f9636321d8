/**
 * The command that repeats a load run, from what its report says of its options.
 *
 * @module
 */
import type { LoadRamp, LoadRange, LoadReport, ResolvedLoadOptions } from "../load/load_api.ts";
import { commandLine } from "./shell.ts";

/** `sluice load URL …` with the same options and the same seed. */
export function repeatLoad({ target, options, seed }: LoadReport): string {
  const words = FLAGS.flatMap((write) => write(options));
  return commandLine(["sluice", "load", target, ...words, "--seed", String(seed)]);
}

/** The words of the command line for one option; none where it need not be given. */
type Write = (options: ResolvedLoadOptions) => readonly string[];

/** Longest wait for an answer where none is given, in ms. */
const TIMEOUT = 10_000;

const FLAGS: readonly Write[] = [
  ({ clients, ramp }) => ramp?.unit === "clients" ? [] : ["--clients", String(clients)],
  ({ duration, ramp }) => duration === null || ramp !== null ? [] : ["--duration", durationWord(duration)],
  ({ count }) => count === null ? [] : ["--count", String(count)],
  ({ rate }) => rate === null ? [] : ["--rate", String(rate)],
  ({ think }) => think === null ? [] : ["--think", rangeWord(think)],
  ({ pipeline }) => pipeline === 1 ? [] : ["--pipeline", String(pipeline)],
  ({ size }) => size === null ? [] : ["--size", rangeWord(size)],
  ({ ramp }) => ramp === null ? [] : ["--ramp", rampWord(ramp), "--steps", String(ramp.steps)],
  ({ method, body }) => method === (body === null ? "GET" : "POST") ? [] : ["--method", method],
  ({ headers }) => headers.flatMap(([name, value]) => ["--header", `${name}: ${value}`]),
  ({ body }) => body === null ? [] : ["--body", body],
  ({ check }) => ["--check", check],
  ({ timeout }) => timeout === TIMEOUT ? [] : ["--timeout", durationWord(timeout)],
  ({ tlsInsecure }) => tlsInsecure ? ["--tls-insecure"] : [],
  ({ proxyProtocol }) => proxyProtocol === null ? [] : ["--proxy-protocol", proxyProtocol],
];

function rampWord({ from, to, over, unit }: Required<LoadRamp>): string {
  return `${from}..${to}${unit === "rate" ? "rps" : ""}/${durationWord(over)}`;
}

function rangeWord({ min, max }: LoadRange): string {
  return min === max ? String(min) : `${min},${max}`;
}

function durationWord(ms: number): string {
  return ms >= 1000 && ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
