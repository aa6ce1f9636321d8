/**
 * A server of channels that lets everybody in, on the port in PORT, and for devices on that in TCP_PORT if there is one:
 * `server.ts memory`, `server.ts file FOLDER` or `server.ts redis URL`. `HISTORY` is how many messages of a channel it
 * keeps.
 *
 * @module
 */
import process from "node:process";
import { jsonLogger, run, serve } from "../../../mod.ts";
import { type ChannelLog, Channels, fileLog, memoryLog } from "../../../src/channels/mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { partOf } from "./part.ts";

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

const log = await logOf();
const channels = new Channels({
  log,
  secret: "the same for all instances",
  history: { size: Number(process.env.HISTORY ?? 100_000), bytes: 2 ** 28, age: 3_600_000 },
  session: { expiry: 3000 },
  queue: { attempts: 8 },
  lease: 1500,
  logger,
});
const part = partOf(channels, log);
const at = (port: string) => ({ hostname: "127.0.0.1", port: Number(port), logger });
const server = await serveHttp(at(process.env.PORT!), (request) => channels.accept(request, part));
const { TCP_PORT } = process.env;
const devices = TCP_PORT === undefined ? [] : [await serve(at(TCP_PORT), (conn) => channels.acceptConn(conn, part))];
// A hook of one server would close them while the other still has clients.
const hooks = [{ name: "channels", run: () => channels.close(), timeout: 1500 }];
// Clients of a proof always have something under way: a handler that begins in the last moment has its time on a busy
// machine as well, before what is left of the grace is the hooks'.
await run([server, ...devices], { grace: 5000, patience: 1500, logger, hooks });
