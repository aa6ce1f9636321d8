/**
 * What users give to `redisLog()`: types only.
 *
 * @module
 */

/** What is used of an `ioredis` client, version 6: `new Redis()` or `new Cluster()`. */
export interface IoRedisClient {
  /** It is a `Cluster`. */
  readonly isCluster: boolean;
  /** Sends a command. */
  // deno-lint-ignore no-explicit-any
  call(command: string, ...args: any[]): Promise<unknown>;
  /** Commands that go together. */
  pipeline(): unknown;
  /** Another client like it. */
  duplicate(): unknown;
}

/** What is used of a client of the package `redis`, version 6: `createClient()` or `createCluster()`. */
export interface NodeRedisClient {
  /** Sends a command. */
  // deno-lint-ignore no-explicit-any
  sendCommand(...args: any[]): Promise<unknown>;
  /** Hears of a channel. */
  // deno-lint-ignore no-explicit-any
  subscribe(channels: string, listener: any, ...more: any[]): Promise<void>;
  /** Another client like it. */
  duplicate(): unknown;
}

/** The user's own client, of either package; it is known by its methods. */
export type RedisLogClient = IoRedisClient | NodeRedisClient;

/** Waits for replicas (`WAIT`). */
export interface ReplicaWait {
  /** So many replicas must have taken it. */
  readonly replicas: number;
  /** How long they may take, in ms. @default 1000 */
  readonly timeout?: number;
}

/** Waits for disks (`WAITAOF`, Redis 7.2 or newer). */
export interface AofWait {
  /** The master's own append-only file must be on its disk. @default true */
  readonly local?: boolean;
  /** So many replicas must have it on their disks. @default 0 */
  readonly replicas?: number;
  /** How long they may take, in ms. @default 1000 */
  readonly timeout?: number;
}

/** Everything `redisLog()` takes besides the client. Durations in ms. */
export interface RedisLogOptions {
  /** Begins the names of all keys: letters, digits, `.`, `_` and `-`. Logs of one prefix are one log. @default "sluice" */
  readonly prefix?: string;
  /** How long Redis may take to answer. @default 5000 */
  readonly timeout?: number;
  /** An append fulfils when replicas have it. @default when the master has it */
  readonly wait?: ReplicaWait;
  /** An append fulfils when it is on disks. @default as `appendfsync` says */
  readonly waitAof?: AofWait;
  /**
   * What a stream does when another life of a server writes it on, after a restart or a failover. `compare` begins a new
   * epoch if a process that is alive has seen entries that are lost; `epoch` always does. @default "compare"
   */
  readonly failover?: "compare" | "epoch";
  /** A stream that nobody has written or looked at for so long is forgotten, Infinity for never. @default 2592000000 */
  readonly idle?: number;
}
