/**
 * Channels' log in Redis, by the user's own client of `ioredis` or `redis`.
 *
 * @example
 * ```ts
 * import { Redis } from "ioredis";
 * import { Channels } from "@sluice/sluice/channels";
 * import { redisLog } from "@sluice/sluice/channels/redis";
 *
 * const channels = new Channels({ log: redisLog(new Redis()), secret });
 * ```
 *
 * @module
 */
export { redisLog } from "./redis_log.ts";
export type {
  AofWait,
  IoRedisClient,
  NodeRedisClient,
  RedisLogClient,
  RedisLogOptions,
  ReplicaWait,
} from "./redis_api.ts";
export { ChannelLogError } from "../log/log_errors.ts";
export type { ChannelLogCode } from "../log/log_errors.ts";
