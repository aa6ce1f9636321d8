/**
 * Channels on a server.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { frames } from "../framing/framed.ts";
import { lengthPrefixDecoder } from "../framing/length_prefix.ts";
import { checkNames, type Names } from "../names.ts";
import { checkObserver, Observers } from "../observers.ts";
import { Semaphore } from "../sync.ts";
import { yesOrNo } from "../validate.ts";
import type { Conn } from "../server/conn/conn.ts";
import type { Connection } from "../server/conn/connection.ts";
import type { WsConn } from "../websocket/conn/ws_conn.ts";
import { exchangeFor } from "../websocket/server/upgrade.ts";
import { upgradeWebSocket, type WebSocketHandler, type WebSocketOptions } from "../websocket/mod.ts";
import { checkChannel, OWN } from "./channel_name.ts";
import type {
  AcceptOptions,
  ChannelData,
  ChannelReader,
  ChannelsOptions,
  ChannelsStats,
  InstanceState,
  Member,
  Published,
  PublishOptions,
  ReadOptions,
  Recipient,
  SendToOptions,
} from "./channels_api.ts";
import { ChannelError } from "./channels_errors.ts";
import { CHANNELS_EVENTS, type ChannelsObserver } from "./channels_observer.ts";
import { type ChannelsSettings, channelsSettings, checkAccept } from "./channels_settings.ts";
import type { Appended, ChannelLog, NewEntry } from "./log/log_api.ts";
import { sizeOf } from "../text_size.ts";
import { CLOSED, unavailable } from "./server/asking.ts";
import { LogReader } from "./server/channel_reader.ts";
import { Cluster } from "./server/cluster.ts";
import { ChannelCounts } from "./server/counts.ts";
import { ALL, type ControlMessage, instanceStream, Listening, tell } from "./server/control.ts";
import { DirectQueues, ownerOf, sessionStream, userStream } from "./server/direct.ts";
import { Feeds } from "./server/feeds.ts";
import { headersOf, idOf, keptOf, ownerNamed } from "./server/given.ts";
import { Link, type LinkWorld } from "./server/link.ts";
import type { Publisher } from "./server/message_context.ts";
import { Notices } from "./server/notices.ts";
import { type Destination, sendObserved } from "./server/observed.ts";
import { Pace } from "./server/pace.ts";
import { Patterns } from "./server/patterns.ts";
import { ConnPeer, WebSocketPeer } from "./server/peer.ts";
import { Presence } from "./server/presence.ts";
import type { Session } from "./server/session.ts";
import { Sessions } from "./server/sessions.ts";
import { Signer } from "./server/signer.ts";
import { CHANNELS_PROTOCOL, FRAME_BYTES } from "./wire/frames.ts";

/** A client that leaves more unread than this is read for from the log. */
const MAX_UNSENT = 256 * 1024;

/** Pages that are read at a time for those who come back: what the log gives all at once is one turn. */
const READS = 16;

/** Channels of a pattern are listed once in so many looks for lost notices: word of a new one may be lost, too. */
const LISTED_EVERY = 10;

const PUBLISH_NAMES: Names<PublishOptions> = { id: true, headers: true };
const SEND_TO_NAMES: Names<SendToOptions> = { ...PUBLISH_NAMES, ack: true, signal: true };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Ordered channels with history, and clients that come back to where they left off.
 *
 * @example
 * ```ts
 * const channels = new Channels();
 * const server = await serveHttp({ port: 0 }, (request) => channels.accept(request));
 * await channels.publish("room:1", { text: "hello" });
 * ```
 */
export class Channels implements AsyncDisposable {
  readonly #settings: ChannelsSettings;
  readonly #log: ChannelLog;
  readonly #counts: ChannelCounts = new ChannelCounts();
  readonly #observers: Observers<ChannelsObserver>;
  readonly #notices: Notices;
  readonly #sessions: Sessions;
  readonly #presence: Presence;
  readonly #direct: DirectQueues;
  readonly #cluster: Cluster;
  readonly #world: LinkWorld;
  readonly #listenings: readonly Listening[];
  readonly #patterns: Patterns;
  readonly #instanceListeners: Set<(state: InstanceState) => void> = new Set();
  /** What WebSockets are served with, by what the application has said of them. */
  readonly #webSocketOptions: WeakMap<object, WebSocketOptions> = new WeakMap();
  readonly #plainOptions: WebSocketOptions;
  #started: Promise<void> | null = null;
  #closed: Promise<void> | null = null;

  /**
   * Opens nothing yet.
   *
   * @throws {OptionError} An option can't be used.
   */
  constructor(options: ChannelsOptions = {}) {
    const settings = this.#settings = channelsSettings(options);
    const { log, clock, instance, limits, logger } = settings;
    this.#log = log;
    const counts = this.#counts;
    const failed = (what: string, error: unknown): void => {
      counts.failures++;
      logger.error(what, { instance, error });
    };
    this.#observers = new Observers((error) => logger.error("An observer failed", { instance, error }));
    this.#notices = new Notices(log, clock, settings.checkEvery, failed);
    const signer = new Signer(settings.secrets);
    const pace = new Pace(clock);
    const reads = new Semaphore(READS);
    const feeds = new Feeds(
      { log, signer, pace, reads, clock, counts, maxReplay: limits.maxReplay, failed },
      this.#notices,
    );
    this.#presence = new Presence({
      log,
      clock,
      instance,
      expiry: settings.session.expiry,
      maxMessageBytes: limits.maxMessageBytes,
      life: () => this.#cluster.life,
      held: () => this.#cluster.held,
      failed,
      append: (channel, kind, json, id) => this.#append(channel, { kind, data: json, headers: null }, `p:${id}`),
      arrived: (other, session, turn, channels) =>
        tell(log, instanceStream(other), { type: "arrived", session, turn, channels }),
      isElsewhere: (session) => this.#sessions.isElsewhere(session),
      isTakenSince: (session) => this.#sessions.isTakenSince(session),
    });
    this.#direct = new DirectQueues({
      log,
      clock,
      notices: this.#notices,
      instance,
      counts,
      keep: settings.queue,
      attempts: settings.queue.attempts,
      window: settings.session.window,
      connected: (stream) => this.#connected(stream),
      failed,
    });
    this.#sessions = new Sessions({
      log,
      signer,
      clock,
      instance,
      counts,
      expiry: settings.session.expiry,
      failed,
      ready: () => this.#start(),
      fence: (other, session, generation) => {
        const fence = { type: "fence", session, generation } as const;
        return other === null ? tell(log, ALL, { ...fence, at: instance }) : tell(log, instanceStream(other), fence);
      },
    }, [this.#direct, this.#presence]);
    this.#cluster = new Cluster({
      log,
      clock,
      instance,
      lease: settings.lease,
      expiry: settings.session.expiry,
      failed,
      lost: (other, life) => this.#presence.lost(other, life),
      left: (life) => this.#presence.left(life),
      revived: () => {
        this.#sessions.revived();
        this.#presence.revived();
      },
    });
    const heard = (message: ControlMessage): void => this.#heard(message);
    const unheard = (error: unknown): void => failed("Hearing other instances failed", error);
    this.#listenings = [instanceStream(instance), ALL].map((stream) =>
      new Listening(log, this.#notices, stream, heard, unheard)
    );
    this.#world = worldOf(settings, {
      signer,
      pace,
      feeds,
      counts,
      observers: this.#observers,
      sessions: this.#sessions,
      presence: this.#presence,
      direct: this.#direct,
      failed,
      publisher: {
        publishAs: (id, channel, data, publishing) => this.#publish(id, channel, data, publishing),
        sendAs: (id, recipient, data, sending) => this.#sendTo(id, recipient, data, sending),
      },
      watch: (watcher) => this.#patterns.add(watcher),
    });
    this.#patterns = new Patterns({
      clock,
      every: log.shared ? settings.checkEvery * LISTED_EVERY : Infinity,
      channels: (prefix) => this.#world.channels(prefix, limits.maxMatches + 1),
      failed,
    });
    this.#plainOptions = this.#optionsOf({});
  }

  /** Name of this instance. */
  get instance(): string {
    return this.#settings.instance;
  }

  /** Sessions of this instance, those included whose client is away. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Counters of this instance. */
  get stats(): ChannelsStats {
    const { ended, connects, subscriptions, lag, published, delivered, recoveries, gaps, slow } = this.#counts;
    const { direct, received, calls, failures } = this.#counts;
    return {
      sessions: this.#sessions.states,
      ended: { ...ended },
      connects: { ...connects },
      subscriptions,
      lag,
      published: { ...published },
      delivered: { ...delivered },
      recoveries: { ...recoveries },
      gaps: { ...gaps },
      slow,
      direct: { ...direct },
      unacknowledged: this.#direct.unacknowledged,
      received: { ...received },
      calls: { ...calls },
      failures,
    };
  }

  /**
   * Answers the handshake of a client and serves it: return what this gives.
   *
   * @param request The one that the handler of `serveHttp()` was given.
   * @throws {OptionError} An option can't be used.
   * @throws {TypeError} The request has no connection: it is a copy, or another server's.
   */
  accept(request: Request, options: AcceptOptions = {}): Response {
    checkAccept("accept()", options);
    exchangeFor("accept()", request);
    const handler: WebSocketHandler = (ws) =>
      (ws as WsConn).giveTo(new Link(this.#world, new WebSocketPeer(ws as WsConn), options, request));
    return upgradeWebSocket(request, handler, this.#webSocketOptionsFor(options.webSocket));
  }

  /**
   * Serves a client over TCP, with the same frames behind their length: return, or await, what this gives.
   *
   * @throws {OptionError} An option can't be used.
   * @throws {InUseError} A consumer has the connection's bytes already.
   */
  async acceptConn(conn: Conn, options: Omit<AcceptOptions, "webSocket"> = {}): Promise<void> {
    checkAccept("acceptConn()", options);
    const peer = new ConnPeer(conn, MAX_UNSENT);
    const link = new Link(this.#world, peer, options, null);
    void (conn as Connection).whenGone.then(() => link.gone());
    const decoder = lengthPrefixDecoder({ size: 4, maxLength: this.#maxFrameBytes + 1 });
    const stream = frames(conn, decoder, {
      goodbye: () => {
        const bye = link.bye();
        if (bye !== undefined) peer.say(bye);
      },
    });
    try {
      await stream.forEach((frame) => {
        const acting = link.received(messageOf(frame));
        return acting === undefined ? peer.room() : acting.then(() => peer.room());
      });
    } finally {
      link.gone();
    }
  }

  /**
   * Publishes. Fulfils when the log has the message, as durably as it promises.
   *
   * @param data Anything that JSON can say, or bytes.
   * @throws {OptionError} Synchronously: the channel's name, the data or an option can't be used.
   * @throws {ChannelError} `unavailable`: the log did not take it, or nobody knows: with an `id` it may be repeated.
   */
  publish(channel: string, data: ChannelData, options: PublishOptions = {}): Promise<Published> {
    checkNames("publish()", options, PUBLISH_NAMES);
    return this.#publish(idOf(options), channel, data, options);
  }

  /**
   * Sends a message to a user, or to one session. It is kept until the application at the other end has acknowledged it.
   *
   * @throws {OptionError} Synchronously: recipient, data or an option can't be used.
   * @throws {ChannelError} `unavailable`: the log did not take it; with `ack`, `too-many`: it is a dead letter.
   */
  sendTo(recipient: Recipient, data: ChannelData, options: SendToOptions = {}): Promise<void> {
    checkNames("sendTo()", options, SEND_TO_NAMES);
    yesOrNo("ack", options.ack, false);
    return this.#sendTo(idOf(options), recipient, data, options);
  }

  /**
   * Reads a channel on the server: what is kept of it from a place on, and then what comes.
   *
   * @throws {OptionError} Synchronously: the channel's name or an option can't be used.
   */
  subscribe(channel: string, options: ReadOptions = {}): ChannelReader {
    return new LogReader(this.#log, this.#notices, checkChannel(channel), options);
  }

  /** Members of a channel, of all instances. */
  members(channel: string): Promise<Member[]> {
    return unavailable(this.#presence.members(checkChannel(channel)));
  }

  /** Instances that share the log. */
  async instances(): Promise<InstanceState[]> {
    await this.#start();
    return await this.#cluster.instances();
  }

  /** Calls `heard` when an instance comes, drains, leaves, or is lost. The function that it gives ends it. */
  onInstance(heard: (state: InstanceState) => void): () => void {
    if (typeof heard !== "function") throw new OptionError("heard", `heard must be a function, got ${typeof heard}`);
    this.#instanceListeners.add(heard);
    void this.#start().catch(() => {});
    return () => void this.#instanceListeners.delete(heard);
  }

  /**
   * Ends a session, or all of a user, everywhere: their connections are closed, and their tickets are good for nothing.
   * Whether the user may come back is a matter of `authenticate()`.
   *
   * @throws {OptionError} Synchronously: it is neither.
   * @throws {ChannelError} `unavailable`: the log failed, and some may not have heard.
   */
  revoke(whom: { readonly user: string } | { readonly session: string }): Promise<void> {
    if (typeof whom === "string") {
      throw new OptionError("whom", `whom must be { user } or { session }, got ${JSON.stringify(whom)}`);
    }
    const { user, session } = ownerNamed("whom", whom, "{ user } or { session }, a text");
    return unavailable(user !== null ? this.#revokeUser(user) : this.#revokeSession(session!));
  }

  /**
   * Lets one hear of what is published here, and of what clients say to the application, until the function that this
   * gives is called.
   *
   * @throws {OptionError} It hears of nothing that there is.
   */
  observe(observer: ChannelsObserver): () => void {
    checkObserver(observer, CHANNELS_EVENTS);
    return this.#observers.add(observer);
  }

  /** Tells the other instances that this one is about to leave. `close()` does it as well. */
  async drain(): Promise<void> {
    await this.#start();
    await this.#cluster.drain();
  }

  /**
   * Leaves the cluster and closes the log: a shutdown hook of the server. Connections are the server's to close, before.
   * Idempotent.
   */
  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  /** The same. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#started?.catch(() => {});
    this.#notices.close();
    this.#patterns.close();
    this.#direct.close();
    await this.#sessions.close();
    await this.#presence.close();
    for (const listening of this.#listenings) listening.stop();
    try {
      if (this.#started !== null) await this.#cluster.stop();
    } finally {
      await this.#log.close();
    }
  }

  /** What only a server needs, and no program that only publishes. */
  #start(): Promise<void> {
    if (this.#closed !== null) return Promise.reject(new ChannelError("unavailable", CLOSED));
    return this.#started ??= this.#begin().catch((error) => {
      this.#started = null;
      throw error;
    });
  }

  async #begin(): Promise<void> {
    for (const listening of this.#listenings) await listening.start();
    await this.#cluster.start();
  }

  #heard(message: ControlMessage): void {
    if (message.type === "fence") this.#heardFence(message);
    else if (message.type === "revoke") this.#sessions.endRevoked(message.session);
    else if (message.type === "revokeUser") this.#sessions.endRevokedUser(message.user);
    else if (message.type === "arrived") this.#presence.arrived(message.session, message.turn, message.channels);
    else if (message.type === "created") this.#patterns.appeared(message.channel);
    else if (message.type === "settled") this.#direct.heard(message);
    else this.#heardOf({ instance: message.instance, state: message.state });
  }

  #heardFence({ session, generation, at }: Extract<ControlMessage, { type: "fence" }>): void {
    if (at !== this.instance) this.#sessions.moved(session, generation);
  }

  #heardOf(state: InstanceState): void {
    for (const heard of this.#instanceListeners) {
      try {
        heard(state);
      } catch (error) {
        this.#world.failed("Hearing of an instance failed", error);
      }
    }
  }

  async #revokeSession(session: string): Promise<void> {
    await this.#sessions.revoke(session);
    await tell(this.#log, ALL, { type: "revoke", session });
  }

  async #revokeUser(user: string): Promise<void> {
    await this.#start();
    await this.#sessions.revokeUser(user);
    await tell(this.#log, ALL, { type: "revokeUser", user });
  }

  #publish(id: string | null, channel: string, data: ChannelData, { headers }: PublishOptions): Promise<Published> {
    checkChannel(channel);
    const entry = this.#entryOf(data, headers);
    return this.#send({ channel, recipient: null }, entry, (sent) => this.#append(channel, sent, id));
  }

  #sendTo(id: string | null, recipient: Recipient, data: ChannelData, options: SendToOptions): Promise<void> {
    const stream = streamOf(recipient);
    const entry = this.#entryOf(data, options.headers);
    return this.#send({ channel: null, recipient }, entry, (sent) => this.#queue(stream, id, sent, options));
  }

  #send<T>(to: Omit<Destination, "bytes">, entry: NewEntry, send: (entry: NewEntry) => Promise<T>): Promise<T> {
    if (this.#observers.list === null) return send(entry);
    return sendObserved(this.#observers, { ...to, bytes: sizeOf(entry.data) }, entry, send);
  }

  async #queue(stream: string, id: string | null, entry: NewEntry, { ack = false, signal }: SendToOptions) {
    if (ack) await this.#start();
    const { epoch, offset } = await unavailable(this.#direct.send(stream, id, entry, this.#settings.dedupe, ack));
    const acknowledged = ack ? this.#direct.acknowledgement({ stream, epoch, offset }, signal) : undefined;
    this.#direct.wake(stream);
    await acknowledged;
  }

  async #append(channel: string, entry: NewEntry, id: string | null = null): Promise<Appended> {
    const { history, dedupe } = this.#settings;
    const options = { keep: history(channel), dedupeAge: dedupe, ...(id === null ? {} : { id }) };
    const isPublished = entry.kind === "message";
    const { published } = this.#counts;
    const appended = await unavailable(this.#log.append(channel, entry, options), () => {
      if (isPublished) published.failed++;
    });
    if (isPublished) published[appended.duplicate ? "duplicate" : "new"]++;
    // Of a repeated one nobody may have been told.
    if (appended.offset === 1) this.#created(channel);
    return appended;
  }

  /** The first message of a channel: whoever has subscribed to a pattern may not know of it. */
  #created(channel: string): void {
    this.#patterns.appeared(channel);
    if (!this.#log.shared) return;
    tell(this.#log, ALL, { type: "created", channel }).catch((error) =>
      this.#world.failed("Telling of a new channel failed", error)
    );
  }

  /** What is kept of data. @throws {OptionError} It can't be. */
  #entryOf(data: ChannelData, headers: PublishOptions["headers"]): NewEntry {
    const { maxMessageBytes } = this.#settings.limits;
    const kept = keptOf(data);
    // A unit of UTF-16 becomes three bytes at the most: what is short enough anyway is counted by the log alone.
    const size = kept.length * 3 <= maxMessageBytes ? 0 : sizeOf(kept);
    if (size > maxMessageBytes) {
      throw new ChannelError("too-large", `A message has at most ${maxMessageBytes} bytes, got ${size}`);
    }
    return { kind: "message", data: kept, headers: headersOf(headers) };
  }

  #connected(stream: string): readonly Session[] {
    const owner = ownerOf(stream);
    const found = "user" in owner ? this.#sessions.ofUser(owner.user) : [this.#sessions.get(owner.session)];
    return found.filter((session) => session !== undefined && session.link !== null) as Session[];
  }

  get #maxFrameBytes(): number {
    return this.#settings.limits.maxMessageBytes + FRAME_BYTES;
  }

  #webSocketOptionsFor(given: AcceptOptions["webSocket"]): WebSocketOptions {
    if (given === undefined) return this.#plainOptions;
    let found = this.#webSocketOptions.get(given);
    if (found === undefined) this.#webSocketOptions.set(given, found = this.#optionsOf(given));
    return found;
  }

  #optionsOf(given: NonNullable<AcceptOptions["webSocket"]>): WebSocketOptions {
    return {
      maxBufferedAmount: MAX_UNSENT,
      ...given,
      // Clients are told that a frame may have so much: less would end those that keep to it.
      maxMessageBytes: Math.max(given.maxMessageBytes ?? 0, this.#maxFrameBytes),
      protocols: [CHANNELS_PROTOCOL],
      answers: false,
      lastMessage: (ws) => {
        void this.drain().catch((error) => this.#world.failed("Telling of the drain failed", error));
        return ((ws as WsConn).taker as Link | null)?.bye();
      },
    };
  }
}

/** What connections share, put together. */
function worldOf(
  { clock, instance, limits, log }: ChannelsSettings,
  parts:
    & Pick<
      LinkWorld,
      "signer" | "pace" | "feeds" | "counts" | "observers" | "sessions" | "presence" | "direct" | "failed" | "watch"
    >
    & {
      readonly publisher: Publisher;
    },
): LinkWorld {
  const { publisher, ...others } = parts;
  const { maxMessageBytes, maxSubscriptions, maxMatches, maxPending } = limits;
  return {
    ...others,
    ...publisher,
    clock,
    instance,
    maxMessageBytes,
    maxSubscriptions,
    maxMatches,
    maxPending,
    channels: async (prefix, limit) => {
      const found = await log.streams(prefix, limit);
      return found.filter((name) => !name.startsWith(OWN));
    },
  };
}

/** A frame over TCP: its first byte says which it is. What is neither is no frame to whoever reads it. */
function messageOf(frame: Uint8Array): string | Uint8Array {
  const [kind] = frame;
  const body = frame.subarray(1);
  if (kind === 1) return body;
  try {
    return kind === 0 ? utf8.decode(body) : "";
  } catch {
    return "";
  }
}

/** @throws {OptionError} It is no recipient. */
function streamOf(recipient: Recipient): string {
  const { user, session } = ownerNamed("recipient", recipient, "a user's name, { user } or { session }");
  return user !== null ? userStream(user) : sessionStream(session!);
}
