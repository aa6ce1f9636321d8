/**
 * The two packages that are published from here, and what their manifests have to agree on.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { VERSION } from "../../src/cli/version.ts";
import { root } from "../support/processes.ts";

/** What is read of a package.json, or of a deno.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly exports: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** A package, as its two registries get to know it. */
export interface Published {
  readonly name: string;
  /** From the top of the repository; empty, or ends in a slash. */
  readonly folder: string;
  readonly npm: Manifest;
  readonly jsr: Manifest;
}

/** What is released together. */
export interface Release {
  readonly packages: readonly Published[];
  /** What `sluice --version` says. */
  readonly program: string;
  /** What package-lock.json has for a package, by its folder without the slash. */
  readonly locked: Readonly<Record<string, { readonly version?: string }>>;
  readonly changelog: string;
}

const CORE = "@sluice/sluice";

/** Reads a package.json or a deno.json, by its path from the top of the repository. */
export function readManifest(path: string): Manifest {
  return JSON.parse(read(path));
}

/** Reads everything that names a version or an entry. */
export function readRelease(): Release {
  return {
    packages: [published(CORE, ""), published("@sluice/tools", "src/tools/")],
    program: VERSION,
    locked: JSON.parse(read("package-lock.json")).packages,
    changelog: read("CHANGELOG.md"),
  };
}

/** What does not agree, in a line each. */
export function problemsOf(release: Release): string[] {
  return release.packages.flatMap((one) => [...versionProblems(one, release), ...entryProblems(one)]);
}

/** A changelog that still calls the version unreleased: right until the moment of the release. */
export function isUnreleased({ changelog, program }: Release): boolean {
  return !changelog.includes(`\n## [${program}]`);
}

function versionProblems({ name, folder, npm, jsr }: Published, { program, locked }: Release): string[] {
  const inPackage = `${folder}package.json`;
  const inDeno = `${folder}deno.json`;
  const peer = npm.peerDependencies?.[CORE];
  return [
    ...differs(`name in ${inPackage}`, npm.name, name),
    ...differs(`name in ${inDeno}`, jsr.name, name),
    ...differs(`license in ${inDeno}`, jsr.license, npm.license),
    ...differs(`version in ${inPackage}`, npm.version, program),
    ...differs(`version in ${inDeno}`, jsr.version, program),
    ...differs(`version of ${name} in package-lock.json`, locked[folder.replace(/\/$/, "")]?.version, program),
    ...peer === undefined ? [] : differs(`peer ${CORE} in ${inPackage}`, peer, `^${program}`),
  ];
}

/** npm gets what is built of the sources that JSR gets; its own manifest is an entry besides. */
function entryProblems({ folder, npm, jsr }: Published): string[] {
  const built = Object.entries(jsr.exports).map(([entry, source]) => {
    const base = String(source).replace("./", "./dist/").replace(/\.ts$/, "");
    return [entry, { types: `${base}.d.ts`, default: `${base}.js` }];
  });
  const expected = Object.fromEntries([...built, ["./package.json", "./package.json"]]);
  return [...new Set([...Object.keys(npm.exports), ...Object.keys(expected)])].flatMap((entry) =>
    differs(`export "${entry}" in ${folder}package.json`, npm.exports[entry], expected[entry])
  );
}

function differs(what: string, found: unknown, expected: unknown): string[] {
  const [is, should] = [JSON.stringify(found), JSON.stringify(expected)];
  return is === should ? [] : [`${what} is ${is ?? "missing"}, and should be ${should ?? "absent"}`];
}

function published(name: string, folder: string): Published {
  return { name, folder, npm: readManifest(`${folder}package.json`), jsr: readManifest(`${folder}deno.json`) };
}

function read(path: string): string {
  return readFileSync(root + path, "utf8");
}
