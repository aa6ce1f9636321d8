/**
 * A server of channels that lets everybody in, on the port in PORT: `server.ts memory`, `server.ts file FOLDER` or
 * `server.ts redis URL`. `HISTORY` is how many messages of a channel it keeps.
 *
 * @module
 */
import process from "node:process";
import { jsonLogger, run } from "../../../mod.ts";
import { type ChannelLog, Channels, fileLog, memoryLog } from "../../../src/channels/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";

const [kind = "memory", where = ""] = process.argv.slice(2);
const logger = jsonLogger({ level: "warn" });

async function logOf(): Promise<ChannelLog> {
  if (kind === "memory") return memoryLog();
  if (kind === "file") return fileLog(where);
  if (kind !== "redis") throw new Error(`The log is memory, file or redis, got ${kind}`);
  const [{ redisLog }, { Redis }] = await Promise.all([
    import("../../../src/channels/redis/mod.ts"),
    import("ioredis"),
  ]);
  const client = new Redis(where, { maxRetriesPerRequest: null, retryStrategy: () => 50 });
  client.on("error", () => {});
  return redisLog(client);
}

const channels = new Channels({
  log: await logOf(),
  secret: "the same for all instances",
  history: { size: Number(process.env.HISTORY ?? 100_000), bytes: 2 ** 28, age: 3_600_000 },
  session: { expiry: 3000 },
  lease: 1500,
  logger,
});
const server = await serveHttp({ hostname: "127.0.0.1", port: Number(process.env.PORT), logger }, (request) => {
  return channels.accept(request, { authorize: () => true });
});
server.onShutdown("channels", () => channels.close());
await run(server, { grace: 5000, logger });
