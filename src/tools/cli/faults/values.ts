/**
 * Reads the values of the options of `sluice faults`.
 *
 * @module
 */
import { duration, UsageError } from "@sluice/sluice/cli/kit";
import type { FaultEndpoint } from "../../faults/mod.ts";

/** A delay and by how much it varies, in ms. */
export interface Latency {
  readonly ms: number;
  readonly jitter?: number;
}

const MAX_PORT = 65_535;
const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  kB: 1000,
  KB: 1000,
  KiB: 1024,
  MB: 1_000_000,
  MiB: 1_048_576,
  GB: 1_000_000_000,
  GiB: 1_073_741_824,
};

/** `8080`, `host:8080`, `[::1]:8080` or `unix:/path`. */
export function endpoint(flag: string, value: string): FaultEndpoint {
  if (value.startsWith("unix:") && value.length > "unix:".length) return { path: value.slice("unix:".length) };
  const [, host, digits] = /^(?:(\[[^\]]+\]|[^:]+):)?(\d+)$/.exec(value) ?? [];
  const port = Number(digits);
  if (digits === undefined || port > MAX_PORT) {
    throw new UsageError(`${flag} must be a port, host:port or unix:PATH, got ${JSON.stringify(value)}`);
  }
  return host === undefined ? { port } : { port, hostname: host.replace(/^\[|\]$/g, "") };
}

/** The same without a Unix socket. */
export function tcpEndpoint(flag: string, value: string): FaultEndpoint {
  const read = endpoint(flag, value);
  if (read.path === undefined) return read;
  throw new UsageError(`${flag} must be a port or host:port, got ${JSON.stringify(value)}`);
}

/** `50ms` or `50ms~20ms`. */
export function latency(flag: string, value: string): Latency {
  const [ms, jitter, ...rest] = value.split("~");
  if (rest.length > 0) throw new UsageError(`${flag} must be like 50ms or 50ms~20ms, got ${JSON.stringify(value)}`);
  return jitter === undefined ? { ms: duration(flag, ms) } : { ms: duration(flag, ms), jitter: duration(flag, jitter) };
}

/** `64KiB/s`, `1MB/s` or a number, in bytes per second. */
export function rate(flag: string, value: string): number {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)([kKMG]i?B|B)?(?:\/s)?$/.exec(value) ?? [];
  const read = Math.round(Number(amount) * UNIT_BYTES[unit]);
  if (read >= 1) return read;
  throw new UsageError(`${flag} must be a rate like 64KiB/s, 1MB/s or 5000, got ${JSON.stringify(value)}`);
}
