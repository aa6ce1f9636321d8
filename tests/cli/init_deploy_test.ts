/** The files that `sluice init --deploy` writes: that they agree with each other, and keep the rules of their readers. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { parse, parseAllDocuments } from "yaml";
import { DEPLOYS, type Kind, KINDS, type Runtime, RUNTIMES } from "../../src/cli/init/plan.ts";
import { FACTS } from "../../src/cli/init/runtimes.ts";
import { TIMES } from "../../src/cli/init/times.ts";
import { named, type Stage, stagesOf } from "../support/dockerfile.ts";
import { textsOf } from "../support/init_project.ts";
import { disagreements, type Texts } from "../support/init_times.ts";
import { readManual } from "../support/manuals.ts";

const ALL: readonly (readonly [kind: Kind, runtime: Runtime])[] = KINDS.flatMap((kind) =>
  RUNTIMES.map((runtime) => [kind, runtime] as const)
);

/** Those of which Kubernetes may have any number. */
const MANY = ALL.filter(([kind]) => kind !== "channels");

function texts(kind: Kind, runtime: Runtime): Texts {
  return textsOf({ kind, runtime, name: "shop", deploy: DEPLOYS });
}

/** One change of a file each, and the rule that it breaks. */
const SPOILED: readonly (readonly [path: string, from: RegExp, to: string, rule: string])[] = [
  ["server.ts", /grace: 25_000/, "grace: 27_000", "docker: the program's grace < the supervisor's"],
  ["server.ts", /grace: 25_000/, "grace: 11_000", "program: patience is longer than the lame duck"],
  ["server.ts", /grace: 25_000/, "grace: 80_000", "haproxy: it is silent for longer than the program"],
  ["Dockerfile", /"27s"/, '"30s"', "docker: the supervisor's grace < --stop-timeout"],
  ["deploy/kubernetes/deployment.yaml", /Seconds: 30\b/, "Seconds: 27", "deployment: the supervisor's grace <"],
  ["deploy/kubernetes/canary.yaml", /Seconds: 30\b/, "Seconds: 25", "canary: the program's grace <"],
  ["deploy/kubernetes/deployment.yaml", /value: "6000"/, 'value: "5000"', "deployment: lame duck >= readiness"],
  ["deploy/kubernetes/canary.yaml", /periodSeconds: 2\b/, "periodSeconds: 3", "canary: lame duck >= readiness"],
  ["deploy/kubernetes/deployment.yaml", /value: "6000"/, 'value: "9000"', "deployment: the lame duck is"],
  ["deploy/kubernetes/deployment.yaml", /failureThreshold: 3\b/, "failureThreshold: 2", "no liveness probe kills"],
  ["deploy/kubernetes/deployment.yaml", /failureThreshold: 30/, "failureThreshold: 9", "the start has the time"],
  ["deploy/kubernetes/deployment.yaml", /timeoutSeconds: 1/, "timeoutSeconds: 2", "probes end before the next one"],
  ["deploy/systemd/shop.service", /--grace 27s/, "--grace 25s", "systemd: the program's grace < the supervisor's"],
  ["deploy/systemd/shop.service", /StopSec=30/, "StopSec=27", "systemd: the supervisor's grace < TimeoutStopSec"],
  ["deploy/systemd/shop.service", /StartSec=45/, "StartSec=30", "systemd: --ready-timeout < TimeoutStartSec"],
  ["deploy/systemd/shop.service", /DUCK=6000/, "DUCK=600", "systemd: the lame duck is the program's"],
  ["deploy/systemd/shop.service", /WatchdogSec=30/, "WatchdogSec=3", "systemd: the watchdog"],
  ["deploy/haproxy.cfg", /inter 1s/, "inter 3s", "haproxy: it has noticed within the lame duck"],
  ["deploy/haproxy.cfg", /timeout server 75s/, "timeout server 25s", "haproxy: it is silent for longer"],
  ["deploy/haproxy.cfg", /timeout connect 2s/, "timeout connect 6s", "haproxy: the next server"],
  ["deploy/haproxy.cfg", /stop-after 30s/, "stop-after 20s", "haproxy: an old process outlives a drain"],
  ["deploy/nginx.conf", /keepalive_timeout 4s/, "keepalive_timeout 6s", "nginx: idle connections end"],
  ["deploy/nginx.conf", /read_timeout 75s/, "read_timeout 40s", "nginx: it is silent for longer"],
  ["deploy/nginx.conf", /connect_timeout 2s/, "connect_timeout 60s", "nginx: the next server"],
  ["deploy/nginx.conf", /shutdown_timeout 30s/, "shutdown_timeout 25s", "nginx: an old worker outlives a drain"],
];

/** The same of a program that is alone. */
const SPOILED_SINGLE: typeof SPOILED = [
  ["deploy/kubernetes/statefulset.yaml", /Seconds: 30\b/, "Seconds: 27", "statefulset: the supervisor's grace <"],
  ["deploy/kubernetes/statefulset.yaml", /failureThreshold: 3\b/, "failureThreshold: 2", "no liveness probe kills"],
  [
    "deploy/systemd/shop.service",
    /^Environment=LOG/m,
    "Environment=LAME_DUCK=6000\nEnvironment=LOG",
    "the lame duck is",
  ],
];

describe("the times of a deploy", () => {
  for (const [kind, runtime] of ALL) {
    it(`agree in all files for ${kind} on ${runtime}`, () => {
      assertEquals(disagreements("shop", texts(kind, runtime)), []);
    });
  }

  it("are compared: each that is spoiled in one file alone is noticed", () => {
    const whole = texts("http", "node");
    for (const [path, from, to, rule] of SPOILED) {
      const spoiled = whole[path].replace(from, to);
      assert(spoiled !== whole[path], `${path} has no ${from}`);
      const broken = disagreements("shop", { ...whole, [path]: spoiled });
      assert(broken.some((one) => one.includes(rule)), `${path}, ${to}: ${rule} was not noticed, but: ${broken}`);
    }
    const single = texts("channels", "node");
    for (const [path, from, to, rule] of SPOILED_SINGLE) {
      const spoiled = single[path].replace(from, to);
      assert(spoiled !== single[path], `${path} has no ${from}`);
      assert(disagreements("shop", { ...single, [path]: spoiled }).some((one) => one.includes(rule)), rule);
    }
    const tunnel = texts("ws", "node");
    const path = "deploy/haproxy.cfg";
    const short = tunnel[path].replace("timeout tunnel 75s", "timeout tunnel 40s");
    assertEquals(disagreements("shop", { ...tunnel, [path]: short }), [
      "haproxy: it is silent for longer than the program",
    ]);
  });

  it("are those of the manual", () => {
    const { text } = readManual("src/cli/README.md");
    const probe = `${TIMES.probePeriod / 1000} s, ${TIMES.probeFailures} misses`;
    const live = `${TIMES.livePeriod / 1000} s, ${TIMES.liveFailures} misses`;
    const noticed = TIMES.checkInterval * TIMES.checkFall + TIMES.probeTimeout;
    const rows: readonly (readonly [what: string, value: string | number])[] = [
      ["readiness probe", probe],
      ["`lameDuck`", TIMES.lameDuck],
      ["`grace` of the program", TIMES.grace],
      ["`--grace` of `sluice run`", TIMES.supervisorGrace],
      ["the orchestrator's limit", TIMES.stopLimit],
      ["liveness probe", live],
      ["a start", TIMES.readyTimeout],
      ["a proxy's silence", TIMES.silence],
      ["an idle connection from nginx", TIMES.upstreamIdle],
    ];
    for (const [what, value] of rows) {
      const shown = typeof value === "number" ? `${value / 1000} s` : value;
      assert(
        new RegExp(`^\\| ${what.replace(/[.*+?^$()]/g, "\\$&")} +\\| ${shown} +\\|`, "m").test(text),
        `${what}: ${shown}`,
      );
    }
    assert(text.includes(`HAProxy's own checks take ${noticed / 1000} s`));
  });

  it("leave the lame duck out where nothing stands before the program", () => {
    assert(!textsOf({ deploy: ["systemd"] })["deploy/systemd/shop.service"].includes("LAME_DUCK"));
    assert(textsOf({ deploy: ["systemd", "nginx"] })["deploy/systemd/shop.service"].includes("LAME_DUCK=6000"));
  });
});

/** What would keep a signal for itself as PID 1, or is none of ours. */
const WRAPPERS = /^(.*\/)?(sh|bash|dash|npm|npx|pnpm|yarn|bunx|tini|dumb-init|env)$/;

function shipped(kind: Kind, runtime: Runtime): Stage {
  return stagesOf(texts(kind, runtime).Dockerfile).at(-1)!;
}

describe("the Dockerfile", () => {
  for (const [kind, runtime] of ALL) {
    it(`of ${kind} on ${runtime} has the supervisor as PID 1, in the exec form, and SIGTERM as its signal`, () => {
      const stage = shipped(kind, runtime);
      const [entry, ...others] = named(stage, "ENTRYPOINT");
      assertEquals(others, []);
      assert(entry.exec !== null, entry.rest);
      assert(!WRAPPERS.test(entry.exec[0]) && !entry.exec.includes("-c"), entry.rest);
      assertEquals(entry.exec[0], runtime);
      const at = entry.exec.indexOf("run", runtime === "deno" ? 2 : 0);
      assertEquals(entry.exec.slice(at, at + 2), ["run", "server.ts"]);
      assertEquals(named(stage, "CMD").map(({ exec }) => exec), [["--workers", "1"]]);
      assertEquals(named(stage, "STOPSIGNAL").map(({ rest }) => rest), ["SIGTERM"]);
      assertEquals(["SHELL", "ADD", "VOLUME"].flatMap((name) => named(stage, name)), []);
    });

    it(`of ${kind} on ${runtime} is nobody's root, and builds nothing as that user`, () => {
      const stage = shipped(kind, runtime);
      const names = stage.instructions.map(({ name }) => name);
      assertEquals(named(stage, "USER").map(({ rest }) => rest), [`${FACTS[runtime].uid}:${FACTS[runtime].uid}`]);
      assert(names.lastIndexOf("RUN") < names.indexOf("USER") && names.lastIndexOf("COPY") < names.indexOf("USER"));
    });
  }

  it("ships one stage, and copies from stages that it has", () => {
    for (const [kind, runtime] of ALL) {
      const stages = stagesOf(texts(kind, runtime).Dockerfile);
      assertEquals(stages.length, runtime === "deno" ? 1 : 2);
      for (const { image } of stages) assertEquals(image, FACTS[runtime].image);
      const sources = named(stages.at(-1)!, "COPY").flatMap(({ rest }) => /--from=(\S+)/.exec(rest)?.[1] ?? []);
      assertEquals(sources, stages.slice(0, -1).map(({ name }) => name));
    }
  });

  it("takes nothing of the machine along", () => {
    const ignored = texts("http", "node")[".dockerignore"].split("\n");
    for (const name of ["node_modules", ".git", ".env*", "deploy"]) assert(ignored.includes(name), name);
  });

  it("is read by a reader that knows what Docker makes of it", () => {
    assertEquals(stagesOf("FROM a\nCMD node server.ts\n")[0].instructions[0].exec, null);
    assertEquals(stagesOf("FROM a AS b\n# c\nCMD ['x']\n")[0].instructions[0].exec, null);
    assertEquals(stagesOf('FROM a\nCMD ["x", \\\n  "y"]\n')[0].instructions[0].exec, ["x", "y"]);
  });
});

/** A manifest, as far as these tests look. */
// deno-lint-ignore no-explicit-any
type Manifest = any;

function manifests(all: Texts): Readonly<Record<string, Manifest>> {
  const entries = Object.entries(all).flatMap(([path, text]) => {
    const [, name] = /^deploy\/kubernetes\/(\w+)\.yaml$/.exec(path) ?? [];
    if (name === undefined) return [];
    const documents = parseAllDocuments(text, { strict: true, uniqueKeys: true });
    assertEquals(documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]), [], path);
    assertEquals(documents.length, 1, path);
    return [[name, parse(text)] as const];
  });
  return Object.fromEntries(entries);
}

/** What makes pods. */
function workloads(all: Texts): Manifest[] {
  const { deployment, canary, statefulset } = manifests(all);
  return statefulset ? [statefulset] : [deployment, canary];
}

const LABEL = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** What the types leave open: the words of a field, by its name, wherever it stands. */
const WORDS: Readonly<Record<string, RegExp>> = {
  averageUtilization: /^([1-9]\d?|100)$/,
  cpu: /^([1-9]\d*m?|0\.\d+)$/,
  imagePullPolicy: /^(Always|IfNotPresent|Never)$/,
  memory: /^[1-9]\d*(Ki|Mi|Gi)$/,
  name: /^([a-z]([-a-z0-9]{0,61}[a-z0-9])?|[A-Z][A-Z0-9_]*)$/,
  path: /^\/(livez|readyz)$/,
  policyTypes: /^Ingress,Egress$/,
  protocol: /^(TCP|UDP)$/,
  sizeLimit: /^[1-9]\d*Mi$/,
  targetPort: LABEL,
  type: /^(RollingUpdate|RuntimeDefault|ClusterIP|Resource|Utilization|Pods)$/,
  whenUnsatisfiable: /^(DoNotSchedule|ScheduleAnyway)$/,
};

/** All that stands behind a field's name, at any depth; lists of words are one value. */
function valuesOf(value: Manifest, name: string): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries<Manifest>(value).flatMap(([key, inner]) => {
    const isWord = typeof inner !== "object" || Array.isArray(inner) && inner.every((one) => typeof one === "string");
    return [...(key === name && isWord ? [inner] : []), ...valuesOf(inner, name)];
  });
}

type Labels = Readonly<Record<string, string>>;

const selects = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([name, value]) => labels[name] === value);

describe("the manifests", () => {
  it("use the words that the API has for a field, quantities that it can read, and names that DNS takes", () => {
    for (const [kind, runtime] of ALL) {
      for (const [path, text] of Object.entries(texts(kind, runtime))) {
        if (!path.endsWith(".yaml")) continue;
        for (const [name, pattern] of Object.entries(WORDS)) {
          for (const value of valuesOf(parse(text), name)) {
            assert(pattern.test(String(value)), `${path}: ${name} ${value}`);
          }
        }
      }
    }
    const noted = new Set(
      KINDS.flatMap((kind) => Object.values(manifests(texts(kind, "node"))))
        .flatMap((manifest) => Object.keys(WORDS).filter((name) => valuesOf(manifest, name).length > 0)),
    );
    assertEquals([...noted].sort(), Object.keys(WORDS).sort());
  });

  for (const [kind, runtime] of MANY) {
    it(`of ${kind} on ${runtime} choose the pods that they mean`, () => {
      const { deployment, canary, service, autoscaler, disruption, network } = manifests(texts(kind, runtime));
      const [stable, early] = [deployment, canary].map(({ spec }) => spec.template.metadata.labels);
      assert(selects(deployment.spec.selector.matchLabels, stable) && selects(canary.spec.selector.matchLabels, early));
      assert(
        !selects(deployment.spec.selector.matchLabels, early) && !selects(canary.spec.selector.matchLabels, stable),
      );
      const wide = [service.spec.selector, disruption.spec.selector.matchLabels, network.spec.podSelector.matchLabels];
      for (const selector of wide) {
        assertGreater(Object.keys(selector).length, 0);
        assert(selects(selector, stable) && selects(selector, early));
      }
      const { apiVersion, kind: of, metadata } = deployment;
      assertEquals(autoscaler.spec.scaleTargetRef, { apiVersion, kind: of, name: metadata.name });
      assertGreater(autoscaler.spec.minReplicas, disruption.spec.maxUnavailable);
      assertEquals([deployment.spec.replicas, canary.spec.replicas], [undefined, 0]);
      assertEquals(deployment.spec.strategy.rollingUpdate, { maxSurge: 1, maxUnavailable: 0 });
    });
  }

  for (const [kind, runtime] of ALL) {
    it(`of ${kind} on ${runtime} name ports that the container has, and the program listens on`, () => {
      const all = texts(kind, runtime);
      const { service, network } = manifests(all);
      for (const { spec } of workloads(all)) {
        const [container] = spec.template.spec.containers;
        const ports: Labels = Object.fromEntries(
          container.ports.map((port: Manifest) => [port.name, String(port.containerPort)]),
        );
        const env: Labels = Object.fromEntries(
          container.env.map((one: Manifest) => [one.name, one.value ?? "a secret"]),
        );
        const probed = kind === "tcp" ? "health" : "main";
        assertEquals(ports, kind === "tcp" ? { main: env.PORT, health: env.HEALTH_PORT } : { main: env.PORT });
        for (const probe of ["startupProbe", "readinessProbe", "livenessProbe"]) {
          assertEquals(container[probe].httpGet.port, probed);
        }
        assertEquals(container.readinessProbe.httpGet.path, "/readyz");
        assertEquals(container.livenessProbe.httpGet.path, "/livez");
        assertEquals([service.spec.ports[0].targetPort, network.spec.ingress[0].ports[0].port], ["main", "main"]);
        const given = /const \{ PORT = "(\d+)"/.exec(all["server.ts"])![1];
        assertEquals([env.PORT, /PORT=(\d+)/.exec(all.Dockerfile)![1]], [given, given]);
        for (const name of Object.keys(env)) {
          assert(all["server.ts"].includes(name) || name in FACTS[runtime].heap, `nobody reads ${name}`);
        }
      }
    });

    it(`of ${kind} on ${runtime} let a pod do nothing but serve`, () => {
      const all = texts(kind, runtime);
      for (const { spec: { template, volumeClaimTemplates = [] } } of workloads(all)) {
        const { securityContext, containers: [container], volumes, automountServiceAccountToken } = template.spec;
        const { uid } = FACTS[runtime];
        assertEquals(securityContext, {
          runAsNonRoot: true,
          runAsUser: uid,
          runAsGroup: uid,
          seccompProfile: { type: "RuntimeDefault" },
          ...(kind === "channels" ? { fsGroup: uid } : {}),
        });
        assertEquals(container.securityContext, {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        assertEquals(automountServiceAccountToken, false);
        assertEquals(
          container.volumeMounts.map(({ name }: Manifest) => name),
          [...volumes, ...volumeClaimTemplates.map(({ metadata }: Manifest) => metadata)].map(({ name }) => name),
        );
      }
      assertEquals(manifests(all).network.spec.policyTypes, ["Ingress", "Egress"]);
    });

    it(`of ${kind} on ${runtime} limit what the program was told to keep to`, () => {
      const [{ spec }] = workloads(texts(kind, runtime));
      const [{ resources, args, env }] = spec.template.spec.containers;
      assertEquals([resources.limits.cpu, resources.requests.memory], [args[1], resources.limits.memory]);
      const heap = env.map(({ value = "" }: Manifest) => /old-space-size=(\d+)/.exec(value)?.[1]).find(Boolean);
      assertEquals(heap === undefined, runtime === "bun");
      // The supervisor and the worker take some 100 MiB each besides the worker's heap.
      if (heap !== undefined) assert(Number(heap) + 200 <= Number(/^(\d+)Mi$/.exec(resources.limits.memory)![1]));
    });
  }

  for (const runtime of RUNTIMES) {
    it(`of channels on ${runtime} have one pod, one process and one volume, which no second one gets`, () => {
      const all = texts("channels", runtime);
      const { statefulset, service, network, ...others } = manifests(all);
      assertEquals(Object.keys(others), []);
      const { replicas, serviceName, selector, template, volumeClaimTemplates } = statefulset.spec;
      const { labels } = template.metadata;
      assertEquals([replicas, serviceName], [1, service.metadata.name]);
      for (const one of [selector.matchLabels, service.spec.selector, network.spec.podSelector.matchLabels]) {
        assertGreater(Object.keys(one).length, 0);
        assert(selects(one, labels));
      }
      const [container] = template.spec.containers;
      assertEquals(container.args, ["--workers", "1"]);
      assertEquals(volumeClaimTemplates[0].spec.accessModes, ["ReadWriteOncePod"]);
      const variable = (name: string) => container.env.find((one: Manifest) => one.name === name);
      const { mountPath } = container.volumeMounts.find((one: Manifest) => one.name === "log");
      assertEquals([variable("LOG_DIR").value, variable("LAME_DUCK")], [mountPath, undefined]);
      const { name, key } = variable("CHANNELS_SECRET").valueFrom.secretKeyRef;
      assert(all["deploy/kubernetes/statefulset.yaml"].includes(`secret generic ${name} --from-literal=${key}=`));
      const { Dockerfile } = all;
      assert(Dockerfile.includes(`-v shop-log:${mountPath} `) && Dockerfile.includes(` LOG_DIR=${mountPath}\n`));
      assert(!Dockerfile.replace(/^#.*/gm, "").includes("SECRET"), "no secret is in an image");
    });

    it(`of channels on ${runtime} go with a unit that has one process, a folder, and a secret that nobody reads`, () => {
      const unit = texts("channels", runtime)["deploy/systemd/shop.service"];
      assert(/^ExecStart=.* --workers 1 /m.test(unit));
      assert(/^StateDirectory=shop\nEnvironment=LOG_DIR=%S\/shop\nEnvironmentFile=\/etc\/shop\.env$/m.test(unit));
      assert(!/^Environment=.*SECRET/m.test(unit));
    });
  }
});
