import { describe, it } from "node:test";
import { assert, assertEquals, assertLess, assertMatch } from "@std/assert";
import { drained, launch, portOf } from "../../support/drained.ts";
import { runtimeName } from "../../support/processes.ts";
import { Swarm } from "../../support/swarm.ts";

/** A second wish comes so many ms after the first, though the machine keeps the process from hearing for a while. */
const DEAF = 1000;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

describe("signals to a real process", () => {
  it("drains on SIGINT as on SIGTERM", async () => {
    await using server = await drained({ run: { grace: 4000 } });
    const [client] = await server.swarm.greeted(1);
    server.signal("SIGINT");
    assertEquals(await client.over(), "fin");
    const { report } = await server.outcome();
    assertEquals([report.signal, report.reports[0].cause], ["SIGINT", "SIGINT"]);
  });

  it("drains on SIGHUP if asked to, and is ended by it if not", async () => {
    await using server = await drained({ run: { signals: ["SIGHUP", "SIGTERM"] } });
    await using other = await drained();
    const [client] = await server.swarm.greeted(1);
    server.signal("SIGHUP");
    other.signal("SIGHUP");
    assertEquals(await client.over(), "fin");
    assertEquals((await server.outcome()).report.signal, "SIGHUP");
    const { code, signal } = await other.program.exited();
    assertEquals([code, signal], [null, "SIGHUP"]);
  });

  it("cuts what is left at a second signal, and exits with 128 + its number", async () => {
    for (const [name, code] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
      await using server = await drained({ run: { grace: 60_000 } });
      const [hanging] = await server.swarm.greeted(1);
      hanging.send("hang\n");
      await pause(50);
      server.signal();
      await server.program.line("phase drain");
      await pause(DEAF);
      server.signal(name);
      const { report } = await server.outcome(code);
      // Without the second signal it would have taken all of the grace.
      assertLess(performance.now() - server.signalledAt, 30_000);
      assertEquals(await hanging.over(), "reset");
      const [{ forced, cut, clean }] = report.reports;
      assertEquals([forced, cut.length, clean], [true, 1, false]);
    }
  });

  it("counts the same signal twice at once as one", async () => {
    await using server = await drained({ run: { grace: 4000 } });
    const [client, slow] = await server.swarm.greeted(2);
    slow.send("slow 300\n");
    await pause(50);
    server.signal();
    server.signal();
    await pause(5);
    server.signal();
    assertEquals([await client.over(), await slow.over(), slow.answered], ["fin", "fin", 2]);
    const { report } = await server.outcome();
    assertEquals([report.clean, report.reports[0].forced], [true, false]);
  });

  it("drains a server that was still starting at the signal, as soon as it has started", async () => {
    await using program = launch({ startDelay: 300, run: { grace: 4000 } });
    await program.line("starting");
    program.signal("SIGTERM");
    await program.line(/^port /);
    const line = await program.line(/^report /);
    const { code, signal } = await program.exited();
    assertEquals([code, signal], [0, null]);
    const report = JSON.parse(line.slice("report ".length));
    assertEquals([report.signal, report.clean, report.reports.length], ["SIGTERM", true, 1]);
  });

  it("ends at once at a second signal during start-up", async () => {
    await using program = launch({ startDelay: 100_000 });
    await program.line("starting");
    program.signal("SIGTERM");
    await pause(DEAF);
    program.signal("SIGTERM");
    assertEquals((await program.exited()).code, 143);
  });

  it("goes on after resume() in the lame duck, and the next signal is a first one", async () => {
    await using server = await drained({ run: { grace: 9000, lameDuck: 4000 } });
    const [client] = await server.swarm.greeted(1);
    server.signal();
    await server.program.line("phase lameDuck");
    client.send("resume\n");
    await server.program.line("phase resumed");
    const late = await server.swarm.client();
    late.send("late\n");
    await late.until("its answer", () => late.answered === 1);
    assertEquals(client.text, "echo: hello\nresumed true\necho: resume\n");
    await pause(150);
    assertEquals([client.end, late.end], ["open", "open"]);
    server.signal();
    assertEquals([await client.over(), await late.over()], ["fin", "fin"]);
    const { report } = await server.outcome();
    assertEquals([report.clean, report.reports.map((one) => one.resumed)], [true, [false]]);
  });

  it("is stopped by shutdown() inside a handler, whose own client is answered", async () => {
    await using server = await drained({ serve: { grace: 4000 } });
    const [client, idle] = await server.swarm.greeted(2);
    client.send("shutdown\n");
    assertEquals([await client.over(), await idle.over()], ["fin", "fin"]);
    assertEquals(client.text, "echo: hello\necho: shutdown\n");
    const { report } = await server.outcome();
    assertEquals([report.signal, report.reports[0].cause], [null, "a handler"]);
  });

  it("refuses a signal that it does not know, and names it", async () => {
    for (const name of ["SIGNOPE", "SIGKILL", "sigterm", ""]) {
      await using program = launch({ run: { signals: [name] } });
      const { code, stderr } = await program.exited();
      assertEquals(code, 1);
      assertMatch(stderr, /signals must be among SIGHUP, SIGINT, SIGQUIT, SIGTERM/);
      assert(stderr.includes(`got ${JSON.stringify(name)}`), stderr);
    }
  });

  it("refuses a budget that its parts exceed, before it listens", async () => {
    await using program = launch({ run: { grace: 1000, lameDuck: 2000 } });
    const { code, stderr } = await program.exited();
    assertEquals(code, 1);
    assertMatch(stderr, /grace 1000 ms is less than its parts: lameDuck 2000/);
  });

  it("drains several servers together, then runs the hooks they share in reverse order", async () => {
    await using program = launch({ servers: 2, hooks: ["database", "cache"], run: { grace: 4000 } });
    using first = new Swarm(portOf(await program.line(/^port /)));
    using second = new Swarm(portOf(await program.line(/^port /)));
    const clients = [...await first.greeted(3), ...await second.greeted(3)];
    program.signal("SIGTERM");
    for (const client of clients) assertEquals(await client.over(), "fin");
    const { code, stdout } = await program.exited();
    assertEquals(code, 0);
    const lines = stdout.split("\n").filter((line) => line !== "");
    assertEquals(lines.slice(-3).map((line) => line.slice(0, 13)), ["hook cache", "hook database", 'report {"sign']);
    assertEquals(lines.filter((line) => line === "phase done").length, 2);
    const report = JSON.parse(lines[lines.length - 1].slice("report ".length));
    const starts = report.reports.map((one: { connections: { atStart: number } }) => one.connections.atStart);
    assertEquals([report.clean, starts], [true, [3, 3]]);
  });

  it("runs the other hooks when one fails, and exits with 1", async () => {
    await using server = await drained({ hooks: ["last", "fails", "first"], run: { grace: 4000 } });
    server.signal();
    const { stdout, report } = await server.outcome(1);
    assertEquals(stdout.match(/^hook .*/gm), ["hook first", "hook fails", "hook last"]);
    assertEquals(report.hooks.map(({ name, ok }) => [name, ok]), [["first", true], ["fails", false], ["last", true]]);
  });

  it("needs nothing but --allow-net under Deno", { skip: runtimeName() !== "deno" }, async () => {
    await using server = await drained({ run: { grace: 4000, lameDuck: 200 } }, { permissions: ["--allow-net"] });
    const [client] = await server.swarm.greeted(1);
    server.signal();
    client.send("on the wire\n");
    assertEquals([await client.over(), client.answered], ["fin", 2]);
    const { report } = await server.outcome();
    assertEquals([report.clean, report.reports[0].acceptQueueLeft], [true, null]);
  });
});
