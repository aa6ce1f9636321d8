/** Proof of the JSR package: the files that would be published, served by a registry on this machine. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publishToJsr, uploadedFiles } from "../release/registries.ts";
import { assertServesAndStops, consumerProgram } from "../support/consumer.ts";
import { linksOf, manuals, readManual } from "../support/manuals.ts";
import { root, runtimeName, startProgram } from "../support/processes.ts";
import { type Registry, serveRegistry } from "../support/registry.ts";

/** The programs run on deno whoever starts them, so once is enough. */
const skip = runtimeName() === "node" ? false : "runs under node only";

const { name, version, exports } = JSON.parse(readFileSync(`${root}deno.json`, "utf8"));

describe("the JSR package", () => {
  let folder = "";
  let files: string[] = [];
  let registry: Registry;

  before(async () => {
    if (skip !== false) return;
    folder = mkdtempSync(join(tmpdir(), "sluice-jsr-"));
    const exit = await publishToJsr("", ["--no-check"]);
    assertEquals(exit.code, 0, exit.stderr);
    files = uploadedFiles(exit);
    assert(files.includes("mod.ts"), `no list of files in: ${exit.stderr}`);
    registry = await serveRegistry({ name, version, exports, folder: root, files });
  });

  after(async () => {
    if (skip !== false) return;
    await registry?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("holds the sources and the papers, and no tests", { skip }, () => {
    const others = files.filter((path) => !/^(src|adapters)\//.test(path));
    const papers = manuals().map(({ path }) => path).filter((path) => !path.includes("/"));
    assertEquals(others.sort(), [...papers, "LICENSE", "deno.json", "mod.ts", "sluice.schema.json"].sort());
    assert(files.some((path) => path.startsWith("src/")));
  });

  it("holds every manual that its papers link to", { skip }, () => {
    const papers = files.filter((path) => path.endsWith(".md")).map(readManual);
    assert(papers.length > 10);
    const links = papers.flatMap(linksOf).map(({ path }) => path);
    assertEquals(links.filter((path) => !files.includes(path)), []);
  });

  it("is imported as jsr:, serves with --allow-net alone and is stopped by SIGTERM", { skip }, async () => {
    const path = join(folder, "program.ts");
    writeFileSync(path, consumerProgram(`jsr:${name}@${version}`));
    await using program = startProgram(path, {
      runtime: "deno",
      permissions: ["--allow-net", "--no-prompt"],
      runtimeFlags: ["--check"],
      cwd: folder,
      env: { JSR_URL: registry.url, DENO_DIR: join(folder, "cache") },
    });
    await assertServesAndStops(program);
    assertEquals(registry.missed, []);
    assert(registry.served.includes(`/${name}/${version}/mod.ts`));
  });
});
