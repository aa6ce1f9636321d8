/** Processes that write to a file log, and are killed. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { fileLog } from "../../src/channels/log/file/file_log.ts";
import { dice } from "../support/dice.ts";
import { Story } from "../support/log_story.ts";
import { type Program, startProgram } from "../support/processes.ts";

const WRITER = "tests/programs/log_writer.ts";
const ROUNDS = 6;
const KEPT = 300;

const folders: string[] = [];
after(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-log-"));
  folders.push(folder);
  return folder;
}

function start(folder: string, sync: string, writers: number, round: number): Program {
  return startProgram(WRITER, { args: [folder, sync, String(writers), String(round)] });
}

/** Takes whole lines: the last one may be cut by the death. */
function tell(story: Story, output: string): void {
  for (const line of output.slice(0, output.lastIndexOf("\n")).split("\n")) {
    const [stream, epoch, offset, text] = line.split("\t");
    if (text !== undefined) story.acknowledge(stream, epoch, Number(offset), text, KEPT);
  }
}

describe("fileLog() of a process that is killed", () => {
  for (const [sync, writers] of [["always", 16], ["always", 1], ["20", 16]] as const) {
    it(`has all that was acknowledged: ${writers} writers, sync ${sync}`, async () => {
      const folder = await newFolder();
      const below = dice(writers * 31 + sync.length);
      const story = new Story(below);
      for (let round = 1; round <= ROUNDS; round++) {
        await using program = start(folder, sync, writers, round);
        await program.line("open");
        for (let lines = below(writers === 1 ? 60 : 1_500); lines > 0; lines--) await program.line();
        program.signal("SIGKILL");
        const { signal, stdout } = await program.exited();
        assertEquals(signal, "SIGKILL");
        tell(story, stdout);
        const log = fileLog(folder);
        assertEquals(await story.check(log), [], `round ${round}`);
        await log.close();
      }
      assert(story.acknowledged > ROUNDS);
    });
  }

  it("leaves its folder to the next one at once, and to nobody before", async () => {
    const folder = await newFolder();
    await using first = start(folder, "always", 1, 1);
    await first.line("open");
    await using second = start(folder, "always", 1, 2);
    assertEquals(await second.line(), "refused\tERR_LOG_HELD");
    first.signal("SIGSTOP");
    await using third = start(folder, "always", 1, 3);
    // One that stands still lives.
    assertEquals(await third.line(), "refused\tERR_LOG_HELD");
    first.signal("SIGKILL");
    await first.exited();
    await using heir = start(folder, "always", 1, 4);
    assertEquals(await heir.line(), "open");
    await heir.kill();
  });
});
