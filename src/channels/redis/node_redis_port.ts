/**
 * The package `redis`, as the log uses it.
 *
 * It rejects what was not answered when a connection ends: nobody knows then whether it was done.
 *
 * @module
 */
import type { NodeRedisClient } from "./redis_api.ts";
import {
  isUnknownCommand,
  Looks,
  type Outcome,
  type RedisPort,
  type RedisSubscriber,
  type SubscriberEvents,
} from "./redis_port.ts";

type Listener = (text: string, channel: string) => void;

interface Client extends NodeRedisClient {
  /** A cluster: the client of one key's node. */
  getNodeClientForKey?(key: string, isReadonly?: boolean): Promise<Client>;
  duplicate(options?: Readonly<Record<string, unknown>>): Client;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: Listener): Promise<void>;
  unsubscribe(channel: string, listener: Listener): Promise<void>;
  sSubscribe(channel: string, listener: Listener): Promise<void>;
  sUnsubscribe(channel: string, listener: Listener): Promise<void>;
  on(event: string, listener: () => void): unknown;
  destroy(): void;
}

/** Answers as they come, whatever the user's client makes of them for the user. */
const PLAIN = { typeMapping: {} };

/** Whoever waits for an answer is told; an `error` that nobody hears would end the process. */
function started(client: Client, failed: () => void): Client {
  client.on("error", () => {});
  client.connect().catch(failed);
  return client;
}

/** A client that is closed already throws when it is closed. */
function destroy(client: Client): void {
  try {
    client.destroy();
  } catch {
    // It has ended by itself.
  }
}

async function both(
  client: Client,
  first: readonly string[],
  second: readonly string[],
): Promise<readonly [Outcome, Outcome]> {
  const [one, two] = await Promise.allSettled([client.sendCommand(first, PLAIN), client.sendCommand(second, PLAIN)]);
  return [one, two];
}

/** The port to a client of `redis`. */
export class NodeRedisPort implements RedisPort {
  readonly isCluster: boolean;
  readonly #client: Client;
  readonly #isOwn: boolean;

  constructor(client: NodeRedisClient, isOwn = false) {
    this.#client = client as Client;
    this.#isOwn = isOwn;
    this.isCluster = this.#client.getNodeClientForKey !== undefined;
  }

  send(key: string, command: readonly string[]): Promise<unknown> {
    return this.isCluster
      ? this.#client.sendCommand(key, false, command, PLAIN)
      : this.#client.sendCommand(command, PLAIN);
  }

  async pair(key: string, first: readonly string[], second: readonly string[]): Promise<readonly [Outcome, Outcome]> {
    if (!this.isCluster) return await both(this.#client, first, second);
    const outcomes = await both(await this.#client.getNodeClientForKey!(key, false), first, second);
    if (outcomes[0].status === "fulfilled" || !/^(MOVED|ASK) /.test(String(outcomes[0].reason?.message))) {
      return outcomes;
    }
    // A node's client follows nobody: the cluster's does, and knows the key's node then.
    await this.send(key, ["EXISTS", key]);
    return await both(await this.#client.getNodeClientForKey!(key, false), first, second);
  }

  another(): RedisPort {
    return new NodeRedisPort(started(this.#client.duplicate(), () => {}), true);
  }

  subscriber(events: SubscriberEvents): RedisSubscriber {
    return this.isCluster ? new ClusterSubscriber(this.#client, events) : new PlainSubscriber(this.#client, events);
  }

  end(): void {
    if (this.#isOwn) destroy(this.#client);
  }
}

class PlainSubscriber implements RedisSubscriber {
  readonly #client: Client;
  readonly #hear: Listener;

  constructor(client: Client, events: SubscriberEvents) {
    this.#hear = (text, channel) => events.heard(channel, text);
    const own = client.duplicate({ disableOfflineQueue: false });
    // It has subscribed again when it is ready again.
    own.on("ready", () => events.missed());
    own.on("end", () => events.ended());
    this.#client = started(own, () => events.ended());
  }

  subscribe(channel: string): Promise<void> {
    return this.#client.subscribe(channel, this.#hear);
  }

  unsubscribe(channel: string): Promise<void> {
    return this.#client.unsubscribe(channel, this.#hear);
  }

  end(): void {
    destroy(this.#client);
  }
}

/** Hears of each slot from its own node; on servers older than Redis 7 from any. */
class ClusterSubscriber implements RedisSubscriber {
  readonly #client: Client;
  readonly #hear: Listener;
  readonly #looks: Looks;
  readonly #connected: Promise<unknown>;
  #isSharded = true;
  #hasEnded = false;

  constructor(client: Client, events: SubscriberEvents) {
    this.#hear = (text, channel) => events.heard(channel, text);
    this.#looks = new Looks(() => events.missed());
    this.#client = client.duplicate();
    this.#client.on("error", () => {});
    for (const event of ["node-ready", "node-disconnect", "node-reconnecting", "sharded-channel-moved-error"]) {
      this.#client.on(event, () => this.#hasEnded || this.#looks.begin());
    }
    this.#connected = this.#client.connect();
    this.#connected.catch(() => events.ended());
  }

  async subscribe(channel: string): Promise<void> {
    await this.#connected;
    if (!this.#isSharded) return await this.#client.subscribe(channel, this.#hear);
    try {
      await this.#client.sSubscribe(channel, this.#hear);
    } catch (error) {
      if (!isUnknownCommand(error)) throw error;
      this.#isSharded = false;
      await this.#client.subscribe(channel, this.#hear);
    }
  }

  unsubscribe(channel: string): Promise<void> {
    return this.#isSharded
      ? this.#client.sUnsubscribe(channel, this.#hear)
      : this.#client.unsubscribe(channel, this.#hear);
  }

  end(): void {
    this.#hasEnded = true;
    this.#looks.end();
    destroy(this.#client);
  }
}
