/** `sluice verify` on servers that lose in one known way: it finds exactly that way. */
import { describe, it } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import type { LossName, ScenarioName, VerifyKind } from "../../../src/tools/verify/mod.ts";
import type { Loss } from "../../programs/losers/loser.ts";
import { lossesOf, programCommand, verify } from "../../support/verify_cli.ts";

const CLIENTS = 6;
/** Messages of a batch behind the first, all clients together. */
const REST_OF_BATCHES = CLIENTS * 15;
/** As many as there are newcomers. */
const SOME = -1;

type Case = readonly [loss: Loss, scenario: ScenarioName, found: Partial<Record<LossName, number>>, args?: string];

const CASES: Readonly<Record<VerifyKind, readonly Case[]>> = {
  tcp: [
    ["nothing", "ping-pong", {}],
    ["truncates", "ping-pong", { truncated: CLIENTS }],
    ["exits", "half-message", { unansweredBeforeSignal: CLIENTS }],
    ["unaware", "half-message", { unansweredBeforeSignal: CLIENTS, exitCode: 1 }],
    ["unaware", "half-message", { unansweredBeforeSignal: CLIENTS }, "--expect-exit 143"],
    ["mute", "ping-pong", { unansweredBeforeEnd: CLIENTS }],
    ["apologises", "ping-pong", { unansweredBeforeEnd: CLIENTS }, "--expect echo"],
    ["resets", "late-request", { resetInsteadOfFin: CLIENTS }],
    ["resetsNewcomers", "connect-storm", { acceptedThenReset: SOME }],
    ["stays", "late-request", { stillThere: 1 }],
    ["exitCode", "ping-pong", { exitCode: 1 }],
    ["exitCode", "ping-pong", {}, "--expect-exit 2,3"],
  ],
  http: [
    ["nothing", "ping-pong", {}],
    ["truncates", "ping-pong", { truncated: CLIENTS }],
    ["exits", "half-message", { unansweredBeforeSignal: CLIENTS }],
    ["mute", "ping-pong", { unansweredBeforeEnd: CLIENTS }],
    ["hasty", "pipelined", { unansweredBeforeEnd: REST_OF_BATCHES }],
    ["apologises", "ping-pong", { unansweredBeforeEnd: CLIENTS }],
    ["resets", "late-request", { resetInsteadOfFin: CLIENTS }],
    ["resetsNewcomers", "connect-storm", { acceptedThenReset: SOME }],
  ],
  ws: [
    ["nothing", "ping-pong", {}],
    ["truncates", "ping-pong", { truncated: CLIENTS }],
    ["mute", "ping-pong", { unansweredBeforeEnd: CLIENTS }],
    ["noClose", "ping-pong", { noClose: CLIENTS }],
    ["wrongCode", "ping-pong", { wrongCode: CLIENTS }],
    ["exitCode", "ping-pong", { exitCode: 1 }],
  ],
};

/** Two at a time: most of their time is waiting, and a busy machine would make the late ones early. */
const TOGETHER = 2;

for (const [kind, cases] of Object.entries(CASES)) {
  describe(`sluice verify --kind ${kind} finds of a server that`, { concurrency: TOGETHER }, () => {
    for (const [loss, scenario, found, args = ""] of cases) {
      const name = `${loss === "nothing" ? "loses nothing" : loss}: ${Object.keys(found).join(" and ") || "nothing"}`;
      it(`${name}${args === "" ? "" : ` with ${args}`}`, async () => {
        const common = `--kind ${kind} --scenario ${scenario} --clients ${CLIENTS} --grace 1s --seed 1 ${args}`;
        const command = programCommand("tests/programs/losers/loser.ts", kind, loss);
        const { code, report } = await verify(common.trim().split(" "), command);
        const losses = lossesOf(report);
        for (const [name, count] of Object.entries(found)) {
          if (count !== SOME) continue;
          assertGreater(losses[name as LossName] ?? 0, 0);
          losses[name as LossName] = SOME;
        }
        assertEquals(losses, found, report.scenarios[0]?.details.join("\n"));
        const clean = Object.keys(found).length === 0;
        assertEquals([report.clean, code], [clean, clean ? 0 : 1]);
      });
    }
  });
}
