/**
 * How a program is started as a worker, on the runtime that runs this.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, resolve } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { SERVE_MODULE } from "../command_options.ts";
import { StartError, UsageError } from "../usage_errors.ts";

/** Its options in the environment, as JSON. */
export const SERVE_VARIABLE = "SLUICE_SERVE";

/** Where a module's default export is served. */
export interface ModulePlace {
  readonly port?: number;
  readonly host?: string;
  readonly path?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly grace?: number;
  /** What it does is counted, for the supervisor's metrics. */
  readonly counted?: boolean;
}

/** What to start. */
export interface ProgramOptions {
  readonly program: string;
  /** For the program. */
  readonly args: readonly string[];
  /** For the runtime, in front of the program. */
  readonly runtimeArgs: readonly string[];
  readonly place: ModulePlace;
  /** `FastResponse` stands in for `Response`, where that pays. */
  readonly fastResponse: boolean;
}

/** A command line and what goes into its environment. */
export interface ProgramCommand {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Arguments of Node by which something may load TypeScript. */
const LOADERS = /^(--import|--require|-r|--loader|--experimental-(loader|strip-types))\b/;
const TYPESCRIPT: readonly string[] = [".ts", ".mts", ".cts", ".tsx"];

/**
 * The command that starts a worker.
 *
 * @throws {UsageError} There is no such program.
 * @throws {StartError} This runtime can't run it.
 */
export function programCommand(options: ProgramOptions): ProgramCommand {
  const program = resolve(options.program);
  if (!existsSync(program)) throw new UsageError(`There is no program ${JSON.stringify(options.program)}`);
  const isModule = exportsDefault(program);
  const runtime = runtimeArgs(program, options);
  if (!isModule) {
    checkNoPlace(options);
    return { command: [process.execPath, ...runtime, program, ...options.args], env: {} };
  }
  const command = [process.execPath, ...runtime, ownProgram(), SERVE_MODULE, program, ...options.args];
  return { command, env: { [SERVE_VARIABLE]: JSON.stringify(options.place) } };
}

/**
 * Told by its text: to load it would run it, here. Where a comment says it too, the program is run by way of ours, and
 * `import.meta.main` is false in it.
 */
function exportsDefault(program: string): boolean {
  const source = readFileSync(program, "utf8");
  return /\bexport\s+default\b|\bas\s+default\b[^;]*\}/.test(source);
}

function checkNoPlace({ program, place }: ProgramOptions): void {
  const [first] = Object.entries({
    "--port": place.port,
    "--host": place.host,
    "--unix": place.path,
    "--tls-cert": place.certFile,
  }).filter(([, value]) => value !== undefined);
  if (first === undefined) return;
  const what = `${first[0]} is for a module whose default export is served`;
  throw new UsageError(`${what}, and ${JSON.stringify(program)} has none: it says itself where it listens`);
}

function runtimeArgs(program: string, { runtimeArgs: given, fastResponse }: ProgramOptions): string[] {
  if ("Deno" in globalThis) return ["run", ...(given.length > 0 ? given : ["--allow-all"])];
  if ("Bun" in globalThis) return [...process.execArgv, ...given];
  const loader = loaderFor(program, [...process.execArgv, ...given]);
  return [...process.execArgv, ...given, ...loader, ...(fastResponse ? fastFor(program) : [])];
}

/** Whether this Node runs TypeScript as it is. */
export function takesTypeScript(): boolean {
  return "typescript" in process.features && Boolean(process.features.typescript);
}

/** Node before 22.18 has no types of its own to erase; who brings a loader along is trusted to know which. */
function loaderFor(program: string, args: readonly string[]): string[] {
  if (!TYPESCRIPT.includes(extname(program)) || takesTypeScript()) return [];
  if (args.some((arg) => LOADERS.test(arg))) return [];
  const tsx = resolved("tsx", program);
  if (tsx !== null) return ["--import", tsx];
  const fault = `Node ${process.versions.node} can't run ${JSON.stringify(program)}`;
  throw new StartError(
    `${fault}: it has no TypeScript`,
    "Bring tsx along: npm install --save-dev tsx; or take Node 22.18",
  );
}

/** The one that the program itself would load: another copy's is none to its servers. */
function fastFor(program: string): string[] {
  const fast = resolved("@sluice/sluice/http/fast-response", program);
  return fast === null ? [] : ["--import", fast];
}

function resolved(specifier: string, from: string): string | null {
  try {
    const path = createRequire(from).resolve(specifier);
    return existsSync(path) ? pathToFileURL(path).href : null;
  } catch {
    return null;
  }
}

/** This command line as its runtime was given it: a file, or on Deno a URL. */
function ownProgram(): string {
  const { Deno } = globalThis as { readonly Deno?: { readonly mainModule: string } };
  return Deno?.mainModule ?? process.argv[1];
}
