/** What a cluster has besides: nodes for each slot, channels that only one of them tells of. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { root, startProgram } from "../../support/processes.ts";
import { even, RedisCluster, skipWithoutRedis, until } from "../../support/redis.ts";
import { all, Heard, keeping, message, say, texts, upTo } from "../log_rules/tools.ts";
import { clusterMakers } from "./clients.ts";
import { errorOf, insist, Logs } from "./world.ts";

const PROGRAM = `${root}tests/programs/redis_close.ts`;
const LIMIT = 20_000;

for (const [name, make] of Object.entries(clusterMakers)) {
  describe(`redisLog() of ${name}, on a cluster`, { skip: skipWithoutRedis() }, () => {
    it("spreads streams over the nodes, and hears of each from its own", async () => {
      await using cluster = await RedisCluster.start();
      await using logs = new Logs(make);
      const log = await logs.open(cluster);
      const heard = upTo(30).map(() => new Heard());
      for (const n of upTo(30)) await log.follow(`s${n}`, heard[n - 1].hear);
      await Promise.all(upTo(300).map((n) => log.append(`s${n % 30 + 1}`, message(`${n}`), keeping({}, `${n}`))));
      for (const one of heard) await one.reach(10);
      for (const { admin } of cluster.servers) {
        assert(await admin.dbsize() > 0);
        assert((await admin.call("pubsub", "shardchannels") as string[]).length > 0);
      }
      assertEquals((await log.streams("s", 100)).length, 30);
    });

    it("tells of what was appended while its subscribers were away", async () => {
      await using cluster = await RedisCluster.start();
      await using logs = new Logs(make);
      const [log, other] = [await logs.open(cluster), await logs.open(cluster)];
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
    });

    it("follows a slot to another node", async () => {
      await using cluster = await RedisCluster.start();
      await using logs = new Logs(make);
      const log = await logs.open(cluster);
      const heard = new Heard();
      await log.follow("a", heard.hear);
      await say(log, "a", "1", "2");
      const { epoch } = await all(log, "a");
      await move(cluster, "{sluice:a}:meta");
      await say(log, "a", "3");
      await heard.reach(3);
      const page = await all(log, "a");
      assertEquals([page.epoch, ...texts(page.entries)], [epoch, "1", "2", "3"]);
    });

    it("goes on where it was when a replica takes the place of its master, which was killed", async () => {
      await using cluster = await RedisCluster.start({ replica: true });
      await using logs = new Logs(make);
      const [log, other] = [await logs.open(cluster), await logs.open(cluster)];
      const name = await cluster.nameOnFirst("s");
      const heard = new Heard();
      await log.follow(name, heard.hear);
      await say(log, name, "1", "2", "3");
      const { epoch } = await all(log, name);
      await even(cluster.servers[0]);
      await cluster.servers[0].kill();
      await cluster.promoted();
      assertEquals(await insist(other, name, "4"), { epoch, offset: 4, duplicate: false });
      await heard.reach(4);
      heard.check();
      for (const n of upTo(10, 5)) await insist(log, name, `${n}`);
      assertEquals(texts((await all(other, name)).entries), upTo(10).map(String));
      await heard.reach(10);
    });

    it("waits for the replica of the master that it has written to", async () => {
      await using cluster = await RedisCluster.start({ replica: true });
      await using logs = new Logs(make);
      const log = await logs.open(cluster, { wait: { replicas: 1, timeout: 300 } });
      const name = await cluster.nameOnFirst("s");
      // On a busy machine the replica may not be in time for one.
      for (const n of upTo(20)) await insist(log, name, `${n}`);
      cluster.replica!.signal("SIGSTOP");
      const error = await errorOf(log.append(name, message("21"), keeping({}, "21")));
      cluster.replica!.signal("SIGCONT");
      assertEquals(error.code, "ERR_LOG_UNKNOWN");
      assertEquals((await insist(log, name, "21")).offset, 21);
      assertEquals(texts((await all(log, name)).entries), upTo(21).map(String));
    });

    it("needs no sharded channels: where Redis does not know them, every node tells", async () => {
      // As Redis 6.2 has it: what is renamed to nothing is unknown, to clients and to scripts.
      const args = ["spublish", "ssubscribe", "sunsubscribe"].flatMap((name) => ["--rename-command", name, ""]);
      await using cluster = await RedisCluster.start({ args });
      await using logs = new Logs(make);
      const [log, other] = [await logs.open(cluster), await logs.open(cluster)];
      const heard = upTo(6).map(() => new Heard());
      const leave: (() => void)[] = [];
      for (const n of upTo(6)) leave.push(await log.follow(`s${n}`, heard[n - 1].hear));
      for (const n of upTo(12)) await say(other, `s${n % 6 + 1}`, `${n}`);
      for (const one of heard) await one.reach(2);
      for (const one of heard) one.check();
      for (const one of leave) one();
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
