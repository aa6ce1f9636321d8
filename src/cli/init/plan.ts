/**
 * What `sluice init` is asked for.
 *
 * @module
 */
import { basename, resolve } from "node:path";
import { didYouMean } from "../../../mod.ts";
import type { ToolInput } from "../tool.ts";
import { UsageError } from "../usage_errors.ts";

/** What the program speaks. */
export type Kind = "http" | "ws" | "tcp" | "channels";

/** What runs it. */
export type Runtime = "node" | "deno" | "bun";

/** Where it runs, and what stands before it. */
export type Deploy = "docker" | "kubernetes" | "systemd" | "haproxy" | "nginx";

/** Everything that the files are made of. */
export interface Plan {
  /** Where they go. */
  readonly dir: string;
  /** Name of the program, of its image, its pods and its units. */
  readonly name: string;
  readonly kind: Kind;
  readonly runtime: Runtime;
  readonly deploy: readonly Deploy[];
  readonly port: number;
  /** Where probes are answered: the same port where HTTP is spoken. */
  readonly healthPort: number;
  /** Where a proxy listens. */
  readonly proxyPort: number;
  /** Files that are there already are replaced. */
  readonly force: boolean;
}

/** One file. */
export interface GeneratedFile {
  /** Below the folder, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** All kinds, the one to begin with first. */
export const KINDS: readonly Kind[] = ["http", "ws", "tcp", "channels"];

/** All runtimes. */
export const RUNTIMES: readonly Runtime[] = ["node", "deno", "bun"];

/** All that files are written for. */
export const DEPLOYS: readonly Deploy[] = ["docker", "kubernetes", "systemd", "haproxy", "nginx"];

const MAX_PORT = 65_535;

/** Where each kind listens, and the proxy before it: on one machine they must differ. */
const PORTS: Readonly<Record<Kind, readonly [port: number, proxyPort: number]>> = {
  http: [8080, 80],
  ws: [8080, 80],
  tcp: [9000, 7000],
  channels: [8080, 80],
};

/** A label of DNS with room behind it: npm, Docker, Kubernetes and systemd take it. */
const NAME = /^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/;

/** Reads `--kind`. @throws {UsageError} There is none of that name. */
export function kind(flag: string, value: string): Kind {
  const found = KINDS.find((name) => name === value);
  if (found !== undefined) return found;
  const words = `${flag} must be one of ${KINDS.join(", ")}`;
  throw new UsageError(`${words}, got ${JSON.stringify(value)}${didYouMean(value, KINDS)}`);
}

/** Reads `--deploy`: names with commas between them. @throws {UsageError} There is nothing of that name. */
export function deployments(flag: string, value: string): readonly Deploy[] {
  const names = value.split(",").map((name) => name.trim());
  return DEPLOYS.filter((known) => names.map((name) => checkDeploy(flag, name)).includes(known));
}

function checkDeploy(flag: string, name: string): Deploy {
  const found = DEPLOYS.find((known) => known === name);
  if (found !== undefined) return found;
  const words = `${flag} takes names out of ${DEPLOYS.join(",")}`;
  throw new UsageError(`${words}, got ${JSON.stringify(name)}${didYouMean(name, DEPLOYS)}`);
}

/** Reads `--name`. @throws {UsageError} It would not do everywhere. */
export function projectName(flag: string, value: string): string {
  if (NAME.test(value)) return value;
  const form = "1 to 40 small letters, digits and hyphens, the first a letter and the last no hyphen";
  throw new UsageError(`${flag} must be ${form}, got ${JSON.stringify(value)}`);
}

/**
 * Fills in what was not given.
 *
 * @throws {UsageError} The folder's name is none for a program, or a port doesn't go with the rest.
 */
export function planOf({ operands, options }: ToolInput, runtime: Runtime): Plan {
  const dir = operands[0] ?? ".";
  const given = options as Partial<Plan>;
  const kind = given.kind ?? "http";
  const [usual, proxyPort] = PORTS[kind];
  const port = given.port ?? usual;
  const plan: Plan = {
    dir,
    name: given.name ?? nameOf(dir),
    kind,
    runtime: given.runtime ?? runtime,
    deploy: given.deploy ?? [],
    port,
    healthPort: kind === "tcp" ? port + 1 : port,
    proxyPort,
    force: given.force ?? false,
  };
  checkPorts(plan);
  return plan;
}

/** Whether a proxy stands before it on the same machine. */
export function isProxied({ deploy }: Plan): boolean {
  return deploy.includes("haproxy") || deploy.includes("nginx");
}

/** Whether one process does all of it: what clients say to each other goes through its memory, or its folder. */
export function isSingle({ kind }: Pick<Plan, "kind">): boolean {
  return kind === "ws" || kind === "channels";
}

function nameOf(dir: string): string {
  const name = basename(resolve(dir)).toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^[^a-z]+|-+$/g, "");
  if (NAME.test(name)) return name;
  throw new UsageError(`${JSON.stringify(dir)} makes no name for the program, give one: --name NAME`);
}

function checkPorts(plan: Plan): void {
  const { port, healthPort, proxyPort } = plan;
  if (port === 0) throw new UsageError(`--port must be from 1: proxies and probes have to know it, got ${port}`);
  if (healthPort > MAX_PORT) {
    throw new UsageError(`--port must be below ${MAX_PORT}: the next one is for probes, got ${port}`);
  }
  if (isProxied(plan) && [port, healthPort].includes(proxyPort)) {
    throw new UsageError(`--port ${port} needs port ${proxyPort}, where the proxy listens: choose another one`);
  }
}
