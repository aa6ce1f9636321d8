/** Logs that several processes write to. */
import { assert, assertEquals } from "@std/assert";
import type { Rule } from "../log_conformance.ts";
import { all, Heard, keeping, message, offsets, say, texts, upTo } from "./tools.ts";

export function peerRules(rule: Rule): void {
  rule("is one log for two processes", async ({ log, peer }) => {
    const other = await peer!();
    assert(log.shared && other.shared);
    await say(log, "a", "1");
    await say(other, "a", "2");
    await say(log, "a", "3");
    assertEquals(await all(log, "a"), await all(other, "a"));
    assertEquals(texts((await all(other, "a")).entries), ["1", "2", "3"]);
  });

  rule("gives each offset once, and keeps the order of each process", async ({ log, peer }) => {
    const other = await peer!();
    const write = (writer: typeof log, name: string) =>
      upTo(60).map((n) => writer.append("a", message(`${name}${n}`), keeping()));
    const appended = await Promise.all([...write(log, "x"), ...write(other, "y")]);
    assertEquals(appended.map(({ offset }) => offset).sort((a, b) => a - b), upTo(120));
    const { entries } = await all(log, "a");
    assertEquals(offsets(entries), upTo(120));
    for (const name of ["x", "y"]) {
      const own = texts(entries).filter((text) => text.startsWith(name));
      assertEquals(own, upTo(60).map((n) => `${name}${n}`));
    }
  });

  rule("takes an id once from two processes", async ({ log, peer }) => {
    const other = await peer!();
    const calls = upTo(40).map((n) => (n % 2 === 0 ? log : other).append("a", message(`${n}`), keeping({}, "x")));
    const appended = await Promise.all(calls);
    assertEquals(appended.filter(({ duplicate }) => !duplicate).length, 1);
    assertEquals((await all(log, "a")).top, 1);
  });

  rule("tells of what the other process appends", async ({ log, peer }) => {
    const other = await peer!();
    const heard = new Heard();
    await log.follow("a", heard.hear);
    await say(other, "a", "1", "2");
    await say(log, "a", "3");
    await heard.reach(3);
    heard.check();
  });

  rule("lets exactly one of two processes release a lease", async ({ log, peer, lapse, pass }) => {
    const other = await peer!();
    await log.take("g", "n", "dead", lapse);
    await pass(lapse * 2);
    const released = await Promise.all(upTo(20).map((n) => (n % 2 === 0 ? log : other).release("g", "n", 1)));
    assertEquals(released.filter(Boolean).length, 1);
  });

  rule("shows a lease of one process to the other", async ({ log, peer }) => {
    const other = await peer!();
    await log.take("g", "n", "mine", Infinity);
    assertEquals((await other.leases("g")).map(({ value }) => value), ["mine"]);
    assertEquals((await other.take("g", "n", "theirs", Infinity)).generation, 2);
    assertEquals(await log.renew("g", "n", 1, Infinity), false);
  });

  rule("goes on for one process when the other closes", async ({ log, peer }) => {
    const other = await peer!();
    await say(other, "a", "1");
    await other.close();
    await say(log, "a", "2");
    assertEquals(texts((await all(log, "a")).entries), ["1", "2"]);
  });
}
