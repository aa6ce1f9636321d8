/** Retention: what goes, why, and what is removed one by one. */
import { assertEquals } from "@std/assert";
import type { Rule } from "../log_conformance.ts";
import { all, keeping, message, offsets, say, texts, upTo } from "./tools.ts";

export function keepRules(rule: Rule): void {
  rule("keeps so many entries", async ({ log }) => {
    for (const n of upTo(10)) await log.append("a", message(`${n}`), keeping({ size: 3 }));
    const page = await all(log, "a");
    assertEquals([page.top, page.first, page.trimmedBy], [10, 8, "trimmed"]);
    assertEquals(offsets(page.entries), [8, 9, 10]);
  });

  rule("keeps so many bytes, of text and of bytes", async ({ log }) => {
    for (const n of upTo(10)) {
      await log.append("a", message(n % 2 === 0 ? "x".repeat(100) : new Uint8Array(100)), keeping({ bytes: 350 }));
    }
    const page = await all(log, "a");
    assertEquals([page.top, page.first, page.trimmedBy], [10, 8, "trimmed"]);
    assertEquals(offsets(page.entries), [8, 9, 10]);
  });

  rule("keeps all that just fits", async ({ log }) => {
    for (const _ of upTo(4)) await log.append("a", message("x".repeat(100)), keeping({ bytes: 400, size: 4 }));
    const page = await all(log, "a");
    assertEquals([page.first, page.trimmedBy, page.entries.length], [1, null, 4]);
  });

  rule("keeps so long, whether something is written meanwhile or not", async ({ log, lapse, pass }) => {
    await log.append("a", message("1"), keeping({ age: lapse }));
    await log.append("a", message("2"), keeping({ age: lapse }));
    await pass(lapse * 2);
    const old = await all(log, "a");
    assertEquals([old.top, old.first, old.trimmedBy, old.entries.length], [2, 3, "expired", 0]);
    await log.append("a", message("3"), keeping({ age: lapse }));
    const page = await all(log, "a");
    assertEquals([page.top, page.first, page.trimmedBy], [3, 3, "expired"]);
    assertEquals(texts(page.entries), ["3"]);
  });

  rule("lets the old go and keeps the new", async ({ log, lapse, pass }) => {
    await log.append("a", message("1"), keeping({ age: lapse * 4 }));
    await pass(lapse * 3);
    await log.append("a", message("2"), keeping({ age: lapse * 4 }));
    await pass(lapse * 2);
    const page = await all(log, "a");
    assertEquals([page.top, page.first, page.trimmedBy, ...texts(page.entries)], [2, 2, "expired", "2"]);
  });

  rule("keeps what the last append has said", async ({ log }) => {
    for (const n of upTo(6)) await log.append("a", message(`${n}`), keeping({ size: 10 }));
    await log.append("a", message("7"), keeping({ size: 2 }));
    assertEquals(offsets((await all(log, "a")).entries), [6, 7]);
    for (const n of upTo(10, 8)) await log.append("a", message(`${n}`), keeping({ size: 10 }));
    assertEquals(offsets((await all(log, "a")).entries), upTo(10, 6));
  });

  rule("may keep nothing, and counts on", async ({ log }) => {
    for (const offset of upTo(3)) {
      assertEquals((await log.append("a", message("x"), keeping({ size: 0 }))).offset, offset);
    }
    const page = await all(log, "a");
    assertEquals([page.top, page.first, page.trimmedBy, page.entries.length], [3, 4, "trimmed", 0]);
    await log.append("b", message("x".repeat(100)), keeping({ bytes: 99 }));
    assertEquals((await all(log, "b")).first, 2);
  });

  rule("counts offsets on where everything has gone", async ({ log, lapse, pass }) => {
    const { epoch } = await log.append("a", message("1"), keeping({ age: lapse }));
    await pass(lapse * 3);
    const next = await log.append("a", message("2"), keeping({ age: lapse }));
    assertEquals(next, { epoch, offset: 2, duplicate: false });
  });

  rule("removes one entry: its place stays empty", async ({ log }) => {
    await say(log, "a", "1", "2", "3");
    assertEquals(await log.remove("a", 2), true);
    const page = await all(log, "a");
    assertEquals([page.top, page.first, page.trimmedBy, ...texts(page.entries)], [3, 1, null, "1", "3"]);
    assertEquals(await log.remove("a", 2), false);
  });

  rule("does not use the offset of a removed entry again", async ({ log }) => {
    await say(log, "a", "1", "2");
    assertEquals(await log.remove("a", 2), true);
    assertEquals((await all(log, "a")).top, 2);
    assertEquals((await log.append("a", message("3"), keeping())).offset, 3);
    assertEquals(offsets((await all(log, "a")).entries), [1, 3]);
  });

  rule("does not call a removed entry a gap", async ({ log }) => {
    await say(log, "a", "1", "2", "3");
    await log.remove("a", 1);
    await log.remove("a", 2);
    const some = await all(log, "a");
    assertEquals([some.first, some.trimmedBy, ...offsets(some.entries)], [1, null, 3]);
    await log.remove("a", 3);
    const none = await all(log, "a");
    assertEquals([none.top, none.first, none.trimmedBy, none.entries.length], [3, 1, null, 0]);
  });

  rule("removes nothing that is not there", async ({ log }) => {
    for (const n of upTo(4)) await log.append("a", message(`${n}`), keeping({ size: 2 }));
    for (const offset of [0, 1, 2, 5, 1_000_000]) assertEquals(await log.remove("a", offset), false, `${offset}`);
    assertEquals(await log.remove("never written", 1), false);
    assertEquals(offsets((await all(log, "a")).entries), [3, 4]);
  });

  rule("lets exactly one remove an entry", async ({ log }) => {
    await say(log, "a", "1");
    const removed = await Promise.all(upTo(10).map(() => log.remove("a", 1)));
    assertEquals(removed.filter(Boolean).length, 1);
  });

  rule("trims behind removed entries as well", async ({ log }) => {
    await say(log, "a", "1", "2", "3");
    await log.remove("a", 1);
    await log.append("a", message("4"), keeping({ size: 1 }));
    const page = await all(log, "a");
    assertEquals([page.top, page.first, page.trimmedBy, ...offsets(page.entries)], [4, 4, "trimmed", 4]);
  });
}
