/**
 * `ioredis`, as the log uses it.
 *
 * It sends again what was not answered when a connection ends, and that may have been done: the scripts know what they
 * have seen before.
 *
 * @module
 */
import type { IoRedisClient } from "./redis_api.ts";
import { isUnknownCommand } from "./redis_errors.ts";
import {
  later,
  Looks,
  type Outcome,
  type RedisPort,
  type RedisSubscriber,
  type SubscriberEvents,
} from "./redis_port.ts";

interface Pipeline {
  call(command: string, ...args: readonly string[]): Pipeline;
  exec(): Promise<(readonly [error: unknown, result: unknown])[] | null>;
}

interface Client extends IoRedisClient {
  readonly status: string;
  pipeline(): Pipeline;
  duplicate(...options: readonly unknown[]): Client;
  ping(): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  ssubscribe(channel: string): Promise<unknown>;
  sunsubscribe(channel: string): Promise<unknown>;
  // deno-lint-ignore no-explicit-any
  on(event: string, listener: (...args: any[]) => void): unknown;
  once(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
  disconnect(): void;
}

/** A connection of our own connects by itself and waits for Redis. */
const OWN = { lazyConnect: false, enableOfflineQueue: true, enableAutoPipelining: false, maxRetriesPerRequest: null };

/** One that hears has channels' names as they are, and keeps them. */
const HEARING = { ...OWN, autoResubscribe: true, readOnly: false, keyPrefix: "" };

/** How long to wait until the nodes of a cluster are known, each time, in ms. */
const UNTIL_KNOWN = 100;
const TRIES = 50;

function duplicate(client: Client, options: Readonly<Record<string, unknown>>): Client {
  const { lazyConnect, enableOfflineQueue, enableAutoPipelining, keyPrefix, shardedSubscribers, ...redisOptions } =
    options;
  if (!client.isCluster) return quiet(client.duplicate(options));
  const own = { lazyConnect, enableOfflineQueue, enableAutoPipelining, shardedSubscribers };
  const prefix = keyPrefix === undefined ? {} : { keyPrefix };
  return quiet(client.duplicate([], { ...own, ...prefix, redisOptions: { ...redisOptions, ...prefix } }));
}

/** Whoever waits for an answer is told; nobody has to hear the event as well. */
function quiet(client: Client): Client {
  client.on("error", () => {});
  return client;
}

/** The port to a client of `ioredis`. */
export class IoRedisPort implements RedisPort {
  readonly isCluster: boolean;
  readonly #client: Client;
  readonly #isOwn: boolean;

  constructor(client: IoRedisClient, isOwn = false) {
    this.#client = client as Client;
    this.#isOwn = isOwn;
    this.isCluster = client.isCluster === true;
  }

  send(_key: string, [name, ...args]: readonly string[]): Promise<unknown> {
    return this.#client.call(name, ...args);
  }

  async pair(_key: string, first: readonly string[], second: readonly string[]): Promise<readonly [Outcome, Outcome]> {
    // A pipeline is sent again from its beginning, or not at all.
    const pipeline = this.#client.pipeline();
    for (const [name, ...args] of [first, second]) pipeline.call(name, ...args);
    const results = await pipeline.exec();
    const [one, two] = (results ?? []).map(([error, value]): Outcome =>
      error === null || error === undefined ? { status: "fulfilled", value } : { status: "rejected", reason: error }
    );
    return [one, two];
  }

  another(): RedisPort {
    return new IoRedisPort(duplicate(this.#client, OWN), true);
  }

  subscriber(events: SubscriberEvents): RedisSubscriber {
    return this.isCluster ? new ClusterSubscriber(this.#client, events) : new PlainSubscriber(this.#client, events);
  }

  end(): void {
    if (this.#isOwn) this.#client.disconnect();
  }
}

class PlainSubscriber implements RedisSubscriber {
  readonly #client: Client;

  constructor(client: Client, events: SubscriberEvents) {
    this.#client = duplicate(client, HEARING);
    this.#client.on("message", (channel: string, text: string) => events.heard(channel, text));
    this.#client.on("ready", () => {
      // It subscribes again before it is asked this: what is published after the answer is heard.
      this.#client.ping().then(() => events.missed(), () => {});
    });
    this.#client.on("end", () => events.ended());
  }

  async subscribe(channel: string): Promise<void> {
    await this.#client.subscribe(channel);
  }

  async unsubscribe(channel: string): Promise<void> {
    await this.#client.unsubscribe(channel);
  }

  end(): void {
    this.#client.disconnect();
  }
}

/** Hears of each slot from its own node; on servers older than Redis 7 from any. */
class ClusterSubscriber implements RedisSubscriber {
  readonly #client: Client;
  readonly #looks: Looks;
  #isSharded = true;
  #hasEnded = false;

  constructor(client: Client, events: SubscriberEvents) {
    this.#looks = new Looks(() => events.missed());
    this.#client = duplicate(client, { ...HEARING, shardedSubscribers: true });
    for (const event of ["message", "smessage"]) {
      this.#client.on(event, (channel: string, text: string) => events.heard(channel, text));
    }
    for (const event of ["ready", "subscribersReady", "+subscriber", "-subscriber", "+node", "-node"]) {
      this.#client.on(event, () => this.#hasEnded || this.#looks.begin());
    }
    this.#client.on("end", () => events.ended());
  }

  async subscribe(channel: string): Promise<void> {
    await this.#ready();
    if (!this.#isSharded) return void await this.#client.subscribe(channel);
    try {
      await this.#ssubscribe(channel);
    } catch (error) {
      if (!isUnknownCommand(error)) throw error;
      this.#isSharded = false;
      await this.#client.subscribe(channel);
    }
  }

  /** A node whose connection is about to be made is not known yet: a little later it is. */
  async #ssubscribe(channel: string): Promise<void> {
    for (let tries = 1;; tries++) {
      try {
        return void await this.#client.ssubscribe(channel);
      } catch (error) {
        if (tries === TRIES || this.#hasEnded || isUnknownCommand(error)) throw error;
      }
      await new Promise<void>((resolve) => later(resolve, UNTIL_KNOWN));
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    await (this.#isSharded ? this.#client.sunsubscribe(channel) : this.#client.unsubscribe(channel));
  }

  end(): void {
    this.#hasEnded = true;
    this.#looks.end();
    this.#client.disconnect();
  }

  #ready(): Promise<void> {
    const client = this.#client;
    if (client.status === "ready") return Promise.resolve();
    return new Promise((resolve) => client.once("ready", resolve));
  }
}
