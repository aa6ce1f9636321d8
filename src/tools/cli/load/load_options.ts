/**
 * The options of `sluice load`.
 *
 * @module
 */
import { duration, number, oneOf, type ReadValue, text, type ToolOption } from "@sluice/sluice/cli/kit";
import type { LoadCheck, LoadOptions, LoadProxyProtocol, LoadRamp } from "../../load/mod.ts";
import { decimal, header, pause, pid, ramp, size } from "./values.ts";

/** What was asked for; what was not given is undefined. */
export interface LoadInput extends Omit<LoadOptions, "ramp"> {
  ramp?: LoadRamp;
  steps?: number;
  json?: boolean;
  /** Path of the page. */
  html?: string;
  /** Process to look at. */
  pid?: number;
  /** The same, and the load ends with it. */
  watchPid?: number;
}

const CHECKS: readonly LoadCheck[] = ["echo", "same", "whole"];

const PROXY_PROTOCOLS: readonly LoadProxyProtocol[] = ["v1", "v2"];

/** All of them, in the order of the help. */
export const ROWS: readonly ToolOption[] = [
  row("--clients", "clients", "N", number, "connections at once (default 10)"),
  row("--duration", "duration", "DURATION", duration, "send for so long (default 10s; no limit with --count)"),
  row("--count", "count", "N", number, "send so many requests in all"),
  row("--rate", "rate", "N", decimal, "requests a second in all, by a plan: open loop (default: as answers come)"),
  row("--think", "think", "MIN,MAX", pause, "pause of a client between an answer and its next request (default none)"),
  row("--pipeline", "pipeline", "N", number, "requests that a client may have under way (default 1)"),
  row(
    "--size",
    "size",
    "N|MIN,MAX",
    size,
    "bytes of a message or body: 100, 64KiB, 16,1KiB (default 32; HTTP: no body)",
  ),
  row(
    "--ramp",
    "ramp",
    "A..B/TIME",
    ramp,
    "grow in steps: clients as 10..500/30s, requests a second as 100..9000rps/30s",
  ),
  row("--steps", "steps", "N", number, "steps of the ramp (default 10)"),
  row("--method", "method", "METHOD", text, "of HTTP requests (default GET, or POST with a body)"),
  {
    ...row("--header", "headers", "FIELD", header, 'field added to each request: "Name: value"; may be repeated'),
    many: true,
  },
  row("--body", "body", "TEXT", text, "body of each HTTP request"),
  row(
    "--check",
    "check",
    CHECKS.join("|"),
    oneOf(CHECKS),
    "how answers are judged (default echo; same for HTTP without --size)",
  ),
  row("--timeout", "timeout", "DURATION", duration, "longest wait for an answer (default 10s)"),
  row("--tls-insecure", "tlsInsecure", "", text, "take any certificate"),
  row(
    "--proxy-protocol",
    "proxyProtocol",
    PROXY_PROTOCOLS.join("|"),
    oneOf(PROXY_PROTOCOLS),
    "begin each connection with a PROXY header, as a proxy does",
  ),
  row("--seed", "seed", "N", number, "repeat the choices of another run"),
  row("--json", "json", "", text, "print the report as JSON"),
  row("--html", "html", "FILE", text, "write the report as a page"),
  row("--pid", "pid", "N", pid, "report what this process uses (needs /proc)"),
  row("--watch-pid", "watchPid", "N", pid, "the same, and end when it ends"),
];

function row(flag: string, option: keyof LoadInput, value: string, read: ReadValue, help: string): ToolOption {
  return { flag, option, value, help, read };
}
