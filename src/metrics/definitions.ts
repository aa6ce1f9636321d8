/**
 * All metrics, in one table: the manual's, Grafana's dashboard and Prometheus' rules are made of it.
 *
 * Names and units are those of OpenTelemetry: its stable semantic conventions where they have one (`http.server.*`),
 * their style where not. Connections are told of as Kestrel does. How Prometheus spells them is in `spelling.ts`.
 *
 * @module
 */

import type { Across, MetricDefinition } from "../metric_snapshot.ts";

/** Of the conventions (`http.server.request.duration`). */
export const DURATION_BUCKETS: readonly number[] = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
];

/** Of Kestrel (`kestrel.connection.duration`): connections live long. */
const LIFE_BUCKETS: readonly number[] = [
  ...[0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
];

/** Which server: its name. */
const SERVER = "sluice.server";
const DIRECTION = "network.io.direction";

function counter(name: string, unit: string, help: string, labels: readonly string[] = []): MetricDefinition {
  return { name, kind: "counter", unit, help, labels };
}

function gauge(
  name: string,
  unit: string,
  help: string,
  labels: readonly string[] = [],
  across: Across = "sum",
): MetricDefinition {
  return { name, kind: "gauge", unit, help, labels, across };
}

function histogram(
  name: string,
  help: string,
  labels: readonly string[],
  buckets: readonly number[] = DURATION_BUCKETS,
): MetricDefinition {
  return { name, kind: "histogram", unit: "s", help, labels, buckets };
}

/** What an HTTP server does. */
export const HTTP = {
  duration: histogram("http.server.request.duration", "Duration of HTTP server requests.", [
    "http.request.method",
    "url.scheme",
    "http.response.status_code",
    "http.route",
    "network.protocol.version",
    "error.type",
    SERVER,
  ]),
  active: gauge("http.server.active_requests", "{request}", "Number of active HTTP server requests.", [
    "http.request.method",
    "url.scheme",
    SERVER,
  ]),
  queued: gauge("sluice.queued_requests", "{request}", "Requests that wait for their turn.", [SERVER]),
  io: counter("sluice.http.body.io", "By", "Bytes of requests' and answers' bodies.", [DIRECTION, SERVER]),
  refused: counter("sluice.http.refused_requests", "{request}", "Requests that were refused, by reason.", [
    "reason",
    SERVER,
  ]),
  handlerErrors: counter("sluice.http.handler_errors", "{error}", "Handlers of requests that threw.", [SERVER]),
  aborted: counter("sluice.http.aborted_responses", "{response}", "Answers that broke off.", [SERVER]),
} satisfies Readonly<Record<string, MetricDefinition>>;

/** What a server does with connections, in Kestrel's shape. */
export const CONNECTIONS = {
  active: gauge("sluice.active_connections", "{connection}", "Connections that are open.", [SERVER]),
  duration: histogram(
    "sluice.connection.duration",
    "Duration of connections.",
    ["error.type", SERVER],
    LIFE_BUCKETS,
  ),
  accepted: counter("sluice.accepted_connections", "{connection}", "Connections that were accepted.", [SERVER]),
  rejected: counter("sluice.rejected_connections", "{connection}", "Connections that were turned away, by reason.", [
    "reason",
    SERVER,
  ]),
  queued: gauge("sluice.queued_connections", "{connection}", "Accepted connections that wait for admission.", [SERVER]),
  shed: counter("sluice.shed_connections", "{connection}", "Idle connections that were closed for others.", [SERVER]),
  upgraded: gauge("sluice.upgraded_connections", "{connection}", "Connections that HTTP has handed over.", [
    "network.protocol.name",
    SERVER,
  ]),
  io: counter("sluice.connection.io", "By", "Bytes of connections, below HTTP and WebSocket and above TLS.", [
    DIRECTION,
    SERVER,
  ]),
  afterFin: counter("sluice.messages_after_fin", "{message}", "Messages that came after our FIN: never run.", [SERVER]),
  handlerErrors: counter("sluice.handler_errors", "{error}", "Handlers of connections that threw.", [SERVER]),
  peerErrors: counter("sluice.peer_errors", "{error}", "Peers that broke the protocol.", [SERVER]),
  acceptErrors: counter("sluice.accept_errors", "{error}", "Accepts that failed: descriptors ran out.", [SERVER]),
  handshakes: histogram("sluice.tls_handshake.duration", "Duration of TLS handshakes.", [
    "tls.protocol.version",
    "error.type",
    SERVER,
  ]),
  handshaking: gauge("sluice.active_tls_handshakes", "{handshake}", "TLS handshakes under way.", [SERVER]),
} satisfies Readonly<Record<string, MetricDefinition>>;

/** What WebSockets do. */
export const WEBSOCKETS = {
  duration: histogram(
    "sluice.websocket.duration",
    "Duration of WebSockets, by close code.",
    ["websocket.close.code", SERVER],
    LIFE_BUCKETS,
  ),
  opened: counter("sluice.websocket.opened_connections", "{connection}", "WebSockets that were opened.", [SERVER]),
  messages: counter("sluice.websocket.messages", "{message}", "Messages of WebSockets.", [DIRECTION, SERVER]),
  dropped: counter(
    "sluice.websocket.dropped_messages",
    "{message}",
    "Messages that were not sent: their receivers were slow, or had been told goodbye.",
    [SERVER],
  ),
} satisfies Readonly<Record<string, MetricDefinition>>;

/** What a stop does, and costs. */
export const DRAINS = {
  ready: gauge("sluice.ready", "{server}", "1 while the server takes new work.", [SERVER]),
  phase: gauge(
    "sluice.drain.phase",
    "{server}",
    "1 for the phase of a drain that the server is in; running for none.",
    ["phase", SERVER],
  ),
  phaseTime: counter("sluice.drain.phase.time", "s", "Time that drains were in each phase.", ["phase", SERVER]),
  drains: counter("sluice.drains", "{drain}", "Drains that are over: clean, unclean, or resumed.", [
    "outcome",
    SERVER,
  ]),
  connections: counter("sluice.drain.connections", "{connection}", "How connections ended in drains.", [
    "outcome",
    SERVER,
  ]),
  cut: counter("sluice.drain.cut_connections", "{connection}", "Connections that drains cut, by their state.", [
    "state",
    SERVER,
  ]),
  delivery: counter("sluice.drain.delivery", "{connection}", "How far the last bytes of connections came.", [
    "grade",
    SERVER,
  ]),
  afterFin: counter("sluice.drain.messages_after_fin", "{message}", "Messages that came after a drain's FIN.", [
    SERVER,
  ]),
  queueLeft: counter(
    "sluice.drain.accept_queue_left",
    "{connection}",
    "Connections in the kernel's accept queue when the listener closed; lost, unless another process shares it.",
    ["shared", SERVER],
  ),
  admissionLeft: counter(
    "sluice.drain.admission_queue_left",
    "{connection}",
    "Connections that waited for admission until the end.",
    [SERVER],
  ),
  handshakesCut: counter("sluice.drain.cut_handshakes", "{handshake}", "TLS handshakes that drains cut.", [SERVER]),
  workLeft: counter("sluice.drain.work_left", "{promise}", "Work behind handlers that had not settled.", [SERVER]),
  hooksFailed: counter("sluice.drain.failed_hooks", "{hook}", "Shutdown hooks that failed or were late.", [SERVER]),
} satisfies Readonly<Record<string, MetricDefinition>>;

const HUB = "sluice.hub";

/** What a hub does. */
export const HUBS = {
  connections: gauge("sluice.hub.connections", "{connection}", "WebSockets with a subscription.", [HUB]),
  topics: gauge("sluice.hub.topics", "{topic}", "Topics with a subscriber.", [HUB]),
  subscriptions: gauge("sluice.hub.subscriptions", "{subscription}", "Subscriptions.", [HUB]),
  published: counter("sluice.hub.published_messages", "{message}", "Messages that were published.", [HUB]),
  delivered: counter("sluice.hub.delivered_messages", "{message}", "Messages that were sent to subscribers.", [HUB]),
  dropped: counter("sluice.hub.dropped_messages", "{message}", "Messages that slow subscribers missed.", [HUB]),
} satisfies Readonly<Record<string, MetricDefinition>>;

const CHANNELS_LABEL = "sluice.channels";

/** What channels do. */
export const CHANNELS = {
  sessions: gauge("sluice.channels.sessions", "{session}", "Sessions, by whether their client is connected or away.", [
    "state",
    CHANNELS_LABEL,
  ]),
  sessionsEnded: counter("sluice.channels.ended_sessions", "{session}", "Sessions that are over, by reason.", [
    "reason",
    CHANNELS_LABEL,
  ]),
  connects: counter("sluice.channels.connects", "{connection}", "Clients that said hello, by what came of it.", [
    "outcome",
    CHANNELS_LABEL,
  ]),
  subscriptions: gauge("sluice.channels.subscriptions", "{subscription}", "Subscriptions, by state.", [
    "state",
    CHANNELS_LABEL,
  ]),
  lag: gauge(
    "sluice.channels.subscription.lag",
    "{message}",
    "Messages that the subscription which is furthest behind still has to get.",
    [CHANNELS_LABEL],
    "max",
  ),
  published: counter("sluice.channels.published_messages", "{message}", "Messages that were published, by outcome.", [
    "outcome",
    CHANNELS_LABEL,
  ]),
  delivered: counter("sluice.channels.delivered_messages", "{message}", "Messages that were given to subscribers.", [
    "source",
    CHANNELS_LABEL,
  ]),
  recoveries: counter(
    "sluice.channels.recoveries",
    "{subscription}",
    "Subscriptions that came back with a position: recovered whole, or with a gap.",
    ["outcome", CHANNELS_LABEL],
  ),
  gaps: counter("sluice.channels.gaps", "{gap}", "Gaps that were declared, by reason.", ["reason", CHANNELS_LABEL]),
  slow: counter(
    "sluice.channels.slow_subscribers",
    "{subscription}",
    "Times that a subscriber was too slow for live messages, and is read for from the log.",
    [CHANNELS_LABEL],
  ),
  direct: counter("sluice.channels.direct_messages", "{message}", "What became of direct messages.", [
    "outcome",
    CHANNELS_LABEL,
  ]),
  unacknowledged: gauge(
    "sluice.channels.direct.unacknowledged",
    "{message}",
    "Direct messages that clients have, and have not acknowledged.",
    [CHANNELS_LABEL],
  ),
  received: counter("sluice.channels.received_messages", "{message}", "Messages of clients, by outcome.", [
    "outcome",
    CHANNELS_LABEL,
  ]),
  calls: counter("sluice.channels.calls", "{call}", "Calls of clients, by outcome.", ["outcome", CHANNELS_LABEL]),
  failures: counter("sluice.channels.failures", "{error}", "Failures that nobody waited for: of the log, mostly.", [
    CHANNELS_LABEL,
  ]),
} satisfies Readonly<Record<string, MetricDefinition>>;

const CONFIG = "sluice.config";

/** How a configuration fares. */
export const CONFIGS = {
  applied: counter("sluice.config.applied_changes", "{change}", "Changes that were applied.", [CONFIG]),
  refused: counter("sluice.config.refused_changes", "{change}", "Changes that were refused.", [CONFIG]),
  stale: gauge("sluice.config.stale", "1", "1 while what the file has is not in use.", [CONFIG], "max"),
  loadedAt: gauge(
    "sluice.config.loaded.time",
    "s",
    "When what is in use was read, in seconds since 1970.",
    [CONFIG],
    "min",
  ),
} satisfies Readonly<Record<string, MetricDefinition>>;

/** The conventions' own word for it. */
const OF_PROCESS = "process";

/** What a process uses, as its watch sees it. */
export const PROCESS = {
  uptime: gauge(`${OF_PROCESS}.uptime`, "s", "The time the process has been running.", [], "worker"),
  memory: gauge(`${OF_PROCESS}.memory.usage`, "By", "The amount of physical memory in use.", [], "sum"),
  descriptors: gauge("sluice.runtime.descriptors.used", "{descriptor}", "Open descriptors.", [], "max"),
  descriptorLimit: gauge(
    "sluice.runtime.descriptors.limit",
    "{descriptor}",
    "Descriptors that there may be.",
    [],
    "min",
  ),
  heap: gauge("sluice.runtime.heap.used", "By", "Heap in use.", [], "max"),
  heapLimit: gauge("sluice.runtime.heap.limit", "By", "Heap at which the runtime gives up.", [], "min"),
  lag: gauge("sluice.runtime.loop.lag", "s", "The most that a timer came late since the sample before.", [], "max"),
  handlers: gauge("sluice.watch.handlers", "{handler}", "Handlers that run.", []),
  oldestHandler: gauge("sluice.watch.handler.age", "s", "Time that the oldest handler has been running.", [], "max"),
  stalled: gauge("sluice.watch.waiting_connections", "{connection}", "Connections that wait for something.", []),
  longestStall: gauge("sluice.watch.connection.stall", "s", "Longest that one's bytes have stood still.", [], "max"),
  shed: gauge("sluice.watch.shed.share", "1", "Share of newcomers that the watch turns away, 0 to 1.", [], "max"),
  cut: counter("sluice.watch.cut_connections", "{connection}", "Connections that the watch cut: without progress."),
  overloaded: gauge("sluice.watch.overloaded", "1", "1 during an episode of a resource that runs out.", [], "max"),
} satisfies Readonly<Record<string, MetricDefinition>>;

const POOL = "sluice.pool";

/** What pools of connections do, whatever is at their other end. */
export const POOLS = {
  members: gauge("sluice.pool.connections", "{connection}", "Connections of a pool, by state.", ["state", POOL]),
  max: gauge("sluice.pool.max_connections", "{connection}", "The most connections that a pool may have.", [POOL]),
  pending: gauge("sluice.pool.pending_requests", "{request}", "Who waits for a connection.", [POOL]),
  timeouts: counter("sluice.pool.timeouts", "{timeout}", "Who has waited for a connection in vain.", [POOL]),
  acquired: counter("sluice.pool.acquired_connections", "{connection}", "Connections that were given out.", [POOL]),
  opened: counter("sluice.pool.opened_connections", "{connection}", "Connections that were made.", [POOL]),
  closed: counter("sluice.pool.closed_connections", "{connection}", "Connections that were given up, by reason.", [
    "reason",
    POOL,
  ]),
  failures: counter("sluice.pool.failed_connects", "{error}", "Attempts to connect that failed.", [POOL]),
  leaks: counter("sluice.pool.leaks", "{connection}", "Connections that were kept suspiciously long.", [POOL]),
  waitTime: counter("sluice.pool.wait.time", "s", "Time that was waited for connections.", [POOL]),
  useTime: counter("sluice.pool.use.time", "s", "Time that connections were given out.", [POOL]),
  connectTime: counter("sluice.pool.connect.time", "s", "Time that making connections took.", [POOL]),
} satisfies Readonly<Record<string, MetricDefinition>>;

const UPSTREAM = "sluice.upstream";

/** What calls to other servers come to. */
export const UPSTREAMS = {
  active: gauge("sluice.upstream.active_calls", "{call}", "Calls under way.", [UPSTREAM]),
  answers: counter("sluice.upstream.answers", "{call}", "Answers, by the first digit of their status.", [
    "status",
    UPSTREAM,
  ]),
  failures: counter("sluice.upstream.failures", "{call}", "Calls without a whole answer, by reason.", [
    "reason",
    UPSTREAM,
  ]),
  cancelled: counter("sluice.upstream.cancelled_calls", "{call}", "Calls that their context has ended.", [UPSTREAM]),
  retries: counter("sluice.upstream.retries", "{call}", "Calls that were sent again.", [UPSTREAM]),
  addresses: gauge("sluice.upstream.addresses", "{address}", "Addresses, by whether they are asked.", [
    "state",
    UPSTREAM,
  ], "max"),
  ejections: counter("sluice.upstream.ejections", "{address}", "Addresses that were taken out.", [UPSTREAM]),
} satisfies Readonly<Record<string, MetricDefinition>>;

const SUPERVISOR = "sluice.supervisor";

/** How a supervisor and its workers fare. */
export const SUPERVISORS = {
  wanted: gauge("sluice.supervisor.wanted_workers", "{worker}", "Workers that there should be.", [SUPERVISOR]),
  workers: gauge("sluice.supervisor.workers", "{worker}", "Workers, by state.", ["state", SUPERVISOR]),
  generation: gauge("sluice.supervisor.generation", "{start}", "Number of the last start.", [SUPERVISOR], "max"),
  restarts: counter("sluice.supervisor.restarts", "{worker}", "Workers that were replaced because they had died.", [
    SUPERVISOR,
  ]),
  reloads: counter("sluice.supervisor.reloads", "{reload}", "Reloads: clean, unclean, or called off.", [
    "outcome",
    SUPERVISOR,
  ]),
  reloadTime: counter("sluice.supervisor.reload.time", "s", "Time that reloads took.", [SUPERVISOR]),
  reloadFailed: gauge(
    "sluice.supervisor.reload.failed",
    "1",
    "1 if the last reload was called off.",
    [SUPERVISOR],
    "max",
  ),
} satisfies Readonly<Record<string, MetricDefinition>>;

/** What the metrics tell of themselves. */
export const OWN = {
  overflowed: counter(
    "sluice.metrics.overflowed_values",
    "{value}",
    "Values whose labels were too many, and that are counted together.",
    [],
  ),
} satisfies Readonly<Record<string, MetricDefinition>>;

/** All of them, by what they are about. */
export const GROUPS = {
  HTTP,
  CONNECTIONS,
  WEBSOCKETS,
  DRAINS,
  HUBS,
  CHANNELS,
  CONFIGS,
  PROCESS,
  POOLS,
  UPSTREAMS,
  SUPERVISORS,
  OWN,
} satisfies Readonly<Record<string, Readonly<Record<string, MetricDefinition>>>>;

/** All of them. */
export const DEFINITIONS: readonly MetricDefinition[] = Object.values(GROUPS).flatMap((group) =>
  Object.values(group) as MetricDefinition[]
);
