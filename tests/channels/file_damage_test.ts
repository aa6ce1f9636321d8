/** Files that are cut, changed, lost, or left behind in the middle of a write. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import fc from "fast-check";
import { fileLog } from "../../src/channels/log/file/file_log.ts";
import type { FileLogOptions } from "../../src/channels/log/file/file_options.ts";
import { VirtualClock } from "../../src/testing/mod.ts";
import { dice, eachSeed } from "../support/dice.ts";
import { Story } from "../support/log_story.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import { all, keeping, message, say, texts, upTo } from "./log_rules/tools.ts";

const SMALL: FileLogOptions = { segmentBytes: 4_096, cacheBytes: 0 };
const CRASHES = 200;

/** A log with a story, closed or killed. */
async function written(seed: number, isClosed: boolean): Promise<{ files: MemoryFiles; story: Story }> {
  const files = new MemoryFiles();
  const below = dice(seed);
  const story = new Story(below);
  const log = fileLog("log", { files, ...SMALL });
  const keep = below(2) === 0 ? {} : { size: 20 };
  for (let rounds = 4 + below(12); rounds > 0; rounds--) await story.write(log, 1 + below(12), keep);
  if (!isClosed) return { files: files.killed(), story };
  await log.close();
  return { files, story };
}

/** Opens it twice: what the first one finds and tells is found and told once. */
async function reopened(files: MemoryFiles, story: Story): Promise<string[]> {
  const log = fileLog("log", { files, ...SMALL });
  const lost = await story.check(log);
  const epochs = await log.tops(story.streams);
  for (const stream of story.streams) await say(log, stream, "behind");
  await log.close();
  assertEquals(files.openFiles, 0);
  const again = fileLog("log", { files, ...SMALL });
  assertEquals((await again.tops(story.streams)).map(({ epoch }) => epoch), epochs.map(({ epoch }) => epoch));
  for (const stream of story.streams) assertEquals(texts((await all(again, stream)).entries).at(-1), "behind");
  assertEquals(await story.check(again), lost);
  await again.close();
  return lost;
}

describe("fileLog(), damages", () => {
  it("has everything where nothing was damaged, closed or killed", async () => {
    await eachSeed(20, async (seed) => {
      const { files, story } = await written(seed, seed % 2 === 0);
      assert(story.acknowledged > 0);
      assertEquals(await reopened(files, story), []);
    });
  });

  it("has all that was acknowledged, or another epoch, whatever is cut or changed", async () => {
    let lost = 0;
    let kept = 0;
    // Anywhere alike, rather than mostly at the ends.
    const damage = fc.noBias(fc.record({
      seed: fc.integer({ min: 1, max: 1_000_000 }),
      isClosed: fc.boolean(),
      file: fc.nat(),
      at: fc.integer({ min: 0, max: 9_999 }),
      kind: fc.constantFrom("cut", "flip", "zero", "fill", "drop", "insert", "delete"),
      length: fc.integer({ min: 1, max: 300 }),
    }));
    const property = fc.asyncProperty(damage, async ({ seed, isClosed, file, at, kind, length }) => {
      const { files, story } = await written(seed, isClosed);
      const name = files.names[file % files.names.length];
      if (kind === "drop") files.drop(name);
      else files.damage(name, (bytes) => damaged(bytes, Math.floor(at / 10_000 * bytes.length), kind, length));
      const streams = await reopened(files, story);
      lost += streams.length;
      kept += story.streams.length - streams.length;
    });
    await fc.assert(property, { numRuns: 150, endOnFailure: true });
    // Neither may be the answer to everything.
    assert(lost > 20 && kept > 20, `${lost} lost, ${kept} kept`);
  });

  it("finds a cut that is exactly between two records", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await say(log, "a", "1");
    const size = files.content("00000001-00000001.log").length;
    await say(log, "a", "2");
    const { epoch } = await all(log, "a");
    const next = files.killed();
    next.damage("00000001-00000001.log", (bytes) => bytes.subarray(0, size));
    const again = fileLog("log", { files: next });
    const page = await all(again, "a");
    assertNotEquals(page.epoch, epoch);
    assertEquals([page.top, ...texts(page.entries)], [1, "1"]);
    await again.close();
  });

  it("says nothing of what it can't know: where how far it had acknowledged is gone, all have another epoch", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await say(log, "a", "1");
    const size = files.content("00000001-00000001.log").length;
    await say(log, "a", "2");
    const { epoch } = await all(log, "a");
    for (const damage of [(next: MemoryFiles) => next.drop("acknowledged"), spoil]) {
      const next = files.killed();
      damage(next);
      next.damage("00000001-00000001.log", (bytes) => bytes.subarray(0, size));
      const again = fileLog("log", { files: next });
      assertNotEquals((await all(again, "a")).epoch, epoch);
      await again.close();
    }
    function spoil(next: MemoryFiles): void {
      next.damage("acknowledged", (bytes) => bytes.fill(0x20, 30, 31).fill(0x20, 4_126, 4_127));
    }
  });

  it("cuts what was being written, and calls that no loss", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await say(log, "a", "1", "2");
    const { epoch } = await all(log, "a");
    const next = files.killed();
    next.damage("00000001-00000001.log", (bytes) => {
      const torn = new Uint8Array(bytes.length + 40);
      torn.set(bytes);
      torn.set(bytes.subarray(bytes.length - 60, bytes.length - 20), bytes.length);
      return torn;
    });
    const again = fileLog("log", { files: next });
    const page = await all(again, "a");
    assertEquals([page.epoch, ...texts(page.entries)], [epoch, "1", "2"]);
    assertEquals((await again.append("a", message("3"), keeping())).offset, 3);
    await again.close();
  });

  it("leaves the epoch to streams that a damage has not touched", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await say(log, "before and after", "1", "2");
    await say(log, "idle", "1");
    const from = files.content("00000001-00000001.log").length;
    await say(log, "hit", "1");
    const to = files.content("00000001-00000001.log").length;
    await say(log, "hit", "2");
    await say(log, "before and after", "3");
    await say(log, "after", "1");
    const { epoch } = await all(log, "after");
    await log.close();
    files.damage("00000001-00000001.log", (bytes) => bytes.fill(0x55, from + 20, to - 5));
    const again = fileLog("log", { files });
    assertEquals(texts((await all(again, "before and after")).entries), ["1", "2", "3"]);
    assertEquals(texts((await all(again, "hit")).entries), ["2"]);
    const tops = await again.tops(["before and after", "after", "hit", "idle", "new"]);
    // Of one that was idle, nobody knows whether something of it stood there.
    assertEquals(tops.map((top) => top.epoch === epoch), [true, true, false, false, false]);
    await again.close();
  });

  it("tells of an entry that can't be read any more while it runs", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files, cacheBytes: 0 });
    await say(log, "a", "1", "2", "3");
    await say(log, "b", "1");
    const before = await all(log, "a");
    const at = indexOf(files.content("00000001-00000001.log"), "2");
    files.damage("00000001-00000001.log", (bytes) => bytes.fill(0x56, at, at + 1));
    const page = await all(log, "a");
    assertNotEquals(page.epoch, before.epoch);
    assertEquals(texts(page.entries), ["1", "3"]);
    assertEquals((await all(log, "b")).epoch, before.epoch);
    assertEquals((await log.append("a", message("4"), keeping())).offset, 4);
    const last = await all(log, "a");
    await log.close();
    const again = fileLog("log", { files });
    assertEquals(await all(again, "a"), last);
    await again.close();
  });

  it("takes no bytes of a message for a record", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await say(log, "a", "1");
    const bytes = files.content("00000001-00000001.log");
    // Whoever could read the files might try this: without the marker it would be one record in another.
    await log.append("b", message(bytes.map((byte) => byte)), keeping());
    const guessed = new Uint8Array(200);
    new DataView(guessed.buffer).setUint32(4, 40, true);
    await log.append("b", message(guessed), keeping());
    await log.close();
    const again = fileLog("log", { files });
    assertEquals((await all(again, "a")).entries.length, 1);
    assertEquals((await all(again, "b")).entries.length, 2);
    await again.close();
  });
});

describe("fileLog(), deaths", () => {
  it("has all that was acknowledged, at whichever call its process dies", async () => {
    await eachSeed(CRASHES, async (seed) => {
      const { files, story } = await died(seed, {}, (files) => files.killed());
      const log = fileLog("log", { files, ...SMALL });
      assertEquals(await story.check(log), []);
      await log.close();
    });
  });

  it("has all that was acknowledged, at whichever call the machine stops", async () => {
    await eachSeed(CRASHES, async (seed) => {
      const { files, story } = await died(seed, {}, (files) => files.stopped(dice(seed + 7)));
      const log = fileLog("log", { files, ...SMALL });
      assertEquals(await story.check(log), []);
      await log.close();
    });
  });

  it("has it, or another epoch, where it was acknowledged before it was on the disk", async () => {
    let lost = 0;
    const clock = new VirtualClock();
    await eachSeed(CRASHES, async (seed) => {
      const options = { sync: 60_000, clock };
      const killed = await died(seed, options, (files) => files.killed());
      const log = fileLog("log", { files: killed.files, ...SMALL, ...options });
      assertEquals(await killed.story.check(log), []);
      await log.close();
      const stopped = await died(seed, options, (files) => files.stopped(dice(seed + 7)));
      const after = fileLog("log", { files: stopped.files, ...SMALL, ...options });
      lost += (await stopped.story.check(after)).length;
      await after.close();
    });
    assert(lost > 0);
  });

  it("dies again and again, while it finds what is there", async () => {
    await eachSeed(20, async (seed) => {
      const below = dice(seed);
      let { files, story } = await died(seed, {}, (files) => files.killed());
      for (const _ of upTo(8)) {
        const now = files;
        const left = 1 + below(40);
        let calls = 0;
        const dead = new Promise<MemoryFiles>((resolve) => {
          now.faults.refuse = () => {
            if (++calls === left) resolve(below(2) === 0 ? now.killed() : now.stopped(below));
            return null;
          };
        });
        const log = fileLog("log", { files: now, ...SMALL });
        const closed = log.open().then(() => log.close()).then(() => now);
        files = await Promise.race([dead, closed]);
        files.faults.refuse = undefined;
      }
      const log = fileLog("log", { files, ...SMALL });
      assertEquals(await story.check(log), []);
      await log.close();
    });
  });
});

/** A story that ends at some call to its files. */
async function died(
  seed: number,
  options: FileLogOptions,
  end: (files: MemoryFiles) => MemoryFiles,
): Promise<{ files: MemoryFiles; story: Story }> {
  const files = new MemoryFiles();
  const below = dice(seed);
  const story = new Story(below);
  const log = fileLog("log", { files, ...SMALL, ...options });
  let left = 20 + below(200);
  const dead = new Promise<MemoryFiles>((resolve) => {
    files.faults.refuse = () => {
      if (--left === 0) resolve(end(files));
      return null;
    };
  });
  files.faults.shorten = (length) => below(4) === 0 ? 1 + below(length) : length;
  const keep = below(2) === 0 ? {} : { size: 5 };
  const writing = (async () => {
    while (left > 0) await story.write(log, 1 + below(12), keep);
  })();
  writing.catch(() => {});
  return { files: await dead, story };
}

function damaged(bytes: Uint8Array, at: number, kind: string, length: number): Uint8Array {
  const end = Math.min(bytes.length, at + length);
  if (kind === "cut") return bytes.slice(0, at);
  if (kind === "flip") bytes[at] ^= 1 << length % 8;
  if (kind === "zero") bytes.fill(0, at, end);
  if (kind === "fill") { for (let i = at; i < end; i++) bytes[i] = i * 131 + length; }
  if (kind === "insert") return join(bytes.slice(0, at), new Uint8Array(length).fill(length), bytes.slice(at));
  if (kind === "delete") return join(bytes.slice(0, at), bytes.slice(end));
  return bytes;
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Where a text stands as a text of its own, its length before it. */
function indexOf(bytes: Uint8Array, text: string): number {
  const wanted = [text.length, 0, 0, 0, ...new TextEncoder().encode(text)];
  for (let at = 0; at < bytes.length; at++) {
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at + 4;
  }
  throw new Error(`${text} is nowhere`);
}
