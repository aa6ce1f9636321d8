import { after, before, describe, it } from "node:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals } from "@std/assert";
import {
  type Program,
  root,
  runtimeName,
  runtimePath,
  startCommand,
  startProgram,
  within,
} from "../support/processes.ts";

interface Block {
  readonly language: string;
  readonly text: string;
}

const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks: Block[] = [...readme.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({
  language,
  text,
}));

function block(language: string, part: string): string {
  const found = blocks.filter((candidate) => candidate.language === language && candidate.text.includes(part));
  assertEquals(found.length, 1, `one ${language} block with ${part}`);
  return found[0].text;
}

/** The package's entries as files of this repository. */
function withPaths(text: string): string {
  return text.replaceAll('"@sluice/sluice"', JSON.stringify(join(root, "mod.ts")))
    .replaceAll('"@sluice/tools/faults"', JSON.stringify(join(root, "src/tools/faults/mod.ts")))
    .replaceAll('"@sluice/sluice/testing"', JSON.stringify(join(root, "src/testing/mod.ts")))
    .replaceAll('"@sluice/sluice/watch"', JSON.stringify(join(root, "src/watch/mod.ts")))
    .replaceAll('"@sluice/sluice/http"', JSON.stringify(join(root, "src/http/mod.ts")))
    .replaceAll('"@sluice/sluice/websocket"', JSON.stringify(join(root, "src/websocket/mod.ts")))
    .replaceAll('"@sluice/sluice/websocket/reconnect"', JSON.stringify(join(root, "src/websocket/reconnect/mod.ts")));
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
      if (attempt === 100) throw error;
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

describe("README", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "readme-"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  function program(name: string, text: string): Program {
    const path = join(folder, name);
    writeFileSync(path, withPaths(text));
    return startProgram(path, { permissions: ["--allow-net", "--no-check"] });
  }

  it("has no block that no test runs", () => {
    assertEquals(blocks.map(({ language }) => language).sort(), [
      "haproxy",
      "json",
      "nginx",
      "sh",
      "text",
      "text",
      "text",
      "text",
      "text",
      "ts",
      "ts",
      "ts",
      "ts",
      "ts",
      "ts",
      "ts",
      "ts",
      "ts",
      "ts",
      "ts",
      "ts",
    ]);
  });

  it("the ten-line server answers, drains on SIGTERM and exits 0", async () => {
    const port = await freePort();
    await using server = program("server.ts", block("ts", "// server.ts").replace("port: 9000", `port: ${port}`));
    assertEquals(await ask(port, "hello"), "echo: hello\n");
    server.signal("SIGTERM");
    assertEquals((await server.exited()).code, 0);
  });

  it("the documented command gets its signal as PID 1, as in a container", async (t) => {
    if (!hasNamespaces()) return t.skip("this machine gives no PID namespaces");
    const port = await freePort();
    const path = join(folder, "first.ts");
    writeFileSync(path, withPaths(block("ts", "// server.ts").replace("port: 9000", `port: ${port}`)));
    const name = runtimeName();
    const label = name === "node" ? "Node 20 on" : name === "deno" ? "Deno" : "Bun";
    const [, words] = new RegExp(`^\\| ${label} +\\| \`(.*)\``, "m").exec(readme)!;
    const [, ...args] = words.replace("server.ts", path).split(" ");
    const command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", runtimePath(name), ...args];
    await using server = startCommand(command);
    assertEquals(await ask(port, "hello"), "echo: hello\n");
    const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8");
    process.kill(Number(children), "SIGTERM");
    assertEquals((await server.exited()).code, 0);
  });

  it("the web server answers, drains on SIGTERM and exits 0", async () => {
    const port = await freePort();
    await using server = program("web.ts", block("ts", "// web.ts").replace("port: 8080", `port: ${port}`));
    await ask(port, "GET / HTTP/1.1\r\nHost: a\r\n\r");
    const response = await fetch(`http://127.0.0.1:${port}/`);
    assertEquals([response.status, await response.text()], [200, "hello world"]);
    server.signal("SIGTERM");
    assertEquals((await server.exited()).code, 0);
  });

  it("the servers in stages answer, drain on SIGTERM one after the other and exit 0", async () => {
    const ports = [await freePort(), await freePort(), await freePort()];
    let text = block("ts", "// stages.ts");
    for (const [i, given] of [9100, 8080, 8081].entries()) text = text.replace(`port: ${given}`, `port: ${ports[i]}`);
    await using server = program("stages.ts", text);
    assertEquals(await ask(ports[0], "x"), "value of x\n");
    assertEquals((await again(() => fetch(`http://127.0.0.1:${ports[2]}/readyz`))).status, 200);
    server.signal("SIGTERM");
    const { code, stderr } = await server.exited();
    const done = stderr.split("\n").filter((line) => line.includes("Drain: done"));
    assertEquals([code, done.map((line) => JSON.parse(line).server)], [0, ["api", "store", "probes"]]);
  });

  for (
    const [name, part, output] of [
      ["the server with a context", "server.stats", /true \{/],
      ["the hand-written accept loop", "await listen(", /^hello$/m],
      ["the handler that reads ahead", "conn.waitUntil(look", /^found a\ntrue$/m],
      ["the framed servers", "lengthPrefixCodec(", /^$/],
      ["the web app", "eventStream(", /^$/],
      ["the WebSocket server and its client", "connectWebSocket(", /^hello world\n1000 true$/m],
      ["the server that watches itself", "watchResources(", /^$/],
      ["the proxy with faults", "startFaultProxy(", /^tcp 0$/m],
      ["the client that comes back", "ReconnectingWebSocket(", /^waiting\n[^]*closed\nERR_WEBSOCKET_CLOSED$/m],
    ] as const
  ) {
    it(`${name} runs to its end`, async () => {
      await using running = program("example.ts", block("ts", part));
      const exit = await running.exited();
      assertEquals(exit.code, 0, exit.stderr);
      assert(output.test(exit.stdout.replace(/^.*transport.*$/m, "")), exit.stdout);
    });
  }

  it("the report's fields are those of a real report", async () => {
    const shown = JSON.parse(block("json", "acceptQueueLeft"));
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

  it("npm start, the second of the two commands, serves lines and HTTP and stops on SIGTERM", {
    skip: process.release.name !== "node" || "Deno" in globalThis || "Bun" in globalThis
      ? "npm start runs Node"
      : false,
  }, async () => {
    assertEquals(block("sh", "npm start"), "npm install\nnpm start\n");
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    const [port, httpPort] = [await freePort(), await freePort()];
    const options = ["--tcp-port", String(port), "--http-port", String(httpPort)];
    await using started = startCommand(["npm", "start", "--silent", "--", ...options]);
    assertEquals(await ask(port, "typed"), "echo: typed\n", scripts.start);
    const response = await fetch(`http://127.0.0.1:${httpPort}/slow?ms=1`);
    assertEquals([response.status, (await response.text()).length > 0], [200, true]);
    started.signal("SIGTERM");
    const exit = await within(started.exited(), 10_000, () => started.stderr);
    assertEquals(exit.code, 0, exit.stdout + exit.stderr);
  });
});
