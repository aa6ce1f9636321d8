/** Ids: the same one within its window stands for the same entry. */
import { assertEquals } from "@std/assert";
import type { Rule } from "../log_conformance.ts";
import { ODD_NAMES } from "./names.ts";
import { all, keeping, message, texts, upTo } from "./tools.ts";

export function dedupeRules(rule: Rule): void {
  rule("takes an id once: what comes again is told where the first one stands", async ({ log }) => {
    const first = await log.append("a", message("first"), keeping({}, "x"));
    await log.append("a", message("between"), keeping());
    const again = await log.append("a", message("again"), keeping({}, "x"));
    assertEquals(again, { epoch: first.epoch, offset: 1, duplicate: true });
    assertEquals((await log.append("a", message("next"), keeping({}, "y"))).offset, 3);
    assertEquals(texts((await all(log, "a")).entries), ["first", "between", "next"]);
  });

  rule("takes an id once when all come together", async ({ log }) => {
    const calls = upTo(50).map((n) => log.append("a", message(`${n}`), keeping({}, "x")));
    const appended = await Promise.all(calls);
    assertEquals(appended.map(({ duplicate }) => duplicate), upTo(50).map((n) => n > 1));
    assertEquals(appended.map(({ offset }) => offset), upTo(50).map(() => 1));
    assertEquals([...new Set(appended.map(({ offset }) => offset))], [1]);
    const page = await all(log, "a");
    assertEquals([page.top, ...texts(page.entries)], [1, "1"]);
  });

  rule("takes two ids once each, however they are mixed", async ({ log }) => {
    const calls = upTo(60).map((n) => log.append("a", message(`${n}`), keeping({}, `id-${n % 2}`)));
    const appended = await Promise.all(calls);
    assertEquals(appended.filter(({ duplicate }) => !duplicate).map(({ offset }) => offset), [1, 2]);
    assertEquals((await all(log, "a")).top, 2);
  });

  rule("knows an id in its own stream only", async ({ log }) => {
    await log.append("a", message("1"), keeping({}, "x"));
    const other = await log.append("b", message("1"), keeping({}, "x"));
    assertEquals([other.offset, other.duplicate], [1, false]);
  });

  rule("remembers an id whose entry is not kept any more", async ({ log }) => {
    await log.append("a", message("1"), keeping({ size: 1 }, "x"));
    await log.append("a", message("2"), keeping({ size: 1 }));
    await log.append("b", message("1"), keeping({}, "x"));
    await log.remove("b", 1);
    await log.append("c", message("1"), keeping({ size: 0 }, "x"));
    for (const stream of ["a", "b", "c"]) {
      const again = await log.append(stream, message("again"), keeping({}, "x"));
      assertEquals([stream, again.offset, again.duplicate], [stream, 1, true]);
    }
    assertEquals((await all(log, "b")).entries, []);
  });

  rule("remembers an id for as long as was said when it came", async ({ log, lapse, pass }) => {
    await log.append("a", message("1"), keeping({ age: lapse }, "long", lapse * 20));
    await pass(lapse * 3);
    await log.append("a", message("2"), keeping({ age: lapse }, "other", lapse));
    const again = await log.append("a", message("again"), keeping({}, "long", 0));
    assertEquals([again.offset, again.duplicate], [1, true]);
  });

  rule("tells ids apart, whatever they are made of", async ({ log }) => {
    for (const [index, id] of ODD_NAMES.entries()) {
      assertEquals((await log.append("a", message("1"), keeping({}, id))).offset, index + 1);
    }
    for (const [index, id] of ODD_NAMES.entries()) {
      const again = await log.append("a", message("2"), keeping({}, id));
      assertEquals([again.offset, again.duplicate], [index + 1, true]);
    }
  });

  rule("keeps an entry whose id only looks like another's", async ({ log }) => {
    for (const id of ["1", "01", "1 ", " 1", "1.0", "+1", "１"]) {
      assertEquals((await log.append("a", message(id), keeping({}, id))).duplicate, false, id);
    }
  });
}
