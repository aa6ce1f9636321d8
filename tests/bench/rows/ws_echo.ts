/**
 * WebSocket messages echoed: ping-pong, many in flight, and large ones, against ws and the runtimes' own.
 *
 * @module
 */
import type { RuntimeName } from "../../support/processes.ts";
import { type Bound, BOUNDS } from "../bounds.ts";
import type { WebSocketJob } from "../load/jobs.ts";
import type { Result } from "../result.ts";
import type { Effort } from "../rows.ts";
import type { Rig } from "../servers.ts";
import { comparePairs } from "./pairs.ts";

const PING: WebSocketJob = { job: "websocket", kind: "text", conns: 64, size: 64, inFlight: 1 };
const WINDOW: WebSocketJob = { job: "websocket", kind: "text", conns: 16, size: 128, inFlight: 32 };
const LARGE: Omit<WebSocketJob, "conns"> = { job: "websocket", kind: "binary", size: 1_048_576, inFlight: 1 };
const LARGE_CLIENTS = [1, 4] as const;

/** One comparison. */
interface Echo {
  readonly row: string;
  readonly unit: string;
  readonly job: WebSocketJob;
  readonly bound: Bound;
}

export function wsPingRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const echo = { row: "wsping", unit: "messages/s", job: PING, bound: BOUNDS.wsping[runtime] };
  return compareEcho(rig, runtime, echo, effort);
}

export async function wsWindowRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const text = { row: "wswindow", unit: "messages/s, text", job: WINDOW, bound: BOUNDS.wswindow[runtime] };
  const binary = { ...text, unit: "messages/s, binary", job: { ...WINDOW, kind: "binary" as const }, bound: null };
  return [...await compareEcho(rig, runtime, text, effort), ...await compareEcho(rig, runtime, binary, effort)];
}

export async function wsLargeRow(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]> {
  const results: Result[] = [];
  for (const conns of LARGE_CLIENTS) {
    const unit = conns === 1 ? "MiB/s, 1 client" : `MiB/s, ${conns} clients`;
    const echo = { row: "wslarge", unit, job: { ...LARGE, conns }, bound: BOUNDS.wslarge[runtime] };
    results.push(...await compareEcho(rig, runtime, echo, effort));
  }
  return results;
}

async function compareEcho(rig: Rig, runtime: RuntimeName, echo: Echo, effort: Effort): Promise<Result[]> {
  const { bound, ...work } = echo;
  const own = await rig.websocket(runtime, runtime, "echo");
  const forEach = await rig.websocket("ours", runtime, "forEach");
  const forAwait = await rig.websocket("ours", runtime, "for-await");
  return await comparePairs(rig, { ...work, runtime }, [[forEach, own, bound], [forAwait, own, null]], effort);
}
