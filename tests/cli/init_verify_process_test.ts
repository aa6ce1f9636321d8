/** What `sluice init --kind channels` writes is proven with the options that it prints. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertGreater } from "@std/assert";
import { PROOF } from "../../src/cli/init/command.ts";
import type { ChannelReport } from "../../src/tools/verify/mod.ts";
import { countsOf } from "../support/channel_logs.ts";
import { Project } from "../support/init_project.ts";
import { commandLine } from "../support/processes.ts";
import { startVerify } from "../support/verify_cli.ts";

/** Members that left without a word are gone when their session is: 120 s, and a look before. */
const LIMIT = 400_000;

describe("the program of sluice init --kind channels", () => {
  it("passes sluice verify --kind channel with what init prints", async () => {
    using project = new Project({ kind: "channels" });
    project.importFromSources();
    const env = { CHANNELS_SECRET: "a secret of a test, long enough", LOG_DIR: project.path("verify-log") };
    const args = [...PROOF, "--duration", "5s", "--clients", "9", "--json"];
    await using program = startVerify(args, commandLine(project.path("server.ts")), env);
    const { code, stdout, stderr } = await program.exited(LIMIT);
    assert(stdout.startsWith("{"), stdout + stderr);
    const report: ChannelReport = JSON.parse(stdout);
    assertEquals([countsOf(report), code, report.clean], [{}, 0, true], report.details.join("\n"));
    assertGreater(report.acknowledged, 100);
    assertGreater(report.presenceChecks, 0);
  });
});
