/** `sluice verify --kind channel` on servers that lose, and on one whose log dies with it. */
import { describe, it } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import type { ChannelLossName } from "../../../../src/tools/verify/mod.ts";
import { countsOf } from "../../../support/channel_logs.ts";
import { programCommand } from "../../../support/verify_cli.ts";
import { proof, provesRight } from "../../../support/verify_channels.ts";

const FLAWED = "tests/programs/channels/flawed_server.ts";

describe("sluice verify --kind channel", { concurrency: 2 }, () => {
  it("finds the gaps of a log in memory declared when its process dies", async () => {
    const report = await provesRight(["--duration", "2s", "--faults", "kill"], ["memory"]);
    assertEquals(Object.keys(report.gaps), ["epoch"]);
  });

  const flaws: readonly (readonly [flaw: string, losses: readonly ChannelLossName[]])[] = [
    ["loses", ["lost"]],
    ["duplicates", ["duplicated"]],
    ["hides", ["lost", "undeclaredGap"]],
    ["forgets", ["memberMissing"]],
  ];
  const handlers: readonly (readonly [flaw: string, loss: ChannelLossName, another?: ChannelLossName])[] = [
    ["drops", "letterLost", "letterAstray"],
    ["redelivers", "letterAgain", "letterAttempt"],
    ["recounts", "letterAttempt", "letterLost"],
    ["graves", "letterLost"],
    ["settles", "letterAstray"],
    ["swaps", "callSwapped"],
    ["mutes", "callLost"],
    ["twice", "duplicated"],
    ["backwards", "reordered"],
  ];
  for (const [flaw, ...losses] of handlers) {
    it(`finds out a server that ${flaw}`, async () => {
      const also = ["--also", "direct,messages,calls"];
      const args = ["--duration", "4s", "--faults", "none", "--settle", "2s", ...also];
      const { code, report, words } = await proof(args, programCommand(FLAWED, flaw));
      assertEquals([code, report.clean], [1, false], words);
      assertGreater(report.losses[losses[0]], 0, words);
      // Whoever is innocent is not blamed.
      const others = Object.keys(countsOf(report)).filter((name) => !losses.includes(name as ChannelLossName));
      assertEquals(others, [], words);
    });
  }

  for (const [flaw, losses] of flaws) {
    it(`finds out a log that ${flaw}`, async () => {
      const args = ["--duration", "4s", "--faults", "none", "--settle", "2s"];
      const { code, report, words } = await proof(args, programCommand(FLAWED, flaw));
      assertEquals([code, report.clean], [1, false], words);
      for (const name of losses) assertGreater(report.losses[name], 0, `${name}\n${words}`);
    });
  }
});
