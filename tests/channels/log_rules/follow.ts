/** Following: notices of what is appended. */
import { assert, assertEquals } from "@std/assert";
import type { Notice } from "../../../src/channels/log/log_api.ts";
import type { Rule } from "../log_conformance.ts";
import { all, Heard, keeping, message, say, upTo } from "./tools.ts";

export function followRules(rule: Rule): void {
  rule("tells of appends in order, up to the last", async ({ log }) => {
    const heard = new Heard();
    await log.follow("a", heard.hear);
    await Promise.all(upTo(50).map((n) => log.append("a", message(`${n}`), keeping())));
    await heard.reach(50);
    heard.check();
    const { epoch, entries } = await all(log, "a");
    for (const notice of heard.notices) {
      assertEquals(notice.epoch, epoch);
      if (notice.entry !== null) assertEquals(notice.entry, entries[notice.top - 1]);
    }
  });

  rule("tells of what comes after follow(), not of what was there", async ({ log }) => {
    await say(log, "a", "1", "2", "3");
    const heard = new Heard();
    await log.follow("a", heard.hear);
    await say(log, "a", "4");
    await heard.reach(4);
    assertEquals(heard.tops, [4]);
  });

  rule("leaves no gap between follow() and a read after it", async ({ log }) => {
    const writing = upTo(40).map((n) => log.append("a", message(`${n}`), keeping()));
    const heard = new Heard();
    await log.follow("a", heard.hear);
    const { top } = await all(log, "a");
    await Promise.all(writing);
    if (top < 40) await heard.reach(40);
    heard.check();
  });

  rule("never calls from within follow()", async ({ log }) => {
    await say(log, "a", "1");
    let isInside = true;
    let early = 0;
    const heard = new Heard();
    const writing = log.append("a", message("2"), keeping());
    const following = log.follow("a", (notice: Notice) => {
      if (isInside) early++;
      heard.hear(notice);
    });
    isInside = false;
    await following;
    await writing;
    await say(log, "a", "3");
    await heard.reach(3);
    assertEquals(early, 0);
  });

  rule("tells of no other stream", async ({ log }) => {
    const heard = new Heard();
    await log.follow("a", heard.hear);
    await say(log, "b", "1", "2", "3");
    await say(log, "a", "1");
    await heard.reach(1);
    assertEquals(heard.tops, [1]);
  });

  rule("tells of nothing when an append was a duplicate", async ({ log }) => {
    const heard = new Heard();
    await log.follow("a", heard.hear);
    await log.append("a", message("1"), keeping({}, "x"));
    await log.append("a", message("again"), keeping({}, "x"));
    await say(log, "a", "2");
    await heard.reach(2);
    heard.check();
  });

  rule("tells nobody any more who has left, and all others", async ({ log }) => {
    const gone = new Heard();
    const stays = new Heard();
    const leave = await log.follow("a", gone.hear);
    await log.follow("a", stays.hear);
    await say(log, "a", "1");
    await Promise.all([gone.reach(1), stays.reach(1)]);
    leave();
    leave();
    await say(log, "a", "2", "3");
    await stays.reach(3);
    assertEquals(gone.tops, [1]);
    stays.check();
  });

  rule("counts the same function as often as it follows", async ({ log }) => {
    let calls = 0;
    const heard = new Heard();
    const count = () => void calls++;
    const leave = await log.follow("a", count);
    await log.follow("a", count);
    await log.follow("a", heard.hear);
    leave();
    await say(log, "a", "1");
    await heard.reach(1);
    assertEquals(calls, 1);
  });

  rule("follows again who has left", async ({ log }) => {
    const heard = new Heard();
    (await log.follow("a", heard.hear))();
    await say(log, "a", "1");
    await log.follow("a", heard.hear);
    await say(log, "a", "2");
    await heard.reach(2);
    assertEquals(heard.tops, [2]);
  });

  rule("keeps the order for everybody when one appends while it is told", async ({ log }) => {
    const first = new Heard();
    const second = new Heard();
    const answers: Promise<unknown>[] = [];
    await log.follow("a", (notice) => {
      first.hear(notice);
      if (notice.top < 5) answers.push(log.append("a", message("answer"), keeping()));
    });
    await log.follow("a", second.hear);
    await say(log, "a", "1");
    await Promise.all([first.reach(5), second.reach(5)]);
    await Promise.all(answers);
    first.check();
    second.check();
  });

  rule("may be left, and followed, from within a notice", async ({ log }) => {
    const late = new Heard();
    const calls: number[] = [];
    const following: Promise<unknown>[] = [];
    const leave = await log.follow("a", ({ top }) => {
      calls.push(top);
      leave();
      following.push(log.follow("a", late.hear));
    });
    const stays = new Heard();
    await log.follow("a", stays.hear);
    await say(log, "a", "1");
    await stays.reach(1);
    await Promise.all(following);
    await say(log, "a", "2");
    await Promise.all([stays.reach(2), late.reach(2)]);
    assertEquals([calls, late.tops], [[1], [2]]);
  });

  rule("gives an entry along, or leaves it to be read, where it is not kept", async ({ log }) => {
    const heard = new Heard();
    await log.follow("a", heard.hear);
    await log.append("a", message("not kept"), keeping({ size: 0 }));
    await heard.reach(1);
    const [{ entry }] = heard.notices;
    assert(entry === null || entry.data === "not kept");
  });
}
