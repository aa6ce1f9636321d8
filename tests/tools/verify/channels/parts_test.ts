/** Parts of a proof of channels: which faults come, what options say, and what people read. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../../../src/cli/kit.ts";
import { CHANNEL_ROWS } from "../../../../src/tools/cli/verify/channels/channel_options.ts";
import { describeFault, FaultPlan } from "../../../../src/tools/cli/verify/channels/fault_plan.ts";
import { formatChannels, formatChannelSum } from "../../../../src/tools/cli/verify/channels/channel_table.ts";
import { diceFor } from "../../../../src/tools/cli/verify/dice.ts";
import { readSettings } from "../../../../src/tools/cli/verify/verify_options.ts";
import { checkFaults } from "../../../../src/tools/faults/mod.ts";
import type { ChannelFault, ChannelReport } from "../../../../src/tools/verify/mod.ts";
import { noChannelLosses } from "../../../../src/tools/verify/mod.ts";

const ALL: readonly ChannelFault[] = ["term", "kill", "stop", "roll", "reload", "network", "engine"];
const COMMAND = { command: ["server"], words: [], operands: [] };

function read(options: Readonly<Record<string, unknown>>) {
  return readSettings({ ...COMMAND, options: { kind: "channel", ...options } });
}

describe("a plan of faults", () => {
  it("is the same for the same seed, and another one for another", () => {
    const plan = (seed: number) => {
      const faults = new FaultPlan(diceFor(seed, 1), ALL, 3);
      return Array.from({ length: 40 }, () => describeFault(faults.next()));
    };
    assertEquals(plan(7), plan(7));
    assert(plan(7).join() !== plan(8).join());
  });

  it("has each kind once before any comes again, of all instances, and faults that a network can have", () => {
    const faults = new FaultPlan(diceFor(1, 1), ALL, 3);
    const planned = Array.from({ length: 700 }, () => faults.next());
    for (let i = 0; i < planned.length; i += ALL.length) {
      assertEquals(planned.slice(i, i + ALL.length).map(({ kind }) => kind).sort(), [...ALL].sort());
    }
    assertEquals([...new Set(planned.map(({ index }) => index))].sort(), [0, 1, 2]);
    for (const { kind, network, ms } of planned) {
      if (kind === "network") assertEquals(checkFaults(network).length, network.length);
      assert(ms >= 0 && ms <= 4000 && (kind === "network") === (network.length > 0));
    }
  });
});

describe("options of channels", () => {
  it("have defaults: what one instance can be put to", () => {
    const { channel, clients, reload } = read({});
    assertEquals([channel!.instances, channel!.path, channel!.extras, clients, reload], [1, "/", [], 18, null]);
    assertEquals(channel!.faults, ["term", "kill", "stop", "network"]);
  });

  it("make whatever can be made", () => {
    const { channel, reload } = read({ instances: 3, engineCommand: "true", reload: true, webSocketPath: "/c" });
    assertEquals(channel!.faults, ["term", "kill", "stop", "network", "roll", "reload", "engine"]);
    assertEquals([channel!.path, reload!.signal], ["/c", "SIGHUP"]);
    assertEquals(read({ faults: [[]] }).channel!.faults, []);
    assertEquals(read({ also: [["direct", "tcp"], ["tcp"]] }).channel!.extras, ["direct", "tcp"]);
  });

  it("refuse what does not belong together, and name it", () => {
    const wrong: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
      [{ rolling: true }, /--rolling/],
      [{ html: "x" }, /--html/],
      [{ faults: [["engine"]] }, /--engine-command/],
      [{ faults: [["reload"]] }, /--reload/],
      [{ instances: 2, port: 8080 }, /--port/],
      [{ reloads: 3, reload: true }, /--reloads/],
    ];
    for (const [options, words] of wrong) assertMatch(assertThrows(() => read(options), UsageError).message, words);
    const rows = new Map(CHANNEL_ROWS.map(({ flag, read }) => [flag, read]));
    const misspelt = () => rows.get("--also")!("--also", "direct,cals");
    assertMatch(assertThrows(misspelt, UsageError).message, /--also: no part is called "cals", did you mean calls\?/);
    const alone = () => readSettings({ ...COMMAND, options: { instances: 2 } });
    assertMatch(assertThrows(alone, UsageError).message, /--instances is about --kind channel/);
  });
});

describe("what people read", () => {
  const wait = { count: 2, p50: 1.25, p99: 20.4, max: 20.4 };
  const part = { times: 2, acknowledged: 10, delivered: 30, gaps: 1, disconnects: 4, acknowledgeWait: wait };
  const report: ChannelReport = {
    kind: "channel",
    command: "server",
    instances: 3,
    clients: { publishers: 1, sayers: 0, subscribers: 1, members: 1, senders: 1, receivers: 2, callers: 1 },
    parts: [{ fault: "kill", ...part }, { fault: null, ...part, times: 0 }],
    presenceChecks: 1,
    took: 61_000,
    clean: true,
    published: 20,
    acknowledged: 20,
    refused: 0,
    delivered: 60,
    gaps: { epoch: 2 },
    repeated: 1,
    letters: { queues: 2, sent: 9, kept: 8, refused: 1, handed: 12, dealt: 7, dead: 1 },
    calls: { made: 5, answered: 4, failed: 1 },
    losses: noChannelLosses(),
    details: [],
  };
  const circumstances = { seed: 5, roundTrip: 0, jitter: 0, busy: 0 };

  it("is a row for each kind of fault, and the seed at the end", () => {
    const [, head, kill, between] = formatChannels(report);
    assertEquals(head.indexOf("acknowledged") + "acknowledged".length, kill.indexOf(" 10 ") + 3);
    assertMatch(kill, /^kill +2 +10 +30 +4 +1 {2}1\.3\/20\/20$/);
    assertMatch(between, /^between +10 /);
    const sum = formatChannelSum(report, circumstances);
    assertEquals(sum.slice(0, 2), ["Gaps declared: 2 epoch", "Came again behind a gap epoch: 1 message"]);
    assertMatch(sum[2], /^Nothing was lost \(3 instances, 2 faults, .*seed 5\)$/);
    assertStringIncludes(sum[2], "7 direct messages dealt with and handed out 12 times, 1 dead letter, 4 of 5 calls");
    const { letters, calls } = { letters: { ...report.letters, dead: 0 }, calls: report.calls };
    const alone = { ...report.clients, receivers: 0, callers: 0 };
    const [, , few] = formatChannelSum({ ...report, letters, calls, clients: alone }, circumstances);
    assertMatch(few, /^(?!.*(direct|call))/);
  });

  it("names what was lost", () => {
    const losses = { ...noChannelLosses(), lost: 12, memberZombie: 3 };
    const sum = formatChannelSum({ ...report, clean: false, losses }, circumstances);
    assertEquals(sum.slice(-2), [
      "  12  lost after acknowledgement (lost)",
      "   3  member that is gone and listed (memberZombie)",
    ]);
  });
});
