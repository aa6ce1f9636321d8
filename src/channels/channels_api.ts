/**
 * What users see of channels on a server.
 *
 * @module
 */
import type { Bytes } from "../bytes.ts";
import type { Clock } from "../clock.ts";
import type { Context } from "../context/mod.ts";
import type { Logger } from "../log.ts";
import type { WebSocketOptions } from "../websocket/mod.ts";
import type { ChannelLog } from "./log/log_api.ts";

/** What a message may be: anything that JSON can say, or bytes. */
export type ChannelData = unknown | Bytes;

/** Small texts that go along with a message, such as `traceparent`. */
export type ChannelHeaders = Readonly<Record<string, string>>;

/** Why messages are missing before a position: never without a word. */
export type GapReason =
  /** The log has begun another life: it was lost, or a file was put back. */
  | "epoch"
  /** There were more, or larger, messages than the history keeps. */
  | "trimmed"
  /** They were older than the history keeps. */
  | "expired"
  /** More were missed than this server sends again. */
  | "limit"
  /** The connection took them too slowly. */
  | "slow";

/** How much of a channel is kept. */
export interface HistoryOptions {
  /** Messages. @default 1000 */
  readonly size?: number;
  /** Bytes of their data. @default 16777216 */
  readonly bytes?: number;
  /** Age, in ms. @default 300000 */
  readonly age?: number;
}

/** How long a client may be away, and what is kept for it. */
export interface SessionOptions {
  /** How long a session waits for its client, in ms: presence, and direct messages under way. @default 120000 */
  readonly expiry?: number;
  /** Direct messages that a client may leave unacknowledged before more are sent. @default 100 */
  readonly window?: number;
}

/** What becomes of direct messages that nobody acknowledges. */
export interface QueueOptions extends HistoryOptions {
  /** Messages kept for one user. @default 10000 */
  readonly size?: number;
  /** Bytes of their data. @default 16777216 */
  readonly bytes?: number;
  /** Age, in ms. @default 604800000 */
  readonly age?: number;
  /** Deliveries, after which it becomes a dead letter. @default 16 */
  readonly attempts?: number;
}

/** What one client may ask for. */
export interface ChannelLimits {
  /** Bytes of a message's data. @default 65536 */
  readonly maxMessageBytes?: number;
  /** Subscriptions of one connection, channels that patterns match included. @default 1000 */
  readonly maxSubscriptions?: number;
  /** Channels that one pattern may match. @default 100 */
  readonly maxMatches?: number;
  /** Messages and calls of one client that are handled at a time, or wait for it. @default 256 */
  readonly maxPending?: number;
  /** Missed messages of one channel that are sent again; more become a gap. @default Infinity */
  readonly maxReplay?: number;
}

/** Everything `Channels` takes. Durations in ms. */
export interface ChannelsOptions {
  /** Where messages are kept. @default memoryLog() */
  readonly log?: ChannelLog;
  /**
   * Signs positions and sessions, at least 16 characters; the same for all instances, and after a restart. A list signs
   * with the first and believes them all. @default one of its own: right for `memoryLog()`, refused with any other
   */
  readonly secret?: string | readonly string[];
  /** Name of this instance among those that share the log. @default a random one */
  readonly instance?: string;
  /** What is kept of each channel, or a function that says so for one. @default { size: 1000, bytes: 16777216, age: 300000 } */
  readonly history?: HistoryOptions | ((channel: string) => HistoryOptions);
  /** How long a client may be away. @default { expiry: 120000, window: 100 } */
  readonly session?: SessionOptions;
  /** Direct messages. @default { size: 10000, bytes: 16777216, age: 604800000, attempts: 16 } */
  readonly queue?: QueueOptions;
  /** How long an `id`, and a client's sequence, is remembered. @default 300000 */
  readonly dedupe?: number;
  /** What one client may ask for. @default maxMessageBytes 65536, maxSubscriptions 1000, maxMatches 100, maxPending 256 */
  readonly limits?: ChannelLimits;
  /** An instance that has not said for so long that it lives is lost. @default 10000 */
  readonly lease?: number;
  /** How often channels of a shared log are looked at for notices that were lost. @default 1000 */
  readonly checkEvery?: number;
  /** Hears of what goes wrong, handlers that throw included. @default jsonLogger() */
  readonly logger?: Logger;
  /** Time. @default the machine's */
  readonly clock?: Clock;
}

/** How one message is published. */
export interface PublishOptions {
  /** Makes it idempotent: the same id, of 1 to 255 characters, within `dedupe` is the same message. @default none */
  readonly id?: string;
  /** Small texts that go along: at most 32 names, and 4096 characters in all. @default none */
  readonly headers?: ChannelHeaders | Headers;
}

/** Where a published message stands. */
export interface Published {
  /** Life of the channel's log. */
  readonly epoch: string;
  /** Place in it, from 1. */
  readonly offset: number;
  /** It was there already, under the same `id`. */
  readonly duplicate: boolean;
}

/** How a direct message is sent. */
export interface SendToOptions extends PublishOptions {
  /** Waits until the application at the other end has acknowledged it. @default false: until the log has it */
  readonly ack?: boolean;
  /** Gives up waiting for that. The message stays in the queue. @default never */
  readonly signal?: AbortSignal;
}

/** To whom a direct message goes: a user, by name, or one session of a user. */
export type Recipient = string | { readonly user: string } | { readonly session: string };

/** Who a client is. */
export interface Identity {
  /** Name of the user: sessions of the same one share a direct queue. */
  readonly user: string;
  /** When the token ends, in ms since 1970. @default never */
  readonly expires?: number;
  /** Whatever the application wants to know of it. */
  readonly data?: unknown;
}

/** One client, across its connections. */
export interface ChannelSession {
  /** Unique; it outlives connections and instances. */
  readonly id: string;
  /** Whose it is. */
  readonly user: string;
  /** What `authenticate()` gave along. */
  readonly data: unknown;
}

/** What `authenticate()` is asked. */
export interface AuthenticateRequest {
  /** What the client said; null for nothing. */
  readonly token: string | null;
  /** The handshake's request: cookies, address. Null over TCP. */
  readonly request: Request | null;
  /** The session that it already is, when a token is refreshed; else null. */
  readonly session: ChannelSession | null;
}

/** What `authorize()` is asked. */
export interface AuthorizeRequest {
  /** What is wanted: `resume` subscribes again with a position. */
  readonly action: "subscribe" | "resume" | "publish";
  /** Of which channel, or pattern. */
  readonly channel: string;
  /** By whom. */
  readonly session: ChannelSession;
}

/** A message of a client. */
export interface ClientMessage {
  /** What it said. */
  readonly data: ChannelData;
  /** What goes along; empty if nothing does. */
  readonly headers: ChannelHeaders;
  /** Who said it. */
  readonly session: ChannelSession;
  /** Its place in the session's own sequence: with the session's id it names the message, however often it comes. */
  readonly seq: number;
}

/** A question of a client. */
export interface ClientCall {
  /** What is asked for. */
  readonly method: string;
  /** The question. */
  readonly data: ChannelData;
  /** What goes along; empty if nothing does. */
  readonly headers: ChannelHeaders;
  /** Who asks. */
  readonly session: ChannelSession;
}

/**
 * What a handler publishes by. It ends with the handler, the session's revocation, the caller's deadline or its
 * cancellation; not with the connection.
 */
export interface MessageContext extends Context {
  /**
   * Publishes; where the handler runs again for the same message, what it published by this the first time is not
   * published twice, as long as it publishes in the same order.
   */
  publish(channel: string, data: ChannelData, options?: Omit<PublishOptions, "id">): Promise<Published>;
  /** The same for a direct message. */
  sendTo(recipient: Recipient, data: ChannelData, options?: Omit<SendToOptions, "id">): Promise<void>;
}

/** How clients are let in, and what they may do. */
export interface AcceptOptions {
  /** Who it is; null, false or a rejection refuses it. @default everybody, as a user of its own */
  readonly authenticate?: (ask: AuthenticateRequest) => Identity | null | false | Promise<Identity | null | false>;
  /** Whether it may. @default subscribing yes, publishing no */
  readonly authorize?: (ask: AuthorizeRequest) => boolean | Promise<boolean>;
  /**
   * Handles a message that goes to no channel. Messages of a session come one after the other; one comes again, here or
   * at another instance, if its client was never told that it was handled. @default refused
   */
  readonly onMessage?: (message: ClientMessage, ctx: MessageContext) => unknown | Promise<unknown>;
  /** Answers a question; several of a session at a time. @default refused */
  readonly onCall?: (call: ClientCall, ctx: MessageContext) => ChannelData | Promise<ChannelData>;
  /** Of the WebSockets. @default those of `upgradeWebSocket()` */
  readonly webSocket?: Omit<WebSocketOptions, "protocols" | "lastMessage" | "slowConsumer" | "answers">;
}

/** A member of a channel. */
export interface Member {
  /** Its session. */
  readonly member: string;
  /** Whose session it is. */
  readonly user: string;
  /** The instance that it is connected to. */
  readonly instance: string;
  /** What it said of itself. */
  readonly data: unknown;
}

/** Somebody came or went. */
export interface PresenceChange extends Partial<Member> {
  /** `lost`: an instance died, and all members that it had are gone with it (`nodeLost`). */
  readonly type: "join" | "leave" | "lost";
  /** The instance. */
  readonly instance: string;
}

/** An instance among those that share the log. */
export interface InstanceState {
  /** Its name. */
  readonly instance: string;
  /** How it is. */
  readonly state: "up" | "draining" | "lost" | "down";
}

/** Counters of one instance's channels, since they began; what is said to be now is of this moment. */
export interface ChannelsStats {
  /** Sessions now: those whose client is connected, and those whose client is away. */
  readonly sessions: Readonly<Record<"connected" | "away", number>>;
  /** Sessions that are over: not come back in time, revoked, or gone on at another instance. */
  readonly ended: Readonly<Record<"expired" | "revoked" | "moved", number>>;
  /** Clients that said hello: as a new session, as one that is still there, or refused. */
  readonly connects: Readonly<Record<"new" | "resumed" | "refused", number>>;
  /** Subscriptions of clients now: looking for their place, waiting for what they missed, or live. */
  readonly subscriptions: Readonly<Record<"opening" | "behind" | "live", number>>;
  /** Messages that the subscription which is furthest behind still has to get now. */
  readonly lag: number;
  /** Messages published here: new, there already under the same id, or not taken by the log. */
  readonly published: Readonly<Record<"new" | "duplicate" | "failed", number>>;
  /** Messages given to subscribers: as they were published, or from the log. */
  readonly delivered: Readonly<Record<"live" | "log", number>>;
  /** Subscriptions that came back with a position, and are live again: with all that they missed, or with a gap. */
  readonly recoveries: Readonly<Record<"whole" | "gapped", number>>;
  /** Gaps that were declared to clients, by reason. */
  readonly gaps: Readonly<Record<GapReason, number>>;
  /** Times that a subscriber was too slow for live messages, and is read for from the log. */
  readonly slow: number;
  /** Direct messages: queued, given for the first time, given again, acknowledged, refused, given up. */
  readonly direct: Readonly<
    Record<"sent" | "delivered" | "redelivered" | "acknowledged" | "refused" | "dead", number>
  >;
  /** Direct messages that clients have now, and have not acknowledged. */
  readonly unacknowledged: number;
  /** Messages of clients: handled, refused, or failed in their handler. */
  readonly received: Readonly<Record<"handled" | "refused" | "failed", number>>;
  /** Calls of clients: answered, refused, or failed in their handler. */
  readonly calls: Readonly<Record<"answered" | "refused" | "failed", number>>;
  /** Failures that nobody waited for: of the log, mostly. */
  readonly failures: number;
}

/** A message as a subscriber on the server sees it. */
export interface ChannelMessage {
  /** Where it was published. */
  readonly channel: string;
  /** Life of the channel's log. */
  readonly epoch: string;
  /** Its place there. */
  readonly offset: number;
  /** What was published. */
  readonly data: ChannelData;
  /** What goes along; empty if nothing does. */
  readonly headers: ChannelHeaders;
  /** When the log took it, in ms since 1970. */
  readonly time: number;
}

/** What was missed, and where it goes on. */
export interface ChannelGap {
  /** Where. */
  readonly channel: string;
  /** Why. */
  readonly reason: GapReason;
  /** Life of the log from here on. */
  readonly epoch: string;
  /** The next message comes behind this one. */
  readonly offset: number;
}

/** Where a reader begins, and what it does where messages are gone. */
export interface ReadOptions {
  /** Behind a message that was published, or with the oldest that is kept. @default with the next one */
  readonly since?: Pick<Published, "epoch" | "offset"> | "oldest";
  /** Hears that messages are missing; without it the iteration rejects then. @default none */
  readonly onGap?: (gap: ChannelGap) => void;
  /** Ends it. @default none */
  readonly signal?: AbortSignal;
}

/** Reads a channel: each message once, in order. Take them with `for await`. */
export interface ChannelReader extends AsyncIterableIterator<ChannelMessage> {
  /** Fulfils when its place is known: what is published from then on is read. */
  readonly opened: Promise<void>;
  /**
   * The next message; done when it was left, or its signal has ended it.
   *
   * @throws {ChannelError} Messages are missing and there is no `onGap`, or the log failed.
   */
  next(): Promise<IteratorResult<ChannelMessage>>;
  /** Takes no more. */
  return(): Promise<IteratorResult<ChannelMessage>>;
}
