/** The clients that the log is tested with. */
import { Cluster, Redis } from "ioredis";
import { createClient, createCluster } from "redis";
import type { RedisLogClient } from "../../../src/channels/redis/mod.ts";
import type { RedisCluster, RedisSentinels, RedisServer } from "../../support/redis.ts";

/** A client of a user, and how its user ends it. */
export interface UserClient {
  readonly client: RedisLogClient;
  end(): void;
}

/** What a client is told: a server, or what leads to one. */
export type Reached = Pick<RedisServer, "port" | "url">;

/** Makes one. */
export type MakeClient = (server: Reached) => Promise<UserClient>;

export const makers: Readonly<Record<string, MakeClient>> = {
  ioredis: (server) => {
    const client = new Redis(server.port, "127.0.0.1", { retryStrategy: () => 50 });
    client.on("error", () => {});
    return Promise.resolve({ client, end: () => client.disconnect() });
  },
  "node-redis": async (server) => {
    const client = createClient({ url: server.url, socket: { reconnectStrategy: 50 } });
    client.on("error", () => {});
    await client.connect();
    return { client, end: () => client.destroy() };
  },
};

export const clusterMakers: Readonly<Record<string, (cluster: RedisCluster) => Promise<UserClient>>> = {
  ioredis: (cluster) => {
    const client = new Cluster(cluster.nodes, { clusterRetryStrategy: () => 50 });
    client.on("error", () => {});
    return Promise.resolve({ client, end: () => client.disconnect() });
  },
  "node-redis": async (cluster) => {
    const client = createCluster({ rootNodes: cluster.servers.map(({ url }) => ({ url })) });
    client.on("error", () => {});
    await client.connect();
    return { client, end: () => client.destroy() };
  },
};

/** What finds a master by its sentinels; `createSentinel()` of the package `redis` is refused. */
export function sentinelClient({ sentinels, name }: RedisSentinels): Promise<UserClient> {
  const again = { sentinelRetryStrategy: () => 50, retryStrategy: () => 50 };
  const client = new Redis({ sentinels: [...sentinels], name, ...again });
  client.on("error", () => {});
  return Promise.resolve({ client, end: () => client.disconnect() });
}
