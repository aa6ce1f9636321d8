/**
 * What is worth to wake somebody for, or to look at in the morning: one table, of which Prometheus' rules are made.
 *
 * @module
 */
import type { MetricDefinition } from "../../metric_snapshot.ts";
import {
  CHANNELS,
  CONFIGS,
  CONNECTIONS,
  DRAINS,
  HTTP,
  OWN,
  POOLS,
  PROCESS,
  SUPERVISORS,
  WEBSOCKETS,
} from "../definitions.ts";
import { promName, underscored } from "../spelling.ts";

/** One alert. */
export interface AlertDefinition {
  /** Its name. */
  readonly name: string;
  /** `page`: now; `ticket`: at the next opportunity. */
  readonly severity: "page" | "ticket";
  /** What has to hold (PromQL). */
  readonly expr: string;
  /** For how long. */
  readonly for: string;
  /** What is the case. */
  readonly summary: string;
  /** What to do. */
  readonly advice: string;
}

/** By which alerts are told apart. */
const BY = `job, instance, ${underscored("sluice.server")}`;

/** How much a counter has grown in so long, by its server or by `labels`. */
function growth(definition: MetricDefinition, time: string, matcher: string = "", labels: string = BY): string {
  return `sum by (${labels}) (increase(${promName(definition)}${matcher}[${time}]))`;
}

function rate(definition: MetricDefinition, ending: string, matcher: string = ""): string {
  return `sum by (${BY}) (rate(${promName(definition)}${ending}${matcher}[5m]))`;
}

const INSTANCE = "job, instance";

/** All of them. */
export const ALERTS: readonly AlertDefinition[] = [
  {
    name: "SluiceErrors",
    severity: "page",
    expr: `${rate(HTTP.duration, "_count", '{http_response_status_code=~"5.."}')} / ${
      rate(HTTP.duration, "_count")
    } > 0.05`,
    for: "5m",
    summary: "More than 5 % of the requests are answered with a 5xx.",
    advice: "Look at the log for what handlers throw, and at queued requests: 503 is said where limits are met.",
  },
  {
    name: "SluiceSlow",
    severity: "page",
    expr: `histogram_quantile(0.99, sum by (le, ${BY}) (rate(${promName(HTTP.duration)}_bucket[5m]))) > 1`,
    for: "10m",
    summary: "One in a hundred requests takes longer than a second.",
    advice: "Compare with the loop's lag: with it the process has no time, without it what handlers wait for is slow.",
  },
  {
    name: "SluiceHandlersFail",
    severity: "ticket",
    expr: `${growth(HTTP.handlerErrors, "10m")} + ${growth(CONNECTIONS.handlerErrors, "10m")} > 0`,
    for: "0m",
    summary: "Handlers threw.",
    advice: "The log has each with its stack, as `Request failed` or `Handler failed`.",
  },
  {
    name: "SluiceConnectionsRejected",
    severity: "page",
    expr: `${growth(CONNECTIONS.rejected, "5m")} > 0`,
    for: "2m",
    summary: "Connections are turned away.",
    advice: "The label reason of the metric says which limit they meet: raise it, or add instances.",
  },
  {
    name: "SluiceRequestsQueued",
    severity: "ticket",
    expr: `${promName(HTTP.queued)} > 0`,
    for: "5m",
    summary: "Requests have waited for their turn for five minutes.",
    advice: "`maxConcurrentRequests` is met all the time: handlers are slow, or there are too few instances.",
  },
  {
    name: "SluiceAcceptFails",
    severity: "page",
    expr: `${growth(CONNECTIONS.acceptErrors, "5m")} > 0`,
    for: "0m",
    summary: "Accepting fails: the process has run out of descriptors.",
    advice: "Raise `ulimit -n`, lower `maxConnections`, or find out who keeps connections open.",
  },
  {
    name: "SluiceTlsHandshakesFail",
    severity: "ticket",
    expr: `${rate(CONNECTIONS.handshakes, "_count", '{error_type!=""}')} / ${
      rate(CONNECTIONS.handshakes, "_count")
    } > 0.2`,
    for: "10m",
    summary: "One in five TLS handshakes fails.",
    advice:
      "Is the certificate still good, for all names? Scanners fail as well, but not for ten minutes and so often.",
  },
  {
    name: "SluiceDrainLost",
    severity: "page",
    expr: `${growth(DRAINS.connections, "15m", '{outcome=~"cut|truncated"}')} > 0`,
    for: "0m",
    summary: "A drain has cut connections, or handlers wrote to ones that it had told goodbye.",
    advice:
      "The report names each, with its state: handlers that take longer than `grace`, or do not look at `ctx.draining`.",
  },
  {
    name: "SluiceDrainStuck",
    severity: "ticket",
    expr: `max by (${BY}) (${promName(DRAINS.phase)}{phase=~"patience|abort|cut"}) > 0`,
    for: "1m",
    summary: "A drain has lost its patience and is not over after a minute.",
    advice: "`server.holders()` says who holds it; a second signal cuts.",
  },
  {
    name: "SluiceAcceptQueueLost",
    severity: "page",
    expr: `${growth(DRAINS.queueLeft, "15m", '{shared="false"}')} > 0`,
    for: "0m",
    summary: "Clients that waited in the kernel's accept queue were lost at a stop.",
    advice: "Give `lameDuck` the time that a balancer needs, or let `sluice run` hold the sockets.",
  },
  {
    name: "SluiceLate",
    severity: "page",
    expr: `${promName(PROCESS.lag)} > 0.2`,
    for: "1m",
    summary: "The event loop is late by more than 200 ms.",
    advice: "Something computes for too long in one turn: a profile shows what.",
  },
  {
    name: "SluiceDescriptorsShort",
    severity: "page",
    expr: `${promName(PROCESS.descriptors)} / ${promName(PROCESS.descriptorLimit)} > 0.8`,
    for: "1m",
    summary: "Four fifths of the descriptors are in use.",
    advice: "Raise `ulimit -n`, lower `maxConnections`, or find out who keeps connections open.",
  },
  {
    name: "SluiceHeapFull",
    severity: "page",
    expr: `${promName(PROCESS.heap)} / ${promName(PROCESS.heapLimit)} > 0.9`,
    for: "1m",
    summary: "Nine tenths of the heap are in use.",
    advice: "Raise the limit, or take a heap snapshot: what grows is kept by somebody.",
  },
  {
    name: "SluiceOverloaded",
    severity: "ticket",
    expr: `${promName(PROCESS.overloaded)} == 1`,
    for: "1m",
    summary: "A resource runs out, and newcomers are turned away.",
    advice: "The log says which one, as the warning of the watch.",
  },
  {
    name: "SluiceSlowConsumers",
    severity: "ticket",
    expr: `${growth(WEBSOCKETS.dropped, "10m")} > 0`,
    for: "0m",
    summary: "WebSocket clients miss messages, because they read too slowly.",
    advice: "Send less, or let them resume from channels, which read for slow ones from the log.",
  },
  {
    name: "SluiceChannelGaps",
    severity: "ticket",
    expr: `${growth(CHANNELS.gaps, "15m", "", `${INSTANCE}, sluice_channels, reason`)} > 0`,
    for: "0m",
    summary: "Clients have missed messages for good ({{ $labels.reason }}).",
    advice: "`trimmed` and `expired`: keep a longer history; `slow`: send less; `epoch`: the log was lost.",
  },
  {
    name: "SluiceChannelLogFails",
    severity: "page",
    expr: `${growth(CHANNELS.published, "5m", '{outcome="failed"}', `${INSTANCE}, sluice_channels`)} > 0`,
    for: "0m",
    summary: "The log of channels does not take messages.",
    advice: "Is Redis there, or the disk full? Publishers were told, and may publish again with the same id.",
  },
  {
    name: "SluiceDeadLetters",
    severity: "ticket",
    expr: `${growth(CHANNELS.direct, "15m", '{outcome="dead"}', `${INSTANCE}, sluice_channels`)} > 0`,
    for: "0m",
    summary: "Direct messages were given up: their receivers did not acknowledge them.",
    advice: "They are kept as dead letters; the log names the queues.",
  },
  {
    name: "SluicePoolExhausted",
    severity: "page",
    expr: `${growth(POOLS.timeouts, "5m", "", `${INSTANCE}, sluice_pool`)} > 0`,
    for: "0m",
    summary: "Callers wait for connections of a pool in vain.",
    advice: "Connections are kept too long (see leaks), or there are too few.",
  },
  {
    name: "SluiceConfigRefused",
    severity: "ticket",
    expr: `${promName(CONFIGS.stale)} == 1`,
    for: "1m",
    summary: "What a configuration's file has is not in use: it is wrong.",
    advice: "`sluice check` says where; the previous values stay in use until it is mended.",
  },
  {
    name: "SluiceReloadCalledOff",
    severity: "page",
    expr: `${promName(SUPERVISORS.reloadFailed)} == 1`,
    for: "0m",
    summary: "The last reload was called off: the old version still serves.",
    advice: "`sluice status` says why; the next reload that is done resolves this.",
  },
  {
    name: "SluiceWorkersDie",
    severity: "page",
    expr: `${growth(SUPERVISORS.restarts, "10m", "", `${INSTANCE}, sluice_supervisor`)} > 1`,
    for: "0m",
    summary: "Workers have died and were replaced, more than once.",
    advice: "The supervisor's log has their last words.",
  },
  {
    name: "SluiceWorkersMissing",
    severity: "page",
    expr: `${promName(SUPERVISORS.wanted)} > on (${INSTANCE}, sluice_supervisor) ${
      promName(SUPERVISORS.workers)
    }{state="ready"}`,
    for: "1m",
    summary: "Fewer workers are ready than there should be.",
    advice: "`sluice status` shows which; their last words are in the supervisor's log.",
  },
  {
    name: "SluiceMetricsOverflow",
    severity: "ticket",
    expr: `increase(${promName(OWN.overflowed)}[15m]) > 0`,
    for: "0m",
    summary: "A metric has more series than it may have: what is new is counted together.",
    advice: "A label takes too many values: is `ctx.route` the route, and not the path?",
  },
];

/** Prometheus' rules, as YAML. */
export function alertRules(): string {
  const rules = ALERTS.map(({ name, severity, expr, for: time, summary, advice }) =>
    `      - alert: ${name}
        expr: ${quoted(expr)}
        for: ${time}
        labels:
          severity: ${severity}
        annotations:
          summary: ${quoted(summary)}
          description: ${quoted(advice)}
`
  );
  return `# Written by \`sluice metrics alerts\`: of the same definitions as the metrics.
groups:
  - name: sluice
    rules:
${rules.join("")}`;
}

/** In YAML's single quotes nothing has a meaning of its own. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
