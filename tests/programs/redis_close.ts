/**
 * Closes logs on a cluster of Redis while their connections look for its nodes: `redis_close.ts URL URL URL`. It says
 * when it has closed all that it has opened, and ends if that is so.
 *
 * @module
 */
import process from "node:process";
import { createCluster } from "redis";
import { redisLog } from "../../src/channels/redis/mod.ts";

/** How long a log has until it is closed, in ms: one of them meets the moment. */
const DELAYS = [0, 0, 1, 1, 2, 2, 3, 4, 5, 6];
const KEEP = { keep: { size: 10, bytes: 1000, age: 1000 }, dedupeAge: 1000 };

const client = createCluster({ rootNodes: process.argv.slice(2).map((url) => ({ url })) });
client.on("error", () => {});
await client.connect();
for (const delay of DELAYS) {
  const log = redisLog(client);
  log.follow("a", () => {}).catch(() => {});
  log.append("a", { kind: "message", data: "1", headers: null }, KEEP).catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, delay));
  await log.close();
}
client.destroy();
console.log("closed");
