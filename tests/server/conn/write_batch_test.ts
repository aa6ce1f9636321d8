import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { type Flushable, WriteBatch } from "../../../src/server/conn/write_batch.ts";
import { VirtualClock } from "../../../src/testing/mod.ts";

describe("the writes of one turn", () => {
  it("leave though one of them fails, which ends that connection only, and so do those of later turns", async () => {
    const clock = new VirtualClock();
    const batch = new WriteBatch(clock);
    const log: string[] = [];
    const member = (name: string, fails = false): Flushable => ({
      flushLate() {
        if (fails) throw new Error(name);
        log.push(name);
      },
      abort: (reason) => log.push(`abort ${(reason as Error).message}`),
    });
    for (const each of [member("a"), member("b", true), member("c")]) batch.add(each);
    await clock.advance(1);
    batch.add(member("d"));
    await clock.advance(1);
    assertEquals(log, ["a", "abort b", "c", "d"]);
  });

  it("have a share: who waits for more of them waits for the next turn, and no longer", async () => {
    const clock = new VirtualClock();
    const batch = new WriteBatch(clock);
    let passed = 0;
    const spend = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i++) void batch.spend(64 * 1024).then(() => passed++);
      for (let i = 0; i < 5; i++) await undefined;
    };
    // Seven pieces of 64 KiB, and what each write costs beside them, are a turn's share.
    await spend(7);
    assertEquals(passed, 7);
    await spend(3);
    assertEquals(passed, 7);
    await clock.advance(1);
    assertEquals(passed, 10);
    await spend(1);
    assertEquals(passed, 11);
  });
});
