/**
 * One message to many WebSockets.
 *
 * @module
 */
import { type Bytes, dataOf } from "../bytes.ts";
import { InUseError, OptionError } from "../errors.ts";
import { checkNames, type Names } from "../names.ts";
import { HubBridge, type HubBridgeOptions, type HubChannels } from "./hub_bridge.ts";
import { SharedFrame } from "./conn/shared_frame.ts";
import type { WebSocketConn } from "./websocket_api.ts";
import { WsConn } from "./conn/ws_conn.ts";

/** How one message is published. */
export interface PublishOptions {
  /** Who doesn't get it: usually its sender. @default nobody */
  readonly except?: WebSocketConn;
  /** False sends it uncompressed, whatever was negotiated. @default true */
  readonly compress?: boolean;
}

const PUBLISH_NAMES: Names<PublishOptions> = { except: true, compress: true };

/** Counters of a hub. */
export interface HubStats {
  /** WebSockets with a subscription. */
  readonly connections: number;
  /** Topics with a subscriber. */
  readonly topics: number;
  /** Subscriptions. */
  readonly subscriptions: number;
  /** Messages published since, those of other processes included. */
  readonly published: number;
  /** Messages sent to subscribers since. */
  readonly delivered: number;
  /** Messages that subscribers missed since, because they were slow or ending. */
  readonly dropped: number;
}

/**
 * Topics, and the WebSockets of this process that are subscribed to them. A message is encoded once, and compressed
 * once for each window size among its receivers. Nobody waits for a slow subscriber: above its `maxBufferedAmount` it
 * misses messages, or is closed with 1013 if its `slowConsumer` is `"close"`. Whoever ends is unsubscribed.
 *
 * @example
 * ```ts
 * const hub = new Hub();
 * await serveHttp({ port: 8080 }, (request, ctx) =>
 *   upgradeWebSocket(request, async (ws) => {
 *     hub.subscribe(ws, "news");
 *     for await (const message of ws) hub.publish("news", message, { except: ws });
 *   }));
 * ```
 */
export class Hub {
  readonly #topics: Map<string, Set<WsConn>> = new Map();
  readonly #members: Map<WsConn, Set<string>> = new Map();
  readonly #count = { subscriptions: 0, published: 0, delivered: 0, dropped: 0 };
  #bridge: HubBridge | null = null;
  /** Those whose end we hear of, whether they are members or have been. */
  readonly #followed: WeakSet<WsConn> = new WeakSet();

  /** WebSockets with a subscription. */
  get size(): number {
    return this.#members.size;
  }

  /** Topics with a subscriber. */
  get topics(): string[] {
    return [...this.#topics.keys()];
  }

  /** Counters. */
  get stats(): HubStats {
    return { ...this.#count, connections: this.#members.size, topics: this.#topics.size };
  }

  /** Number of a topic's subscribers. */
  count(topic: string): number {
    return this.#topics.get(topic)?.size ?? 0;
  }

  /**
   * Subscribes; nothing happens if it is already, or has ended.
   *
   * @throws {OptionError} `ws` is no WebSocket of this library.
   */
  subscribe(ws: WebSocketConn, topic: string): void {
    // A client masks each frame by itself: nothing can be encoded once for many of them.
    if (!(ws instanceof WsConn) || ws.isClient) {
      throw new OptionError("ws", "subscribe() takes the WebSocket that a handler of upgradeWebSocket() was given");
    }
    if (ws.state === "closed") return;
    let topics = this.#members.get(ws);
    if (topics === undefined) {
      topics = new Set();
      this.#members.set(ws, topics);
      this.#follow(ws);
    }
    if (!topics.has(topic)) this.#count.subscriptions++;
    topics.add(topic);
    const members = this.#topics.get(topic);
    if (members !== undefined) return void members.add(ws);
    this.#topics.set(topic, new Set([ws]));
    this.#bridge?.want(topic);
  }

  /** Ends one subscription, or all of this WebSocket's. */
  unsubscribe(ws: WebSocketConn, topic?: string): void {
    const topics = this.#members.get(ws as WsConn);
    if (topics === undefined) return;
    for (const name of topic === undefined ? [...topics] : [topic]) {
      if (topics.delete(name)) this.#leave(ws as WsConn, name);
    }
    if (topics.size === 0) this.#members.delete(ws as WsConn);
  }

  /**
   * Joins this hub to those of other processes that have channels on the same log: from now on, whatever one of them
   * publishes, the subscribers of all get. Others get it at most once, as these do. The function that it gives ends it.
   *
   * @throws {OptionError} What is given is no channels, or an option can't be used.
   * @throws {InUseError} It is joined already.
   * @example
   * ```ts
   * const leave = hub.bridge(new Channels({ log: redisLog(redis), secret }));
   * ```
   */
  bridge(channels: HubChannels, options: HubBridgeOptions = {}): () => void {
    if (this.#bridge !== null) throw new InUseError("The hub is joined to others already, end that first");
    const bridge = new HubBridge(channels, options, (topic, message) => void this.#deliver(topic, message, {}));
    this.#bridge = bridge;
    for (const topic of this.#topics.keys()) bridge.want(topic);
    return () => {
      bridge.close();
      if (this.#bridge === bridge) this.#bridge = null;
    };
  }

  /** Sends to all subscribers of a topic; gives the number of those of this process that it was sent to. */
  publish(topic: string, message: string | Bytes, options: PublishOptions = {}): number {
    const data = dataOf(message, "publish()");
    checkNames("publish()", options, PUBLISH_NAMES);
    this.#bridge?.publish(topic, data);
    return this.#deliver(topic, data, options);
  }

  #deliver(topic: string, data: string | Uint8Array, { except, compress = true }: PublishOptions): number {
    this.#count.published++;
    const members = this.#topics.get(topic);
    if (members === undefined) return 0;
    const frame = new SharedFrame(data, compress);
    let [sent, dropped] = [0, 0];
    for (const ws of members) {
      if (ws === except) continue;
      if (ws.sendShared(frame)) sent++;
      else dropped++;
    }
    this.#count.delivered += sent;
    this.#count.dropped += dropped;
    return sent;
  }

  #follow(ws: WsConn): void {
    if (this.#followed.has(ws)) return;
    this.#followed.add(ws);
    ws.whenOver.then(() => this.unsubscribe(ws));
  }

  #leave(ws: WsConn, topic: string): void {
    const members = this.#topics.get(topic)!;
    this.#count.subscriptions--;
    members.delete(ws);
    if (members.size > 0) return;
    this.#topics.delete(topic);
    this.#bridge?.unwant(topic);
  }
}
