/** `sluice load` as a program, on the runtime that runs this. */
import { describe, it } from "node:test";
import process from "node:process";
import { assertEquals, assertMatch } from "@std/assert";
import type { LoadReport } from "../../../src/tools/load/load_api.ts";
import { deadUrl, echo, httpServer, lineServer, type LoadedServer, wsServer } from "../../fixtures/load_servers.ts";
import { commandLine, type Program, root, startCommand, startProgram } from "../../support/processes.ts";

const CLI = `${root}src/cli/main.ts`;
/** A terminal is made by `script` as Linux has it. */
const ON_LINUX = { skip: process.platform !== "linux" };
/** Longest run, in ms. */
const LIMIT = 60_000;

describe("the program sluice load", () => {
  for (const [kind, open] of KINDS()) {
    it(`drives ${kind}, prints its report and ends: exit 0`, async () => {
      await using server = await open();
      await using program = start([server.url, "--clients", "4", "--count", "2000", "--pipeline", "2", "--json"]);
      const exit = await program.exited(LIMIT);
      assertEquals([exit.code, exit.stderr], [0, ""]);
      const report: LoadReport = JSON.parse(exit.stdout);
      assertEquals([report.kind, report.requests.answered, report.ended], [kind, 2000, "count"]);
    });
  }

  it("ends at Ctrl-C with a report of what was done", async () => {
    await using server = await lineServer(echo);
    await using program = start([server.url, "--clients", "3", "--duration", "60s", "--think", "5ms"]);
    while (server.accepted < 3) await new Promise((resolve) => setTimeout(resolve, 20));
    program.signal("SIGINT");
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 0, exit.stderr);
    assertMatch(exit.stdout, /^ +target +tcp:.*\n +took .*, interrupted\n/);
    assertMatch(exit.stdout, /\n +faults +none\n/);
  });

  it("shows on a terminal how it is getting on, in one line that is wiped at the end", ON_LINUX, async () => {
    await using server = await lineServer(echo);
    const command = commandLine(CLI, { args: ["load", server.url, "--clients", "5", "--duration", "800ms"] });
    await using program = startCommand(["script", "--quiet", "--return", "--command", command.join(" "), "/dev/null"]);
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 0, exit.stdout);
    const lines = exit.stdout.split("\r\x1b[K");
    assertMatch(lines[1], /^\[#+-+\] +\d+ % {2}5 clients {2}[\d,]+\/s {2}0 faults {2}p50 /);
    assertMatch(lines.at(-1)!, /^ {2}target +tcp:/);
  });

  it("says at once that nobody listens: exit 1", async () => {
    await using program = start([await deadUrl(), "--clients", "3"]);
    const exit = await program.exited(LIMIT);
    assertEquals(exit.code, 1);
    assertMatch(exit.stdout, /, nobody could connect\n/);
    assertMatch(exit.stdout, /\n +faults +3 refused\n/);
  });

  it("says what is wrong with its options in two lines: exit 2", async () => {
    await using program = start(["tcp://127.0.0.1:9", "--rate", "5", "--ramp", "1..2/1s"]);
    const exit = await program.exited(LIMIT);
    assertEquals([exit.code, exit.stdout], [2, ""]);
    assertMatch(exit.stderr, /^sluice: --rate is fixed and a ramp is not.*\nSee: sluice load --help\n$/);
  });
});

function KINDS(): readonly (readonly [kind: string, open: () => Promise<LoadedServer>])[] {
  return [["tcp", () => lineServer(echo)], ["http", httpServer], ["ws", () => wsServer()]];
}

function start(args: readonly string[]): Program {
  return startProgram(CLI, { args: ["load", ...args] });
}
