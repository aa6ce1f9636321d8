/** `sluice init` as a program, and the programs that it writes, on the runtime that runs this. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { connect, lines } from "../../mod.ts";
import { ALL_COMMANDS } from "../../src/cli/args.ts";
import { PROOF } from "../../src/cli/init/command.ts";
import { readArgs } from "../../src/cli/read_args.ts";
import { loadCommand } from "../../src/cli/tools.ts";
import { readChannel } from "../../src/tools/cli/verify/channels/channel_options.ts";
import { ChannelClient } from "../../src/channels/client/mod.ts";
import { connectWebSocket, webSocketTransport } from "../../src/websocket/mod.ts";
import { type App, until } from "../support/apps.ts";
import { CLI } from "../support/demo.ts";
import { named, stagesOf } from "../support/dockerfile.ts";
import { pause } from "../support/http_loads.ts";
import { freePort } from "../support/http_proxies.ts";
import { skipUnless, skipWithout } from "../support/http_tools.ts";
import { Project } from "../support/init_project.ts";
import { commandLine, type Exit, runtimeName, startCommand, startProgram, within } from "../support/processes.ts";

async function init(args: readonly string[]): Promise<Exit> {
  const permissions = ["--allow-read", "--allow-write"];
  await using program = startProgram(CLI, { args: ["init", ...args], permissions });
  return await program.exited();
}

describe("sluice init", () => {
  it("writes what its own runtime runs, names each file, and says what to type next", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-init-"));
    try {
      const dir = join(folder, "My Shop");
      const { code, stdout, stderr } = await init([dir, "--deploy", "docker,haproxy"]);
      assertEquals([code, stderr], [0, ""]);
      const manifests = runtimeName() === "deno" ? ["deno.json"] : ["package.json", "tsconfig.json"];
      const files = ["server.ts", ...manifests, "Dockerfile", ".dockerignore", "deploy/haproxy.cfg"];
      assertEquals(stdout.split("\n").filter((line) => line.startsWith("  ")), files.map((path) => `  ${path}`));
      for (const path of files) assert(existsSync(join(dir, path)), path);
      assertStringIncludes(stdout, `my-shop: ${files.length} files in ${dir}\n`);
      assertStringIncludes(
        stdout,
        `try it: cd '${dir}' && ${runtimeName() === "node" ? "npm" : runtimeName()} install`,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("says of channels how they are started, and with which options they are proven", async () => {
    const dir = mkdtempSync(join(tmpdir(), "sluice-init-"));
    try {
      const { code, stdout, stderr } = await init([dir, "--kind", "channels", "--name", "rooms", "--runtime", "bun"]);
      assertEquals([code, stderr], [0, ""]);
      const secret = "export CHANNELS_SECRET=$(openssl rand -hex 32)";
      assertStringIncludes(stdout, `bun install && ${secret} && bun server.ts\n`);
      const proof = `LOG_DIR=$(mktemp -d) sluice verify ${PROOF.join(" ")} -- bun server.ts\n`;
      assertStringIncludes(stdout, `prove it with @sluice/tools: ${secret}; ${proof}`);
      const said = readChannel(readArgs([...PROOF, "--", "x"], await loadCommand("verify")).options)!;
      assertEquals([said.path, said.token, said.prefix, said.settle], ["/channels", "verify", "room:", 150_000]);
      // A session of the program lives for 120 s, which is the default; its stop has 25 s.
      assert(said.settle > 120_000 + 10_000);
      assertStringIncludes(readFileSync(join(dir, "server.ts"), "utf8"), "grace: 25_000");
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("refuses to replace a file before it writes any: exit 1; --force replaces it", async () => {
    const dir = mkdtempSync(join(tmpdir(), "sluice-init-"));
    try {
      const last = join(dir, "deploy/nginx.conf");
      assertEquals((await init([dir, "--deploy", "nginx"])).code, 0);
      for (const name of readdirSync(dir).filter((name) => name !== "deploy")) rmSync(join(dir, name));
      writeFileSync(last, "mine");
      const refused = await init([dir, "--deploy", "nginx"]);
      assertEquals([refused.code, refused.stdout], [1, ""]);
      assertStringIncludes(refused.stderr, `${dir} has deploy/nginx.conf already, and nothing was written\n`);
      assertEquals([readdirSync(dir), readFileSync(last, "utf8")], [["deploy"], "mine"]);
      assertEquals((await init([dir, "--deploy", "nginx", "--force"])).code, 0);
      assertStringIncludes(readFileSync(last, "utf8"), "upstream app");
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  it("names what it can't make sense of: exit 2", async () => {
    const { code, stderr } = await init(["--kind", "udp"]);
    assertEquals([code, stderr.split("\n")[1]], [2, "See: sluice init --help"]);
    assertStringIncludes(stderr, "--kind must be one of http, ws, tcp, channels");
  });
});

/** What signs places, in these tests. */
const SECRET = "the secret of these tests";

/** A client that is there again soon. */
const QUICK = { transport: webSocketTransport(), minDelay: 50, maxDelay: 500 } as const;

/** How long the programs serve on when they are told to stop, in ms: time to look at them. */
const LAME_DUCK = 1500;

/** The first answer that comes: what a probe sees of a program that still starts, or stops. */
async function statusOf(origin: string, path: string): Promise<number> {
  const answer = await fetch(origin + path);
  await answer.body?.cancel();
  return answer.status;
}

/** Fulfils when the program is not ready any more, though it still answers. */
async function unready(origin: string): Promise<void> {
  while (await statusOf(origin, "/readyz") !== 503) await pause(20);
  assertEquals(await statusOf(origin, "/livez"), 200);
}

async function assertProbed(app: App, server: string): Promise<void> {
  const origin = app.origin(server);
  assertEquals([await statusOf(origin, "/livez"), await statusOf(origin, "/readyz")], [200, 200]);
}

describe("the program that it writes", () => {
  it("answers HTTP and probes, and drains on SIGTERM: not ready, still serving, exit 0", async () => {
    using project = new Project({ kind: "http" });
    await using app = await project.start({ LAME_DUCK: String(LAME_DUCK) });
    await assertProbed(app, "shop");
    const origin = app.origin("shop");
    assertEquals(await (await fetch(origin)).text(), "hello from shop\n");
    assertEquals(await statusOf(origin, "/nowhere"), 404);
    app.terminate();
    await unready(origin);
    assertEquals(await (await fetch(origin)).text(), "hello from shop\n");
    await app.ended();
  });

  it("hands a WebSocket's messages to all, and says goodbye with 1001", async () => {
    using project = new Project({ kind: "ws" });
    await using app = await project.start();
    await assertProbed(app, "shop");
    const url = `${app.origin("shop").replace("http", "ws")}/ws`;
    const [one, other] = [await connectWebSocket(url), await connectWebSocket(url)];
    await one.send("hello");
    assertEquals([(await one.next()).value, (await other.next()).value], ["hello", "hello"]);
    app.terminate();
    assertEquals([(await one.closed).code, (await other.closed).code], [1001, 1001]);
    await app.ended();
  });

  it("answers lines, and probes on a port of their own to the end", async () => {
    using project = new Project({ kind: "tcp" });
    await using app = await project.start({ LAME_DUCK: String(LAME_DUCK) });
    await assertProbed(app, "health");
    const conn = await connect({ port: app.port("shop") });
    const answers = lines(conn);
    await conn.write("one\n");
    assertEquals((await answers.next()).value, "echo: one");
    app.terminate();
    await unready(app.origin("health"));
    await conn.write("two\n");
    assertEquals((await answers.next()).value, "echo: two");
    assertEquals((await answers.next()).done, true);
    await conn.close();
    await app.ended();
  });

  it("keeps what is said in rooms: SIGKILL and a drain lose nothing, and clients go on where they were", async () => {
    using project = new Project({ kind: "channels" });
    const env = { CHANNELS_SECRET: SECRET, PORT: String(await freePort()) };
    const said = Array.from({ length: 200 }, (_, n) => n);
    const heard: unknown[] = [];
    const gaps: string[] = [];
    let app = await project.start(env);
    const url = `${app.origin("shop").replace("http", "ws")}/channels`;
    const [ada, bob] = ["ada", "bob"].map((token) => new ChannelClient(url, { ...QUICK, token }));
    try {
      await assertProbed(app, "shop");
      const room = bob.subscribe("room:lobby", { since: "oldest", member: {} });
      room.on("message", ({ data }) => heard.push(data));
      room.on("gap", ({ reason }) => gaps.push(reason));
      await until(() => `live: ${bob.state}`, () => bob.state === "live");
      assertMatch(String(await bob.call("time")), /^\d{4}-\d\d-\d\dT/);
      const published: Promise<unknown>[] = [];
      for (const n of said) {
        published.push(ada.publish("room:lobby", n));
        if (n === 60) await app.program.kill();
        if (n === 80) app = await project.start(env);
        if (n === 120) await app.stop();
        if (n === 140) app = await project.start(env);
        await pause(2);
      }
      await within(Promise.all(published), 60_000, () => `${ada.unacknowledged} unacknowledged`);
      await until(() => `${heard.length} heard`, () => heard.length >= said.length);
      assertEquals([heard, gaps], [said, []]);
      const refused = await assertRejects(() => ada.publish("elsewhere", 1), Error);
      assertEquals((refused as { reason?: string }).reason, "forbidden");
    } finally {
      await Promise.all([ada.close(), bob.close()]);
      await app.program.kill();
    }
  });

  it("has a client that says what is typed when the server is there again, and shows what others say", async () => {
    using project = new Project({ kind: "channels" });
    const env = { CHANNELS_SECRET: SECRET, PORT: String(await freePort()) };
    let app = await project.start(env);
    try {
      const server = `${app.origin("shop").replace("http", "ws")}/channels`;
      await using ada = project.startClient(server, ["ada"]);
      await using bob = project.startClient(server, ["bob"]);
      await ada.line("* live");
      await bob.line("* live");
      ada.type("one\n");
      assertMatch(await bob.line(/^\d+ ada: /), /: one$/);
      await app.program.kill();
      // What bob has seen, ada may not have heard of.
      const left = Number(/^\* offline, (\d+)/.exec(await ada.line("* offline"))![1]);
      ada.type("two\n");
      // It has gone into the outbox before an attempt, and that has failed.
      await ada.line(`* connecting, ${left + 1} not acknowledged`);
      await ada.line(`* offline, ${left + 1} not acknowledged`);
      await ada.kill();
      app = await project.start(env);
      await using again = project.startClient(server, ["ada"]);
      assertMatch(await bob.line(/^\d+ ada: /), /: two$/);
      again.type("three\n");
      again.closeInput();
      assertEquals((await again.exited()).code, 0, again.stderr);
      assertMatch(await bob.line(/^\d+ ada: /), /: three$/);
    } finally {
      await app.program.kill();
    }
  });

  it("refuses to keep channels without a secret, and says how to make one", async () => {
    using project = new Project({ kind: "channels" });
    for (const CHANNELS_SECRET of ["", "too short"]) {
      const error = await assertRejects(() => project.start({ CHANNELS_SECRET }), Error);
      assertStringIncludes(error.message, "export CHANNELS_SECRET=$(openssl rand -hex 32)");
    }
  });

  it("ends by itself when PORT is none, and says so", async () => {
    using project = new Project({ kind: "http" });
    const error = await assertRejects(() => project.start({ PORT: "eighty" }), Error);
    assertStringIncludes(error.message, "port must be a whole number from 0 to 65535, got NaN");
  });
});

/** The supervisor is a command of its own. */
const supervised = ALL_COMMANDS.includes("run") ? false : "sluice run is not there yet";

describe("channels under the supervisor", { skip: supervised }, () => {
  it("refuse nobody in a reload, and their clients lose nothing while the log changes hands", async () => {
    using project = new Project({ kind: "channels" });
    project.importFromSources();
    const port = await freePort();
    const env = { CHANNELS_SECRET: SECRET, PORT: String(port), XDG_RUNTIME_DIR: project.dir };
    const args = ["run", "server.ts", "--workers", "1"];
    await using program = startCommand(commandLine(CLI, { args }), { cwd: project.dir, env });
    const origin = `http://127.0.0.1:${port}`;
    const ready = async () => {
      while (await statusOf(origin, "/readyz").catch(() => 0) !== 200) await pause(50);
    };
    await within(ready(), 60_000, () => program.stderr);
    const client = new ChannelClient(`${origin.replace("http", "ws")}/channels`, { ...QUICK, token: "ada" });
    try {
      const heard: unknown[] = [];
      const gaps: string[] = [];
      const room = client.subscribe("room:lobby", { since: "oldest" });
      room.on("message", ({ data }) => heard.push(data));
      room.on("gap", ({ reason }) => gaps.push(reason));
      let [n, goesOn] = [0, true];
      const published: Promise<unknown>[] = [];
      const talking = (async () => {
        for (; goesOn; n++) {
          published.push(client.publish("room:lobby", n));
          assertEquals(await statusOf(origin, "/livez"), 200);
          await pause(5);
        }
      })();
      await until(() => `${heard.length} heard\n${program.stderr}`, () => heard.length > 50);
      program.signal("SIGHUP");
      const report = JSON.parse(await program.line('"kind":"reload"'));
      assertEquals([report.done, report.clean], [true, true], JSON.stringify(report));
      const then = heard.length;
      await until(() => `${heard.length} heard\n${program.stderr}`, () => heard.length > then + 50);
      goesOn = false;
      await talking;
      await within(Promise.all(published), 60_000, () => `${client.unacknowledged} unacknowledged`);
      await until(() => `${heard.length} of ${n}`, () => heard.length >= n);
      assertEquals([heard, gaps], [Array.from({ length: n }, (_, i) => i), []]);
    } finally {
      await client.close();
    }
    program.signal("SIGTERM");
    const exit = await program.exited();
    assertEquals(exit.code, 0, exit.stdout + exit.stderr);
  });
});

/** What makes a program the first one of its namespace, as in a container. */
const NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];

describe("the Dockerfile that it writes", { skip: supervised }, () => {
  for (const kind of ["http", "tcp"] as const) {
    it(`starts the program of ${kind} under the supervisor, as PID 1, and drains on SIGTERM`, async (t) => {
      if (skipUnless([...NAMESPACE, "true"], "util-linux, and the right to make namespaces")) return t.skip();
      using project = new Project({ kind, deploy: ["docker"] });
      project.importFromSources();
      const stage = stagesOf(project.read("Dockerfile")).at(-1)!;
      const words = ["ENTRYPOINT", "CMD"].flatMap((name) => named(stage, name)[0].exec!);
      const args = words.slice(words.indexOf("server.ts") - 1);
      const [port, health] = [await freePort(), await freePort()];
      const places = { PORT: String(port), HEALTH_PORT: String(health), XDG_RUNTIME_DIR: project.dir };
      const env = { ...places, LAME_DUCK: String(LAME_DUCK) };
      await using program = startCommand([...NAMESPACE, ...commandLine(CLI, { args })], { cwd: project.dir, env });
      const origin = `http://127.0.0.1:${kind === "tcp" ? health : port}`;
      const ready = async () => {
        while (await statusOf(origin, "/readyz").catch(() => 0) !== 200) await pause(50);
      };
      await within(ready(), 60_000, () => program.stderr);
      const first = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, "utf8");
      process.kill(Number(first), "SIGTERM");
      await unready(origin);
      const exit = await program.exited();
      assertEquals(exit.code, 0, exit.stdout + exit.stderr);
    });
  }
});

describe("the unit that it writes", { skip: supervised || skipWithout("systemd-socket-activate") }, () => {
  it("takes the socket that systemd holds, reloads as its ExecReload says without a request lost, and drains", async () => {
    using project = new Project({ kind: "http", deploy: ["systemd"] });
    project.importFromSources();
    const unit = project.read("deploy/systemd/shop.service");
    const port = await freePort();
    await using program = startCommand(activated(project, unit, port), { cwd: project.dir });
    const origin = `http://127.0.0.1:${port}`;
    const asked = async () => assertEquals(await (await fetch(origin)).text(), "hello from shop\n");
    const held = async () => {
      while (!program.stderr.includes("Listening on")) await pause(10);
    };
    await within(held(), 60_000, () => program.stderr);
    await asked();
    let goesOn = true;
    const clients = Array.from({ length: 4 }, async () => {
      for (let n = 0;; n++) {
        await asked();
        if (!goesOn) return n;
        await pause(5);
      }
    });
    const [, signal] = /^ExecReload=kill -(HUP) \$MAINPID$/m.exec(unit)!;
    program.signal(`SIG${signal}` as "SIGHUP");
    const report = JSON.parse(await program.line('"kind":"reload"'));
    goesOn = false;
    for (const count of await Promise.all(clients)) assertGreater(count, 5);
    assertEquals([report.done, report.clean, report.workers.length], [true, true, 2], JSON.stringify(report));
    program.signal("SIGTERM");
    const exit = await program.exited();
    assertEquals(exit.code, 0, exit.stdout + exit.stderr);
  });
});

/** What systemd does with the unit, by its tool: the open socket, its name, and the unit's own words. */
function activated({ dir }: Project, unit: string, port: number): string[] {
  const variables = [...unit.matchAll(/^Environment=(.*)$/gm)].flatMap(([, words]) => words.split(" "));
  const own = [`PORT=${port}`, `XDG_RUNTIME_DIR=${dir}`];
  const { SLUICE_TEST_ERASED: erased } = process.env;
  const all = [...variables.filter((one) => !/^(PORT|XDG_RUNTIME_DIR)=/.test(one)), ...own];
  if (erased !== undefined) all.push(`SLUICE_TEST_ERASED=${erased}`);
  const words = /^ExecStart=(.*)$/m.exec(unit)![1].split(" ");
  const args = [...words.slice(words.indexOf("server.ts") - 1), "--workers", "2"];
  const activate = ["systemd-socket-activate", "-l", String(port), "--fdname=http"];
  return [...activate, ...all.flatMap((one) => ["-E", one]), ...commandLine(CLI, { args })];
}
