/** What happens to Redis, and what becomes of the log then. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { Appended, ChannelLog } from "../../../src/channels/log/log_api.ts";
import { redisLog } from "../../../src/channels/redis/mod.ts";
import { RedisServer, skipWithoutRedis, until } from "../../support/redis.ts";
import { all, Heard, keeping, message, offsets, say, texts, upTo } from "../log_rules/tools.ts";
import { makers } from "./clients.ts";
import { errorOf, insist, knownError, Logs } from "./world.ts";

const DURABLE = ["--appendonly", "yes", "--appendfsync", "always"];

for (const [name, make] of Object.entries(makers)) {
  describe(`redisLog() of ${name}`, { skip: skipWithoutRedis() }, () => {
    it("goes on where it was when Redis restarts with its data", async () => {
      await using server = await RedisServer.start(DURABLE);
      await using logs = new Logs(make);
      const log = await logs.open(server);
      await say(log, "a", "1", "2", "3");
      const before = await all(log, "a");
      await server.restart();
      const { epoch, offset } = await insist(log, "a", "4");
      assertEquals([epoch, offset], [before.epoch, 4]);
      assertEquals(texts((await all(log, "a")).entries), ["1", "2", "3", "4"]);
    });

    it("begins another epoch when Redis restarts without its data, and tells followers", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server);
      await say(log, "a", "1", "2", "3");
      const { epoch } = await all(log, "a");
      const heard = new Heard();
      await log.follow("a", heard.hear);
      await server.restart();
      await until(() => heard.notices.length > 0, "a notice of another epoch");
      assertNotEquals(heard.notices[0].epoch, epoch);
      const appended = await insist(log, "a", "first again");
      assertEquals(appended, { epoch: heard.notices[0].epoch, offset: 1, duplicate: false });
      assertEquals(await log.streams("", 10), ["a"]);
    });

    it("has everything that was acknowledged when Redis is killed in the middle of appends", async () => {
      await using server = await RedisServer.start(DURABLE);
      await using logs = new Logs(make);
      const log = await logs.open(server, { timeout: 1_000 });
      const acknowledged = new Map<string, Appended>();
      for (const round of upTo(3)) {
        const writing = upTo(400).map(async (n) => {
          const text = `${round}-${n}`;
          const appended = await log.append(`s${n % 3}`, message(text), keeping({}, text)).catch(knownError);
          if (appended !== undefined) acknowledged.set(text, appended);
          if (acknowledged.size === round * 100) await server.kill();
        });
        await Promise.all(writing);
        await server.restart();
        await insist(log, "s0", `back ${round}`);
      }
      assert(acknowledged.size >= 300);
      await checkKept(log, acknowledged);
    });

    it("has each append once, though the client sends again what was not answered", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server);
      const acknowledged = new Map<string, Appended>();
      let isOver = false;
      const killing = (async () => {
        while (!isOver) {
          await server.killClients("TYPE", "normal", "SKIPME", "yes");
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      const writing = upTo(16).map(async (writer) => {
        for (const n of upTo(60)) {
          const text = `${writer}-${n}`;
          const appended = await log.append("a", message(text), keeping()).catch(knownError);
          if (appended !== undefined) acknowledged.set(text, appended);
        }
      });
      await Promise.all(writing);
      isOver = true;
      await killing;
      const kept = texts((await all(log, "a")).entries);
      assertEquals(new Set(kept).size, kept.length);
      await checkKept(log, acknowledged, "a");
    });

    it("says what is not known of a Redis that stands still, and repeats it under the same id", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server, { timeout: 500 });
      await say(log, "a", "1");
      server.signal("SIGSTOP");
      const sent = log.append("a", message("2"), keeping({}, "2"));
      await Promise.resolve();
      const waiting = log.append("a", message("3"), keeping({ size: 7 }, "3"));
      const errors = await Promise.all([errorOf(sent), errorOf(waiting), errorOf(all(log, "a"))]);
      server.signal("SIGCONT");
      assertEquals(errors.map(({ code }) => code), ["ERR_LOG_UNKNOWN", "ERR_LOG_FAILED", "ERR_LOG_FAILED"]);
      assertMatch(errors[0].message, /repeat it with the same id/);
      await insist(log, "a", "2");
      await insist(log, "a", "3");
      assertEquals(texts((await all(log, "a")).entries), ["1", "2", "3"]);
    });

    it("tells in time that Redis is not there, and comes back with it", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server, { timeout: 300 });
      await say(log, "a", "1");
      await server.kill();
      const begin = performance.now();
      const calls = [
        log.append("a", message("2"), keeping()),
        log.append("b", message("2"), keeping()),
        log.read("a", 0, { count: 1, bytes: 1 }),
        log.tops(["a"]),
        log.follow("a", () => {}),
        log.remove("a", 1),
        log.streams("", 1),
        log.take("g", "n", "v", 1),
        log.renew("g", "n", 1, 1),
        log.release("g", "n", 1),
        log.leases("g"),
      ];
      for (const error of await Promise.all(calls.map(errorOf))) assert(error.cause !== undefined || error.message);
      assert(performance.now() - begin < 5_000);
      await server.restart();
      await insist(log, "a", "again");
    });

    it("tells what Redis refuses: memory, writing, keys of somebody else", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server);
      await server.admin.config("SET", "maxmemory", "1");
      for (const stream of ["a", "b"]) {
        const error = await errorOf(log.append(stream, message("1"), keeping({}, "1")));
        assertEquals(error.code, "ERR_LOG_FAILED");
        assertMatch(error.message, /OOM /);
        assert(error.cause instanceof Error);
      }
      assertMatch((await errorOf(log.take("g", "n", "v", 1, 1))).message, /OOM /);
      await server.admin.config("SET", "maxmemory", "0");
      assertEquals(await server.admin.keys("{sluice@g}*"), []);
      assertEquals(await log.append("a", message("1"), keeping({}, "1")).then(({ offset }) => offset), 1);
      await server.admin.replicaof("127.0.0.1", "1");
      assertMatch((await errorOf(log.append("a", message("2"), keeping()))).message, /READONLY /);
      await server.admin.replicaof("NO", "ONE");
      await server.admin.set("{sluice:mine}:meta", "something else");
      assertEquals((await errorOf(all(log, "mine"))).code, "ERR_LOG_FOREIGN");
      assertEquals(texts((await all(log, "a")).entries), ["1"]);
    });

    it("tells of what was appended while its subscriber was away", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const [log, other] = [await logs.open(server), await logs.open(server)];
      const heard = new Heard();
      await log.follow("a", heard.hear);
      for (const n of upTo(5)) {
        const killed = await server.killClients("TYPE", "pubsub");
        assert(killed > 0);
        await say(other, "a", `${n}`);
        await heard.reach(n);
        await until(
          async () => Number((await server.admin.pubsub("NUMSUB", "{sluice:a}:notices"))[1]) > 0,
          "a subscriber",
        );
      }
      heard.check();
    });

    it("begins another epoch where the entries were taken away and not the rest", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server);
      await say(log, "a", "1", "2");
      const { epoch } = await all(log, "a");
      await server.admin.del("{sluice:a}:entries");
      const page = await all(log, "a");
      assertNotEquals(page.epoch, epoch);
      assertEquals([page.top, page.first, page.trimmedBy], [0, 1, null]);
    });

    it("forgets streams that Redis has forgotten", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server, { idle: 3_600_000 });
      for (const stream of ["a", "b", "c"]) await say(log, stream, "1");
      const left = await server.admin.pttl("{sluice:b}:meta");
      assert(left > 3_500_000 && left <= 7_320_000, `${left} ms`);
      await server.admin.del("{sluice:b}:meta");
      assertEquals(await log.streams("", 10), ["a", "c"]);
      assertEquals(await server.admin.zrange("{sluice}:streams", 0, "-1"), ["a", "c"]);
      await say(log, "b", "1");
      assertEquals(await log.streams("", 10), ["a", "b", "c"]);
    });

    it("keeps keys no longer than what they are for", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server);
      await log.append("a", message("1"), keeping({ age: 1_000 }, "x", 5_000));
      const left = async (key: string) => await server.admin.pttl(`{sluice:a}:${key}`);
      assert(await left("entries") > 1_000 && await left("entries") < 120_000);
      assert(await left("id:x") > 0 && await left("id:x") <= 5_000);
      await log.append("a", message("2"), keeping({ age: Infinity }));
      assertEquals([await left("entries"), await left("meta")], [-1, -1]);
    });

    it("has no key of leases that are forgotten, and none for ever of those that will be", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const log = await logs.open(server);
      const { admin } = server;
      const left = () => Promise.all([admin.keys("*:leases"), admin.keys("*:forgotten")]);
      await log.take("always", "n", "value", Infinity);
      await log.take("mixed", "always", "value", Infinity);
      const taking = upTo(500).flatMap((n) => [
        ...[log.take(`session:${n}`, "", "instance", 500, 500), log.take("g", `${n}`, "instance", 500, 500)],
        log.take("mixed", `${n}`, "instance", 500, 500),
      ]);
      await Promise.all(taking);
      for (const key of (await left()).flat()) {
        const isKept = /always|mixed/.test(key);
        assert(isKept ? await admin.pttl(key) === -1 : await admin.pttl(key) <= 1_000, key);
      }
      await until(async () => (await left()).flat().length === 3, "that the leases are forgotten");
      await until(
        async () => (await log.leases("mixed")).length === 1,
        "that those in one key with a lease for ever are",
      );
      assertEquals((await log.leases("mixed")).map(({ name }) => name), ["always"]);
      // Whoever comes sweeps; the last one of all takes the key with it.
      for (const n of upTo(30)) await log.take("mixed", `last ${n % 2}`, "value", 500, 500);
      assertEquals(await admin.hlen("{sluice@mixed}:leases"), 3);
      await log.release("mixed", "always", 1);
      await until(async () => (await left()).flat().length === 1, "that the key has ended");
    });

    it("needs no INFO, and finds out what a failover has lost by offsets alone", async () => {
      await using server = await RedisServer.start();
      await using logs = new Logs(make);
      const { admin } = server;
      await admin.call("acl", "setuser", "default", "-info");
      const log = await logs.open(server);
      await say(log, "a", "1", "2");
      const { epoch } = await all(log, "a");
      const keys = ["{sluice:a}:meta", "{sluice:a}:entries"];
      const older = await Promise.all(keys.map((key) => admin.dumpBuffer(key)));
      await say(log, "a", "3");
      // As a replica has them that was behind.
      for (const [index, key] of keys.entries()) await admin.restore(key, 0, older[index], "REPLACE");
      assertNotEquals((await all(log, "a")).epoch, epoch);
    });

    it("ends its own connections at close(), and not the user's", async () => {
      await using server = await RedisServer.start();
      const user = await make(server);
      const clients = async () => String(await server.admin.client("LIST")).trim().split("\n").length;
      const log = redisLog(user.client);
      await say(log, "a", "1");
      const before = await clients();
      await log.follow("a", () => {});
      assertEquals(await clients(), before + 1);
      await log.close();
      await until(async () => await clients() === before, "the subscriber's end");
      await say(redisLog(user.client), "a", "2");
      user.end();
    });
  });
}

describe("redisLog() of a client that sends everything twice", { skip: skipWithoutRedis() }, () => {
  it("does it once, and tells what came of it the first time", async () => {
    await using server = await RedisServer.start();
    const { admin } = server;
    const log = redisLog({
      isCluster: false,
      call: async (name: string, ...args: readonly string[]) => {
        await admin.call(name, ...args);
        return await admin.call(name, ...args);
      },
      pipeline: () => admin.pipeline(),
      duplicate: () => admin.duplicate(),
    });
    const appended = await Promise.all(upTo(3).map((n) => log.append("a", message(`${n}`), keeping({}, `${n % 2}`))));
    assertEquals(appended.map(({ offset, duplicate }) => [offset, duplicate]), [[1, false], [2, false], [1, true]]);
    assertEquals((await log.append("a", message("4"), keeping())).offset, 3);
    assertEquals(texts((await all(log, "a")).entries), ["1", "2", "4"]);
    assertEquals(await log.take("g", "n", "v", Infinity), { generation: 1, previous: null });
    assertEquals((await log.take("g", "n", "w", Infinity)).previous?.value, "v");
    assertEquals(await log.release("g", "n", 2), true);
    assertEquals(await log.release("g", "n", 2), false);
    await log.close();
  });
});

/** Everything that was acknowledged stands where that was said, once. */
async function checkKept(log: ChannelLog, acknowledged: ReadonlyMap<string, Appended>, stream?: string): Promise<void> {
  const pages = new Map<string, Map<number, string>>();
  for (const name of await log.streams("", 100)) {
    const { entries } = await all(log, name);
    assertEquals(offsets(entries), upTo(entries.length));
    pages.set(name, new Map(entries.map(({ offset, data }) => [offset, data as string])));
  }
  for (const [text, { offset }] of acknowledged) {
    const name = stream ?? `s${Number(text.split("-")[1]) % 3}`;
    assertEquals(pages.get(name)?.get(offset), text);
  }
  for (const page of pages.values()) assertEquals(new Set(page.values()).size, page.size);
}
