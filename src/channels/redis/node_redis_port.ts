/**
 * The package `redis`, as the log uses it.
 *
 * It rejects what was not answered when a connection ends: nobody knows then whether it was done.
 *
 * @module
 */
import type { NodeRedisClient } from "./redis_api.ts";
import { isUnknownCommand } from "./redis_errors.ts";
import {
  later,
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

/** How long a connection that is being made has until it is ended, in ms: what is ended before is made all the same. */
const UNTIL_MADE = 2000;

/** What a cluster tells of a node that it has begun to connect to, whether it comes to that or not. */
const BEGUN: readonly string[] = ["node-connect", "node-reconnecting"];

/** By then that is done, in ms. */
const UNTIL_DONE = 250;

/** A client that was made for the log. Whoever waits for an answer is told of failures. */
class OwnClient {
  readonly client: Client;
  /** Fulfils when it has connected. */
  readonly connected: Promise<unknown>;
  /** What makes connections. */
  readonly #making: Set<Promise<unknown>> = new Set();

  constructor(client: Client) {
    this.client = client;
    // One that nobody hears would end the process.
    client.on("error", () => {});
    this.connected = this.making(client.connect());
  }

  /** Something that may make a connection: it is waited for before the end. */
  making<T>(work: Promise<T>): Promise<T> {
    const made = (): void => void this.#making.delete(work);
    this.#making.add(work);
    work.then(made, made);
    return work;
  }

  /**
   * Ends it for good. A client that is connecting at that moment goes on (redis 6.3), and a cluster that looks for its
   * nodes connects to what it finds, again and again: it is ended when it is done with that (issue 15).
   */
  end(): void {
    if (this.client.getNodeClientForKey !== undefined) {
      for (const event of BEGUN) this.client.on(event, () => void later(() => this.#destroy(), UNTIL_DONE));
    }
    if (this.#making.size === 0) return this.#destroy();
    const cancel = later(() => this.#destroy(), UNTIL_MADE);
    void Promise.allSettled(this.#making).then(() => {
      cancel();
      this.#destroy();
    });
  }

  /** A client that is closed already throws when it is closed. */
  #destroy(): void {
    try {
      this.client.destroy();
    } catch {
      // It has ended by itself.
    }
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
  /** Null for the user's. */
  readonly #own: OwnClient | null;

  constructor(client: NodeRedisClient, own: OwnClient | null = null) {
    this.#client = client as Client;
    this.#own = own;
    this.isCluster = this.#client.getNodeClientForKey !== undefined;
  }

  send(key: string, command: readonly string[]): Promise<unknown> {
    return this.isCluster
      ? this.#client.sendCommand(key, false, command, PLAIN)
      : this.#client.sendCommand(command, PLAIN);
  }

  async pair(key: string, first: readonly string[], second: readonly string[]): Promise<readonly [Outcome, Outcome]> {
    if (!this.isCluster) return await both(this.#client, first, second);
    // It knows no node before, and one that is not there takes no commands that wait for it.
    await this.#own?.connected;
    const outcomes = await both(await this.#client.getNodeClientForKey!(key, false), first, second);
    if (outcomes[0].status === "fulfilled" || !/^(MOVED|ASK) /.test(String(outcomes[0].reason?.message))) {
      return outcomes;
    }
    // A node's client follows nobody: the cluster's does, and knows the key's node then.
    await this.send(key, ["EXISTS", key]);
    return await both(await this.#client.getNodeClientForKey!(key, false), first, second);
  }

  another(): RedisPort {
    const own = new OwnClient(this.#client.duplicate());
    own.connected.catch(() => {});
    return new NodeRedisPort(own.client, own);
  }

  subscriber(events: SubscriberEvents): RedisSubscriber {
    return this.isCluster ? new ClusterSubscriber(this.#client, events) : new PlainSubscriber(this.#client, events);
  }

  end(): void {
    this.#own?.end();
  }
}

class PlainSubscriber implements RedisSubscriber {
  readonly #own: OwnClient;
  readonly #client: Client;
  readonly #hear: Listener;

  constructor(client: Client, events: SubscriberEvents) {
    this.#hear = (text, channel) => events.heard(channel, text);
    this.#client = client.duplicate({ disableOfflineQueue: false });
    // It has subscribed again when it is ready again.
    this.#client.on("ready", () => events.missed());
    this.#client.on("end", () => events.ended());
    this.#own = new OwnClient(this.#client);
    this.#own.connected.catch(() => events.ended());
  }

  subscribe(channel: string): Promise<void> {
    return this.#client.subscribe(channel, this.#hear);
  }

  unsubscribe(channel: string): Promise<void> {
    return this.#client.unsubscribe(channel, this.#hear);
  }

  end(): void {
    this.#own.end();
  }
}

/** Hears of each slot from its own node; on servers older than Redis 7 from any. */
class ClusterSubscriber implements RedisSubscriber {
  readonly #own: OwnClient;
  readonly #client: Client;
  readonly #hear: Listener;
  readonly #looks: Looks;
  #isSharded = true;
  #hasEnded = false;

  constructor(client: Client, events: SubscriberEvents) {
    this.#hear = (text, channel) => events.heard(channel, text);
    this.#looks = new Looks(() => events.missed());
    this.#client = client.duplicate();
    for (const event of ["node-ready", "node-disconnect", "node-reconnecting", "sharded-channel-moved-error"]) {
      this.#client.on(event, () => this.#hasEnded || this.#looks.begin());
    }
    this.#own = new OwnClient(this.#client);
    this.#own.connected.catch(() => events.ended());
  }

  async subscribe(channel: string): Promise<void> {
    await this.#own.connected;
    if (this.#hasEnded) throw new Error("The subscriber has ended");
    if (!this.#isSharded) return await this.#client.subscribe(channel, this.#hear);
    try {
      await this.#own.making(this.#client.sSubscribe(channel, this.#hear));
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
    this.#own.end();
  }
}
