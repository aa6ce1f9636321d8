/** Holds the manuals to the code: their tables come from doc comments, they name every export, and their code runs. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { exportsOf } from "../docs/declarations.ts";
import { renewed, roomOf, undefaulted } from "../docs/tables.ts";
import { RedisServer, skipWithoutRedis } from "../support/redis.ts";
import { type Block, blocksOf, manuals, readManual } from "../support/manuals.ts";
import {
  LOADER,
  type Program,
  root,
  runtimeName,
  runtimePath,
  startCommand,
  startProgram,
  within,
} from "../support/processes.ts";

/** Programs that end by themselves: where they stand, a part of their text, and what they print. */
const PROGRAMS: readonly (readonly [path: string, part: string, output: RegExp])[] = [
  ["src/server/README.md", "server.stats", /true \{/],
  ["src/server/README.md", "await listen(", /^hello$/m],
  ["src/server/README.md", "clientCaFile", /^Can't read the TLS file \/etc\/tls\/site\.(crt|key): /],
  ["src/server/README.md", "conn.waitUntil(look", /^found a\ntrue$/m],
  ["src/server/README.md", "proxyProtocol: { from }", /^192\.0\.2\.7 true 2$/m],
  ["src/context/README.md", "withCancelCause(", /^ada null\ntrue\nover: the client has gone$/m],
  ["src/context/README.md", "new Semaphore(", /^0 4 0 true$/m],
  ["src/framing/README.md", "pushed.shutdown()", /^$/],
  ["src/http/README.md", "an email behind", /^thank you for \/an-order\n\n$/],
  ["src/framing/README.md", "firstFrameTimeout", /^0\n$/],
  ["src/framing/README.md", "heartbeat(text", /^echo: hello$/m],
  ["src/http/README.md", "eventStream(", /^$/],
  ["src/http/README.md", "new RequestParser(", /^POST \/a\n2 bytes of its body\nover$/m],
  ["src/websocket/README.md", "connectWebSocket(", /^hello world\n1000 true$/m],
  ["src/websocket/README.md", "ReconnectingWebSocket(", /^waiting\n[^]*closed\nERR_WEBSOCKET_CLOSED$/m],
  ["src/channels/README.md", "new Channels(", /^1 false\ntrue\n1 \{\s+text: ["']hello["'],?\s+\}\n$/m],
  ["src/channels/log/README.md", "memoryLog()", /^1\ntrue\n1 1 true$/m],
  [
    "src/channels/client/README.md",
    "new ChannelClient(",
    /^catching-up\nlive\n1 \{\s+text: ["']hello["'],?\s+\}\n[^]*closed\n$/,
  ],
  ["src/framing/README.md", "deflated(json({ parse })", /^ADA$/m],
  ["src/framing/README.md", "DIVISION_BY_ZERO", /^2\nDIVISION_BY_ZERO\nERR_RPC_GONE\ntrue$/m],
  ["src/watch/README.md", "onWarning: ({ message })", /^$/],
  ["src/watch/README.md", "admit: watch.admit", /^$/],
  ["src/upstream/README.md", "pool((context)", /^TEA\n0 4\nclosed$/m],
  ["src/upstream/README.md", "withTimeout(background(), 500)", /^200 \{"asked":"\/prices\/tea"\}$/m],
  [
    "src/upstream/README.md",
    "proxy(request, ctx, app)",
    /^\{"for":"(?:127\.0\.0\.1|::1)","target":"\/cart\?item=7"\}$/m,
  ],
  ["src/upstream/README.md", "policies(cockatiel", /^well 3 2 closed\ncall 0$/m],
  ["src/metrics/README.md", "metrics.counter(", /^true true$/m],
  ["src/metrics/README.md", "await running", /^true\ntrue$/m],
  ["src/metrics/README.md", "bridgeOpenTelemetry(", /^$/],
  ["src/traces/README.md", "bridgeOpenTelemetry(", /^look up, GET \/orders\/:id, drain$/m],
  ["src/traces/README.md", "new Channels(", /^\{\s+id: 7,?\s+\}$/m],
  [
    "src/traces/README.md",
    'from "pino"',
    /^\{"level":60,.*"trace_id":"[0-9a-f]{32}","span_id":"[0-9a-f]{16}","item":7,.*\}$/m,
  ],
  [
    "src/traces/README.md",
    "logtape",
    /^\{.*"level":"FATAL".*"trace_id":"[0-9a-f]{32}","span_id":"[0-9a-f]{16}","item":7.*\}$/m,
  ],
  ["src/run/README.md", "supervise(", /^$/],
  ["src/run/config/README.md", "loadConfig(", /^localhost 1000 true$/m],
  ["src/testing/README.md", "memoryAdapter(", /^echo: hello\ntrue\ntrue 0 0$/m],
  ["src/tools/load/README.md", "runLoad(", /^1000 0 true$/m],
  ["src/tools/faults/README.md", "startFaultProxy(", /^tcp 0$/m],
  ["src/tools/verify/README.md", "deadLetters(", /^$/],
];

/** The same, of programs that need a Redis. */
const WITH_REDIS: readonly (readonly [path: string, part: string, output: RegExp])[] = [
  ["src/channels/redis/README.md", "new Redis()", /^1$/m],
  ["src/channels/redis/README.md", "createClient()", /^0$/m],
];

/** What Deno has to allow, to a program that has a configuration. */
const FOR_FILES: readonly string[] = ["--allow-read", "--allow-env"];

/** The same, to what programs import. */
const FOR_PACKAGES: readonly (readonly [name: string, flags: readonly string[]])[] = [
  ["@opentelemetry/sdk-trace-base", ["--allow-env"]],
  ["pino", ["--allow-env", "--allow-sys"]],
];

/** Programs that serve until a signal, by their first line; each has a test of its own. */
const SERVERS = ["// server.ts", "// web.ts", "// stages.ts"];

/** Blocks of other languages, by what checks them. */
const OTHER_BLOCKS: Readonly<Record<string, string>> = {
  haproxy: "proxies_process_test.ts",
  nginx: "proxies_process_test.ts",
  json: "the test of the report's fields",
  sh: "the test of shell commands",
  text: "pictures, and commands of sluice, whose options are checked",
};

/** What people import, and where its names stand. */
const ENTRIES: readonly (readonly [entry: string, list: string, manual: string])[] = [
  ["src/http/mod.ts", "exports_http.txt", "src/http/README.md"],
  ["src/websocket/mod.ts", "exports_websocket.txt", "src/websocket/README.md"],
  ["src/websocket/reconnect/mod.ts", "exports_reconnect.txt", "src/websocket/README.md"],
  ["src/channels/mod.ts", "exports_channels.txt", "src/channels/README.md"],
  ["src/channels/client/mod.ts", "exports_channels_client.txt", "src/channels/client/README.md"],
  ["src/channels/outbox/indexeddb/mod.ts", "exports_channels_indexeddb.txt", "src/channels/client/README.md"],
  ["src/channels/redis/mod.ts", "exports_channels_redis.txt", "src/channels/redis/README.md"],
  ["src/channels/outbox/file/mod.ts", "exports_channels_file.txt", "src/channels/client/README.md"],
  ["src/framing/codecs/mod.ts", "exports_framing_codecs.txt", "src/framing/README.md"],
  ["src/framing/rpc/mod.ts", "exports_framing_rpc.txt", "src/framing/README.md"],
  ["src/upstream/mod.ts", "exports_upstream.txt", "src/upstream/README.md"],
  ["src/upstream/policies/mod.ts", "exports_upstream_policies.txt", "src/upstream/README.md"],
  ["src/metrics/mod.ts", "exports_metrics.txt", "src/metrics/README.md"],
  ["src/traces/mod.ts", "exports_traces.txt", "src/traces/README.md"],
  ["src/watch/mod.ts", "exports_watch.txt", "src/watch/README.md"],
  ["src/run/supervisor/mod.ts", "exports_supervisor.txt", "src/run/README.md"],
  ["src/run/config/mod.ts", "exports_config.txt", "src/run/config/README.md"],
  ["adapters/node/entry.ts", "exports_node.txt", "src/server/README.md"],
  ["src/testing/mod.ts", "exports_testing.txt", "src/testing/README.md"],
  ["src/cli/kit.ts", "exports_cli_kit.txt", "src/cli/README.md"],
  ["src/tools/load/mod.ts", "exports_load.txt", "src/tools/load/README.md"],
  ["src/tools/faults/mod.ts", "exports_faults.txt", "src/tools/faults/README.md"],
];

const all = manuals();
const blocks = all.flatMap(blocksOf);
const onNode = runtimeName() === "node" ? false : "runs under node only";

function block(path: string, language: string, part: string): Block {
  const found = blocks.filter((candidate) =>
    candidate.path === path && candidate.language === language && candidate.text.includes(part)
  );
  assertEquals(found.length, 1, `one ${language} block of ${path} with ${part}`);
  return found[0];
}

/** Every entry of both packages, as a file of this repository. */
function entries(): [name: string, file: string][] {
  return [["@sluice/sluice", ""], ["@sluice/tools", "src/tools/"]].flatMap(([name, folder]) => {
    const { exports } = JSON.parse(readFileSync(join(root, folder, "deno.json"), "utf8"));
    return Object.entries<string>(exports).map(([entry, file]): [string, string] => {
      return [name + entry.slice(1), join(root, folder, file)];
    });
  });
}

/** The packages' entries as files of this repository. */
function withPaths(text: string): string {
  return entries().reduce((code, [name, file]) => code.replaceAll(`"${name}"`, JSON.stringify(file)), text);
}

function hasNamespaces(): boolean {
  return spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"], { timeout: 5000 }).status === 0;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Types `line` and gives back the first answer; tries again while nobody listens yet. */
function ask(port: number, line: string): Promise<string> {
  return again(() => askOnce(port, line));
}

/** Until it goes well: a program listens some time after it was started, and on one port after the other. */
async function again<T>(attemptOnce: () => Promise<T>): Promise<T> {
  for (let attempt = 0;; attempt++) {
    try {
      return await attemptOnce();
    } catch (error) {
      if (attempt === 600) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function askOnce(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(line + "\n"));
    socket.setTimeout(5000, () => socket.destroy(new Error("no answer")));
    socket.once("data", (data) => {
      resolve(String(data));
      socket.end();
    });
    socket.once("error", reject);
  });
}

/** Names in the letters of code: between backticks, or in a block. */
function namesIn(path: string): Set<string> {
  const { text } = readManual(path);
  const code = [...text.matchAll(/```[^]*?```|`[^`]+`/g)].map(([part]) => part).join(" ");
  return new Set(code.match(/[A-Za-z_$][\w$]*/g));
}

function listed(list: string): string[] {
  return readFileSync(`${root}tests/fixtures/${list}`, "utf8").trim().split("\n").map((name) =>
    name.replace("type ", "")
  );
}

describe("the tables of the manuals", () => {
  for (const manual of all) {
    it(`of ${manual.path} say what the doc comments say (npm run docs writes them)`, () => {
      assertEquals(manual.text, renewed(manual));
    });

    it(`of ${manual.path} have a default for each option that may be left out`, () => {
      assertEquals(undefaulted(manual), []);
    });
  }
});

describe("the manuals", () => {
  for (const [entry, list, manual] of ENTRIES) {
    it(`${manual} names every export of ${entry}`, () => {
      const named = namesIn(manual);
      assertEquals(listed(list).filter((name) => !named.has(name)), []);
    });
  }

  it("of server, framing and contexts name every export of mod.ts, each that of its room", () => {
    const exported = exportsOf("mod.ts");
    assertEquals(exported.map(({ name }) => name).sort(), listed("exports.txt").sort());
    assertEquals(exported.filter(({ name, from }) => !namesIn(roomOf(from)).has(name)), []);
  });

  it("are there for every room that has an entry", () => {
    const rooms = readdirSync(`${root}src`, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const paths = all.map(({ path }) => path);
    const without = rooms.filter(({ name }) => !paths.some((path) => path.startsWith(`src/${name}/`)));
    assertEquals(without.map(({ name }) => name), []);
  });

  it("have no block of code that no test knows", () => {
    const programs = blocks.filter(({ language }) => language === "ts");
    const unknown = programs.filter(({ path, text }) => {
      const isServer = SERVERS.some((first) => text.startsWith(`${first}\n`));
      return !isServer &&
        [...PROGRAMS, ...WITH_REDIS].filter(([file, part]) => file === path && text.includes(part)).length !== 1;
    });
    assertEquals(unknown, []);
    const others = blocks.filter(({ language }) => language !== "ts" && !(language in OTHER_BLOCKS));
    assertEquals(others, []);
  });

  it("have README within 200 lines", () => {
    assert(readManual("README.md").text.split("\n").length <= 201);
  });

  it("have TypeScript that compiles, strictly", { skip: onNode }, () => {
    const folder = mkdtempSync(join(tmpdir(), "manuals-"));
    try {
      const programs = blocks.filter(({ language }) => language === "ts");
      for (const [i, { text, path }] of programs.entries()) {
        writeFileSync(join(folder, `${path.replaceAll(/\W/g, "_")}_${i}.ts`), `${text}\nexport {};\n`);
      }
      const paths = Object.fromEntries(entries().map(([name, file]) => [name, [file]]));
      const compilerOptions = { paths, rootDir: "/", typeRoots: [join(root, "node_modules/@types")] };
      symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
      writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
      const config = { extends: join(root, "tsconfig.json"), compilerOptions, include: ["*.ts"] };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
      const compiler = join(root, "node_modules/typescript/bin/tsc");
      const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", folder], {
        encoding: "utf8",
        timeout: 60_000,
      });
      assertEquals(status, 0, stdout);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("name options of sluice that it has", { skip: onNode }, () => {
    const commands = blocks.flatMap(({ path, text }) =>
      [...text.matchAll(/^(?:npx )?sluice (\w+)(.*)$/gm)].map(([line, name, rest]) => ({ path, line, name, rest }))
    );
    assert(commands.length > 10);
    const wrong = commands.filter(({ name, rest }) => {
      const flags = rest.split(" -- ")[0].match(/(?<=\s)--[\w-]+/g) ?? [];
      return flags.some((flag) => !helpOf(name).includes(` ${flag}`));
    });
    assertEquals(wrong, []);
    const unknown = ["load", "verify", "faults"].flatMap((name) => {
      const { text } = readManual(`src/tools/${name}/README.md`);
      const flags = [...text.matchAll(/`(--[\w-]+)[^`]*`/g)].map(([, flag]) => flag);
      // Those of Deno are no options of sluice.
      return flags.filter((flag) => !helpOf(name).includes(` ${flag}`) && !flag.startsWith("--allow-"));
    });
    assertEquals([...new Set(unknown)], []);
  });
});

const helps = new Map<string, string>();

/** What `sluice NAME --help` prints. */
function helpOf(name: string): string {
  if (!helps.has(name)) helps.set(name, printHelp(name));
  return helps.get(name)!;
}

function printHelp(name: string): string {
  const args = ["--import", LOADER, "src/cli/main.ts", name, "--help"];
  const { stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8", timeout: 60_000 });
  assert(stdout.startsWith(`Usage: sluice ${name} `), stdout);
  return stdout;
}

describe("the programs of the manuals", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "manuals-"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    writeFileSync(join(folder, "app.json"), block("src/run/config/README.md", "text", '"database"').text);
    writeFileSync(join(folder, "password.txt"), "secret\n");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function program(name: string, text: string, allowed: readonly string[] = []): Program {
    const path = join(folder, name);
    writeFileSync(path, withPaths(text));
    // What the tools import by name Deno finds by the workspace.
    const runtimeFlags = runtimeName() === "deno" ? ["--config", `${root}deno.json`] : [];
    const forPackages = FOR_PACKAGES.flatMap(([name, flags]) => text.includes(`from "${name}"`) ? flags : []);
    const forFiles = text.includes("loadConfig(") ? FOR_FILES : [];
    const permissions = ["--allow-net", "--no-check", ...allowed, ...forPackages, ...forFiles];
    return startProgram(path, { permissions, runtimeFlags, ...text.includes('"app.json"') ? { cwd: folder } : {} });
  }

  /** Blocks that begin with the name of their file. */
  function filesNamed(first: string): Block[] {
    const found = blocks.filter(({ language, text }) => language === "ts" && text.startsWith(`${first}\n`));
    assert(found.length > 0, `a block that begins with ${first}`);
    return found;
  }

  for (const { path, text } of filesNamed("// server.ts")) {
    it(`the line server of ${path} answers, drains on SIGTERM and exits 0`, async () => {
      const port = await freePort();
      await using server = program("server.ts", text.replace("port: 9000", `port: ${port}`));
      assertEquals(await ask(port, "hello"), "echo: hello\n");
      server.signal("SIGTERM");
      assertEquals((await server.exited()).code, 0);
    });
  }

  it("the documented command gets its signal as PID 1, as in a container", async (t) => {
    if (!hasNamespaces()) return t.skip("this machine gives no PID namespaces");
    const port = await freePort();
    const path = join(folder, "first.ts");
    const manual = readManual("src/server/README.md");
    const { text } = block(manual.path, "ts", "// server.ts");
    writeFileSync(path, withPaths(text.replace("port: 9000", `port: ${port}`)));
    const name = runtimeName();
    const label = name === "node" ? "Node 20 on" : name === "deno" ? "Deno" : "Bun";
    const [, words] = new RegExp(`^\\| ${label} +\\| \`(.*)\``, "m").exec(manual.text)!;
    const [, ...args] = words.replace("server.ts", path).split(" ");
    const command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", runtimePath(name), ...args];
    await using server = startCommand(command);
    assertEquals(await ask(port, "hello"), "echo: hello\n");
    const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8");
    process.kill(Number(children), "SIGTERM");
    assertEquals((await server.exited()).code, 0);
  });

  for (const { path, text } of filesNamed("// web.ts")) {
    it(`the web server of ${path} answers, drains on SIGTERM and exits 0`, async () => {
      const port = await freePort();
      await using server = program("web.ts", text.replace("port: 8080", `port: ${port}`));
      await ask(port, "GET / HTTP/1.1\r\nHost: a\r\n\r");
      const response = await fetch(`http://127.0.0.1:${port}/`);
      assertEquals([response.status, await response.text()], [200, "hello world"]);
      server.signal("SIGTERM");
      assertEquals((await server.exited()).code, 0);
    });
  }

  for (const { path, text: original } of filesNamed("// stages.ts")) {
    it(`the stages of ${path} answer, drain on SIGTERM one after the other and exit 0`, async () => {
      const ports = [await freePort(), await freePort(), await freePort()];
      let text = original;
      for (const [i, given] of [9100, 8080, 8081].entries()) text = text.replace(`port: ${given}`, `port: ${ports[i]}`);
      await using server = program("stages.ts", text);
      assertEquals(await ask(ports[0], "x"), "value of x\n");
      assertEquals((await again(() => fetch(`http://127.0.0.1:${ports[2]}/readyz`))).status, 200);
      server.signal("SIGTERM");
      const { code, stderr } = await server.exited();
      const done = stderr.split("\n").filter((line) => line.includes("Drain: done"));
      assertEquals([code, done.map((line) => JSON.parse(line).server)], [0, ["api", "store", "probes"]]);
    });
  }

  for (const [path, part, output] of PROGRAMS) {
    it(`that of ${path} with ${part} runs to its end`, async () => {
      await using running = program("example.ts", block(path, "ts", part).text);
      const exit = await running.exited();
      assertEquals(exit.code, 0, exit.stderr);
      assert(output.test(exit.stdout.replace(/^.*transport.*$/m, "")), exit.stdout);
    });
  }

  for (const [path, part, output] of WITH_REDIS) {
    it(`that of ${path} with ${part} runs to its end`, { skip: skipWithoutRedis() }, async () => {
      await using server = await RedisServer.start();
      const text = block(path, "ts", part).text.replace("new Redis()", `new Redis(${server.port})`)
        .replace("createClient()", `createClient({ url: "${server.url}" })`);
      await using running = program("redis.ts", text, ["--allow-env", "--allow-sys", "--allow-read"]);
      const exit = await running.exited();
      assertEquals(exit.code, 0, exit.stderr);
      assert(output.test(exit.stdout), exit.stdout);
    });
  }

  it("the report's fields are those of a real report", async () => {
    const shown = JSON.parse(block("src/server/README.md", "json", "acceptQueueLeft").text);
    await using running = program(
      "report.ts",
      `import { serve, silentLogger } from "@sluice/sluice";
       const server = await serve({ port: 0, grace: 300, logger: silentLogger }, () => new Promise(() => {}));
       const { connect } = await import("@sluice/sluice");
       const client = await connect({ port: server.address.port });
       await new Promise((resolve) => setTimeout(resolve, 50));
       console.log(JSON.stringify(await server.shutdown({ cause: "SIGTERM" })));
       client.abort();`,
    );
    const real = JSON.parse((await running.exited()).stdout);
    for (const key of Object.keys(shown)) assert(key in real, key);
    for (const key of Object.keys(shown.cut[0])) assert(key in real.cut[0], `cut: ${key}`);
    assertEquals(Object.keys(shown.connections), Object.keys(real.connections));
    assertEquals(Object.keys(shown.delivery), Object.keys(real.delivery));
  });

  it("shell commands are those that tests run or that package.json has", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const lines = blocks.filter(({ language }) => language === "sh").flatMap(({ text }) => text.trim().split("\n"));
    const known = [/^npm install( @sluice\/(sluice|tools))*$/, /^npx sluice (load|verify|faults) /];
    const unknown = lines.filter((line) => {
      const [, script] = /^npm (?:run )?(\w+)$/.exec(line) ?? [];
      return !(script in scripts) && !known.some((form) => form.test(line));
    });
    assertEquals(unknown, []);
  });

  it("npm start, the second of the two commands, serves lines and HTTP and stops on SIGTERM", {
    skip: onNode === false ? false : "npm start runs Node",
  }, async () => {
    assertEquals(block("README.md", "sh", "npm start").text, "npm install\nnpm start\n");
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const [port, httpPort] = [await freePort(), await freePort()];
    const options = ["--tcp-port", String(port), "--http-port", String(httpPort)];
    await using started = startCommand(["npm", "start", "--silent", "--", ...options]);
    assertEquals(await ask(port, "typed"), "echo: typed\n", scripts.start);
    const response = await fetch(`http://127.0.0.1:${httpPort}/slow?ms=1`);
    assertEquals([response.status, (await response.text()).length > 0], [200, true]);
    started.signal("SIGTERM");
    const exit = await within(started.exited(), 60_000, () => started.stderr);
    assertEquals(exit.code, 0, exit.stdout + exit.stderr);
  });
});
