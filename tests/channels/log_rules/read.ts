/** Reading: from where, how much, and tops. */
import { assertEquals } from "@std/assert";
import type { Rule } from "../log_conformance.ts";
import { all, keeping, message, offsets, say, upTo, WHOLE } from "./tools.ts";

export function readRules(rule: Rule): void {
  rule("reads behind an offset", async ({ log }) => {
    await say(log, "a", ...upTo(6).map(String));
    for (const after of upTo(6, 0)) {
      const page = await all(log, "a", after);
      assertEquals([...offsets(page.entries)], upTo(6, after + 1));
      assertEquals([page.top, page.first, page.complete], [6, 1, true]);
    }
  });

  rule("has nothing behind the top, which is no error", async ({ log }) => {
    await say(log, "a", "1", "2");
    for (const after of [2, 3, 1_000, 2 ** 40]) {
      const page = await all(log, "a", after);
      assertEquals([page.top, page.first, page.entries.length, page.complete], [2, 1, 0, true]);
    }
  });

  rule("reads from the oldest that is kept where the asked one has gone", async ({ log }) => {
    for (const n of upTo(10)) await log.append("a", message(`${n}`), keeping({ size: 4 }));
    for (const after of [0, 1, 5, 6]) assertEquals(offsets((await all(log, "a", after)).entries), [7, 8, 9, 10]);
    assertEquals(offsets((await all(log, "a", 8)).entries), [9, 10]);
  });

  rule("gives so many entries at most, and says whether that is all", async ({ log }) => {
    await say(log, "a", ...upTo(5).map(String));
    const read = async (after: number, count: number) => {
      const page = await log.read("a", after, { ...WHOLE, count });
      return [page.complete, ...offsets(page.entries)];
    };
    assertEquals(await read(0, 2), [false, 1, 2]);
    assertEquals(await read(2, 2), [false, 3, 4]);
    assertEquals(await read(4, 2), [true, 5]);
    assertEquals(await read(0, 5), [true, 1, 2, 3, 4, 5]);
    assertEquals(await read(0, 4), [false, 1, 2, 3, 4]);
  });

  rule("gives so many bytes at most, and one entry at least", async ({ log }) => {
    for (const size of [100, 100, 1_000, 10, 10]) await log.append("a", message(new Uint8Array(size)), keeping());
    const read = async (after: number, bytes: number) => {
      const page = await log.read("a", after, { count: 100, bytes });
      return [page.complete, ...offsets(page.entries)];
    };
    assertEquals(await read(0, 200), [false, 1, 2]);
    assertEquals(await read(0, 199), [false, 1]);
    assertEquals(await read(0, 1), [false, 1]);
    assertEquals(await read(2, 500), [false, 3]);
    assertEquals(await read(3, 20), [true, 4, 5]);
    assertEquals(await read(0, 1_220), [true, 1, 2, 3, 4, 5]);
  });

  rule("passes removed entries over without counting them", async ({ log }) => {
    await say(log, "a", ...upTo(8).map(String));
    for (const offset of [1, 3, 4, 8]) await log.remove("a", offset);
    const two = await log.read("a", 0, { ...WHOLE, count: 2 });
    assertEquals([two.complete, ...offsets(two.entries)], [false, 2, 5]);
    const rest = await log.read("a", 5, { ...WHOLE, count: 2 });
    assertEquals([rest.complete, ...offsets(rest.entries)], [true, 6, 7]);
  });

  rule("gives pages that join without a hole while others append", async ({ log }) => {
    const seen: number[] = [];
    const writing = upTo(60).map((n) => log.append("a", message(`${n}`), keeping()));
    await writing[0];
    for (let after = 0; after < 60;) {
      const page = await log.read("a", after, { ...WHOLE, count: 7 });
      seen.push(...offsets(page.entries));
      if (page.entries.length === 0) await Promise.race(writing.slice(after));
      after = seen.at(-1) ?? 0;
    }
    assertEquals(seen, upTo(60));
    await Promise.all(writing);
  });

  rule("tells tops of many streams, in their order", async ({ log }) => {
    await say(log, "a", "1", "2", "3");
    await say(log, "b", "1");
    const names = ["b", "never", "a", "b", ...upTo(40).map((n) => `none-${n}`)];
    const tops = await log.tops(names);
    assertEquals(tops.map(({ top }) => top), [1, 0, 3, 1, ...upTo(40).map(() => 0)]);
    for (const [index, name] of names.entries()) assertEquals(tops[index].epoch, (await all(log, name)).epoch);
    assertEquals(await log.tops([]), []);
  });

  rule("tells a top whose entry was removed or has gone", async ({ log }) => {
    await say(log, "a", "1", "2");
    await log.remove("a", 2);
    await log.append("b", message("1"), keeping({ size: 0 }));
    assertEquals((await log.tops(["a", "b"])).map(({ top }) => top), [2, 1]);
  });
}
