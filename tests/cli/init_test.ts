/** `sluice init`: what it is asked, and what the files that it writes say to each other. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "../../src/cli/args.ts";
import { BUILT_IN } from "../../src/cli/built_in.ts";
import { toolHelp } from "../../src/cli/help.ts";
import { INIT } from "../../src/cli/init/command.ts";
import { filesOf, writeFiles } from "../../src/cli/init/files.ts";
import { DEPLOYS, type Kind, KINDS, type Plan, planOf, type Runtime, RUNTIMES } from "../../src/cli/init/plan.ts";
import { FACTS } from "../../src/cli/init/runtimes.ts";
import { readArgs } from "../../src/cli/read_args.ts";
import { loadCommand } from "../../src/cli/tools.ts";
import { StartError, UsageError } from "../../src/cli/usage_errors.ts";
import { textsOf } from "../support/init_project.ts";
import { root } from "../support/processes.ts";

function planned(args: string): Plan {
  return planOf(readArgs(args.split(" ").filter((arg) => arg !== ""), INIT), "node");
}

/** Each kind on each runtime, with all files. */
const ALL: readonly (readonly [kind: Kind, runtime: Runtime])[] = KINDS.flatMap((kind) =>
  RUNTIMES.map((runtime) => [kind, runtime] as const)
);

describe("what sluice init is asked", () => {
  it("is filled in: http on this runtime, named as the folder", () => {
    assertEquals(planned("some/My_Shop.2"), {
      dir: "some/My_Shop.2",
      name: "my-shop-2",
      kind: "http",
      runtime: "node",
      deploy: [],
      port: 8080,
      healthPort: 8080,
      proxyPort: 80,
      force: false,
    });
    const { name, port, healthPort } = planned("--kind tcp --name gateway");
    assertEquals([name, port, healthPort], ["gateway", 9000, 9001]);
  });

  it("is taken in any order, once each", () => {
    const { deploy, runtime, force } = planned("shop --deploy nginx,docker,nginx --runtime bun --force");
    assertEquals([deploy, runtime, force], [["docker", "nginx"], "bun", true]);
  });

  it("is refused by name and value", () => {
    const cases: readonly (readonly [args: string, message: string])[] = [
      ["a --kind channel", '--kind must be one of http, ws, tcp, channels, got "channel", did you mean channels?'],
      ["a --kind htp", '--kind must be one of http, ws, tcp, channels, got "htp"'],
      ["a --runtime go", '--runtime must be one of node, deno, bun, got "go"'],
      ["a --deploy docker,kuberntes", 'got "kuberntes", did you mean kubernetes?'],
      ["a --deploy=", '--deploy takes names out of docker,kubernetes,systemd,haproxy,nginx, got ""'],
      ["a --deploy docker,", 'got ""'],
      ["a --name Shop", "--name must be 1 to 40 small letters"],
      ["a --name shop-", 'got "shop-"'],
      [`a --name ${"a".repeat(41)}`, "--name must be 1 to 40 small letters"],
      ["/", '"/" makes no name for the program, give one: --name NAME'],
      ["42", '"42" makes no name for the program'],
      ["a --port 0", "--port must be from 1: proxies and probes have to know it, got 0"],
      ["a --port 65535 --kind tcp", "--port must be below 65535: the next one is for probes, got 65535"],
      ["a --port 80 --deploy haproxy", "--port 80 needs port 80, where the proxy listens: choose another one"],
      ["a --port 6999 --kind tcp --deploy nginx", "--port 6999 needs port 7000, where the proxy listens"],
      ["a b", 'Unexpected argument "b", 1 expected at the most'],
    ];
    for (const [args, message] of cases) {
      assertStringIncludes(assertThrows(() => planned(args), UsageError).message, message);
    }
  });

  it("is a command of the package itself, loaded when it is called", async () => {
    assertEquals(parseArgs(["init", "--kind"]), { name: "tool", tool: "init", args: ["--kind"] });
    assertEquals(parseArgs(["init", "-h"]), { name: "help", topic: "init" });
    for (const { name } of BUILT_IN) assertEquals((await loadCommand(name)).name, name);
    const text = toolHelp(INIT);
    for (const { flag, help } of INIT.rows) assert(text.includes(`  ${flag} `) && text.includes(help), flag);
    for (const line of text.split("\n")) assert(line.length <= 120, line);
    assert(!text.includes("A duration is written"), "no option of it is a duration");
  });
});

describe("the files of sluice init", () => {
  function inFolder(act: (dir: string) => void): void {
    const dir = mkdtempSync(join(tmpdir(), "sluice-init-"));
    try {
      act(dir);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  }

  it("are none where one is there already, and a folder is never replaced", () => {
    inFolder((dir) => {
      const plan = planned(`${dir} --name shop --deploy docker`);
      const forced = { ...plan, force: true };
      const files = filesOf(plan);
      writeFileSync(join(dir, "Dockerfile"), "mine");
      assertStringIncludes(assertThrows(() => writeFiles(plan, files), StartError).message, "has Dockerfile already");
      assertEquals(readdirSync(dir), ["Dockerfile"]);
      mkdirSync(join(dir, "server.ts"));
      const error = assertThrows(() => writeFiles(forced, files), StartError);
      assertStringIncludes(error.message, "has server.ts already, and nothing was written");
      assertStringIncludes(error.hint, "What is no file is never replaced");
      assertEquals(readFileSync(join(dir, "Dockerfile"), "utf8"), "mine");
      rmSync(join(dir, "server.ts"), { recursive: true });
      writeFiles(forced, files);
      assertStringIncludes(readFileSync(join(dir, "Dockerfile"), "utf8"), "ENTRYPOINT");
    });
  });

  it("say what can't be written, and how much was", () => {
    inFolder((dir) => {
      writeFileSync(join(dir, "deploy"), "a file where a folder is wanted");
      const plan = planned(`${dir} --name shop --deploy nginx`);
      const error = assertThrows(() => writeFiles(plan, filesOf(plan)), StartError);
      assertStringIncludes(error.message, "deploy/nginx.conf can't be ");
    });
  });

  it("are as many as were asked for, without a gap, and end with one line end", () => {
    for (const [kind, runtime] of ALL) {
      const texts = textsOf({ kind, runtime, deploy: DEPLOYS });
      // A second socket for probes; a client, and three manifests in place of six.
      const more = { http: 0, ws: 0, tcp: 1, channels: 1 - 3 } as const;
      assertEquals(Object.keys(texts).length, (runtime === "deno" ? 14 : 15) + more[kind]);
      for (const [path, text] of Object.entries(texts)) {
        assert(!/undefined|NaN|\[object|PROBED| \n|\n\n\n/.test(text), `${path}\n${text}`);
        assert(/[^\n]\n$/.test(text), path);
      }
    }
  });

  it("have the port and the name wherever they belong", () => {
    for (const [kind, runtime] of ALL) {
      const texts = textsOf({ kind, runtime, deploy: DEPLOYS, port: 7411, name: "till" });
      for (const [path, text] of Object.entries(texts)) {
        assert(!/\b(8080|9000|9001|shop)\b/.test(text), `${path}\n${text}`);
      }
      const pods = kind === "channels" ? "statefulset" : "deployment";
      const told = ["server.ts", "Dockerfile", `deploy/kubernetes/${pods}.yaml`, "deploy/systemd/till.socket"];
      for (const path of [...told, "deploy/haproxy.cfg", "deploy/nginx.conf"]) {
        assertStringIncludes(texts[path], "7411");
      }
    }
  });

  it("want the versions that this repository is tested with", () => {
    const { version, devDependencies } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
    assertStringIncludes(FACTS.deno.image, devDependencies.deno.slice(1));
    assert(FACTS.bun.image.includes(`:${devDependencies.bun.slice(1).split(".").slice(0, 2).join(".")}-`));
    const manifest = JSON.parse(textsOf({ runtime: "node" })["package.json"]);
    assertEquals(manifest.dependencies, { "@sluice/sluice": `^${version}` });
    assertEquals(JSON.parse(textsOf({ runtime: "deno" })["deno.json"]).imports, {
      "@sluice/sluice": `jsr:@sluice/sluice@^${version}`,
    });
  });
});
