/** `sluice verify` on Sluice's own servers, with real processes and signals: nothing is lost. */
import { describe, it } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import { programCommand, sluiceCommand, verify } from "../../support/verify_cli.ts";

const COMMON = ["--clients", "10", "--grace", "4s"];
/** What keeps a drain short: clients that never rest are served for half of it. */
const GRACE = ["--grace", "1s"];
/** Longer than newcomers come after the signal. */
const LAME_DUCK = ["--grace", "3s", "--lame-duck", "1300ms"];

const echo = (...args: string[]) => sluiceCommand("echo", "--port", "{port}", ...args);
const demo = (...args: string[]) =>
  sluiceCommand("demo", "--http-port", "{port}", "--tcp-port", "0", "--log", "memory", ...args);

const SERVERS: readonly (readonly [name: string, command: readonly string[], args: readonly string[]])[] = [
  ["sluice echo", echo(...GRACE), ["--kind", "tcp", "--scenario", "ping-pong,half-closed,second-signal"]],
  ["sluice demo over HTTP", demo(...GRACE), [
    ...["--upload-path", "/echo", "--stream-path", "/stream?n=10&ms=20"],
    ...["--scenario", "pipelined,upload,stream"],
  ]],
  ["sluice demo over WebSocket", demo(...GRACE), [
    ...["--kind", "ws", "--path", "/ws"],
    ...["--scenario", "big-message,late-request"],
  ]],
  ["a server with a lame duck, in a storm of newcomers", echo(...LAME_DUCK), [
    ...["--kind", "tcp", "--scenario", "connect-storm"],
  ]],
  ["a server that must cut the silent", echo("--grace", "1s"), ["--kind", "tcp", "--scenario", "silent"]],
  [
    "a flow of WebSocket messages",
    programCommand("tests/programs/peers/sluice_ws.ts"),
    ["--kind", "ws", "--stream-path", "/flow", "--scenario", "stream"],
  ],
];

describe("sluice verify finds that nothing is lost by", { concurrency: 2 }, () => {
  for (const [name, command, args] of SERVERS) {
    it(name, async () => {
      const { code, report } = await verify([...COMMON, ...args], command);
      assertEquals(report.scenarios.flatMap(({ details }) => details), []);
      assertEquals([report.clean, code, report.skipped], [true, 0, []]);
      assertEquals(report.scenarios.map(({ scenario }) => scenario).sort(), args.at(-1)!.split(",").sort());
      for (const { messages } of report.scenarios) assertGreater(messages.answered, 0);
    });
  }

  it("a server that is restarted in turn with another, and refuses nobody", async () => {
    const args = [...COMMON, "--kind", "tcp", "--rolling", "--scenario", "ping-pong"];
    const { code, report } = await verify(args, echo(...GRACE));
    assertEquals(report.scenarios.flatMap(({ details }) => details), []);
    assertEquals([code, report.totals.refused, report.scenarios.length], [0, 0, 1]);
    for (const { messages } of report.scenarios) assertGreater(messages.answered, 0);
  });
});

describe("sluice verify --rolling", { concurrency: 2 }, () => {
  it("tells what a restart loses", async () => {
    const args = ["--clients", "6", "--grace", "2s", "--kind", "tcp", "--rolling", "--scenario", "ping-pong"];
    const { code, report } = await verify(args, programCommand("tests/programs/losers/loser.ts", "tcp", "truncates"));
    assertEquals([code, report.clean], [1, false]);
    assertGreater(report.totals.truncated, 0);
  });

  it("tells that an instance ended with a wrong code", async () => {
    const args = ["--clients", "6", "--grace", "2s", "--kind", "tcp", "--rolling", "--scenario", "ping-pong"];
    const { code, report } = await verify(args, programCommand("tests/programs/losers/loser.ts", "tcp", "exitCode"));
    assertEquals([code, report.totals.exitCode], [1, 4]);
    assertEquals(report.scenarios[0].details[0], "instance 1: exit code 3");
  });
});
