/** The parts of `sluice verify --reload`: its options, its table, and what it reads of the kernel's tables. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readArgs } from "../../../src/cli/read_args.ts";
import { UsageError } from "../../../src/cli/usage_errors.ts";
import { COMMAND } from "../../../src/tools/cli/verify/command.ts";
import {
  formatReloadDetails,
  formatReloads,
  formatReloadSum,
} from "../../../src/tools/cli/verify/reload/reload_table.ts";
import { tcpConnections, unixSockets } from "../../../src/tools/cli/verify/reload/workers.ts";
import { readSettings, type VerifySettings } from "../../../src/tools/cli/verify/verify_options.ts";
import { cleanReloads, losingReloads } from "../../support/verify_reports.ts";

const NEAR = { seed: 7, roundTrip: 0, jitter: 0, busy: 0 };

function settingsOf(args: string): VerifySettings {
  return readSettings(readArgs(args.split(" ").filter((word) => word !== ""), COMMAND));
}

describe("the arguments of sluice verify --reload", () => {
  it("mean twenty reloads by SIGHUP of 2 s each unless they say otherwise", () => {
    assertEquals(settingsOf("--reload -- x").reload, {
      count: 20,
      signal: "SIGHUP",
      wait: 2000,
      command: null,
      killsWorkers: false,
      webSocketPath: null,
    });
  });

  it("give everything else", () => {
    const signal = settingsOf("--reload --reloads 3 --reload-signal USR2 --reload-wait 1s --ws-path /ws -- x").reload;
    assertEquals(signal, {
      count: 3,
      signal: "SIGUSR2",
      wait: 1000,
      command: null,
      killsWorkers: false,
      webSocketPath: "/ws",
    });
    const { command, killsWorkers } = settingsOf("--reload --reload-command ./again --kill-worker -- x").reload!;
    assertEquals([command, killsWorkers], ["./again", true]);
  });

  it("are refused by name and value", () => {
    const cases: [args: string, message: string][] = [
      ["--reloads 3", "--reloads is about --reload, give that as well"],
      ["--kill-worker", "--kill-worker is about --reload, give that as well"],
      ["--reload --reloads 0", "--reloads must be at least 1, got 0"],
      ["--reload --reload-signal 1", '--reload-signal must be a signal like SIGTERM, got "1"'],
      ["--reload --rolling", "With --reload --rolling restarts a server that can't reload"],
      ["--reload --scenario upload", "With --reload all clients run at once: leave --scenario out"],
      ["--reload --rounds 2", "With --reload --reloads says how often: leave --rounds out"],
      ["--reload --reload-command a --reload-wait 1s", "when a reload is over: leave --reload-wait out"],
      ["--reload --reload-command a --reload-signal HUP", "leave --reload-signal out"],
      ["--reload --kind ws --ws-path /ws", "--ws-path is for WebSockets beside --kind http"],
      ["--reload --ws-path ws", '--ws-path must begin with / and have no blanks, got "ws"'],
    ];
    for (const [args, message] of cases) {
      assertStringIncludes(assertThrows(() => settingsOf(`${args} -- x`), UsageError).message, message, args);
    }
  });
});

describe("the table of sluice verify --reload", () => {
  it("has a row for each reload and each kill, one for the time between them and one for all", () => {
    assertEquals(formatReloads(cleanReloads()), [
      "Waits are p50/p99/longest in ms",
      "              took    made refused reset    sent answered  lost held   connected in    answered in  to blame",
      "kill 1      1.00 s     120       0     0     700      697     0    3    0.5/2.2/9.9     1.1/4.0/21  nothing",
      "reload 1    2.00 s     120       0     0     700      700     0    0    0.5/2.2/9.9     1.1/4.0/21  nothing",
      "reload 2    2.00 s     120       0     0     700      700     0    0    0.5/2.2/9.9     1.1/4.0/21  nothing",
      "between                120       0     0     700      700     0    0    0.5/2.2/9.9     1.1/4.0/21  nothing",
      "in all                 480       0     0    2800     2797     0    3    0.5/2.2/9.9     1.1/4.0/21  nothing",
    ]);
    assert(formatReloads(losingReloads()).some((line) => line.endsWith("  12 refused, 3 reset, 1 reloadFailed")));
  });

  it("ends with what was held by killed workers, and the sum", () => {
    assertEquals(formatReloadSum(cleanReloads(), 2, NEAR), [
      "Held by 1 killed worker: 2 connections and 3 messages",
      "Nothing was lost (2 reloads, 480 connections, 2800 messages, seed 7)",
    ]);
    assertEquals(formatReloadSum(losingReloads(), 3, { ...NEAR, busy: 2 }), [
      "Lost (2 of 3 reloads, 360 connections, 2100 messages, seed 7, busy processes 2):",
      "  12  refused connection (refused)",
      "   3  connection that was reset (reset)",
      "   1  reload that failed (reloadFailed)",
    ]);
    assertEquals(
      formatReloadSum({ ...cleanReloads(), clean: false }, 3, NEAR).at(-1),
      [
        "Not proven (2 of 3 reloads, 480 connections, 2800 messages, seed 7)",
      ][0],
    );
  });

  it("tells below it what was lost, and the server's last words if it or a reload failed", () => {
    assertEquals(formatReloadDetails(cleanReloads(), "said"), []);
    assertEquals(formatReloadDetails(losingReloads(), "said\nmuch").slice(-2), ["  said", "  much"]);
  });
});

describe("the kernel's tables", () => {
  const TCP = `
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:A001 01 00000000:00000000 00:00000000 00000000     0        0 12 1 0 20 4 30 10 -1
   2: 0100007F:A001 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 20 4 30 10 -1
   3: 0100007F:1F90 0100007F:A002 01 00000000:00000004 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
   4: 0100007F:01F9 0100007F:A003 01 00000000:00000000 00:00000000 00000000     0        0 14 1 0 20 4 30 10 -1
   5: 0100007F:1F90 0100007F:A004 08 00000000:00000000 00:00000000 00000000     0        0 15 1 0 20 4 30 10 -1`;
  const UNIX = `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 21 /run/a.sock
0000000000000000: 00000003 00000000 00000000 0001 03 22 /run/a.sock
0000000000000000: 00000003 00000000 00000000 0001 03 23
0000000000000000: 00000003 00000000 00000000 0001 03 24 /run/b.sock`;

  it("tell the accepted connections of a port: not what listens, waits, has ended, or belongs to clients", () => {
    assertEquals([...tcpConnections(TCP, 8080)], [["12", 0xa001]]);
    assertEquals([...tcpConnections(TCP, 0x1f9)], [["14", 0xa003]]);
    assertEquals([...tcpConnections("", 8080)], []);
  });

  it("tell those of a Unix socket, and the one that listens", () => {
    assertEquals([...unixSockets(UNIX, "/run/a.sock", "/srv")], [["21", 0], ["22", 0]]);
    assertEquals([...unixSockets("", "/run/a.sock", "/srv")], []);
  });

  it("know a socket by whatever path it was bound, from where its server stands", () => {
    const bound = UNIX.replaceAll("/run/a.sock", "../run/a.sock");
    assertEquals([...unixSockets(bound, "/run/a.sock", "/srv")], [["21", 0], ["22", 0]]);
    assertEquals([...unixSockets(bound, "/run/a.sock", "/srv/app")], []);
  });
});
