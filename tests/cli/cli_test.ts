/** The command line: what it prints, and the program itself on the runtime that runs this. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server as NetServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { connect, type ConnectOptions, type DrainReport, type Framed, type Holder, lines } from "../../mod.ts";
import { helpText } from "../../src/cli/help.ts";
import { listenHint, optionMessage } from "../../src/cli/hints.ts";
import { OPTIONS } from "../../src/cli/command_options.ts";
import {
  formatAddress,
  formatAddresses,
  formatDuration,
  formatPhase,
  formatReport,
  formatUrl,
  tryCommand,
} from "../../src/cli/print.ts";
import { VERSION } from "../../src/cli/version.ts";
import { commandLine, type Program, root, type StartOptions, startProgram, within } from "../support/processes.ts";
import { TEST_CERT, TEST_KEY } from "../support/tls.ts";

type Client = Framed<string, Uint8Array | string>;

const CLI = `${root}src/cli/main.ts`;
/** Longest wait for an answer or an end, in ms. */
const LIMIT = 60_000;

describe("what is printed", () => {
  it("names addresses, and how to reach them", () => {
    const tcp = { transport: "tcp", hostname: "127.0.0.1", port: 9000 } as const;
    const ip6 = { transport: "tcp", hostname: "::1", port: 9000 } as const;
    const unix = { transport: "unix", path: "/tmp/a b" } as const;
    assertEquals([tcp, ip6, unix].map(formatAddress), ["127.0.0.1:9000", "[::1]:9000", "/tmp/a b"]);
    assertEquals(formatAddresses([tcp, ip6], "ws://", "/ws"), "ws://127.0.0.1:9000/ws and ws://[::1]:9000/ws");
    assertEquals(formatAddresses([unix]), "/tmp/a b");
    assertEquals(tryCommand({ ...tcp, hostname: "0.0.0.0" }, false), "nc localhost 9000");
    assertEquals(tryCommand(ip6, false), "nc ::1 9000");
    assertEquals(tryCommand(ip6, true), "openssl s_client -quiet -connect [::1]:9000");
    assertEquals(tryCommand(unix, false), "nc -U '/tmp/a b'");
    assertEquals([tcp, ip6, { ...tcp, hostname: "::" } as const].map(formatUrl), [
      "http://127.0.0.1:9000/",
      "http://[::1]:9000/",
      "http://localhost:9000/",
    ]);
  });

  it("tells durations in the unit that suits them", () => {
    assertEquals([0.4, 999.4, 999.6, 59_000, 90_000].map(formatDuration), [
      "0 ms",
      "999 ms",
      "1.00 s",
      "59.00 s",
      "1.5 min",
    ]);
  });

  it("tells with each phase who holds the drain up", () => {
    const holder = (waitsFor: Holder["waitsFor"]): Holder => ({
      id: 1,
      peer: "",
      state: "idle",
      waitsFor,
      age: 0,
      holds: 0,
    });
    const holders = [holder("answer"), holder("quiet"), holder("answer")];
    assertEquals(
      formatPhase("drain", 3, holders),
      "drain: listener closed, 3 connections (1 idle, 2 being answered)",
    );
    assertEquals(formatPhase("lameDuck", 1, []), "drain: still accepting, 1 connection");
    assertEquals(formatPhase("done", 0, []), "drain: done");
    assertEquals(formatPhase("done", 0, [], "http drain"), "http drain: done");
  });

  it("shows a report as aligned lines, one for each connection that was cut", () => {
    assertEquals(formatReport(REPORT).split("\n"), [
      "  stopped by   SIGTERM, then forced",
      "  clean        no",
      "  took         2.50 s: lame duck 300 ms, drain 2.00 s, abort 200 ms, hooks 0 ms",
      "  connections  3 at the start, 1 accepted since",
      "  ended        1 finished, 1 idle, 1 dropped, 1 cut",
      "  delivery     1 client's FIN seen, 2 acknowledged, 1 in the kernel, 0 in the process",
      "  after FIN    1 message, 12 bytes",
      "  not served   unknown in the accept queue, 2 waiting for admission",
      "  hooks        save ok (5 ms), tell failed (no)",
      "  work left    1 promise of waitUntil() unsettled",
      "  cut          #4 127.0.0.1:1234, active, age 1.50 s, 3 bytes unread, 7 unsent, handler running, " +
      "last bytes: kernel",
    ]);
  });

  it("names options as they are on the command line", () => {
    const message = "idleTimeout must be from 0 to 2147483647 milliseconds, got 1e300";
    assertStringIncludes(optionMessage({ option: "idleTimeout", message }, OPTIONS.echo), "--idle-timeout must be");
    assertEquals(optionMessage({ option: "idleTimeout", message }, OPTIONS.demo), message);
    assertEquals(optionMessage({ option: "backlog", message: "backlog is odd" }, OPTIONS.echo), "backlog is odd");
  });

  it("adds to a failed listen what to do, unless the message says it", () => {
    assertStringIncludes(listenHint({ code: "EADDRINUSE", message: "in use" }, "--http-port"), "with --http-port");
    assertEquals(listenHint({ code: "EACCES", message: "run with --allow-net=127.0.0.1:80" }, "--port"), "");
    assertEquals(listenHint({ code: "ESTRANGE", message: "strange" }, "--port"), "");
  });
});

describe("sluice echo", () => {
  it("answers typed lines, drains on SIGTERM and prints the report as JSON: exit 0", async () => {
    await using program = start(["--port", "0"]);
    const { port, client } = await talkTo(program);
    assertMatch(await program.line("try it"), new RegExp(`nc 127\\.0\\.0\\.1 ${port}\\b`));
    program.signal("SIGTERM");
    await assertFin(client);
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 0, exit.stderr);
    assertStringIncludes(exit.stdout, "drain: listener closed, 1 connection (1 idle)\n");
    const report = reportOf(exit.stdout);
    assertEquals([report.server, report.cause, report.clean, report.connections.idle], ["echo", "SIGTERM", true, 1]);
  });

  it("logs JSON lines on stderr, and nothing else there", async () => {
    await using program = start(["--port", "0", "--lame-duck", "10ms", "--grace", "5s"]);
    const { client } = await talkTo(program);
    program.signal("SIGINT");
    await assertFin(client);
    const exit = await program.exited(LIMIT);
    assertStringIncludes(exit.stdout, "drain: still accepting, 1 connection\n");
    const messages = exit.stderr.trim().split("\n").map((line) => JSON.parse(line).msg);
    assertMatch(messages[0], /^Listening on tcp:\/\/127\.0\.0\.1:\d+$/);
    assertEquals(messages[1], "Got SIGINT, draining");
  });

  it("takes two SIGINT in one moment for one, as npm sends them", async () => {
    await using program = start(["--port", "0"]);
    const { client } = await talkTo(program);
    program.signal("SIGINT");
    program.signal("SIGINT");
    await assertFin(client);
    const exit = await program.exited(LIMIT);
    assertEquals([exit.code, reportOf(exit.stdout).forced], [0, false]);
  });

  it("cuts at a second SIGINT what holds the drain up, and says so: exit 130", async () => {
    await using program = start(["--port", "0", "--grace", "60s"]);
    const { client } = await talkTo(program);
    await client.conn.write("half a li");
    program.signal("SIGINT");
    await program.line(/^drain: listener closed, 1 connection/);
    // Beyond the 100 ms within which two count as one; the drain itself would last 30 s.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    program.signal("SIGINT");
    const exit = await program.exited(LIMIT);
    const report = reportOf(exit.stdout);
    assertEquals([exit.code, report.clean, report.forced, report.cut.length], [130, false, true, 1]);
  });

  it("closes only the connection whose line is longer than 64 KiB", async () => {
    await using program = start(["--port", "0"]);
    const { port, client } = await talkTo(program);
    const hostile = await connect({ port });
    hostile.write("x".repeat(70_000)).catch(() => {});
    assertEquals(await within(hostile.read().catch(() => null), LIMIT, () => "the hostile connection's end"), null);
    hostile.abort();
    await client.send("still there");
    assertEquals((await client.next()).value, "echo: still there");
    await client.conn.close();
  });

  it("goes on when nobody reads what it prints any more", async () => {
    const [file, ...args] = commandLine(CLI, { args: ["echo", "--port", "0"], permissions: ["--allow-net"] });
    const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"] });
    try {
      const exited = new Promise<number | null>((resolve) => child.once("exit", resolve));
      const [text] = await within(once(child.stdout, "data"), LIMIT, () => "the address");
      child.stdout.destroy();
      child.stderr.destroy();
      const client = await assertAnswers({ port: Number(/:(\d+)\n/.exec(String(text))?.[1]) });
      process.kill(child.pid!, "SIGTERM");
      await assertFin(client);
      assertEquals(await within(exited, LIMIT, () => "the end"), 0);
    } finally {
      child.kill("SIGKILL");
    }
  });
});

describe("sluice echo on other transports", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-cli-"));
    writeFileSync(join(folder, "cert.pem"), TEST_CERT);
    writeFileSync(join(folder, "key.pem"), TEST_KEY);
    writeFileSync(join(folder, "text.pem"), "no certificate\n");
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const files = ["--allow-net", "--allow-read", "--allow-write"];
  const tls = (cert: string) => ["--port", "0", "--tls-cert", join(folder, cert), "--tls-key", join(folder, "key.pem")];

  it("serves a Unix socket", async () => {
    const path = join(folder, "echo.sock");
    await using program = start(["--unix", path], files);
    assertEquals(await program.line("listening on"), `listening on ${path}`);
    const client = await assertAnswers({ path });
    program.signal("SIGTERM");
    await assertFin(client);
    assertEquals((await program.exited(LIMIT)).code, 0);
  });

  it("serves TLS", async () => {
    await using program = start(tls("cert.pem"), files);
    const [, port] = /:(\d+) \(TLS\)$/.exec(await program.line("listening on")) ?? [];
    const client = await assertAnswers({ port: Number(port), tls: { ca: TEST_CERT, serverName: "localhost" } });
    program.signal("SIGTERM");
    await assertFin(client);
    assertEquals((await program.exited(LIMIT)).code, 0);
  });

  it("says which certificate can't be read: exit 1", async () => {
    await assertFails(tls("nowhere.pem"), 1, /^sluice: --tls-cert ".*nowhere\.pem" can't be read: /, files);
    await assertFails(tls("text.pem"), 1, /^sluice: --tls-cert ".*text\.pem" is no PEM file/, files);
  });

  it("says that a certificate and a key don't belong together: exit 1", async () => {
    const args = ["--port", "0", "--tls-cert", join(folder, "key.pem"), "--tls-key", join(folder, "key.pem")];
    await assertFails(args, 1, /^sluice: .*TLS[^]*--tls-cert/, files);
  });
});

describe("sluice, used wrongly", () => {
  let taken: NetServer;
  before(() => new Promise<void>((resolve) => taken = createServer().listen(0, "127.0.0.1", resolve)));
  after(() => new Promise((resolve) => taken.close(resolve)));

  it("says what is wrong in two lines: exit 2", async () => {
    await assertFails(["--prot", "1"], 2, /^sluice: Unknown option "--prot", did you mean --port\?\nSee: .*\n$/);
  });

  it("passes on what the library refuses, in its own words: exit 2", async () => {
    await assertFails(["--max-connections", "0"], 2, /^sluice: --max-connections must be a whole number of at least 1/);
    await assertFails(["--grace", "1s", "--lame-duck", "5s"], 2, /^sluice: --grace 1000 ms is less than its parts/);
  });

  it("says that the port is in use, and what to do: exit 1", async () => {
    const { port } = taken.address() as { port: number };
    await assertFails(
      ["--port", String(port)],
      1,
      new RegExp(`^sluice: .*${port}[^]*choose another place with --port`),
    );
  });

  it("prints help and version on stdout: exit 0", async () => {
    const outputs = await Promise.all([["--help"], ["demo", "-h"], ["echo", "-h"], ["--version"]].map(async (args) => {
      await using program = startProgram(CLI, { args, permissions: [] });
      const exit = await program.exited(LIMIT);
      assertEquals([exit.code, exit.stderr], [0, ""]);
      return exit.stdout;
    }));
    assertEquals(outputs, [helpText("sluice"), helpText("demo"), helpText("echo"), `${VERSION}\n`]);
  });
});

const REPORT: DrainReport = {
  server: "echo",
  cause: "SIGTERM",
  clean: false,
  resumed: false,
  forced: true,
  duration: 2500,
  phases: { lameDuck: 300, drain: 2000, abort: 200, hooks: 0 },
  connections: { atStart: 3, accepted: 1, idle: 1, finished: 1, dropped: 1, truncated: 0, cut: 1 },
  delivery: { process: 0, kernel: 1, acknowledged: 2, finSeen: 1 },
  afterFin: { messages: 1, bytes: 12 },
  acceptQueueLeft: null,
  acceptQueueShared: false,
  admissionQueueLeft: 2,
  handshakesCut: [],
  workLeft: 1,
  hooks: [{ name: "save", ok: true, duration: 5 }, { name: "tell", ok: false, duration: 1, error: "no" }],
  truncated: [],
  cut: [{
    id: 4,
    peer: "127.0.0.1:1234",
    outcome: "cut",
    delivery: "kernel",
    state: "active",
    age: 1500,
    bytesUnread: 3,
    bytesUnsent: 7,
    handlerRunning: true,
  }],
  all: [],
};

function start(args: readonly string[], permissions: StartOptions["permissions"] = ["--allow-net"]): Program {
  return startProgram(CLI, { args: ["echo", ...args], permissions });
}

/** A client that got an answer. */
async function talkTo(program: Program): Promise<{ port: number; client: Client }> {
  const [, port] = /:(\d+)$/.exec(await program.line("listening on")) ?? [];
  return { port: Number(port), client: await assertAnswers({ port: Number(port) }) };
}

async function assertAnswers(options: ConnectOptions): Promise<Client> {
  const client = lines(await connect(options));
  await client.send("héllo");
  const answer = await within(client.next(), LIMIT, () => "an answer");
  assertEquals(answer.value, "echo: héllo");
  return client;
}

async function assertFin(client: Client): Promise<void> {
  assertEquals(await within(client.next(), LIMIT, () => "FIN"), { done: true, value: undefined });
  await client.conn.close();
}

async function assertFails(
  args: readonly string[],
  code: number,
  stderr: RegExp,
  permissions?: StartOptions["permissions"],
): Promise<void> {
  await using program = start(args, permissions);
  const exit = await program.exited(LIMIT);
  assertEquals([exit.code, exit.stdout], [code, ""], exit.stderr);
  assertMatch(exit.stderr, stderr);
  assert(exit.stderr.trimEnd().split("\n").length <= 2, exit.stderr);
}

function reportOf(stdout: string): DrainReport {
  return JSON.parse(stdout.trimEnd().split("\n").pop()!);
}
