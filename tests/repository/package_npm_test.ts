/** Proof of the npm package: packed, installed in an empty folder, used by JavaScript and by TypeScript. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { command, lintPackage, lintTypes, pack, type Tarball } from "../release/registries.ts";
import { assertServesAndStops, consumerProgram } from "../support/consumer.ts";
import { linksOf, manuals } from "../support/manuals.ts";
import { root, runtimeName, startProgram } from "../support/processes.ts";

/** The test starts the other runtimes itself, so once is enough. */
const skip = runtimeName() === "node" ? false : "runs under node only";

/** A consumer's compiler settings: no types of any runtime, and our declarations checked as well. */
const CONSUMER_TSCONFIG = {
  compilerOptions: {
    target: "ES2022",
    lib: ["ES2023", "DOM", "DOM.Iterable", "DOM.AsyncIterable", "ESNext.Disposable"],
    module: "NodeNext",
    types: [],
    strict: true,
    skipLibCheck: false,
    noEmit: true,
  },
  files: ["consumer.ts"],
};

/** What the tools' package has to read: its papers link to nothing else. */
const TOOLS_MANUALS = ["faults/", "load/", "", "verify/"].map((folder) => `src/tools/${folder}README.md`).sort();

/** Without a lock npm looks at what is installed; by one it asks the registry for what was copied (npm 11). */
const OFFLINE = ["--offline", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel", "error"];

describe("the npm package", () => {
  let folder = "";
  let project = "";
  let core: Tarball;

  before(async () => {
    if (skip !== false) return;
    folder = mkdtempSync(join(tmpdir(), "sluice-npm-"));
    project = join(folder, "project");
    mkdirSync(project);
    writeFileSync(join(project, "package.json"), `{ "name": "consumer", "type": "module" }\n`);
    core = await pack("", folder);
    await install(core);
    writeFileSync(join(project, "consumer.js"), consumerProgram("@sluice/sluice"));
  });

  /** Installs a tarball, and nothing that isn't there already. */
  async function install({ path }: Tarball): Promise<void> {
    const installed = await command(["npm", "install", path, ...OFFLINE], project);
    assertEquals(installed.code, 0, installed.stdout + installed.stderr);
  }

  after(() => {
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  });

  it("holds JavaScript, declarations and the papers, and no sources or tests", { skip }, () => {
    const installed = join(project, "node_modules/@sluice/sluice");
    const files = readdirSync(installed, { recursive: true, withFileTypes: true, encoding: "utf8" })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1));
    const papers = files.filter((path) => !path.startsWith("dist/")).sort();
    const own = manuals().map(({ path }) => path).filter((path) => !path.startsWith("src/tools/"));
    assertEquals(papers, [...own, "LICENSE", "package.json", "sluice.schema.json"].sort());
    const others = files.filter((path) => path.startsWith("dist/") && !/\.(js|d\.ts)$/.test(path));
    assertEquals(others, ["dist/LICENSES.txt"]);
    const licences = readFileSync(join(installed, "dist/LICENSES.txt"), "utf8");
    assertEquals(licences.match(/^\S+ \d+\.\d+\.\d+$/gm)?.map((line) => line.split(" ")[0]), ["valibot"]);
    assert(licences.includes("MIT License"));
    assert(!files.some((path) => path.includes("test/") || path.includes("tests/")));
  });

  it("has entries and types that the tools of its users find", { skip }, async () => {
    await assertUnderstood(core);
  });

  it("has a command that begins with a line for the shell", { skip }, () => {
    const command = readFileSync(join(project, "node_modules/.bin/sluice"), "utf8");
    assertEquals(command.split("\n")[0], "#!/usr/bin/env node");
  });

  it("has tools in the clone that it was built in", { skip }, async () => {
    const shown = await command([process.execPath, "dist/src/cli/main.js", "load", "--help"]);
    assertEquals([shown.code, shown.stderr], [0, ""]);
    assert(shown.stdout.startsWith("Usage: sluice load "), shown.stdout);
  });

  it("is one package alone, and names the line that brings the tools", { skip }, async () => {
    assertEquals(readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith(".")), ["@sluice"]);
    assertEquals(readdirSync(join(project, "node_modules/@sluice")), ["sluice"]);
    const shown = await command(["node_modules/.bin/sluice", "load", "--help"], project);
    assertEquals([shown.code, shown.stderr.trim().split("\n")], [1, [
      "sluice: sluice load comes with the package @sluice/tools, which is not here",
      "Bring it along: npm install @sluice/tools",
    ]]);
  });

  it("has the tools beside it once they are installed", { skip }, async () => {
    const packed = await pack("src/tools/", folder);
    copyDependencies(join(root, "src/tools"), project);
    await install(packed);
    await assertUnderstood(packed);
    for (const tool of ["load", "verify", "faults"]) {
      const shown = await command(["node_modules/.bin/sluice", tool, "--help"], project);
      assert(shown.code === 0 && shown.stdout.startsWith(`Usage: sluice ${tool} `), shown.stderr);
    }
    const files = readdirSync(join(project, "node_modules/@sluice/tools")).sort();
    assertEquals(files, ["LICENSE", "README.md", "dist", "faults", "load", "package.json", "verify"]);
    const papers = manuals().filter(({ path }) => path.startsWith("src/tools/"));
    assertEquals(papers.map(({ path }) => path), TOOLS_MANUALS);
    const links = papers.flatMap(linksOf).map(({ path }) => path);
    assertEquals(links.filter((path) => !TOOLS_MANUALS.includes(path)), []);
    for (const path of TOOLS_MANUALS) {
      const installed = path.replace("src/tools/", "node_modules/@sluice/tools/");
      assertEquals(readFileSync(join(project, installed), "utf8"), readFileSync(join(root, path), "utf8"));
    }
  });

  for (const runtime of ["node", "bun"] as const) {
    it(`serves and is stopped by SIGTERM on ${runtime}`, { skip }, async () => {
      await using program = startProgram(join(project, "consumer.js"), { runtime, cwd: project, plain: true });
      await assertServesAndStops(program);
    });
  }

  it("compiles in a strict TypeScript project without the types of a runtime", { skip }, async () => {
    writeFileSync(join(project, "consumer.ts"), typed());
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify(CONSUMER_TSCONFIG));
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const compiled = await command([process.execPath, compiler, "-p", "."], project);
    assertEquals(compiled.code, 0, compiled.stdout);
  });
});

/** What a package depends on stands in the folder already: an install without a network has to find it there. */
function copyDependencies(folder: string, project: string): void {
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    const copy = join(project, "node_modules", name);
    cpSync(join(root, "node_modules", name), copy, { recursive: true });
    copyDependencies(copy, project);
  }
}

/** The same program with the other entry beside it. */
function typed(): string {
  return `${consumerProgram("@sluice/sluice")}import * as testing from "@sluice/sluice/testing";\nvoid testing;\n`;
}

async function assertUnderstood({ path }: Tarball): Promise<void> {
  for (const lint of [lintPackage, lintTypes]) {
    const { code, stdout, stderr } = await lint(path);
    assertEquals(code, 0, stdout + stderr);
  }
}
