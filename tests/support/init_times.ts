/**
 * The times of a deploy as the generated files have them, read by eyes of their own, and what must hold between them.
 *
 * @module
 */
import { parse } from "yaml";
import { TIMES } from "../../src/cli/init/times.ts";
import { drainSchedule } from "../../src/server/drain/drain.ts";
import { drainLimits } from "../../src/server/serve_options.ts";
import { webSocketLimits } from "../../src/websocket/websocket_options.ts";
import { stagesOf } from "./dockerfile.ts";

/** Files by path. */
export type Texts = Readonly<Record<string, string>>;

/** A probe of Kubernetes. */
interface Probe {
  readonly periodSeconds: number;
  readonly failureThreshold: number;
  readonly timeoutSeconds: number;
}

/** What a file says: the number behind a pattern, in ms if it has a unit or is of seconds. */
function found(texts: Texts, path: string, pattern: RegExp, unit: "ms" | "s" = "s"): number {
  const [, digits] = pattern.exec(texts[path]) ?? [];
  if (digits === undefined) throw new Error(`${path} has nothing like ${pattern}`);
  return Number(digits.replaceAll("_", "")) * (unit === "s" ? 1000 : 1);
}

/** Whether the files with these times lose nothing: each rule that is broken, in words. */
export function disagreements(name: string, texts: Texts): string[] {
  const pods = STATEFUL in texts ? ["statefulset"] : ["deployment", "canary"];
  const rules: (readonly [rule: string, holds: boolean])[] = [
    ...programRules(texts),
    ...pods.flatMap((file) => podRules(texts, file)),
    ...unitRules(texts, `deploy/systemd/${name}.service`),
    ...haproxyRules(texts),
    ...nginxRules(texts),
  ];
  return rules.filter(([, holds]) => !holds).map(([rule]) => rule);
}

const PROGRAM = "server.ts";

/** Where it is there is one process, which has no lame duck: there is nobody else whom a balancer could send clients to. */
const STATEFUL = "deploy/kubernetes/statefulset.yaml";

const grace = (texts: Texts): number => found(texts, PROGRAM, /grace: ([\d_]+)/, "ms");

/** The supervisor's in a command line. */
function supervisorGrace(words: string): number {
  return found({ words }, "words", /--grace"?,? "?(\d+)s/);
}

/** How long the program serves on; what isn't told it is none. */
function lameDuckOf(texts: Texts, path: string): number {
  if (!texts[path].includes("LAME_DUCK")) return 0;
  return path.endsWith(".service")
    ? found(texts, path, /^Environment=LAME_DUCK=(\d+)$/m, "ms")
    : found(texts, path, /name: LAME_DUCK\n +value: "(\d+)"/, "ms");
}

function programRules(texts: Texts): (readonly [string, boolean])[] {
  const limits = drainLimits({ grace: grace(texts), lameDuck: TIMES.lameDuck });
  const { patienceAt } = drainSchedule(limits, 0);
  const docker = texts.Dockerfile;
  const entry = stagesOf(docker).at(-1)!.instructions.find((one) => one.name === "ENTRYPOINT")!.rest;
  return [
    ["program: patience is longer than the lame duck", patienceAt > TIMES.lameDuck],
    ["docker: the program's grace < the supervisor's", grace(texts) < supervisorGrace(entry)],
    [
      "docker: the supervisor's grace < --stop-timeout",
      supervisorGrace(entry) < found(texts, "Dockerfile", /--stop-timeout (\d+)/),
    ],
  ];
}

function podRules(texts: Texts, file: string): (readonly [string, boolean])[] {
  const path = `deploy/kubernetes/${file}.yaml`;
  const { spec } = parse(texts[path]).spec.template;
  const [{ startupProbe, readinessProbe, livenessProbe }] = spec.containers;
  const all = (probe: Probe) => probe.periodSeconds * probe.failureThreshold * 1000;
  const limit = spec.terminationGracePeriodSeconds * 1000;
  const lameDuck = lameDuckOf(texts, path);
  const isAlone = STATEFUL in texts;
  const entry = texts.Dockerfile;
  const probes: Probe[] = [startupProbe, readinessProbe, livenessProbe];
  return [
    [`${file}: the supervisor's grace < terminationGracePeriodSeconds`, supervisorGrace(entry) < limit],
    [`${file}: the program's grace < terminationGracePeriodSeconds`, grace(texts) < limit],
    [
      `${file}: lame duck >= readiness period x failures + propagation`,
      isAlone || lameDuck >= all(readinessProbe) + TIMES.propagation,
    ],
    [`${file}: the lame duck is the program's`, lameDuck === (isAlone ? 0 : TIMES.lameDuck)],
    [`${file}: no liveness probe kills who drains`, all(livenessProbe) >= supervisorGrace(entry)],
    [
      `${file}: the start has the time that the supervisor gives`,
      all(startupProbe) >= found({ entry }, "entry", /--ready-timeout", "(\d+)s/),
    ],
    [`${file}: probes end before the next one`, probes.every((probe) => probe.timeoutSeconds <= probe.periodSeconds)],
  ];
}

function unitRules(texts: Texts, path: string): (readonly [string, boolean])[] {
  const setting = (name: string) => found(texts, path, new RegExp(`^${name}=(\\d+)$`, "m"));
  const exec = /^ExecStart=(.*)$/m.exec(texts[path])![1];
  const ready = found({ exec }, "exec", /--ready-timeout (\d+)s/);
  return [
    ["systemd: the program's grace < the supervisor's", grace(texts) < supervisorGrace(exec)],
    ["systemd: the supervisor's grace < TimeoutStopSec", supervisorGrace(exec) < setting("TimeoutStopSec")],
    ["systemd: --ready-timeout < TimeoutStartSec", ready < setting("TimeoutStartSec")],
    ["systemd: the lame duck is the program's", lameDuckOf(texts, path) === (STATEFUL in texts ? 0 : TIMES.lameDuck)],
    ["systemd: the watchdog outwaits a busy turn", setting("WatchdogSec") >= 10_000],
  ];
}

/** The longest silence that a proxy must bear: a WebSocket's ping and its pong, a TCP client's, a handler's. */
function silence(texts: Texts): number {
  const own = /idleTimeout: ([\d_]+)/.exec(texts[PROGRAM])?.[1].replaceAll("_", "") ?? "0";
  const { interval, timeout } = webSocketLimits({}, "server").heartbeat!;
  return Math.max(interval + timeout, grace(texts), Number(own));
}

function haproxyRules(texts: Texts): (readonly [string, boolean])[] {
  const path = "deploy/haproxy.cfg";
  const timeout = (name: string) => found(texts, path, new RegExp(`^ +timeout ${name} (\\d+)s$`, "m"));
  const noticed = found(texts, path, /inter (\d+)s/) * found(texts, path, /fall (\d+)/, "ms") + timeout("check");
  const long = ["client", "server", ...(/^ +timeout tunnel/m.test(texts[path]) ? ["tunnel"] : [])];
  return [
    ["haproxy: it has noticed within the lame duck", noticed < TIMES.lameDuck],
    ["haproxy: it is silent for longer than the program", long.every((name) => timeout(name) > silence(texts))],
    ["haproxy: the next server is asked within the lame duck", timeout("connect") < TIMES.lameDuck],
    ["haproxy: an old process outlives a drain", found(texts, path, /hard-stop-after (\d+)s/) > grace(texts)],
  ];
}

function nginxRules(texts: Texts): (readonly [string, boolean])[] {
  const path = "deploy/nginx.conf";
  const isStream = /^stream \{$/m.test(texts[path]);
  const setting = (name: string) => found(texts, path, new RegExp(`^ +${name} (\\d+)s;$`, "m"));
  const long = isStream ? ["proxy_timeout"] : ["proxy_read_timeout", "proxy_send_timeout"];
  return [
    ["nginx: idle connections end within the lame duck", isStream || setting("keepalive_timeout") < TIMES.lameDuck],
    ["nginx: it is silent for longer than the program", long.every((name) => setting(name) > silence(texts))],
    ["nginx: the next server is asked within the lame duck", setting("proxy_connect_timeout") < TIMES.lameDuck],
    ["nginx: an old worker outlives a drain", found(texts, path, /^worker_shutdown_timeout (\d+)s;$/m) > grace(texts)],
  ];
}
