/** What `redisLog()` takes, without a Redis. */
import { describe, it } from "node:test";
import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { OptionError } from "../../../src/errors.ts";
import { Keys } from "../../../src/channels/redis/keys.ts";
import { redisLog, type RedisLogClient, type RedisLogOptions } from "../../../src/channels/redis/mod.ts";
import { ODD_NAMES } from "../log_rules/names.ts";
import { all, keeping, message } from "../log_rules/tools.ts";
import { errorOf } from "./world.ts";

/** A client of `redis` whose server answers as it is told. */
function told(answers: Readonly<Record<string, unknown>>): RedisLogClient {
  const client = {
    sendCommand: ([name]: readonly string[]) => {
      const answer = answers[name];
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    subscribe: () => Promise.resolve(),
    duplicate: () => client,
    connect: () => Promise.resolve(),
    destroy: () => {},
    on: () => {},
  };
  return client;
}

const append = (client: RedisLogClient, options: RedisLogOptions) =>
  redisLog(client, options).append("a", message("1"), keeping({}, "1"));

describe("redisLog()", () => {
  it("refuses what is no client", () => {
    for (
      const client of [null, undefined, {}, "redis://localhost", { call() {} }, { sendCommand() {}, acquire() {} }]
    ) {
      const error = assertThrows(() => redisLog(client as unknown as RedisLogClient), OptionError);
      assertMatch(error.message, /client must be a client of ioredis .* or of redis/);
    }
  });

  it("refuses options that it can't use, by name", () => {
    const wrong: readonly [unknown, string][] = [
      [{ prefix: "" }, "prefix"],
      [{ prefix: "a:b" }, "prefix"],
      [{ prefix: "{a}" }, "prefix"],
      [{ timeout: -1 }, "timeout"],
      [{ wait: 1 }, "wait"],
      [{ wait: {} }, "wait.replicas"],
      [{ wait: { replicas: 0 } }, "wait.replicas"],
      [{ wait: { replicas: 1, timeout: 0 } }, "wait.timeout"],
      [{ wait: { replica: 1 } }, "wait.replica"],
      [{ waitAof: { local: false } }, "waitAof.local"],
      [{ waitAof: { local: 1 } }, "waitAof.local"],
      [{ waitAof: {}, wait: { replicas: 1 } }, "waitAof"],
      [{ failover: "never" }, "failover"],
      [{ idle: 0 }, "idle"],
      [{ prefixes: "a" }, "prefixes"],
    ];
    for (const [options, name] of wrong) {
      assertEquals(assertThrows(() => redisLog(told({}), options as RedisLogOptions), OptionError).option, name);
    }
  });

  it("takes an append for done when disks and replicas have said so", async () => {
    const evalsha = "epoch life 1 1";
    const waitAof = { replicas: 1, timeout: 10 };
    assertEquals(await append(told({ evalsha, WAITAOF: [1, 1] }), { waitAof }).then(({ offset }) => offset), 1);
    for (const answer of [[1, 0], [0, 1], [0, 0]]) {
      const error = await errorOf(append(told({ evalsha, WAITAOF: answer }), { waitAof }));
      assertEquals(error.code, "ERR_LOG_UNKNOWN");
      assertMatch(error.message, /did not reach 2 disks within 10 ms; repeat it with the same id/);
    }
    const error = await errorOf(append(told({ evalsha, WAIT: 1 }), { wait: { replicas: 2 } }));
    assertMatch(error.message, /did not reach 2 replicas/);
  });

  it("tells an answer that refuses from the want of one", async () => {
    const answers = {
      "OOM command not allowed when used memory > 'maxmemory'.": "ERR_LOG_FAILED",
      "MOVED 1 127.0.0.1:7000": "ERR_LOG_FAILED",
      "LOADING Redis is loading the dataset in memory": "ERR_LOG_FAILED",
      "Connection is closed.": "ERR_LOG_UNKNOWN",
      "connect ECONNREFUSED 127.0.0.1:6379": "ERR_LOG_UNKNOWN",
      "Socket closed unexpectedly": "ERR_LOG_UNKNOWN",
    };
    for (const [text, code] of Object.entries(answers)) {
      const cause = new Error(text);
      const error = await errorOf(append(told({ evalsha: cause }), {}));
      assertEquals([error.code, error.cause], [code, cause]);
      assertMatch(error.message, new RegExp(text.replace(/\.$/, "").replaceAll(".", "\\.")));
    }
    const error = await errorOf(all(redisLog(told({ evalsha: new Error(OLD) })), "a"));
    assertEquals(error.message, 'Redis did not read "a": OOM command not allowed');
  });
});

const OLD = "ERR Error running script (call to f_0): @user_script:12: @user_script: 12: -OOM command not allowed.";

describe("keys in Redis", () => {
  /** What Redis takes the slot of: between the first opening brace and the next closing one. */
  const tagOf = (key: string) => /^[^{]*\{([^}]+)\}/.exec(key)?.[1];
  const keys = new Keys("app");

  it("have one tag for a stream, whatever its name", () => {
    for (const name of [...ODD_NAMES, "", "}", "{", "{}", "\ud800", "%7B"]) {
      const { meta, entries, notices } = keys.stream(name);
      const tags = new Set([meta, entries, notices, keys.writer(name, "w"), keys.id(name, "}x{")].map(tagOf));
      assertEquals(tags.size, 1, name);
      assertNotEquals([...tags][0], undefined);
    }
  });

  it("are others for another stream, group or id", () => {
    const names = [...ODD_NAMES, "", "}", "{", "{}", "%7B", "%7D", "%", "%25", "\ud800", "\udc00", "%uD800", "a:id:b"];
    const distinct = (made: readonly string[]) => assertEquals(new Set(made).size, made.length);
    distinct(names.flatMap((name) => [
      ...Object.values(keys.stream(name)),
      ...[keys.leases(name), keys.forgotten(name), keys.id(name, "")],
    ]));
    distinct(names.map((id) => keys.id("a", id)));
    distinct([keys.stream("a}:id:b").meta, keys.id("a", "b}:meta")]);
  });
});
