/** The files that `sluice init` writes, shown to what reads them: compilers, proxies, systemd, and Kubernetes' types. */
import { describe, it as test } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parse } from "yaml";
import { DEPLOYS, KINDS, type Runtime, RUNTIMES } from "../../src/cli/init/plan.ts";
import { nginxGlobals } from "../support/http_proxies.ts";
import { skipUnless, skipWithout, toolPath } from "../support/http_tools.ts";
import { IMPORT_MAP, Project, textsOf } from "../support/init_project.ts";
import { type Exit, root, runtimeName, runtimePath, startCommand } from "../support/processes.ts";

/** The test starts the other runtimes itself, so once is enough. */
const skip = runtimeName() === "node" ? false : "runs under node only";

/** How exposed a unit may be by systemd's own reckoning, of 100: what a server can't do without is 14. */
const EXPOSURE = 20;

/** Bun does not count a group that is skipped as a whole: each test says so itself. */
function it(name: string, fn: () => Promise<void>, without: string | false = false): void {
  test(name, { skip: skip || without }, fn);
}

async function outcome(command: readonly string[], cwd: string = root): Promise<Exit> {
  await using program = startCommand(command, { cwd });
  return await program.exited();
}

async function assertFine(command: readonly string[], cwd?: string): Promise<Exit> {
  const exit = await outcome(command, cwd);
  assertEquals(exit.code, 0, `${command.join(" ")}\n${exit.stdout}${exit.stderr}`);
  return exit;
}

const tsc = [process.execPath, join(root, "node_modules/typescript/bin/tsc")];

describe("the programs of sluice init", () => {
  for (const runtime of RUNTIMES) {
    it(`for ${runtime} compile, by their own settings`, async () => {
      for (const kind of KINDS) {
        using project = new Project({ kind, runtime });
        await assertFine(compiler(project, runtime), project.dir);
      }
    });
  }

  it("are refused by that compiler where they are wrong", async () => {
    using project = new Project({ runtime: "node" });
    writeFileSync(project.path("server.ts"), project.read("server.ts").replace("Number(PORT)", "PORT"));
    const { code, stdout } = await outcome(compiler(project, "node"), project.dir);
    assertMatch(`${code} ${stdout}`, /^[12] .*TS2322/s);
  });
});

function compiler(project: Project, runtime: Runtime): string[] {
  if (runtime === "deno") {
    return [runtimePath("deno"), "check", "--quiet", "--import-map", project.path(IMPORT_MAP), "server.ts"];
  }
  // Bun's own types are no package of this repository; those of Node have all that the programs use.
  return [...tsc, "-p", ".", ...(runtime === "bun" ? ["--types", "node"] : [])];
}

/** Where the types of each kind of manifest are, and their name. */
const TYPES: Readonly<Record<string, string>> = {
  "apps/v1": "kubernetes-types/apps/v1.js",
  "autoscaling/v2": "kubernetes-types/autoscaling/v2.js",
  "networking.k8s.io/v1": "kubernetes-types/networking/v1.js",
  "policy/v1": "kubernetes-types/policy/v1.js",
  v1: "kubernetes-types/core/v1.js",
};

/** A program that compiles if each manifest is of the type of its kind: no field too many, and none of a wrong kind. */
function typed(manifests: readonly { readonly apiVersion: string; readonly kind: string }[]): string {
  return manifests.map((manifest, i) => {
    const { apiVersion, kind } = manifest;
    return `import type { ${kind} as Kind${i} } from "${TYPES[apiVersion]}";\n` +
      `export const manifest${i}: Kind${i} = ${JSON.stringify(manifest, null, 2)};\n`;
  }).join("");
}

async function compiled(text: string): Promise<Exit> {
  using project = new Project({ runtime: "node" });
  symlinkSync(join(root, "node_modules/kubernetes-types"), project.path("node_modules/kubernetes-types"));
  writeFileSync(project.path("manifests.ts"), text);
  const flags = ["--strict", "--noEmit", "--module", "NodeNext", "--skipLibCheck", "--types", "", "--ignoreConfig"];
  return await outcome([...tsc, ...flags, "manifests.ts"], project.dir);
}

describe("the manifests of sluice init", () => {
  const all = () =>
    KINDS.flatMap((kind) => RUNTIMES.map((runtime) => textsOf({ kind, runtime, deploy: ["kubernetes"] })))
      .flatMap((texts) => Object.entries(texts).filter(([path]) => path.endsWith(".yaml")))
      .map(([, text]) => parse(text));

  it("are what the Kubernetes API takes: no unknown field, and each of its type", async () => {
    const { code, stdout } = await compiled(typed(all()));
    assertEquals(code, 0, stdout);
  });

  it("would be refused with a misspelt field, a number as text, or a field that is missing", async () => {
    for (
      const [from, to] of [
        ["failureThreshold", "failureTreshold"],
        ["minReadySeconds: 5", 'minReadySeconds: "5"'],
        ["readOnlyRootFilesystem", "readonlyRootFilesystem"],
        ["  selector:", "  selektor:"],
      ] as const
    ) {
      const text = textsOf({ deploy: ["kubernetes"] })["deploy/kubernetes/deployment.yaml"];
      const { code, stdout } = await compiled(typed([parse(text.replace(from, to))]));
      assertMatch(`${code} ${stdout}`, /^[12] .*error TS\d+/s, to);
    }
  });
});

const analyze = skipWithout("systemd-analyze");

describe("the units of sluice init", () => {
  for (const kind of KINDS) {
    for (const runtime of RUNTIMES) {
      it(`for ${kind} on ${runtime} are understood by systemd, every line of them`, async () => {
        using project = withUnits(kind, runtime);
        const units = unitsOf(project).map((name) => project.path(`deploy/systemd/${name}`));
        const { stdout, stderr } = await assertFine(["systemd-analyze", "verify", "--man=no", ...units]);
        assertEquals(stdout + stderr, "");
      }, analyze);
    }
  }

  it("would be named with a line that systemd does not know", async () => {
    using project = withUnits("http", "node");
    const path = project.path("deploy/systemd/shop.service");
    writeFileSync(path, project.read("deploy/systemd/shop.service").replace("KillMode=mixed", "KillMood=mixed"));
    const { stdout, stderr } = await outcome(["systemd-analyze", "verify", "--man=no", path]);
    assertStringIncludes(stdout + stderr, "KillMood");
  }, analyze);

  for (const runtime of RUNTIMES) {
    it(`on ${runtime} leave a program little to do harm with`, async () => {
      using project = withUnits("http", runtime);
      const unit = project.path("deploy/systemd/shop.service");
      const words = ["security", "--offline=yes", "--no-pager", `--threshold=${EXPOSURE}`, unit];
      await assertFine(["systemd-analyze", ...words]);
    }, analyze);
  }
});

function withUnits(kind: (typeof KINDS)[number], runtime: Runtime): Project {
  const project = new Project({ kind, runtime, deploy: ["systemd", "nginx"] });
  const path = "deploy/systemd/shop.service";
  // The runtime is where this repository has it, and not where systemd looks.
  const text = project.read(path).replace(/^ExecStart=\w+/m, `ExecStart=${runtimePath(runtime)}`);
  writeFileSync(project.path(path), text);
  return project;
}

function unitsOf({ plan }: Project): string[] {
  return plan.kind === "tcp" ? ["shop.socket", "shop-health.socket", "shop.service"] : ["shop.socket", "shop.service"];
}

/** nginx's module for what is no HTTP is a package of its own. */
const STREAM = skipUnless(
  ["test", "-e", "/usr/lib/nginx/modules/ngx_stream_module.so"],
  "libnginx-mod-stream",
);

describe("the proxies' configurations of sluice init", () => {
  for (const kind of KINDS) {
    it(`for ${kind} are valid for HAProxy, without a warning`, async () => {
      using project = new Project({ kind, deploy: DEPLOYS });
      const { stdout, stderr } = await assertFine(["haproxy", "-c", "-f", project.path("deploy/haproxy.cfg")]);
      assertEquals((stdout + stderr).match(/warning|alert/gi), null, stdout + stderr);
    }, skipWithout("haproxy"));

    const without = skipWithout("nginx") || (kind === "tcp" ? STREAM : false);
    it(`for ${kind} are valid for nginx, without a warning`, async () => {
      using project = new Project({ kind, deploy: DEPLOYS });
      const words = ["-t", "-e", "stderr", "-g", nginxGlobals(project.dir), "-c", project.path("deploy/nginx.conf")];
      const command = [toolPath("nginx")!, ...words];
      const { stderr } = await assertFine(command);
      assertEquals(stderr.match(/\[(warn|emerg|alert)\]/g), null, stderr);
    }, without);
  }
});
