/**
 * Manifests for Kubernetes, one object a file.
 *
 * @module
 */
import type { GeneratedFile, Plan } from "./plan.ts";
import { FACTS } from "./runtimes.ts";
import { inSeconds, SIZES, TIMES } from "./times.ts";

/** Which of the two deployments: both get the Service's traffic. */
type Track = "stable" | "canary";

/** All manifests. */
export function kubernetesFiles(plan: Plan): GeneratedFile[] {
  const manifests: Readonly<Record<string, string>> = {
    deployment: deployment(plan),
    canary: canary(plan),
    service: service(plan),
    autoscaler: autoscaler(plan),
    disruption: disruption(plan),
    network: network(plan),
  };
  return Object.entries(manifests).map(([name, text]) => ({ path: `deploy/kubernetes/${name}.yaml`, text }));
}

const NAME_LABEL = "app.kubernetes.io/name";

/** Lines moved in, for a place within another manifest. */
function indented(text: string, columns: number): string {
  return text.trimEnd().split("\n").map((line) => line === "" ? "" : " ".repeat(columns) + line).join("\n");
}

function deployment(plan: Plan): string {
  return `# kubectl apply -f deploy/kubernetes/
#
# A rollout loses nothing: a new pod is ready before an old one is told to stop, and that one serves on for
# ${TIMES.lameDuck} ms (LAME_DUCK) while balancers learn that it is not ready any more. So there is no preStop hook: one
# that sleeps would take the same time out of terminationGracePeriodSeconds, and /readyz would say nothing meanwhile.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${plan.name}
  labels:
    ${NAME_LABEL}: ${plan.name}
    track: stable
spec:
  # No replicas here: the autoscaler has them, and applying this file would take them away from it.
  minReadySeconds: ${inSeconds(TIMES.minReady)}
  progressDeadlineSeconds: ${inSeconds(TIMES.progress)}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
${tail(plan, "stable")}`;
}

function canary(plan: Plan): string {
  return `# A second deployment with the same name label: the Service sends it its share, one pod of all there are.
#
#   kubectl set image deployment/${plan.name}-canary ${plan.name}=${plan.name}:canary
#   kubectl scale deployment/${plan.name}-canary --replicas 1
#
# Scaled to 0 it is drained like any other pod.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${plan.name}-canary
  labels:
    ${NAME_LABEL}: ${plan.name}
    track: canary
spec:
  replicas: 0
  minReadySeconds: ${inSeconds(TIMES.minReady)}
  progressDeadlineSeconds: ${inSeconds(TIMES.progress)}
  revisionHistoryLimit: 5
${tail(plan, "canary")}`;
}

/** What both deployments have alike: the pods. */
function tail(plan: Plan, track: Track): string {
  return `  selector:
    matchLabels:
      ${NAME_LABEL}: ${plan.name}
      track: ${track}
  template:
    metadata:
      labels:
        ${NAME_LABEL}: ${plan.name}
        track: ${track}
    spec:
${indented(pod(plan, track), 6)}
`;
}

function pod(plan: Plan, track: Track): string {
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
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        ${NAME_LABEL}: ${plan.name}
containers:
  - name: ${plan.name}
${indented(container(plan, track), 4)}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
`;
}

/** What stands behind its name. */
function container(plan: Plan, track: Track): string {
  return `image: ${plan.name}:${track}
imagePullPolicy: IfNotPresent
# One for each core of the limit below.
args: ["--workers", "${SIZES.workers}"]
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
`;
}

function environment({ kind, runtime, port, healthPort }: Plan): string {
  const variables: Readonly<Record<string, string>> = {
    PORT: String(port),
    ...(kind === "tcp" ? { HEALTH_PORT: String(healthPort) } : {}),
    LAME_DUCK: String(TIMES.lameDuck),
    ...FACTS[runtime].heap,
  };
  const lines = Object.entries(variables).map(([name, value]) => `  - name: ${name}\n    value: "${value}"`);
  return `env:\n${lines.join("\n")}\n`;
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

function service({ name, kind, port }: Plan): string {
  const protocols = {
    http: "\n      appProtocol: http",
    ws: "\n      appProtocol: kubernetes.io/ws",
    tcp: "",
  } as const;
  return `# Both tracks: the selector leaves the label track out.
apiVersion: v1
kind: Service
metadata:
  name: ${name}
  labels:
    ${NAME_LABEL}: ${name}
spec:
  type: ClusterIP
  selector:
    ${NAME_LABEL}: ${name}
  ports:
    - name: main
      port: ${kind === "tcp" ? port : 80}
      targetPort: main${protocols[kind]}
`;
}

function autoscaler({ name }: Plan): string {
  return `# Pods that are scaled away drain as in a rollout, one each minute.
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: ${name}
  labels:
    ${NAME_LABEL}: ${name}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: ${name}
  minReplicas: 2
  maxReplicas: 10
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: 70
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 300
      policies:
        - type: Pods
          value: 1
          periodSeconds: 60
`;
}

function disruption({ name }: Plan): string {
  return `# A node that is emptied takes one pod at a time.
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: ${name}
  labels:
    ${NAME_LABEL}: ${name}
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      ${NAME_LABEL}: ${name}
`;
}

function network({ name }: Plan): string {
  return `# In: the port that serves. Probes come from the pod's own node, which is always let in. Out: names alone; what the
# program talks to is to be added here.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: ${name}
  labels:
    ${NAME_LABEL}: ${name}
spec:
  podSelector:
    matchLabels:
      ${NAME_LABEL}: ${name}
  policyTypes: ["Ingress", "Egress"]
  ingress:
    - ports:
        - port: main
          protocol: TCP
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - port: 53
          protocol: UDP
        - port: 53
          protocol: TCP
`;
}
