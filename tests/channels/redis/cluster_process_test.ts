/** What a cluster has besides: nodes for each slot, channels that only one of them tells of. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { redisLog } from "../../../src/channels/redis/mod.ts";
import { root, startProgram } from "../../support/processes.ts";
import { RedisCluster, skipWithoutRedis, until } from "../../support/redis.ts";
import { all, Heard, keeping, message, say, texts, upTo } from "../log_rules/tools.ts";
import { clusterMakers } from "./clients.ts";

const PROGRAM = `${root}tests/programs/redis_close.ts`;
const LIMIT = 20_000;

for (const [name, make] of Object.entries(clusterMakers)) {
  describe(`redisLog() of ${name}, on a cluster`, { skip: skipWithoutRedis() }, () => {
    it("spreads streams over the nodes, and hears of each from its own", async () => {
      await using cluster = await RedisCluster.start();
      const user = await make(cluster);
      const log = redisLog(user.client);
      const heard = upTo(30).map(() => new Heard());
      for (const n of upTo(30)) await log.follow(`s${n}`, heard[n - 1].hear);
      await Promise.all(upTo(300).map((n) => log.append(`s${n % 30 + 1}`, message(`${n}`), keeping({}, `${n}`))));
      for (const one of heard) await one.reach(10);
      for (const { admin } of cluster.servers) {
        assert(await admin.dbsize() > 0);
        assert((await admin.call("pubsub", "shardchannels") as string[]).length > 0);
      }
      assertEquals((await log.streams("s", 100)).length, 30);
      await log.close();
      user.end();
    });

    it("tells of what was appended while its subscribers were away", async () => {
      await using cluster = await RedisCluster.start();
      const [user, second] = [await make(cluster), await make(cluster)];
      const [log, other] = [redisLog(user.client), redisLog(second.client)];
      const heard = upTo(6).map(() => new Heard());
      for (const n of upTo(6)) await log.follow(`s${n}`, heard[n - 1].hear);
      for (const round of upTo(3)) {
        for (const server of cluster.servers) await server.killClients("TYPE", "pubsub");
        for (const n of upTo(6)) await say(other, `s${n}`, `${round}`);
        for (const one of heard) await one.reach(round);
        await until(async () => {
          const counts = await Promise.all(cluster.servers.map(({ admin }) => admin.call("pubsub", "shardchannels")));
          return (counts as string[][]).flat().length === 6;
        }, "subscribers");
      }
      for (const one of heard) one.check();
      for (const one of [log, other]) await one.close();
      for (const one of [user, second]) one.end();
    });

    it("follows a slot to another node", async () => {
      await using cluster = await RedisCluster.start();
      const user = await make(cluster);
      const log = redisLog(user.client);
      const heard = new Heard();
      await log.follow("a", heard.hear);
      await say(log, "a", "1", "2");
      const { epoch } = await all(log, "a");
      await move(cluster, "{sluice:a}:meta");
      await say(log, "a", "3");
      await heard.reach(3);
      const page = await all(log, "a");
      assertEquals([page.epoch, ...texts(page.entries)], [epoch, "1", "2", "3"]);
      await log.close();
      user.end();
    });
  });
}

describe("redisLog() of node-redis, on a cluster that it does not know yet", { skip: skipWithoutRedis() }, () => {
  it("leaves nothing behind that keeps its process alive when it is closed", async () => {
    await using cluster = await RedisCluster.start();
    const urls = cluster.servers.map(({ url }) => url);
    await using program = startProgram(PROGRAM, { args: urls });
    await program.line("closed", LIMIT);
    assertEquals((await program.exited(LIMIT)).code, 0);
  });
});

/** Moves the slot of a key to another node, with all keys that it has. */
async function move({ servers }: RedisCluster, key: string): Promise<void> {
  const slot = String(await servers[0].admin.cluster("KEYSLOT", key));
  const ids = await Promise.all(servers.map(({ admin }) => admin.call("cluster", "myid") as Promise<string>));
  const counts = await Promise.all(servers.map(({ admin }) => admin.call("cluster", "countkeysinslot", slot)));
  const from = counts.findIndex((count) => Number(count) > 0);
  const to = (from + 1) % servers.length;
  const [source, target] = [servers[from], servers[to]];
  await target.admin.call("cluster", "setslot", slot, "importing", ids[from]);
  await source.admin.call("cluster", "setslot", slot, "migrating", ids[to]);
  const keys = await source.admin.call("cluster", "getkeysinslot", slot, "1000") as string[];
  await source.admin.call("migrate", "127.0.0.1", `${target.port}`, "", "0", "5000", "keys", ...keys);
  for (const index of [to, from, ...servers.keys()]) {
    await servers[index].admin.call("cluster", "setslot", slot, "node", ids[to]);
  }
}
