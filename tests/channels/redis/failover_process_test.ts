/** Failovers to a replica that has everything, or has not; and waiting for replicas. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { even, linked, RedisServer, skipWithoutRedis, Switch, until } from "../../support/redis.ts";
import { all, Heard, keeping, message, say, texts, upTo } from "../log_rules/tools.ts";
import { makers } from "./clients.ts";
import { errorOf, insist, Logs } from "./world.ts";

/** A master, its replica, and the port that clients know. */
class Pair implements AsyncDisposable {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly switch: Switch;

  private constructor(master: RedisServer, replica: RedisServer, theSwitch: Switch) {
    this.master = master;
    this.replica = replica;
    this.switch = theSwitch;
  }

  static async start(): Promise<Pair> {
    const master = await RedisServer.start(["--repl-diskless-sync-delay", "0"]);
    const replica = await RedisServer.start();
    await replica.admin.replicaof("127.0.0.1", `${master.port}`);
    const pair = new Pair(master, replica, await Switch.open(master.port));
    await linked(replica);
    await pair.even();
    return pair;
  }

  /** The replica has all that the master has. */
  even(): Promise<void> {
    return even(this.master);
  }

  /** The replica is the master of what it has, and still nobody is told. */
  async part(): Promise<void> {
    await this.replica.admin.replicaof("NO", "ONE");
  }

  /** The master is gone, and clients come to the replica. */
  async failOver(): Promise<void> {
    await this.part();
    await this.master.kill();
    this.switch.turn(this.replica.port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.switch[Symbol.asyncDispose]();
    await this.master[Symbol.asyncDispose]();
    await this.replica[Symbol.asyncDispose]();
  }
}

for (const [name, make] of Object.entries(makers)) {
  describe(`redisLog() of ${name}, at a failover`, { skip: skipWithoutRedis() }, () => {
    it("goes on in its epoch where nothing was lost", async () => {
      await using pair = await Pair.start();
      await using logs = new Logs(make);
      const log = await logs.open(pair.switch);
      await say(log, "a", "1", "2");
      const { epoch } = await all(log, "a");
      await pair.even();
      await pair.failOver();
      assertEquals(await insist(log, "a", "3"), { epoch, offset: 3, duplicate: false });
      assertEquals(texts((await all(log, "a")).entries), ["1", "2", "3"]);
    });

    it("begins another epoch where it has seen what is lost", async () => {
      await using pair = await Pair.start();
      await using logs = new Logs(make);
      const log = await logs.open(pair.switch);
      for (const stream of ["appended", "read", "asked"]) await say(log, stream, "1", "2");
      const { epoch } = await all(log, "read");
      const heard = new Heard();
      await log.follow("read", heard.hear);
      await pair.even();
      await pair.part();
      for (const stream of ["appended", "read", "asked"]) await say(log, stream, "lost");
      await heard.reach(3);
      await pair.failOver();
      await until(() => heard.notices.some((notice) => notice.epoch !== epoch), "a notice of another epoch");
      const page = await all(log, "read");
      assertNotEquals(page.epoch, epoch);
      assertEquals([page.top, page.first, page.entries.length], [0, 1, 0]);
      assertEquals((await insist(log, "appended", "3")).offset, 1);
      assertEquals((await log.tops(["asked"]))[0].top, 0);
    });

    it("finds out that offsets were used again by somebody who had not seen them", async () => {
      await using pair = await Pair.start();
      await using logs = new Logs(make);
      const [seer, other] = [await logs.open(pair.switch), await logs.open(pair.switch)];
      await say(seer, "a", "1", "2");
      const { epoch } = await all(other, "a");
      const heard = new Heard();
      await seer.follow("a", heard.hear);
      await pair.even();
      await pair.part();
      await say(seer, "a", "lost 3", "lost 4");
      await heard.reach(4);
      await pair.failOver();
      // Nobody is told that quickly: the other process is the first to come.
      const begin = heard.notices.length;
      const first = await insist(other, "a", "other 3");
      if (first.epoch === epoch) { for (const n of [4, 5, 6]) await insist(other, "a", `other ${n}`); }
      await until(() => heard.notices.slice(begin).some((notice) => notice.epoch !== epoch), "another epoch");
      const page = await all(seer, "a");
      assertNotEquals(page.epoch, epoch);
      assertEquals((await all(other, "a")).epoch, page.epoch);
    });

    it("begins another epoch at each failover where that is wanted", async () => {
      await using pair = await Pair.start();
      await using logs = new Logs(make);
      const log = await logs.open(pair.switch, { failover: "epoch" });
      await say(log, "a", "1", "2");
      const { epoch } = await all(log, "a");
      await pair.even();
      await pair.failOver();
      const appended = await insist(log, "a", "3");
      assertNotEquals(appended.epoch, epoch);
      assertEquals(appended.offset, 1);
      assertEquals((await all(log, "a")).epoch, appended.epoch);
    });

    it("waits for replicas, and says that it is not known when they don't come", async () => {
      await using pair = await Pair.start();
      await using logs = new Logs(make);
      const log = await logs.open(pair.switch, { wait: { replicas: 1, timeout: 300 } });
      await Promise.all(upTo(50).map((n) => log.append(`s${n % 3}`, message(`${n}`), keeping({}, `${n}`))));
      await say(log, "a", "1");
      pair.replica.signal("SIGSTOP");
      const error = await errorOf(log.append("a", message("2"), keeping({}, "2")));
      pair.replica.signal("SIGCONT");
      assertEquals(error.code, "ERR_LOG_UNKNOWN");
      assertMatch(error.message, /did not reach 1 replica within 300 ms; repeat it with the same id/);
      await linked(pair.replica);
      assertEquals(await insist(log, "a", "2").then(({ offset, duplicate }) => [offset, duplicate]), [2, true]);
      assertEquals(texts((await all(log, "a")).entries), ["1", "2"]);
    });

    it("waits for disks where Redis can; where it can't it appends nothing, and says so", async () => {
      await using server = await RedisServer.start(["--appendonly", "yes"]);
      await using logs = new Logs(make);
      const log = await logs.open(server, { waitAof: {} });
      const version = /redis_version:(\d+\.\d+)/.exec(await server.admin.info("server"))![1];
      if (Number(version) >= 7.2) return assertEquals((await log.append("a", message("1"), keeping())).offset, 1);
      const errors = await Promise.all(upTo(3).map((n) => errorOf(log.append("a", message(`${n}`), keeping({}, "1")))));
      errors.push(await errorOf(log.append("b", message("1"), keeping())));
      for (const error of errors) {
        assertEquals(error.code, "ERR_LOG_FAILED");
        assertMatch(
          error.message,
          /^Nothing was appended.* does not know WAITAOF, which came with Redis 7\.2; leave waitAof/,
        );
        assert(error.cause instanceof Error);
      }
      assertEquals([(await all(log, "a")).top, (await all(log, "b")).top], [0, 0]);
    });
  });
}
