/**
 * From a plan to files on the disk.
 *
 * @module
 */
import { lstatSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { plural } from "../print.ts";
import { StartError } from "../usage_errors.ts";
import { dockerFiles } from "./docker.ts";
import { haproxyFiles } from "./haproxy.ts";
import { kubernetesFiles } from "./kubernetes.ts";
import { nginxFiles } from "./nginx.ts";
import type { Deploy, GeneratedFile, Plan } from "./plan.ts";
import { programFiles } from "./program.ts";
import { systemdFiles } from "./systemd.ts";

const DEPLOY_FILES: Readonly<Record<Deploy, (plan: Plan) => GeneratedFile[]>> = {
  docker: dockerFiles,
  kubernetes: kubernetesFiles,
  systemd: systemdFiles,
  haproxy: haproxyFiles,
  nginx: nginxFiles,
};

/** All files of a plan, in the order in which they are written. */
export function filesOf(plan: Plan): GeneratedFile[] {
  return [...programFiles(plan), ...plan.deploy.flatMap((deploy) => DEPLOY_FILES[deploy](plan))];
}

/**
 * Writes them all, or none if one is there already.
 *
 * @throws {StartError} One is there, or can't be written.
 */
export function writeFiles({ dir, force }: Plan, files: readonly GeneratedFile[]): void {
  refuseExisting(dir, files, force);
  for (const [i, { path, text }] of files.entries()) {
    const target = join(dir, path);
    attempt(
      `${target} can't be written${i === 0 ? "" : `, ${plural(i, "file")} before it ${i === 1 ? "was" : "were"}`}`,
      () => {
        mkdirSync(dirname(target), { recursive: true });
        // Without --force nothing is replaced, not even what came between the look and now.
        writeFileSync(target, text, { flag: force ? "w" : "wx" });
      },
    );
  }
}

/** A folder can't be replaced, whatever was asked for. */
function refuseExisting(dir: string, files: readonly GeneratedFile[], force: boolean): void {
  const taken = files.map(({ path }) => path).filter((path) => {
    const found = attempt(
      `${join(dir, path)} can't be looked at`,
      () => lstatSync(join(dir, path), { throwIfNoEntry: false }),
    );
    return found !== undefined && (!force || !found.isFile());
  });
  if (taken.length === 0) return;
  const hint = force ? "What is no file is never replaced" : "Choose another folder, or replace them: --force";
  throw new StartError(`${dir} has ${taken.join(", ")} already, and nothing was written`, hint);
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw new StartError(`${what}: ${(error as Error).message}`, "", { cause: error });
  }
}
