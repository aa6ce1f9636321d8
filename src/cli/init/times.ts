/**
 * The times of a deploy, and the sizes that go with them. Every file that `sluice init` writes takes its numbers from
 * here, because a time that fits in one file and not in another is a connection lost.
 *
 * @module
 */

/** In ms, in the order in which they matter; a test compares them in the files that were written. */
export const TIMES = {
  /** Between two readiness probes: short, as a program that drains should be left out soon. */
  probePeriod: 2_000,
  /** Probes that fail before it counts: one may be lost on its way. */
  probeFailures: 2,
  /** How long one probe waits: what takes longer than the period is no answer. */
  probeTimeout: 1_000,
  /** Until every node and balancer has heard that a pod is not ready. */
  propagation: 2_000,
  /** Serving goes on as if nothing were: `probePeriod` by `probeFailures`, and `propagation`. */
  lameDuck: 6_000,
  /** The program's whole stop, lame duck included; half of it is patience with clients that never pause. */
  grace: 25_000,
  /** The supervisor's: the workers' grace, and time to hear their reports. */
  supervisorGrace: 27_000,
  /** The orchestrator's: whoever still runs then is killed, so it is longer than every grace. */
  stopLimit: 30_000,
  /** Between two probes of a program that starts; nothing else is asked meanwhile. */
  startPeriod: 1_000,
  /** Probes that a start may take: together as long as the supervisor waits for a worker. */
  startFailures: 30,
  /** How long the supervisor waits until a worker listens and is ready. */
  readyTimeout: 30_000,
  /** systemd's limit of a start: longer than `readyTimeout`, so that the supervisor can say what was wrong. */
  startLimit: 45_000,
  /** Between two liveness probes; with `liveFailures` longer than `grace`: who drains is busy, and not dead. */
  livePeriod: 10_000,
  liveFailures: 3,
  /** Silence of the supervisor that systemd takes for its end. */
  watchdog: 30_000,
  /** Between two health checks of HAProxy: with `checkFall` well within `lameDuck`. */
  checkInterval: 1_000,
  checkFall: 2,
  checkRise: 2,
  /** A proxy's wait for a connection: the next server is asked soon. */
  connect: 2_000,
  /** How long nginx passes by a server that refused a connection. */
  failTimeout: 5_000,
  /** How long nginx keeps an idle connection to a server: shorter than `lameDuck`, so it has ended none too late. */
  upstreamIdle: 4_000,
  /** A head that a client begins must be whole by then: as `readHeaderTimeout`. */
  requestHead: 10_000,
  /** A client's kept-alive connection that asks nothing. */
  clientIdle: 60_000,
  /** A TCP client that says nothing is said goodbye to by the program. */
  idleTimeout: 60_000,
  /** A proxy's longest silence: above `idleTimeout`, `grace` and a WebSocket's heartbeat (30 s, and 10 s for its pong). */
  silence: 75_000,
  /** A pod that is ready for so long counts for a rollout. */
  minReady: 5_000,
  /** A rollout that gets nowhere for so long has failed: two starts and two stops. */
  progress: 180_000,
} as const;

/** What a program may take; files that limit and files that tell the program agree by it. */
export const SIZES = {
  /** Connections at once; a proxy lets in no more. */
  connections: 5_000,
  /** Workers in a container: as many as its limit has cores. */
  workers: 1,
  /** Memory of a container in MiB: the heap's limit, and what two processes take besides. */
  memory: 512,
  /** Most of V8's old space in MiB. */
  heap: 256,
  /** Descriptors of a process: connections, twice, as a proxy's. */
  descriptors: 65_536,
} as const;

/** `10_000`, as programs write it. */
export function digits(number: number): string {
  return String(number).replace(/\B(?=(\d{3})+$)/g, "_");
}

/** `30`, as Kubernetes and systemd write it. @param ms Whole seconds, in ms. */
export function inSeconds(ms: number): string {
  return String(ms / 1000);
}

/** `30s`, as proxies and `sluice` write it. @param ms Whole seconds, in ms. */
export function withUnit(ms: number): string {
  return `${inSeconds(ms)}s`;
}
