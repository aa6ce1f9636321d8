/** The rules of logs, with both clients, on a server and on a cluster of three. */
import { after, before, describe } from "node:test";
import type { ChannelLog } from "../../../src/channels/log/log_api.ts";
import { redisLog } from "../../../src/channels/redis/mod.ts";
import { RedisCluster, RedisServer, skipWithoutRedis } from "../../support/redis.ts";
import { logConformance, type LogWorld } from "../log_conformance.ts";
import { clusterMakers, makers, type UserClient } from "./clients.ts";

/** Long for the log, in ms, and not for who waits. */
const LAPSE = 200;

let worlds = 0;

/** A log of its own in a Redis that others use as well; `flush` empties that. */
async function world(make: () => Promise<UserClient>, flush: () => Promise<void>): Promise<LogWorld> {
  const clients: UserClient[] = [];
  const logs: ChannelLog[] = [];
  const prefix = `world-${++worlds}`;
  const open = async () => {
    const user = await make();
    clients.push(user);
    const log = redisLog(user.client, { prefix });
    logs.push(log);
    return log;
  };
  const log = await open();
  return {
    log,
    lapse: LAPSE,
    pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    reopen: async () => {
      await log.close();
      return await open();
    },
    peer: open,
    lose: async () => {
      await flush();
      return log;
    },
    close: async () => {
      for (const one of logs) await one.close();
      for (const client of clients) client.end();
    },
  };
}

const features = { lasts: true, shared: true, loses: true, forgets: true };

describe("redisLog() on a server", { skip: skipWithoutRedis() }, () => {
  let server: RedisServer;
  before(async () => {
    server = await RedisServer.start();
  });
  after(() => server[Symbol.asyncDispose]());
  const flush = async () => void await server.admin.flushall();
  for (const [name, make] of Object.entries(makers)) {
    logConformance(`${name}'s`, () => world(() => make(server), flush), features);
  }
});

describe("redisLog() on a cluster", { skip: skipWithoutRedis() }, () => {
  let cluster: RedisCluster;
  before(async () => {
    cluster = await RedisCluster.start();
  });
  after(() => cluster[Symbol.asyncDispose]());
  const flush = async () => {
    for (const { admin } of cluster.servers) await admin.flushall();
  };
  for (const [name, make] of Object.entries(clusterMakers)) {
    logConformance(`${name}'s cluster`, () => world(() => make(cluster), flush), features);
  }
});
