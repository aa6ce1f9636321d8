/** `sluice verify --reload` on servers that replace their workers, rightly and wrongly. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { ReloadReport, VerifyKind } from "../../../src/tools/verify/mod.ts";
import { foundIn } from "../../support/reload_world.ts";
import { commandLine, type Exit, root } from "../../support/processes.ts";
import { startVerify } from "../../support/verify_cli.ts";

const LIMIT = 60_000;
const QUICK = ["--reload", "--reloads", "2"];
const FEW = 12;
/** So many that none of two workers which share a socket has next to nothing, however the kernel wakes them. */
const MANY = 36;
const RELOADER = `${root}tests/programs/reloaders/reloader.ts`;
/** One that has sockets with `reusePort`. */
const NODE24 = `${root}node_modules/node-${process.platform}-${process.arch}/bin/node`;

/** A server that reloads in one way, on Node: who reloads does not matter to who looks. */
function reloader(mode: string, kind: VerifyKind, program: string | null = null, path: string = ""): string[] {
  const [node, ...args] = commandLine(RELOADER, { runtime: "node", args: [mode, kind, path] });
  return [program ?? node, ...args];
}

async function run(args: readonly string[], command: readonly string[], clients: number = FEW): Promise<Exit> {
  await using program = startVerify([...QUICK, "--clients", String(clients), ...args], command);
  return await program.exited(LIMIT);
}

async function reloads(
  args: readonly string[],
  command: readonly string[],
  clients?: number,
): Promise<{ readonly code: number | null; readonly report: ReloadReport }> {
  const { code, stdout, stderr } = await run([...args, "--json"], command, clients);
  if (!stdout.startsWith("{")) throw new Error(`no report, exit code ${code}: ${stdout}\n${stderr}`);
  return { code, report: JSON.parse(stdout) };
}

/** How long a reload lasts here. */
const WAIT = ["--reload-wait", "1500ms"];

describe("sluice verify --reload", { concurrency: 2 }, () => {
  // An answer in lines and the FIN behind it are two system calls: between them a client may ask again.
  for (const kind of ["http", "ws"] as const) {
    it(`${kind}: finds nothing wrong with a server whose workers share a socket and serve out`, async () => {
      const { code, report } = await reloads([...WAIT, "--kind", kind], reloader("shared", kind));
      assertEquals(report.details, []);
      assertEquals([code, report.clean, report.parts.length, report.stop?.code], [0, true, 2, 0]);
      assertEquals(report.clients, { storm: 4, asking: 2, pipelined: 2, upload: 2, resting: 2 });
      for (const { connections, answered, sent } of report.parts) {
        assertGreater(connections, 10);
        assertEquals(answered, sent);
      }
    });
  }

  it("finds connections refused by a server that closes its socket before it opens the next", async () => {
    const { code, report } = await reloads([...WAIT, "--kind", "tcp"], reloader("gap", "tcp"));
    assertEquals([code, report.clean], [1, false]);
    assertGreater(report.during.losses.refused, 0);
  });

  it("finds what is dropped by old workers that do not serve out", async () => {
    const { code, report } = await reloads([...WAIT, "--kind", "http"], reloader("hasty", "http"));
    assertEquals([code, report.total.losses.refused], [1, 0]);
    assertGreater(report.total.losses.unanswered, 0);
  });

  it("finds what waits in the queue of a socket that dies", {
    skip: existsSync(NODE24) ? false : "Node 24 is not here",
  }, async () => {
    const { code, report } = await reloads([...WAIT, "--kind", "http"], reloader("reusePort", "http", NODE24));
    assertEquals([code, foundIn(report)], [1, ["reset"]], report.details.join("\n"));
  });

  it("tells that a server has ended in place of reloading, and with what words", async () => {
    const { code, stdout } = await run([...WAIT, "--kind", "tcp"], reloader("unaware", "tcp"));
    assertEquals(code, 1);
    assertStringIncludes(stdout, "server that ended by itself");
    assertStringIncludes(stdout, "ended by SIGHUP");
    assertMatch(stdout, /Lost \(1 of 2 reloads, /);
  });

  it("kills workers in between, and counts apart what they held", async () => {
    // A WebSocket that breaks off is a loss though nothing is under way on it.
    const { code, report } = await reloads([...WAIT, "--kind", "ws", "--kill-worker"], reloader("shared", "ws"));
    assertEquals(report.details, []);
    assertEquals([code, report.parts.map(({ kind, number }) => `${kind} ${number}`)], [
      0,
      ["kill 1", "reload 1", "kill 2", "reload 2"],
    ]);
    // The worker that is killed has at least half of those that keep a connection.
    assertGreater(report.kills.held.connections, 0);
    const { sent, answered, held } = report.total;
    assertEquals(sent, answered + held.messages);
  });

  it("blames a server that drops what other workers hold when one is killed", async () => {
    const args = [...WAIT, "--kind", "ws", "--kill-worker"];
    const { code, report } = await reloads(args, reloader("panics", "ws"), MANY);
    assertEquals([code, report.clean], [1, false]);
    const { unanswered, reset, noClose } = report.kills.losses;
    assertGreater(unanswered + reset + noClose, 0);
    assertGreater(report.kills.held.connections, 0);
  });

  it("kills workers behind a Unix socket", async () => {
    using folder = folderOf();
    const path = join(folder.path, "s");
    const args = [...WAIT, "--reloads", "1", "--kind", "http", "--unix", path, "--kill-worker"];
    const { code, report } = await reloads(args, reloader("shared", "http", null, path));
    assertEquals([code, report.details], [0, []]);
    assertEquals(report.parts.map(({ kind }) => kind), ["kill", "reload"]);
  });

  it("says that there is nobody to kill where a server has no other processes", async () => {
    const alone = commandLine(`${root}tests/programs/verify_subject.ts`, { runtime: "node", args: ["plain"] });
    const { code, stderr } = await run(["--kind", "tcp", "--kill-worker"], alone);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "there is no worker to kill");
  });
});

describe("sluice verify --reload-command", { concurrency: 2 }, () => {
  it("runs what reloads the server, and takes its end for the reload's", async () => {
    const command = "kill -HUP {pid} && sleep 1.2 && test {port} = $PORT";
    const { code, report } = await reloads(["--kind", "http", "--reload-command", command], reloader("shared", "http"));
    assertEquals([code, report.details], [0, []]);
    for (const { took } of report.parts) assert(took >= 1200 && took < 10_000, `${took} ms`);
  });

  it("blames a reload whose command fails, with its words, though nobody has lost anything", async () => {
    const { code, stdout } = await run(
      ["--kind", "http", "--reload-command", "echo it did not come up; exit 3"],
      reloader("shared", "http"),
    );
    assertEquals(code, 1);
    assertStringIncludes(stdout, "its command ended with exit code 3: it did not come up");
    assertStringIncludes(stdout, "  2  reload that failed (reloadFailed)");
  });
});

describe("sluice verify --reload as others show it", { concurrency: 2 }, () => {
  it("prints a table, and writes a page", async () => {
    using folder = folderOf();
    const page = join(folder.path, "page.html");
    const args = [...WAIT, "--kind", "http", "--html", page, "--seed", "5"];
    const { code, stdout, stderr } = await run(args, reloader("shared", "http"));
    assertEquals(code, 0, stdout + stderr);
    assertMatch(stdout, /^reload 2 +1\.\d\d s +\d+ +0 +0 +\d+ +\d+ +0 +0 .* nothing$/m);
    assertMatch(stdout, /^Nothing was lost \(2 reloads, \d+ connections, \d+ messages, seed 5\)$/m);
    const text = readFileSync(page, "utf8");
    assertStringIncludes(text, "Nothing was lost in 2 reloads");
    assertStringIncludes(text, "sluice verify --reload --reloads 2 --clients 12");
  });

  it("at Ctrl-C tells what is known, blames nobody for the end, and leaves no process behind", async () => {
    await using program = startVerify([...QUICK, "--kind", "tcp", "--reload-wait", "60s"], reloader("shared", "tcp"));
    const server = await childOf(program.pid);
    // Clients are at work and the first reload is under way when a third worker is there.
    while (childrenOf(server).length < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    const workers = childrenOf(server);
    program.signal("SIGINT");
    const { code, stdout } = await program.exited(LIMIT);
    assertEquals(code, 130, stdout);
    assertMatch(stdout, /^Not proven \(1 of 2 reloads, \d+ connections, \d+ messages, seed \d+\)$/m);
    assertStringIncludes(stdout, "Interrupted: the rest was not run");
    for (const pid of [server, ...workers]) assert(await isGone(pid), `process ${pid} is left`);
  });
});

/** A folder that goes away with the block. */
function folderOf(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "sluice-reload-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

async function childOf(pid: number): Promise<number> {
  while (childrenOf(pid).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return childrenOf(pid)[0];
}

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter((word) => word !== "").map(
      Number,
    );
  } catch {
    return [];
  }
}

async function isGone(pid: number): Promise<boolean> {
  for (let i = 0; i < 200 && isAlive(pid); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  return !isAlive(pid);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
