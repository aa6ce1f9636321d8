/** What the arguments of `sluice verify` mean. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../src/cli/usage_errors.ts";
import { toolHelp } from "../../../src/cli/help.ts";
import { readArgs } from "../../../src/cli/read_args.ts";
import { COMMAND } from "../../../src/tools/cli/verify/command.ts";
import { readSettings, type VerifySettings } from "../../../src/tools/cli/verify/verify_options.ts";
import { SCENARIOS } from "../../../src/tools/verify/mod.ts";

function settingsOf(args: string): VerifySettings {
  return readSettings(readArgs(args.split(" ").filter((word) => word !== ""), COMMAND));
}

describe("the arguments of sluice verify", () => {
  it("mean HTTP, all scenarios and a free port unless they say otherwise", () => {
    const { seed, ...settings } = settingsOf("-- ./server --fast");
    assertEquals(settings, {
      command: ["./server", "--fast"],
      kind: "http",
      place: { hostname: "127.0.0.1", port: 0 },
      path: "/",
      uploadPath: null,
      streamPath: null,
      expect: "any",
      bigSize: 65_000,
      think: 20,
      roundTrip: 0,
      jitter: 0,
      busy: 0,
      scenarios: SCENARIOS.map(({ name }) => name),
      clients: 50,
      rounds: 1,
      signal: "SIGTERM",
      grace: 10_000,
      readyTimeout: 20_000,
      exitCodes: [],
      rolling: false,
      reload: null,
      channel: null,
      json: false,
      html: null,
    });
    assert(Number.isInteger(seed) && seed >= 0);
  });

  it("give everything else", () => {
    const settings = settingsOf(
      "--kind ws --host ::1 --port 81 --path /a?b --upload-path /u --stream-path /s --expect any --big 9 --think 5ms " +
        "--scenario silent,ping-pong --scenario ping-pong --clients 3 --rounds 4 --seed 5 --signal INT --grace 2s " +
        "--ready-timeout 3s --expect-exit 1,2 --expect-exit 143 --json --html a.html " +
        "--round-trip 200ms --jitter 0.5 --busy 3 -- x -- y",
    );
    assertEquals(settings, {
      command: ["x", "--", "y"],
      kind: "ws",
      place: { hostname: "::1", port: 81 },
      path: "/a?b",
      uploadPath: "/u",
      streamPath: "/s",
      expect: "any",
      bigSize: 9,
      think: 5,
      roundTrip: 200,
      jitter: 0.5,
      busy: 3,
      scenarios: ["silent", "ping-pong"],
      clients: 3,
      rounds: 4,
      seed: 5,
      signal: "SIGINT",
      grace: 2000,
      readyTimeout: 3000,
      exitCodes: [1, 2, 143],
      rolling: false,
      reload: null,
      channel: null,
      json: true,
      html: "a.html",
    });
  });

  it("expect an echo of WebSockets, and name a Unix socket instead of a port", () => {
    assertEquals(settingsOf("--kind ws -- x").expect, "echo");
    assertEquals(settingsOf("--unix /tmp/s -- x").place, { path: "/tmp/s" });
  });

  it("vary a round trip by a quarter, and wait longer for a server that starts on a busy machine", () => {
    assertEquals(settingsOf("--round-trip 1s -- x").jitter, 0.25);
    assertEquals(settingsOf("--round-trip 0 --jitter 1 -- x").jitter, 0);
    assertEquals(settingsOf("--busy 2 -- x").readyTimeout, 60_000);
    assertEquals(settingsOf("--busy 2 --ready-timeout 1s -- x").readyTimeout, 1000);
  });

  it("roll through the scenarios whose clients come again", () => {
    assertEquals(settingsOf("--rolling -- x").scenarios, ["ping-pong", "pipelined", "connect-storm"]);
    assertEquals(settingsOf("--rolling --scenario pipelined -- x").scenarios, ["pipelined"]);
  });

  it("are refused by name and value", () => {
    const cases: [args: string, message: string][] = [
      ["", "There is no command: it stands behind --"],
      ["./server", 'Unexpected argument "./server"'],
      ["--kind udp -- x", '--kind must be one of tcp, http, ws, channel, got "udp"'],
      ["--port 70000 -- x", "--port must be a whole number from 0 to 65535, got 70000"],
      ["--unix /s --port 1 -- x", "--unix excludes --port, give one or the other"],
      ["--path x -- x", '--path must begin with / and have no blanks, got "x"'],
      ["--clients 0 -- x", "--clients must be at least 1, got 0"],
      ["--rounds 0 -- x", "--rounds must be at least 1, got 0"],
      ["--scenario all -- x", '--scenario: no scenario is called "all", there are ping-pong, pipelined'],
      ["--scenario slow-raeder -- x", 'no scenario is called "slow-raeder", did you mean slow-reader?'],
      ["--signal 15 -- x", '--signal must be a signal like SIGTERM, got "15"'],
      ["--expect-exit 256 -- x", "--expect-exit must be exit codes from 0 to 255, got 256"],
      ["--expect-exit 0,x -- x", '--expect-exit must be a whole number, got "x"'],
      ["--round-trip fast -- x", "--round-trip must be a duration like 10s, 500ms, 2m, 1h, or a number of"],
      ["--round-trip -1 -- x", "--round-trip"],
      ["--round-trip 1s --jitter 1.5 -- x", '--jitter must be a number from 0 to 1, got "1.5"'],
      ["--jitter 0.5 -- x", "--jitter is a share of --round-trip, give that as well"],
      ["--busy some -- x", '--busy must be a whole number, got "some"'],
      ["--busy 1000 -- x", "--busy must be at most 256, got 1000"],
      ["--rolling --port 1 -- x", "--rolling needs a port for each instance"],
      ["--rolling --unix /s -- x", "--rolling needs a port for each instance"],
      ["--rolling --scenario silent -- x", "leave silent out"],
    ];
    for (const [args, message] of cases) {
      assertStringIncludes(assertThrows(() => settingsOf(args), UsageError).message, message, args);
    }
  });

  it("stand in the help, which names every scenario and fits into 120 columns", () => {
    const help = toolHelp(COMMAND);
    for (const { flag } of COMMAND.rows) assert(help.includes(`  ${flag} `), flag);
    for (const { name } of SCENARIOS) assert(help.includes(`\n  ${name} `), name);
    for (const line of help.split("\n")) assert(line.length <= 120, line);
  });
});
