/** Sentinel: a master that is asked to give way, and one that dies. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { even, RedisSentinels, skipWithoutRedis } from "../../support/redis.ts";
import { all, Heard, say, texts, upTo } from "../log_rules/tools.ts";
import { sentinelClient } from "./clients.ts";
import { insist, Logs } from "./world.ts";

/** What makes the replica the master. */
const WAYS: Readonly<Record<string, (all: RedisSentinels) => Promise<void>>> = {
  "gives way to its replica": (all) => all.failOver(),
  "is killed": async (all) => {
    await all.master.kill();
    await all.promoted();
  },
};

describe("redisLog() of ioredis, with sentinels", { skip: skipWithoutRedis() }, () => {
  for (const [what, turn] of Object.entries(WAYS)) {
    it(`goes on where it was when a master ${what}, and hears what others write then`, async () => {
      await using servers = await RedisSentinels.start();
      await using logs = new Logs(sentinelClient);
      const [log, other] = [await logs.open(servers), await logs.open(servers)];
      const heard = new Heard();
      await log.follow("a", heard.hear);
      await say(log, "a", "1", "2", "3");
      assertEquals(await log.take("g", "n", "mine", Infinity), { generation: 1, previous: null });
      const { epoch } = await all(log, "a");
      await even(servers.master);
      await turn(servers);
      assertEquals(await insist(other, "a", "4"), { epoch, offset: 4, duplicate: false });
      await heard.reach(4);
      heard.check();
      for (const n of upTo(10, 5)) await insist(log, "a", `${n}`);
      assertEquals(texts((await all(other, "a")).entries), upTo(10).map(String));
      assertEquals(await log.renew("g", "n", 1, Infinity), true);
    });
  }
});
