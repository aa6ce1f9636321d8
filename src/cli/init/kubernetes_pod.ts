/**
 * A pod of Kubernetes: what a Deployment and a StatefulSet make.
 *
 * @module
 */
import { isSingle, type Plan } from "./plan.ts";
import { FACTS, LOG_DIR } from "./runtimes.ts";
import { inSeconds, SIZES, TIMES } from "./times.ts";

/** Which of two deployments: both get the Service's traffic. */
export type Track = "stable" | "canary";

/** By which manifests name each other's pods. */
export const NAME_LABEL = "app.kubernetes.io/name";

/** The volume of the log, as its claim and its mount name it. */
export const LOG_VOLUME = "log";

/** Lines moved in, for a place within another manifest. */
export function indented(text: string, columns: number): string {
  return text.trimEnd().split("\n").map((line) => line === "" ? "" : " ".repeat(columns) + line).join("\n");
}

/**
 * What stands behind `spec:` in a template.
 *
 * @param tag Of the image.
 */
export function pod(plan: Plan, tag: Track): string {
  const { uid } = FACTS[plan.runtime];
  const graces = `the supervisor's --grace (${inSeconds(TIMES.supervisorGrace)} s), which is above the program's (${
    inSeconds(TIMES.grace)
  } s)`;
  return `# Above ${graces}.
terminationGracePeriodSeconds: ${inSeconds(TIMES.stopLimit)}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: ${uid}
  runAsGroup: ${uid}
  seccompProfile:
    type: RuntimeDefault
${plan.kind === "channels" ? volumeOwner(uid) : spread(plan)}containers:
  - name: ${plan.name}
${indented(container(plan, tag), 4)}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
`;
}

function spread({ name }: Plan): string {
  return `topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        ${NAME_LABEL}: ${name}
`;
}

/** In the security context: who may write into the volume. */
function volumeOwner(uid: number): string {
  return `  fsGroup: ${uid}
`;
}

/** What stands behind its name. */
function container(plan: Plan, tag: Track): string {
  return `image: ${plan.name}:${tag}
imagePullPolicy: IfNotPresent
# ${
    isSingle(plan)
      ? "What clients say to each other goes through one process."
      : "One for each core of the limit below."
  }
args: ["--workers", "${isSingle(plan) ? 1 : SIZES.workers}"]
${environment(plan)}${ports(plan)}${probes(plan.kind === "tcp" ? "health" : "main")}resources:
  requests:
    cpu: 250m
    memory: ${SIZES.memory}Mi
  limits:
    cpu: "${SIZES.workers}"
    memory: ${SIZES.memory}Mi
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: ["ALL"]
volumeMounts:
  - name: tmp
    mountPath: /tmp
${plan.kind === "channels" ? `  - name: ${LOG_VOLUME}\n    mountPath: ${LOG_DIR}\n` : ""}`;
}

function environment({ name, kind, runtime, port, healthPort }: Plan): string {
  const variables: Readonly<Record<string, string>> = {
    PORT: String(port),
    ...(kind === "tcp" ? { HEALTH_PORT: String(healthPort) } : {}),
    // Who is alone serves nobody by going on when there is nowhere else to go.
    ...(kind === "channels" ? { LOG_DIR } : { LAME_DUCK: String(TIMES.lameDuck) }),
    ...FACTS[runtime].heap,
  };
  const lines = Object.entries(variables).map(([name, value]) => `  - name: ${name}\n    value: "${value}"`);
  return `env:\n${lines.join("\n")}\n${kind === "channels" ? secret(name) : ""}`;
}

function secret(name: string): string {
  return `  - name: CHANNELS_SECRET
    valueFrom:
      secretKeyRef:
        name: ${name}
        key: channels-secret
`;
}

function ports({ kind, port, healthPort }: Plan): string {
  const lines = `ports:\n  - name: main\n    containerPort: ${port}\n`;
  return kind === "tcp" ? `${lines}  - name: health\n    containerPort: ${healthPort}\n` : lines;
}

/** @param port Name of the port that answers HTTP. */
function probes(port: string): string {
  return `# Nothing else is asked until it has started.
startupProbe:
  httpGet: { path: /livez, port: ${port} }
  periodSeconds: ${inSeconds(TIMES.startPeriod)}
  failureThreshold: ${TIMES.startFailures}
  timeoutSeconds: ${inSeconds(TIMES.probeTimeout)}
readinessProbe:
  httpGet: { path: /readyz, port: ${port} }
  periodSeconds: ${inSeconds(TIMES.probePeriod)}
  failureThreshold: ${TIMES.probeFailures}
  timeoutSeconds: ${inSeconds(TIMES.probeTimeout)}
# Slower than a whole stop: whoever drains is busy, and not dead.
livenessProbe:
  httpGet: { path: /livez, port: ${port} }
  periodSeconds: ${inSeconds(TIMES.livePeriod)}
  failureThreshold: ${TIMES.liveFailures}
  timeoutSeconds: ${inSeconds(TIMES.probeTimeout)}
`;
}
