/**
 * What the two registries would get, without sending anything: tarballs, lists of files, and whether a consumer's
 * tools understand them.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { type Exit, root, runtimePath, startCommand } from "../support/processes.ts";

/** A tarball for npm. */
export interface Tarball {
  readonly path: string;
  /** Bytes of it. */
  readonly packed: number;
  /** Bytes of the files in it. */
  readonly unpacked: number;
  readonly files: number;
}

/** Longest time for one command, in ms. */
const LIMIT = 120_000;

const QUIET = ["--loglevel", "error"];

/** Runs a command to its end, at the top of the repository. */
export async function command(args: readonly string[], cwd: string = root): Promise<Exit> {
  await using program = startCommand(args, { cwd });
  return await program.exited(LIMIT);
}

/** Packs a package into a folder. The top one is built first, and the other along with it. @throws {Error} It fails. */
export async function pack(from: string, into: string): Promise<Tarball> {
  const { stdout } = await succeed(["npm", "pack", "--json", ...QUIET, "--pack-destination", into], root + from);
  // What the build says comes first.
  const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(stdout.slice(stdout.search(/^\[$/m)));
  return { path: join(into, filename), packed: size, unpacked: unpackedSize, files: entryCount };
}

/** What npm would say to a tarball. */
export function publishToNpm(tarball: string): Promise<Exit> {
  return command(["npm", "publish", "--dry-run", "--access", "public", tarball, ...QUIET]);
}

/** Whether the manifest in a tarball names what is there, in the words of `publint`. */
export function lintPackage(tarball: string): Promise<Exit> {
  return command([process.execPath, "node_modules/publint/src/cli.js", "run", tarball, "--strict"]);
}

/** Whether TypeScript finds the types of each entry, in the words of `attw`. There is nothing for `require()`. */
export function lintTypes(tarball: string): Promise<Exit> {
  const program = "node_modules/@arethetypeswrong/cli/dist/index.js";
  return command([process.execPath, program, tarball, "--profile", "esm-only", "--format", "ascii", "--no-emoji"]);
}

/** What JSR would say to the package in a folder; `flags` are more of those of `deno publish`. */
export function publishToJsr(folder: string, flags: readonly string[] = []): Promise<Exit> {
  const dryRun = [runtimePath("deno"), "publish", "--dry-run", "--allow-dirty", ...flags];
  return command([...dryRun, "--config", `${folder}deno.json`]);
}

/** The files that a dry run says it would upload: paths from the top of the repository. */
export function uploadedFiles({ stdout, stderr }: Exit): string[] {
  const listed = (stdout + stderr).matchAll(/^\s+(file:\/\/\S+) \([\d.]+\w+\)$/gm);
  return [...listed].map(([, url]) => fileURLToPath(url).slice(root.length));
}

async function succeed(args: readonly string[], cwd: string): Promise<Exit> {
  const exit = await command(args, cwd);
  if (exit.code !== 0) throw new Error(`${args.join(" ")} ended with ${exit.code}\n${exit.stdout}${exit.stderr}`);
  return exit;
}
