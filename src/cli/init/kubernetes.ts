/**
 * Manifests for Kubernetes, one object a file.
 *
 * @module
 */
import type { GeneratedFile, Plan } from "./plan.ts";
import { indented, LOG_VOLUME, NAME_LABEL, pod, type Track } from "./kubernetes_pod.ts";
import { inSeconds, TIMES } from "./times.ts";

/** All manifests. */
export function kubernetesFiles(plan: Plan): GeneratedFile[] {
  const manifests: Readonly<Record<string, string>> = plan.kind === "channels" ? one(plan) : many(plan);
  return Object.entries(manifests).map(([name, text]) => ({ path: `deploy/kubernetes/${name}.yaml`, text }));
}

/** Pods of which each may come and go. */
function many(plan: Plan) {
  return {
    deployment: deployment(plan),
    canary: canary(plan),
    service: service(plan, "Both tracks: the selector leaves the label track out."),
    autoscaler: autoscaler(plan),
    disruption: disruption(plan),
    network: network(plan),
  };
}

/** One pod, which has a volume. */
function one(plan: Plan) {
  return {
    statefulset: statefulSet(plan),
    service: service(plan, "Clients that come while its one pod is started anew try it again by themselves."),
    network: network(plan),
  };
}

function statefulSet(plan: Plan): string {
  const { name } = plan;
  return `# kubectl create secret generic ${name} --from-literal=channels-secret=$(openssl rand -hex 32)
# kubectl apply -f deploy/kubernetes/
#
# One pod, and never two: its volume has all messages, and one process has them at a time. So a rollout stops the old pod
# before the new one starts. For those seconds clients are offline; what they say waits in their outboxes, they come back
# to where they were, and nothing is lost. There is no lame duck: nobody else could take its clients. If a node dies the
# pod stays away until Kubernetes knows that it is gone.
#
# More replicas would be servers that don't hear of each other. For several, and rollouts without a pause: redisLog() in
# the program, and a Deployment, as sluice init --kind ws --deploy kubernetes writes it.
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: ${name}
  labels:
    ${NAME_LABEL}: ${name}
spec:
  replicas: 1
  serviceName: ${name}
  revisionHistoryLimit: 5
  updateStrategy:
    type: RollingUpdate
  selector:
    matchLabels:
      ${NAME_LABEL}: ${name}
  template:
    metadata:
      labels:
        ${NAME_LABEL}: ${name}
    spec:
${indented(pod(plan, "stable"), 6)}
  volumeClaimTemplates:
    - metadata:
        name: ${LOG_VOLUME}
      spec:
        accessModes: ["ReadWriteOncePod"]
        resources:
          requests:
            storage: 1Gi
`;
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

function service({ name, kind, port }: Plan, about: string): string {
  const protocols = {
    http: "\n      appProtocol: http",
    ws: "\n      appProtocol: kubernetes.io/ws",
    channels: "\n      appProtocol: kubernetes.io/ws",
    tcp: "",
  } as const;
  return `# ${about}
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
