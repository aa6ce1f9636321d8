/**
 * What `sluice init` writes, in a folder of its own where the package is found as if it were installed.
 *
 * @module
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { filesOf, writeFiles } from "../../src/cli/init/files.ts";
import { type GeneratedFile, type Plan, planOf } from "../../src/cli/init/plan.ts";
import { App } from "./apps.ts";
import { type Program, root, runtimeName, type StartOptions, startProgram } from "./processes.ts";

/** A plan as the command line makes it. */
export function planFor(options: Partial<Plan> & { readonly dir?: string } = {}): Plan {
  const { dir = "shop", ...rest } = options;
  return planOf({ words: [], operands: [dir], command: [], options: rest }, "node");
}

/** All that is written for a plan, by path. */
export function textsOf(options: Partial<Plan> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(filesOf(planFor(options)).map(({ path, text }: GeneratedFile) => [path, text]));
}

/** A folder with a generated program in it; it is removed at the end of the block. */
export class Project implements Disposable {
  readonly plan: Plan;
  readonly dir: string;

  constructor(options: Partial<Plan> = {}) {
    this.dir = mkdtempSync(join(tmpdir(), "sluice-init-"));
    this.plan = planFor({ name: "shop", runtime: runtimeName(), ...options, dir: this.dir });
    writeFiles(this.plan, filesOf(this.plan));
    installInto(this.dir);
  }

  /** Path of one of its files. */
  path(name: string): string {
    return join(this.dir, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  /** Starts the program on the runtime of this test as its own files say, and waits until its servers listen. */
  async start(env: Readonly<Record<string, string>> = {}): Promise<App> {
    const app = new App(this.#startProgram({ PORT: "0", HEALTH_PORT: "0", ...env }));
    try {
      await app.listening(this.plan.kind === "tcp" ? [this.plan.name, "health"] : [this.plan.name]);
      return app;
    } catch (error) {
      await app.program.kill();
      throw error;
    }
  }

  /** Starts the client that comes along, as its own files say. */
  startClient(server: string, args: readonly string[]): Program {
    return this.#run("client.ts", "client", { env: { SERVER: server }, args });
  }

  /** For programs that are started by others: Deno's own file says where the package is. */
  importFromSources(): void {
    if (this.plan.runtime !== "deno") return;
    const { imports } = JSON.parse(this.read(IMPORT_MAP));
    writeFileSync(this.path("deno.json"), JSON.stringify({ ...JSON.parse(this.read("deno.json")), imports }));
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }

  #startProgram(env: Readonly<Record<string, string>>): Program {
    return this.#run("server.ts", "start", { env });
  }

  /** @param task Of Deno's own file, with the permissions. */
  #run(file: string, task: string, given: StartOptions): Program {
    const options = { ...given, cwd: this.dir };
    if (runtimeName() !== "deno") return startProgram(file, options);
    const { tasks } = JSON.parse(this.read("deno.json"));
    const permissions = tasks[task].split(" ").filter((word: string) => word.startsWith("--allow-"));
    const runtimeFlags = ["--no-check", "--import-map", this.path(IMPORT_MAP)];
    return startProgram(file, { ...options, permissions, runtimeFlags });
  }
}

/** For Deno, in place of a registry. */
export const IMPORT_MAP = "import_map.test.json";

/** Lets a folder's programs import the sources of this repository by the package's name. */
export function installInto(dir: string): void {
  const { exports } = JSON.parse(readFileSync(`${root}deno.json`, "utf8")) as { exports: Record<string, string> };
  const entries = Object.entries(exports).map(([entry, file]) => [entry, join(root, file)] as const);
  const imports = entries.map(([entry, file]) => [`@sluice/sluice${entry.slice(1)}`, pathToFileURL(file).href]);
  writeFileSync(join(dir, IMPORT_MAP), JSON.stringify({ imports: Object.fromEntries(imports) }));
  const folder = join(dir, "node_modules/@sluice/sluice");
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(root, "node_modules/@types"), join(dir, "node_modules/@types"));
  const shims = entries.map(([entry, file], i) => {
    writeFileSync(join(folder, `${i}.js`), `export * from ${JSON.stringify(pathToFileURL(file).href)};\n`);
    writeFileSync(join(folder, `${i}.ts`), `export * from ${JSON.stringify(file)};\n`);
    return [entry, { types: `./${i}.ts`, default: `./${i}.js` }];
  });
  const manifest = { name: "@sluice/sluice", type: "module", exports: Object.fromEntries(shims) };
  writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
}
