/** `sluice run` with real processes: reloads under a storm, deaths, and stops. */
import { after, before, describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { connect, type DrainReport, lines, listen, type TcpAddress } from "../../mod.ts";
import { until } from "../support/apps.ts";
import { type Exit, type Program, root, startProgram, within } from "../support/processes.ts";
import { Storm } from "../support/storm.ts";

const CLI = `${root}src/cli/main.ts`;
const SERVER = `${root}tests/programs/supervised_server.ts`;
const HANDLER = `${root}tests/programs/default_handler.ts`;
const LIMIT = 60_000;

/** A supervisor under test. */
class Supervised {
  readonly program: Program;
  readonly control: string;
  port = 0;
  second = 0;

  constructor(program: Program, control: string) {
    this.program = program;
    this.control = control;
  }

  /** Asks it by the command line; gives its exit code and what it printed. */
  async ask(command: string): Promise<{ code: number | null; text: string; said: Record<string, unknown> }> {
    const { code, stdout, stderr } = await startProgram(CLI, { args: [command, "--control", this.control, "--json"] })
      .exited(LIMIT);
    return { code, text: stdout + stderr, said: stdout.startsWith("{") ? JSON.parse(stdout) : {} };
  }

  async pids(): Promise<number[]> {
    const { said } = await this.ask("status");
    return (said.workers as { pid: number }[]).map(({ pid }) => pid);
  }

  async get(path: string): Promise<string> {
    return await (await fetch(`http://127.0.0.1:${this.port}${path}`, { headers: { connection: "close" } })).text();
  }
}

describe("sluice run", () => {
  let folder = "";
  let count = 0;
  before(() => void (folder = mkdtempSync(join(tmpdir(), "sluice-run-"))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function begin(file: string, args: readonly string[], env: Record<string, string> = {}): Supervised {
    const control = join(folder, `${++count}.sock`);
    const common = ["run", file, "--control", control, "--log-format", "json"];
    return new Supervised(startProgram(CLI, { args: [...common, ...args], env }), control);
  }

  /** Runs until the block ends. */
  async function started(args: readonly string[], env: Record<string, string> = {}): Promise<Supervised> {
    const supervised = begin(SERVER, args, env);
    const line = await supervised.program.line(/http http/, LIMIT);
    const [, port, second] = /:(\d+)\/ second http:\S+?:(\d+)/.exec(line)!;
    supervised.port = Number(port);
    supervised.second = Number(second);
    await ready(supervised);
    return supervised;
  }

  /** All its workers are. */
  async function ready(supervised: Supervised): Promise<void> {
    let said: Record<string, unknown> = {};
    await until(() => `workers that are ready: ${JSON.stringify(said)}`, async () => {
      said = (await supervised.ask("status")).said;
      return said.state === "running" && (said.workers as { state: string }[]).every(({ state }) => state === "ready");
    });
  }

  function modeFile(): { path: string; set(mode: string): void } {
    const path = join(folder, `mode${++count}`);
    return { path, set: (mode) => writeFileSync(path, mode) };
  }

  async function stopped(supervised: Supervised): Promise<Exit> {
    supervised.program.signal("SIGTERM");
    return await supervised.program.exited(LIMIT);
  }

  it("replaces all workers under a storm of clients, and loses none", async () => {
    const supervised = await started(["--workers", "2", "--stable", "50ms"]);
    await using _program = supervised.program;
    const before = await supervised.pids();
    const storm = new Storm(supervised.port, 6, 6);
    for (let i = 0; i < 3; i++) {
      const { code, said } = await supervised.ask("reload");
      assertEquals([code, said.done, said.clean, said.reason], [0, true, true, ""]);
    }
    const { answered, failures, pids } = await storm.end();
    assertEquals(failures, []);
    assert(answered > 100, `${answered} were answered`);
    assert(pids.size > 4, "workers of several generations have answered");
    for (const pid of await supervised.pids()) assert(!before.includes(pid), "no worker is left of the first ones");
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("levels connections that all came at once, and loses no request by it", async () => {
    const supervised = await started(["--workers", "2", "--stable", "50ms"]);
    await using _program = supervised.program;
    const storm = new Storm(supervised.port, 0, 40);
    let shares: number[] = [];
    await until(() => `connections of each worker: ${shares}`, async () => {
      const { said } = await supervised.ask("status");
      shares = (said.workers as { connections: number }[]).map(({ connections }) => connections);
      return Math.min(...shares) >= 16;
    });
    assertEquals((await storm.end()).failures, []);
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("reloads at SIGHUP, and tells what that has cost", async () => {
    const supervised = await started(["--workers", "1", "--stable", "0"]);
    await using program = supervised.program;
    const slow = supervised.get("/slow?ms=4000");
    await within(untilBusy(supervised), LIMIT, () => "a request under way");
    program.signal("SIGHUP");
    const report = JSON.parse(await program.line(/^\{"kind":"reload"/, LIMIT));
    assertEquals([report.done, report.clean, report.cause, report.workers.length], [true, true, "SIGHUP", 1]);
    const { reports } = report.workers[0] as { reports: DrainReport[] };
    assertEquals(reports.map(({ clean, acceptQueueShared }) => [clean, acceptQueueShared]), [[true, true], [
      true,
      true,
    ]]);
    assertEquals(reports.reduce((sum, { connections }) => sum + connections.finished, 0), 1);
    assertNotEquals(await slow, await supervised.get("/"));
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("gives each generation the same sockets: several, of port 0 and of a path", async () => {
    const path = join(folder, "lines.sock");
    const supervised = await started(["--workers", "2", "--stable", "0"], { LINES_PATH: path });
    await using _program = supervised.program;
    const ask = async (): Promise<string[]> => {
      await using conn = await connect({ path });
      await conn.write("hello\n");
      const { value } = await lines(conn)[Symbol.asyncIterator]().next();
      return [value as string, await (await fetch(`http://127.0.0.1:${supervised.second}/`)).text()];
    };
    assertEquals(await ask(), ["hello", "second"]);
    assertEquals((await supervised.ask("reload")).code, 0);
    assertEquals(await ask(), ["hello", "second"]);
    const { said } = await supervised.ask("status");
    assertEquals((said.addresses as unknown[]).length, 3);
    assertEquals((await stopped(supervised)).code, 0);
  });

  for (
    const [mode, words] of [
      ["crash", "this version crashes at start"],
      ["never", "not ready after 6000 ms"],
      ["dies", "ready, and then exit code 9"],
    ] as const
  ) {
    it(`calls a reload off whose version ${mode === "never" ? "is never ready" : `${mode} at start`}`, async () => {
      const file = modeFile();
      const args = ["--workers", "2", "--ready-timeout", mode === "never" ? "6s" : "20s"];
      const supervised = await started(args, { MODE_FILE: file.path });
      await using _program = supervised.program;
      const before = await supervised.pids();
      file.set(mode);
      const { code, said } = await supervised.ask("reload");
      assertEquals([code, said.done], [1, false]);
      assertStringIncludes(String(said.reason), words);
      assertEquals(await supervised.pids(), before);
      assert(before.includes(Number(await supervised.get("/"))));
      file.set("ok");
      assertEquals((await supervised.ask("reload")).code, 0);
      assertEquals((await stopped(supervised)).code, 0);
    });
  }

  it("calls a reload off whose program can't be started at all, and reloads when it can", async () => {
    const own = mkdtempSync(join(folder, "moved-"));
    writeFileSync(join(own, "package.json"), '{ "type": "module" }');
    const file = join(own, "handler.js");
    const text = "export default () => new Response(String(process.pid));\n";
    writeFileSync(file, text);
    const path = join(own, "http.sock");
    const supervised = begin(file, ["--workers", "1", "--stable", "0", "--unix", path]);
    await using program = supervised.program;
    await until(() => "a worker that is ready", () => program.stderr.includes("is ready"));
    rmSync(file);
    for (let i = 0; i < 2; i++) {
      const { code, said } = await supervised.ask("reload");
      assertEquals([code, said.done], [1, false]);
      assertStringIncludes(String(said.reason), "There is no program");
    }
    const [victim] = await supervised.pids();
    process.kill(victim, "SIGKILL");
    await until(() => "a restart that can't be", () => program.stderr.includes("can't be started"));
    writeFileSync(file, text);
    await ready(supervised);
    assertEquals((await supervised.ask("reload")).code, 0);
    assertMatch(await answerAt(path), /\d+$/);
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("ends with EADDRINUSE where the port is somebody else's", async () => {
    await using taken = await listen({ port: 0, hostname: "127.0.0.1" });
    const { port } = taken.address as TcpAddress;
    await using program = begin(HANDLER, ["--workers", "1", "--port", String(port), "--host", "127.0.0.1"]).program;
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 1);
    assertStringIncludes(exit.stderr, "EADDRINUSE");
  });

  it("closes a port that its new version does not listen on", async () => {
    const file = modeFile();
    const env = { MODE_FILE: file.path, LINES_PATH: join(folder, `${++count}.lines.sock`) };
    const supervised = await started(["--workers", "2", "--stable", "0"], env);
    await using _program = supervised.program;
    assert(existsSync(env.LINES_PATH));
    file.set("nolines");
    assertEquals((await supervised.ask("reload")).code, 0);
    assert(!existsSync(env.LINES_PATH));
    const { said } = await supervised.ask("status");
    assertEquals((said.addresses as unknown[]).length, 2);
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("takes nobody's file for its control socket", async () => {
    const precious = join(folder, "precious.txt");
    writeFileSync(precious, "precious");
    const { code, stderr } = await startProgram(CLI, { args: ["run", HANDLER, "--control", precious] }).exited(LIMIT);
    assertEquals([code, readFileSync(precious, "utf8")], [1, "precious"]);
    assertStringIncludes(stderr, "that is no socket");
  });

  it("stops in the middle of a reload, successors on trial included", async () => {
    const supervised = await started(["--workers", "1", "--stable", "20s"]);
    await using program = supervised.program;
    const reload = supervised.ask("reload");
    await until(() => "a successor on trial", async () => (await supervised.pids()).length === 2);
    const pids = await supervised.pids();
    assertEquals((await stopped(supervised)).code, 0);
    assertEquals((await reload).code, 1);
    assertEquals(pids.filter(isAlive), []);
    assertStringIncludes(program.stderr, "Stopped, nothing was lost");
  });

  it("replaces a worker that was killed, and refuses nobody meanwhile", async () => {
    const supervised = await started(["--workers", "2"]);
    await using _program = supervised.program;
    const [victim] = await supervised.pids();
    const storm = new Storm(supervised.port, 6, 0);
    process.kill(victim, "SIGKILL");
    await until(() => "a worker in its place", async () => !(await supervised.pids()).includes(victim));
    await ready(supervised);
    const { failures } = await storm.end();
    // What the dead one held is lost, and no more than that; a refused connection would be one that it did not hold.
    assert(failures.length <= 6, failures.join("\n"));
    assertEquals(failures.filter((failure) => failure.includes("ECONNREFUSED")), []);
    const { said } = await supervised.ask("status");
    assertEquals((said.workers as { restarts: number }[]).map(({ restarts }) => restarts), [1, 0]);
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("leaves no orphan when it is killed itself: workers drain what they have", async () => {
    const supervised = await started(["--workers", "2"]);
    await using program = supervised.program;
    const pids = await supervised.pids();
    const slow = supervised.get("/slow?ms=4000");
    await untilBusy(supervised);
    program.signal("SIGKILL");
    assertMatch(await slow, /^\d+$/);
    for (const pid of pids) await until(() => `the end of worker ${pid}`, () => !isAlive(pid));
  });

  it("drains all workers at SIGTERM, and cuts at a second one", async () => {
    const supervised = await started(["--workers", "2"], { GRACE: "30000" });
    await using program = supervised.program;
    const slow = supervised.get("/slow?ms=40000").catch(() => "cut");
    await untilBusy(supervised);
    program.signal("SIGTERM");
    await program.line(/Got SIGTERM|"kind":"stop"/, 1000).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 500));
    program.signal("SIGTERM");
    const exit = await program.exited(LIMIT);
    assertEquals([exit.code, await slow], [143, "cut"]);
  });

  it("ends with the program's words and code if no worker becomes ready", async () => {
    const file = modeFile();
    file.set("crash");
    const supervised = begin(SERVER, ["--workers", "2"], { MODE_FILE: file.path });
    await using program = supervised.program;
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 1);
    assertStringIncludes(exit.stderr, "No worker became ready: exit code 1");
    assertStringIncludes(exit.stderr, "this version crashes at start");
  });

  it("names a worker whose event loop is blocked, and replaces it if asked", async () => {
    const supervised = await started(["--workers", "1", "--hang-timeout", "1500ms", "--replace-hung"]);
    await using program = supervised.program;
    const [blocked] = await supervised.pids();
    const lost = supervised.get("/block?ms=60000").catch(() => "lost");
    await until(() => "a worker in its place", async () => !(await supervised.pids()).includes(blocked));
    assertEquals(await lost, "lost");
    assertStringIncludes(program.stderr, "hangs: it has said nothing for 1500 ms");
    await ready(supervised);
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("reloads when a file changes, with the variables that stand in the file then", async () => {
    const own = mkdtempSync(join(folder, "watched-"));
    writeFileSync(join(own, "package.json"), '{ "type": "module" }');
    const handler = (word: string): string =>
      `export default () => new Response("${word} " + process.env.WORD + "\\n");\nconsole.log("loaded ${word}");\n` +
      `console.log(JSON.stringify({ loaded: "${word}" }));\n`;
    const file = join(own, "handler.js");
    const variables = join(own, ".env");
    writeFileSync(file, handler("first"));
    writeFileSync(variables, "WORD=one # a remark\n");
    const path = join(own, "http.sock");
    const args = ["--workers", "1", "--stable", "0", "--watch", "--env-file", variables, "--unix", path];
    const supervised = begin(file, args);
    await using program = supervised.program;
    await program.line("[1] loaded first", LIMIT);
    await program.line('{"worker":1,"loaded":"first"}', LIMIT);
    await ready(supervised);
    assertMatch(await answerAt(path), /first one\n$/);
    writeFileSync(variables, "WORD=two\n");
    writeFileSync(file, handler("second"));
    const report = JSON.parse(await program.line(/^\{"kind":"reload"/, LIMIT));
    assertEquals([report.done, report.cause], [true, "handler.js has changed"]);
    assertMatch(await answerAt(path), /second two\n$/);
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("does what its sluice.json says, applies changes of it, and refuses what is wrong", async () => {
    const own = mkdtempSync(join(folder, "configured-"));
    writeFileSync(join(own, "package.json"), '{ "type": "module" }');
    writeFileSync(
      join(own, "handler.js"),
      'export default () => new Response(process.env.WORD + " " + process.pid + "\\n");\n',
    );
    const path = join(own, "http.sock");
    const file = join(own, "sluice.json");
    const settings = { program: "handler.js", workers: 1, stable: 0, unix: path, env: { WORD: "one" } };
    const write = (changes: object) => writeFileSync(file, JSON.stringify({ ...settings, ...changes }));
    write({ limits: { maxConnections: 1 } });
    const control = join(own, "control.sock");
    const args = ["run", "--config", file, "--control", control, "--log-format", "json"];
    const supervised = new Supervised(startProgram(CLI, { args }), control);
    await using program = supervised.program;
    await until(() => "a worker that is ready", () => program.stderr.includes("is ready"));
    await ready(supervised);
    assertMatch(await answerAt(path), /one \d+\n$/);
    const before = await supervised.pids();
    // Who was answered is let in, whoever else is on the way out still.
    await until(() => "the limit of one connection", async () => await letIn(path, 1) && !(await letIn(path, 2)));
    write({ limits: { maxConnections: 50 } });
    await until(() => "the new limit", async () => await letIn(path, 3));
    assertEquals(await supervised.pids(), before);
    write({ limits: { maxConnections: 50 }, env: { WORD: "two" }, workers: 2 });
    const report = JSON.parse(await program.line(/^\{"kind":"reload"/, LIMIT));
    assertEquals([report.done, report.cause], [true, "sluice.json: workers, env.WORD"]);
    assertMatch(await answerAt(path), /two \d+\n$/);
    assertEquals((await supervised.pids()).length, 2);
    writeFileSync(file, '{ "program": "handler.js", "wrokers": 2 }');
    const told = async () => String(((await supervised.ask("status")).said.config as { error: unknown }).error);
    await until(() => "the fault in status", async () => (await told()).includes("did you mean workers?"));
    assertEquals((await supervised.ask("reload")).code, 1);
    assertMatch(await answerAt(path), /two \d+\n$/);
    write({ limits: { maxConnections: 50 }, env: { WORD: "three" } });
    await until(() => "what was mended", async () => /three \d+\n$/.test(await answerAt(path)));
    await until(() => "no fault in status", async () => (await told()) === "null");
    await ready(supervised);
    assertEquals((await supervised.pids()).length, 1);
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("joins wishes for a reload that come while one runs", async () => {
    const supervised = await started(["--workers", "1", "--stable", "300ms"]);
    await using _program = supervised.program;
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => supervised.ask("reload")));
    assertEquals(answers.map(({ code }) => code), [0, 0, 0, 0, 0]);
    const generations = new Set(answers.map(({ said }) => said.generation));
    assert(generations.size <= 3, [...generations].join());
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("serves a module's default export", async () => {
    const path = join(folder, "module.sock");
    const supervised = begin(HANDLER, ["--workers", "1", "--unix", path]);
    await using program = supervised.program;
    await until(() => program.stderr, () => program.stderr.includes("is ready"));
    assertMatch(await answerAt(path), /\/hello from \d+$/);
    assertEquals((await stopped(supervised)).code, 0);
  });

  it("refuses what makes no sense before anything is started", async () => {
    const run = async (...args: string[]) => await startProgram(CLI, { args: ["run", ...args] }).exited(LIMIT);
    const missing = await run("nowhere.ts");
    assertEquals(missing.code, 2);
    assertStringIncludes(missing.stderr, 'There is no program "nowhere.ts"');
    const place = await run(SERVER, "--port", "8080");
    assertEquals(place.code, 2);
    assertStringIncludes(place.stderr, "--port is for a module whose default export is served");
    const workers = await run(SERVER, "--workers", "0");
    assertEquals(workers.code, 2);
    assertStringIncludes(workers.stderr, "--workers must be a whole number from 1 to 1024, got 0");
  });
});

/** Whether so many connections are answered, all open at the same time. */
async function letIn(path: string, count: number): Promise<boolean> {
  const conns = await Promise.all(Array.from({ length: count }, () => connect({ path })));
  try {
    const heads = await Promise.all(conns.map(async (conn) => {
      await conn.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      return new TextDecoder().decode((await conn.read()) ?? undefined);
    }));
    return heads.every((head) => head.startsWith("HTTP/1.1 200"));
  } finally {
    for (const conn of conns) conn.abort();
  }
}

/** What is answered on a Unix socket. */
async function answerAt(path: string): Promise<string> {
  await using conn = await connect({ path });
  await conn.write("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of conn) text += new TextDecoder().decode(chunk);
  return text;
}

/** A request is being handled. */
async function untilBusy(supervised: Supervised): Promise<void> {
  await until(() => "somebody who is busy", async () => {
    const { said } = await supervised.ask("status");
    return (said.workers as { connections: number }[]).some(({ connections }) => connections > 0);
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
