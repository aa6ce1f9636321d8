/**
 * What the runtimes differ in, for files that start a program.
 *
 * @module
 */
import { VERSION } from "../version.ts";
import type { Plan, Runtime } from "./plan.ts";
import { SIZES, TIMES, withUnit } from "./times.ts";

/** One runtime, as an operator sees it. */
export interface RuntimeFacts {
  /** The image that a container begins with. */
  readonly image: string;
  /** Who the program is in that image, by number: Kubernetes can't tell that a name is not root's. */
  readonly uid: number;
  /** How `sluice` is started there, without a shell or a package manager that would keep signals for itself. */
  readonly sluice: readonly string[];
  /** What is typed to try it. */
  readonly start: string;
  /** What starts the client that comes along, without arguments. */
  readonly client: string;
  /** What is typed before. */
  readonly install: string;
  /** What tells its memory how much there is, as variables of the environment. */
  readonly heap: Readonly<Record<string, string>>;
}

/** The package, and what of it is asked for. */
export const PACKAGE = "@sluice/sluice";
export const WANTED: string = `^${VERSION}`;

/** Entries of the package, as a program names them. */
export const CORE: string = `"${PACKAGE}"`;
export const HTTP: string = `"${PACKAGE}/http"`;
export const WEBSOCKET: string = `"${PACKAGE}/websocket"`;

/** The program's file. */
export const PROGRAM = "server.ts";

/** The file of the client that comes along with channels. */
export const CLIENT = "client.ts";

/** Where a container has what is to outlive it. */
export const LOG_DIR = "/data";

const INSTALLED = `node_modules/${PACKAGE}/dist/src/cli/main.js`;

/** All runtimes. */
export const FACTS: Readonly<Record<Runtime, RuntimeFacts>> = {
  node: {
    image: "node:24-slim",
    uid: 1000,
    sluice: ["node", INSTALLED],
    install: "npm install",
    start: "node server.ts",
    client: "node client.ts",
    heap: { NODE_OPTIONS: `--max-old-space-size=${SIZES.heap}` },
  },
  deno: {
    image: "denoland/deno:2.9.6",
    uid: 1993,
    sluice: ["deno", "run", "--allow-all", `jsr:${PACKAGE}@${WANTED}/cli`],
    install: "deno install",
    start: "deno task start",
    client: "deno run --allow-net --allow-env=SERVER --allow-read --allow-write client.ts",
    heap: { DENO_V8_FLAGS: `--max-old-space-size=${SIZES.heap}` },
  },
  bun: {
    image: "oven/bun:1.4-slim",
    uid: 1000,
    sluice: ["bun", INSTALLED],
    install: "bun install",
    start: "bun server.ts",
    client: "bun client.ts",
    heap: {},
  },
};

/** What runs this. */
export function runtimeName(): Runtime {
  return "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";
}

/** The command that runs the program under the supervisor. @param workers As many as there are cores if undefined. */
export function runCommand({ runtime, name }: Pick<Plan, "runtime" | "name">, workers?: number): string[] {
  const times = ["--grace", withUnit(TIMES.supervisorGrace), "--ready-timeout", withUnit(TIMES.readyTimeout)];
  const count = workers === undefined ? [] : ["--workers", String(workers)];
  return [...FACTS[runtime].sluice, "run", PROGRAM, "--name", name, ...count, ...times];
}
