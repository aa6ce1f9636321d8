/**
 * The options of `sluice faults`, and the faults that they stand for.
 *
 * @module
 */
import { duration, number, oneOf, type ReadValue, share, type ToolOption, UsageError } from "@sluice/sluice/cli/kit";
import type { Fault, FaultDirection, FaultEndpoint, FaultScope } from "../../faults/mod.ts";
import { endpoint, type Latency, latency, rate, tcpEndpoint } from "./values.ts";

/** What `sluice faults` was asked for; what was not given is undefined. Durations in ms. */
export interface FaultsInput {
  readonly listen?: FaultEndpoint;
  readonly upstream?: FaultEndpoint;
  readonly latency?: Latency;
  readonly bandwidth?: number;
  readonly slice?: number;
  readonly sliceDelay?: number;
  readonly resetAfter?: number;
  readonly resetChance?: number;
  readonly stall?: boolean;
  readonly stallAfter?: number;
  readonly slowClose?: number;
  readonly halfOpen?: boolean;
  readonly refuse?: boolean;
  readonly partition?: number;
  readonly direction?: FaultDirection;
  readonly share?: number;
  readonly seed?: number;
  readonly control?: FaultEndpoint;
  readonly grace?: number;
}

const DIRECTIONS: readonly FaultDirection[] = ["up", "down", "both"];

/** In the order of the help. */
export const ROWS: readonly ToolOption[] = [
  row("--listen", "listen", "WHERE", endpoint, "port, host:port or unix:PATH (default any free port of 127.0.0.1)"),
  row("--upstream", "upstream", "WHERE", endpoint, "the server behind it, written the same way"),
  row("--latency", "latency", "D[~J]", latency, "everything arrives later by D, varied by J up and down: 50ms~20ms"),
  row("--bandwidth", "bandwidth", "RATE", rate, "of a connection in each direction: 64KiB/s"),
  row("--slice", "slice", "BYTES", number, "pass bytes on in writes of at most so many"),
  row("--slice-delay", "sliceDelay", "DURATION", duration, "pause between two such writes (default none)"),
  row("--reset-after", "resetAfter", "BYTES", number, "reset both ends when so many bytes have passed; 0: at once"),
  row("--reset-chance", "resetChance", "P", share, "reset both ends instead of a chunk, with this chance for each"),
  row("--stall", "stall", "", number, "stop reading at once"),
  row("--stall-after", "stallAfter", "BYTES", number, "stop reading when so many bytes have passed"),
  row("--slow-close", "slowClose", "DURATION", duration, "pass a FIN on so much later"),
  row("--half-open", "halfOpen", "", number, "do not tell one side that the other has ended"),
  row("--refuse", "refuse", "", number, "reset new connections at once, the upstream doesn't hear of them"),
  row("--partition", "partition", "DURATION", duration, "let nothing pass for so long from the start"),
  row("--direction", "direction", DIRECTIONS.join("|"), oneOf(DIRECTIONS), "bytes they are for (default both)"),
  row("--share", "share", "P", share, "share of the connections that have them, each by itself (default 1)"),
  row("--seed", "seed", "N", number, "start of all random choices (default a random one, it is printed)"),
  row("--control", "control", "WHERE", tcpEndpoint, "port or host:port of an HTTP server that changes the faults"),
  row("--grace", "grace", "DURATION", duration, "longest that a stop may take (default 10s)"),
];

/**
 * The faults of a command line.
 *
 * @throws {UsageError} Options that are for faults, and no fault.
 */
export function faultsOf(input: FaultsInput): readonly Fault[] {
  const { direction, share } = input;
  const scope: FaultScope = {
    ...(direction === undefined ? {} : { direction }),
    ...(share === undefined ? {} : { share }),
  };
  const faults = [...flowFaults(input), ...endFaults(input)].map((fault) => ({ ...fault, ...scope }));
  const idle = faults.length > 0 ? undefined : ROWS.find(({ option }) => SCOPING.includes(option) && option in input);
  if (idle !== undefined) throw new UsageError(`${idle.flag} is for a fault, give one too: --latency 50ms`);
  if (input.sliceDelay !== undefined && input.slice === undefined) {
    throw new UsageError("--slice-delay needs --slice too");
  }
  return faults;
}

const SCOPING = ["direction", "share"];

function flowFaults({ latency, bandwidth, slice, sliceDelay, stall, stallAfter, partition }: FaultsInput): Fault[] {
  const faults: Fault[] = [];
  if (latency !== undefined) faults.push({ kind: "latency", ...latency });
  if (bandwidth !== undefined) faults.push({ kind: "bandwidth", bytesPerSecond: bandwidth });
  if (slice !== undefined) {
    faults.push({ kind: "slice", bytes: slice, ...(sliceDelay === undefined ? {} : { delay: sliceDelay }) });
  }
  if (stall || stallAfter !== undefined) faults.push({ kind: "stall", afterBytes: stall ? 0 : stallAfter });
  if (partition !== undefined) faults.push({ kind: "partition", ms: partition });
  return faults;
}

function endFaults({ resetAfter, resetChance, slowClose, halfOpen, refuse }: FaultsInput): Fault[] {
  const faults: Fault[] = [];
  if (resetAfter !== undefined) faults.push({ kind: "reset", afterBytes: resetAfter });
  if (resetChance !== undefined) faults.push({ kind: "reset", chance: resetChance });
  if (slowClose !== undefined) faults.push({ kind: "slowClose", ms: slowClose });
  if (halfOpen) faults.push({ kind: "halfOpen" });
  if (refuse) faults.push({ kind: "refuse" });
  return faults;
}

function row(flag: string, option: keyof FaultsInput, value: string, read: ReadValue, help: string): ToolOption {
  return { flag, option, value, help, read };
}
