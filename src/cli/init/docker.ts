/**
 * A Dockerfile whose PID 1 is the supervisor itself.
 *
 * @module
 */
import { type GeneratedFile, isSingle, type Plan, type Runtime } from "./plan.ts";
import { FACTS, LOG_DIR, PROGRAM, runCommand } from "./runtimes.ts";
import { inSeconds, SIZES, TIMES } from "./times.ts";

/** The image, and what stays out of it. */
export function dockerFiles(plan: Plan): GeneratedFile[] {
  const ignored = plan.kind === "channels" ? IGNORED + IGNORED_OF_CHANNELS : IGNORED;
  return [{ path: "Dockerfile", text: dockerfile(plan) }, { path: ".dockerignore", text: ignored }];
}

const IGNORED = `.git
.dockerignore
.env*
Dockerfile
deploy
node_modules
*.log
`;

/** Folders that its programs make. */
const IGNORED_OF_CHANNELS = `channels
outbox
`;

/** How the packages come into the image; of the stages only the last is shipped. */
const STAGES: Readonly<Record<Runtime, (image: string) => string>> = {
  node: (image) =>
    `# The lock file is npm install's.
FROM ${image} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev

FROM ${image}
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY . .
`,
  bun: (image) =>
    `# The lock file is bun install's.
FROM ${image} AS packages
WORKDIR /app
COPY package.json bun.lock ./
RUN bun install --frozen-lockfile --production

FROM ${image}
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY . .
`,
  // One stage: what is fetched is all that a second one would take along.
  deno: (image) =>
    `FROM ${image}
WORKDIR /app
ENV DENO_DIR=/deno-dir
COPY . .
RUN deno cache ${PROGRAM} ${FACTS.deno.sluice.at(-1)}
`,
};

function dockerfile(plan: Plan): string {
  const { runtime, port, healthPort } = plan;
  const { image, uid } = FACTS[runtime];
  const health = healthPort === port ? "" : ` HEALTH_PORT=${healthPort}`;
  const log = logOf(plan);
  const words = `--stop-timeout ${inSeconds(TIMES.stopLimit)} -p ${port}:${port}${log.words}`;
  return `# docker build -t ${plan.name}:stable .
# docker run ${words} ${plan.name}:stable
#
# A stop takes up to ${inSeconds(TIMES.supervisorGrace)} s: docker stop kills after 10 s unless it is told to wait.
${log.about}${STAGES[runtime](image)}${log.made}ENV NODE_ENV=production PORT=${port}${health}${log.variable}
USER ${uid}:${uid}
EXPOSE ${[...new Set([port, healthPort])].join(" ")}
STOPSIGNAL SIGTERM
# No shell, no npm and no init before it: PID 1 gets the signal, passes it on to its workers, and waits for them.
ENTRYPOINT ${list(runCommand(plan))}
CMD ${list(["--workers", String(isSingle(plan) ? 1 : SIZES.workers)])}
`;
}

/** What a log in files wants of an image, and of those who run it. */
function logOf({ kind, name, runtime }: Plan) {
  if (kind !== "channels") return { words: "", about: "", made: "", variable: "" };
  const { uid } = FACTS[runtime];
  return {
    words: ` -v ${name}-log:${LOG_DIR} -e CHANNELS_SECRET`,
    about: `#
# The volume has all messages, and one container has it at a time: a new one waits until the old one has let go.
# CHANNELS_SECRET comes from outside, the same each time, and never into the image.
`,
    made: `# Whoever is named below owns the volume that is made of it.
RUN mkdir ${LOG_DIR} && chown ${uid}:${uid} ${LOG_DIR}
`,
    variable: ` LOG_DIR=${LOG_DIR}`,
  };
}

/** The exec form. */
function list(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
}
