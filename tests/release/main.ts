/**
 * Goes through a release of both packages without sending anything: do versions and entries agree, would npm and JSR take
 * them, do `publint` and `attw` find what a consumer's tools would stumble over. Then the sizes, beside those of the last
 * release. Exit code 1 if anything is wrong.
 *
 *   npm run release:check
 *   npm run release:check -- --write     notes the sizes as those of this release
 *
 * @module
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Exit, root } from "../support/processes.ts";
import { isUnreleased, problemsOf, type Published, readRelease } from "./manifests.ts";
import { lintPackage, lintTypes, pack, publishToJsr, publishToNpm, uploadedFiles } from "./registries.ts";
import { compareSizes, entrySizes, NOTED, noteSizes, readSizes, type Sizes } from "./sizes.ts";

const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } });

function tell(step: string, problems: readonly string[]): void {
  console.log(`${problems.length > 0 ? "FAILED" : "ok    "} ${step}`);
  for (const problem of problems) console.log(problem);
  if (problems.length > 0) process.exitCode = 1;
}

async function tellExit(step: string, running: Promise<Exit>): Promise<Exit> {
  const exit = await running;
  tell(step, exit.code === 0 ? [] : [exit.stdout, exit.stderr, `exit code ${exit.code}`]);
  return exit;
}

/** All that can be asked of one package; gives its sizes. */
async function checkPackage({ name, folder, npm }: Published, into: string): Promise<Sizes> {
  const tarball = await pack(folder, into);
  await tellExit(`${name}: npm publish --dry-run`, publishToNpm(tarball.path));
  await tellExit(`${name}: publint`, lintPackage(tarball.path));
  await tellExit(`${name}: attw`, lintTypes(tarball.path));
  const uploaded = uploadedFiles(await tellExit(`${name}: deno publish --dry-run`, publishToJsr(folder)));
  return {
    [`${name} on npm, packed bytes`]: tarball.packed,
    [`${name} on npm, unpacked bytes`]: tarball.unpacked,
    [`${name} on npm, files`]: tarball.files,
    [`${name} on JSR, bytes`]: uploaded.reduce((sum, path) => sum + statSync(root + path).size, 0),
    [`${name} on JSR, files`]: uploaded.length,
    ...entrySizes(folder, npm),
  };
}

const release = readRelease();
const version = release.program;
tell("versions, names and entries agree", problemsOf(release));
const folder = mkdtempSync(join(tmpdir(), "sluice-release-"));
try {
  const sizes: Record<string, number> = {};
  for (const one of release.packages) Object.assign(sizes, await checkPackage(one, folder));
  console.log(`\n${compareSizes({ version, sizes }, readSizes()).join("\n")}\n`);
  if (values.write && process.exitCode === undefined) {
    noteSizes({ version, sizes });
    console.log(`${NOTED} has the sizes of ${version}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (isUnreleased(release)) console.log(`CHANGELOG.md has no heading "## [${version}]" yet`);
