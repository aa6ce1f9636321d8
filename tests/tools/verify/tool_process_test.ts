/** `sluice verify` as a program: what it says when a server does not start, and that it always ends. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Exit } from "../../support/processes.ts";
import { lossesOf, programCommand, startVerify, verify } from "../../support/verify_cli.ts";

const QUICK = ["--kind", "tcp", "--scenario", "late-request", "--clients", "3", "--grace", "1s"];
const LIMIT = 60_000;

const subject = (...args: string[]) => programCommand("tests/programs/verify_subject.ts", ...args);

async function run(args: readonly string[], command: readonly string[]): Promise<Exit> {
  await using program = startVerify(args, command);
  return await program.exited(LIMIT);
}

/** A path in a folder of its own, which goes away with the block. */
function noteFile(): Disposable & { readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), "sluice-verify-"));
  return { path: join(folder, "note"), [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}

/** The process is there, and no zombie that nobody has waited for. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function isGone(pid: number): Promise<boolean> {
  for (let i = 0; i < 100 && isAlive(pid); i++) await new Promise((resolve) => setTimeout(resolve, 20));
  return !isAlive(pid);
}

describe("sluice verify can't start", { concurrency: 3 }, () => {
  it("what is no program", async () => {
    const { code, stderr } = await run(QUICK, ["./no-such-server"]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, `"./no-such-server" can't be started: there is no such program`);
  });

  it("a server that ends at once, and shows what it wrote", async () => {
    const { code, stderr } = await run(QUICK, subject("early"));
    assertEquals(code, 1);
    assertStringIncludes(stderr, "The server ended before it listened: exit code 7");
    assertStringIncludes(stderr, "  | there is no configuration");
  });

  it("a server that never listens, and kills it", async () => {
    const { code, stderr } = await run([...QUICK, "--ready-timeout", "300ms"], subject("silent"));
    assertEquals(code, 1);
    assertMatch(stderr, /Nobody listens on 127\.0\.0\.1:\d+ after 300 ms/);
  });

  it("a server on a port that another one has", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", () => resolve()));
    const { port } = other.address() as { port: number };
    const { code, stderr } = await run([...QUICK, "--port", String(port)], subject("plain"));
    other.close();
    assertEquals(code, 1);
    assertStringIncludes(stderr, `Somebody listens on 127.0.0.1:${port} already`);
  });

  it("anything without a command, or with options that make no sense", async () => {
    const wrong: [args: string, message: string][] = [
      ["--scenario pingpong", 'no scenario is called "pingpong", did you mean ping-pong?'],
      ["--signal SIGNONE", '--signal must be a signal like SIGTERM, got "SIGNONE"'],
      ["--rolling --port 1", "--rolling needs a port for each instance"],
    ];
    for (const [args, message] of wrong) {
      const { code, stderr } = await run(args.split(" "), ["true"]);
      assertEquals(code, 2, stderr);
      assertStringIncludes(stderr, message);
    }
    assertEquals((await run([], [])).code, 2);
  });
});

describe("sluice verify ends", { concurrency: 3 }, () => {
  it("when the server ignores every signal and floods its output, and shows the end of that", async () => {
    const { code, stdout } = await run(QUICK, subject("stubborn"));
    assertEquals(code, 1);
    assertStringIncludes(stdout, "1 stillThere");
    assertStringIncludes(stdout, "  | ...");
    assertStringIncludes(stdout, "nothing but noise nothing");
    assert(stdout.length < 40_000, `${stdout.length} characters`);
  });

  it("when the server crashes under load, and says so", async () => {
    const { code, stdout } = await run(QUICK, subject("crash"));
    assertEquals(code, 1);
    assertStringIncludes(
      stdout,
      "left out: late-request, could not be run: The server ended under load, before the signal: exit code 7",
    );
    assertStringIncludes(stdout, "asked to crash");
  });

  it("with what a scenario showed that a server got through, and without proof for the one that it did not", async () => {
    const scenarios = ["--scenario", "second-signal"];
    const { code, report } = await verify([...QUICK, ...scenarios], subject("delicate"));
    assertEquals([code, report.clean, report.scenarios.map(({ scenario, clean }) => [scenario, clean])], [1, false, [
      ["late-request", true],
    ]]);
    assertEquals(report.skipped.map(({ scenario }) => scenario), ["second-signal"]);
  });

  it("when the first scenario can't be run, without trying the others", async () => {
    const { code, report } = await verify([...QUICK, "--scenario", "silent"], subject("crash"));
    assertEquals([code, report.clean, report.scenarios], [1, false, []]);
    assertStringIncludes(report.skipped[0].reason, "could not be run: The server ended under load");
    assertEquals(report.skipped[1], { scenario: "silent", reason: "not tried: the one before could not be run" });
  });

  it("with everything that the server has left behind", async () => {
    using note = noteFile();
    const { report, code } = await verify(QUICK, subject("parent", note.path));
    assertEquals([code, lossesOf(report)], [0, {}]);
    const left = Number(readFileSync(note.path, "utf8"));
    assertGreater(left, 0);
    assert(await isGone(left), `process ${left} is left`);
  });

  it("at Ctrl-C, tells what is known, and ends the server", async () => {
    using note = noteFile();
    await using program = startVerify([...QUICK, "--rounds", "1000"], subject("parent", note.path));
    await program.line("late-request 2 ");
    const children = childrenOf(program.pid);
    program.signal("SIGINT");
    const { code, stdout } = await program.exited(LIMIT);
    assertEquals(code, 130);
    assertMatch(stdout, /(Nothing was lost|Not proven|Lost) \(\d+ rounds/);
    assertStringIncludes(stdout, "Interrupted: the rest was not run");
    for (const pid of [...children, Number(readFileSync(note.path, "utf8"))]) {
      assert(await isGone(pid), `process ${pid} is left`);
    }
  });

  it("at the first Ctrl-C, though the server hears no signal and has much time left", async () => {
    await using program = startVerify([...QUICK, "--grace", "300s"], subject("stubborn"));
    const children = await startedBy(program.pid);
    program.signal("SIGTERM");
    assertEquals((await program.exited(LIMIT)).code, 143);
    for (const pid of children) assert(await isGone(pid), `process ${pid} is left`);
  });

  it("at once at the second Ctrl-C, with its server", async () => {
    await using program = startVerify([...QUICK, "--grace", "300s"], subject("stubborn"));
    const children = await startedBy(program.pid);
    program.signal("SIGTERM");
    program.signal("SIGINT");
    assert([130, 143].includes((await program.exited(LIMIT)).code!));
    for (const pid of children) assert(await isGone(pid), `process ${pid} is left`);
  });
});

describe("sluice verify --busy", { concurrency: 1 }, () => {
  const busy = [...QUICK, "--busy", "2"];

  it("burns time beside the server, says so, and leaves no process behind", async () => {
    await using program = startVerify([...busy, "--rounds", "2", "--json"], subject("plain"));
    const burners = await burnersOf(program.pid);
    assertEquals(burners.length, 2);
    const { code, stdout, stderr } = await program.exited(LIMIT);
    assertEquals(code, 0, stdout + stderr);
    const { busy: said, roundTrip, jitter } = JSON.parse(stdout);
    assertEquals([said, roundTrip, jitter], [2, 0, 0]);
    for (const pid of burners) assert(await isGone(pid), `process ${pid} is left`);
  });

  it("leaves none behind when the server can't be started, nor at Ctrl-C", async () => {
    const unstarted = startVerify([...busy, "--ready-timeout", "1500ms"], subject("silent"));
    const interrupted = startVerify([...busy, "--grace", "60s"], subject("stubborn"));
    await using _all = {
      [Symbol.asyncDispose]: () => Promise.all([unstarted.kill(), interrupted.kill()]).then(() => {}),
    };
    const burners = [...await burnersOf(unstarted.pid), ...await burnersOf(interrupted.pid)];
    interrupted.signal("SIGINT");
    assertEquals((await interrupted.exited(LIMIT)).code, 130);
    assertEquals((await unstarted.exited(LIMIT)).code, 1);
    for (const pid of burners) assert(await isGone(pid), `process ${pid} is left`);
  });

  it("leaves none behind though it is killed itself", async () => {
    await using program = startVerify([...busy, "--rounds", "1000"], subject("plain"));
    const burners = await burnersOf(program.pid);
    const servers = childrenOf(program.pid).filter((pid) => !burners.includes(pid));
    program.signal("SIGKILL");
    await program.exited(LIMIT);
    for (const pid of burners) assert(await isGone(pid), `process ${pid} is left`);
    // Nobody is there to end these.
    for (const pid of servers) if (isAlive(pid)) process.kill(pid, "SIGKILL");
  });
});

describe("sluice verify over a long way", { concurrency: 2 }, () => {
  const far = [...QUICK, "--round-trip", "300ms", "--jitter", "0.1", "--clients", "20", "--seed", "1"];

  it("loses nothing with a server that is there for as long as its clients ask", async () => {
    const { code, report } = await verify(far, subject("plain"));
    assertEquals([code, lossesOf(report)], [0, {}], report.scenarios[0]?.details.join("\n"));
  });

  it("finds what is still on its way when the server goes", async () => {
    // With this grace clients ask for 400 ms, and the server is gone then.
    const { code, report } = await verify([...far, "--grace", "4s"], subject("plain"));
    assertEquals([code, Object.keys(lossesOf(report))], [1, ["unansweredBeforeEnd"]]);
  });
});

describe("sluice verify tells the server where to listen", { concurrency: 3 }, () => {
  it("by PORT, and by {port} in the command", async () => {
    const shell = 'test "$PORT" = "$1" && shift && exec "$@"';
    const { code, stdout, stderr } = await run(QUICK, ["sh", "-c", shell, "sh", "{port}", ...subject("plain")]);
    assertEquals(code, 0, stdout + stderr);
  });

  it("on a Unix socket", async () => {
    using socket = noteFile();
    const { path } = socket;
    const { code, stdout, stderr } = await run([...QUICK, "--unix", path], subject("plain", path));
    assertEquals(code, 0, stdout + stderr);
  });

  it("and writes the page", async () => {
    using page = noteFile();
    const { code, stdout, stderr } = await run([...QUICK, "--html", page.path], subject("plain"));
    assertEquals(code, 0, stdout + stderr);
    const text = readFileSync(page.path, "utf8");
    assertStringIncludes(text, "late-request");
    // What repeats it has every option, and the seed, which was drawn.
    const [, repeat] = /<code>(sluice verify [^<]*)<\/code>/.exec(text)!;
    assertStringIncludes(repeat, QUICK.join(" "));
    assertStringIncludes(repeat, ` --html ${page.path} -- `);
    assertMatch(repeat, /^sluice verify --seed \d+ /);
  });
});

/** The processes that burn time for a verification, when both are there. */
async function burnersOf(pid: number): Promise<number[]> {
  for (;;) {
    const burners = childrenOf(pid).filter(isBurner);
    if (burners.length === 2) return burners;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function isBurner(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("burn");
  } catch {
    return false;
  }
}

async function startedBy(pid: number): Promise<number[]> {
  while (childrenOf(pid).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  return childrenOf(pid);
}

/** Processes whose parent this is, and theirs. */
function childrenOf(pid: number): number[] {
  const list = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  const children = list === "" ? [] : list.split(" ").map(Number);
  return children.flatMap((child) => [child, ...(process.platform === "linux" ? childrenOf(child) : [])]);
}
