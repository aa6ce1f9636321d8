/** What a log says of itself, and its end. */
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import type { ChannelLog } from "../../../src/channels/log/log_api.ts";
import { ChannelLogError } from "../../../src/channels/log/log_errors.ts";
import type { Rule } from "../log_conformance.ts";
import { Heard, keeping, message, say, upTo, WHOLE } from "./tools.ts";

const CALLS: Readonly<Record<string, (log: ChannelLog) => Promise<unknown>>> = {
  append: (log) => log.append("a", message("1"), keeping()),
  read: (log) => log.read("a", 0, WHOLE),
  tops: (log) => log.tops(["a"]),
  follow: (log) => log.follow("a", () => {}),
  remove: (log) => log.remove("a", 1),
  streams: (log) => log.streams("", 10),
  take: (log) => log.take("g", "n", "v", 1_000),
  renew: (log) => log.renew("g", "n", 1, 1_000),
  release: (log) => log.release("g", "n", 1),
  leases: (log) => log.leases("g"),
};

export function endRules(rule: Rule): void {
  rule("has a name, and says whether others write to it", ({ log }) => {
    assert(log.name.length > 0);
    assertEquals(typeof log.shared, "boolean");
    return Promise.resolve();
  });

  rule("may be closed twice, at once and later", async ({ log }) => {
    await say(log, "a", "1");
    await Promise.all([log.close(), log.close()]);
    await log.close();
  });

  rule("may be closed before it was used", async ({ log }) => {
    await log.close();
  });

  rule("rejects whatever comes after close()", async ({ log }) => {
    await say(log, "a", "1");
    await log.close();
    for (const [name, call] of Object.entries(CALLS)) {
      const error = await call(log).then(() => null, (error: unknown) => error);
      assertInstanceOf(error, ChannelLogError, name);
      assertEquals(error.code, "ERR_LOG_CLOSED", name);
    }
  });

  rule("settles what was under way at close(): kept, or rejected", async ({ log }) => {
    const calls = upTo(40).map((n) => log.append("a", message(`${n}`), keeping()));
    const closing = log.close();
    const settled = await Promise.allSettled(calls);
    await closing;
    for (const one of settled) if (one.status === "rejected") assertInstanceOf(one.reason, ChannelLogError);
    const kept = settled.flatMap((one) => one.status === "fulfilled" ? [one.value.offset] : []);
    assertEquals(kept, upTo(kept.length));
  });

  rule("tells followers nothing more after close()", async ({ log }) => {
    const heard = new Heard();
    const leave = await log.follow("a", heard.hear);
    await say(log, "a", "1");
    await heard.reach(1);
    await log.close();
    await log.append("a", message("2"), keeping()).catch(() => {});
    assertEquals(heard.tops, [1]);
    leave();
  });
}
