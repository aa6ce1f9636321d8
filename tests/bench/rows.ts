/**
 * The rows of the benchmark, by name.
 *
 * @module
 */
import type { RuntimeName } from "../support/processes.ts";
import type { Result } from "./result.ts";
import { channelsIdleRow } from "./rows/channels_idle.ts";
import { channelsRow } from "./rows/channels.ts";
import { commitRow } from "./rows/commit.ts";
import { growthRow } from "./rows/growth.ts";
import { helloRow } from "./rows/hello.ts";
import { honoRow } from "./rows/hono.ts";
import { httpsRow } from "./rows/https.ts";
import { idleRow } from "./rows/idle.ts";
import { jsonRow } from "./rows/json.ts";
import { latencyRow } from "./rows/latency.ts";
import { linesRow } from "./rows/lines.ts";
import { loadRow } from "./rows/load.ts";
import { memoryRow } from "./rows/memory.ts";
import { metricsRow } from "./rows/metrics.ts";
import { pipelineRow } from "./rows/pipeline.ts";
import { postRow } from "./rows/post.ts";
import { proxyRow } from "./rows/proxy.ts";
import { recoveryRow } from "./rows/recovery.ts";
import { rateRow } from "./rows/rate.ts";
import { rawRow } from "./rows/raw.ts";
import { scaleRow } from "./rows/scale.ts";
import { shutdownRow } from "./rows/shutdown.ts";
import { startRow } from "./rows/start.ts";
import { streamRow } from "./rows/stream.ts";
import { wsLargeRow, wsPingRow, wsWindowRow } from "./rows/ws_echo.ts";
import { wsIdleRow } from "./rows/ws_idle.ts";
import { wsPublishRow } from "./rows/ws_publish.ts";
import type { Rig } from "./servers.ts";

/** How long and how often. */
export interface Effort {
  readonly seconds: number;
  readonly rounds: number;
}

/** One kind of work, measured on one runtime. */
export interface Row {
  readonly title: string;
  run(rig: Rig, runtime: RuntimeName, effort: Effort): Promise<Result[]>;
}

export const ROWS = {
  raw: { title: "64 connections, 64-byte ping-pong of raw bytes", run: rawRow },
  lines: { title: "16 connections, 64 lines of 64 bytes in flight each, line echo", run: linesRow },
  idle: { title: "memory of 10,000 idle connections", run: idleRow },
  shutdown: { title: "shutdown() of 10,000 idle connections", run: shutdownRow },
  rate: { title: "connect, one line, close", run: rateRow },
  growth: { title: "ping-pong at 1,000 connections against 64", run: growthRow },
  scale: { title: "cost per connection of registry and timers, at 10,000 against 100", run: scaleRow },
  hello: { title: "HTTP: 64 connections, GET answered with hello world", run: helloRow },
  metrics: { title: "HTTP: the same with metrics, against without", run: metricsRow },
  json: { title: "HTTP: 64 connections, JSON of 200 bytes posted and answered", run: jsonRow },
  hono: { title: "HTTP: 64 connections, a Hono app: JSON behind two middlewares", run: honoRow },
  https: { title: "HTTPS: 64 connections, GET answered with hello world", run: httpsRow },
  post: { title: "HTTP: 16 connections, POST of 64 KiB echoed", run: postRow },
  proxy: { title: "HTTP: 64 connections, GET through a reverse proxy on one core with what it asks", run: proxyRow },
  pipeline: { title: "HTTP: 4 connections, 16 requests in flight each", run: pipelineRow },
  stream: { title: "HTTP: answers of 100 MiB from a ReadableStream of 64 KiB chunks", run: streamRow },
  latency: { title: "HTTP: p99 latency at 70 % of the peak of the runtime's own server", run: latencyRow },
  start: { title: "HTTP: a process from its start to its first answer", run: startRow },
  load: { title: "sluice load, 64 clients: requests for a second of its processor time", run: loadRow },
  memory: { title: "HTTP: peak memory of these answers above idle", run: memoryRow },
  wsping: { title: "WebSocket: 64 connections, 64-byte text ping-pong", run: wsPingRow },
  wswindow: { title: "WebSocket: 16 connections, 32 messages of 128 bytes in flight each", run: wsWindowRow },
  wslarge: { title: "WebSocket: binary echo of 1 MiB", run: wsLargeRow },
  wspublish: { title: "WebSocket: 128 bytes published to 5,000 subscribers", run: wsPublishRow },
  channels: { title: "Channels: 128 bytes to 5,000 subscribers of one channel, and of 5,000", run: channelsRow },
  recovery: { title: "Channels: 5,000 clients come back after a kill, each 100 messages behind", run: recoveryRow },
  channelsidle: { title: "Channels: memory of 10,000 idle subscribers", run: channelsIdleRow },
  commit: { title: "fileLog: entries of 256 bytes that are on the disk", run: commitRow },
  wsidle: { title: "WebSocket: memory of 10,000 idle connections", run: wsIdleRow },
} satisfies Record<string, Row>;

export type RowName = keyof typeof ROWS;

export const rowNames: readonly RowName[] = Object.keys(ROWS) as RowName[];
