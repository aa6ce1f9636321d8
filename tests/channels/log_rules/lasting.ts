/** What is there when a log is opened again, and what is said when it is not. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Rule } from "../log_conformance.ts";
import { all, keeping, message, offsets, say, texts, upTo } from "./tools.ts";

/** For logs that are opened again. */
export function lastingRules(rule: Rule): void {
  rule("has everything when it is opened again", async ({ log, reopen }) => {
    await log.append("a", { kind: "join", data: "1", headers: { a: "ü", ["__proto__"]: "x" } }, keeping());
    await log.append("a", message(Uint8Array.of(0, 255, 128)), keeping());
    await log.append("b", message(""), keeping({}, "x"));
    const before = [await all(log, "a"), await all(log, "b")];
    const again = await reopen!();
    assertEquals([await all(again, "a"), await all(again, "b")], before);
    assertEquals(await again.streams("", 10), ["a", "b"]);
  });

  rule("counts on where it was", async ({ log, reopen }) => {
    await say(log, "a", "1", "2");
    const { epoch } = await all(log, "a");
    const again = await reopen!();
    assertEquals(await again.append("a", message("3"), keeping()), { epoch, offset: 3, duplicate: false });
    const page = await all(again, "a");
    assertEquals([page.epoch, ...texts(page.entries)], [epoch, "1", "2", "3"]);
  });

  rule("has the epoch of streams that were never written when it is opened again", async ({ log, reopen }) => {
    const { epoch } = await all(log, "new");
    await say(log, "other", "1");
    const again = await reopen!();
    assertEquals((await all(again, "new")).epoch, epoch);
  });

  rule("remembers ids when it is opened again", async ({ log, reopen }) => {
    await log.append("a", message("1"), keeping({}, "x"));
    await log.append("a", message("2"), keeping({ size: 1 }, "y"));
    const again = await reopen!();
    for (const [id, offset] of [["x", 1], ["y", 2]] as const) {
      const appended = await again.append("a", message("again"), keeping({}, id));
      assertEquals([appended.offset, appended.duplicate], [offset, true]);
    }
    assertEquals((await again.append("a", message("3"), keeping({}, "z"))).offset, 3);
  });

  rule("has trimmed and removed nothing less when it is opened again", async ({ log, lapse, pass, reopen }) => {
    for (const n of upTo(6)) await log.append("sized", message(`${n}`), keeping({ size: 4 }));
    await log.remove("sized", 4);
    await log.append("aged", message("1"), keeping({ age: lapse }));
    await pass(lapse * 2);
    await log.append("aged", message("2"), keeping({ age: lapse }));
    const again = await reopen!();
    const sized = await all(again, "sized");
    assertEquals([sized.top, sized.first, sized.trimmedBy, ...offsets(sized.entries)], [6, 3, "trimmed", 3, 5, 6]);
    const aged = await all(again, "aged");
    assertEquals([aged.top, aged.first, aged.trimmedBy, ...offsets(aged.entries)], [2, 2, "expired", 2]);
  });

  rule("has leases when it is opened again, and lets them expire as before", async ({ log, lapse, pass, reopen }) => {
    await log.take("g", "a", "first", lapse);
    await log.take("g", "b", "one", Infinity);
    await log.take("g", "b", "two", Infinity);
    await log.renew("g", "b", 2, Infinity, "changed");
    await log.take("g", "c", "gone", Infinity);
    await log.release("g", "c", 1);
    await pass(lapse * 2);
    const again = await reopen!();
    assertEquals(await again.leases("g"), [
      { name: "a", value: "first", generation: 1, expired: true },
      { name: "b", value: "changed", generation: 2, expired: false },
    ]);
    assertEquals((await again.take("g", "b", "three", Infinity)).generation, 3);
    assertEquals((await again.take("g", "c", "new", Infinity)).generation, 1);
  });

  rule("has all that was acknowledged before close() when it is opened again", async ({ log, reopen }) => {
    const calls = upTo(100).map((n) => log.append("a", message(`${n}`), keeping()));
    await calls[10];
    const settled = Promise.allSettled(calls);
    const again = await reopen!();
    const kept = (await settled).filter(({ status }) => status === "fulfilled").length;
    const { top, entries } = await all(again, "a");
    assert(top >= kept, `${top} of ${kept}`);
    assertEquals(texts(entries), upTo(top).map(String));
  });
}

/** For logs whose entries can be taken away. */
export function lossRules(rule: Rule): void {
  rule("begins another epoch when it has lost everything", async ({ log, lose }) => {
    await say(log, "a", "1", "2");
    const before = await all(log, "a");
    const after = await lose!();
    const page = await all(after, "a");
    assertNotEquals(page.epoch, before.epoch);
    assertEquals([page.top, page.first, page.entries.length], [0, 1, 0]);
    const appended = await after.append("a", message("1"), keeping());
    assertEquals([appended.epoch, appended.offset], [page.epoch, 1]);
  });
}
