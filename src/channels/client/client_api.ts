/**
 * What users see of the client of channels: types only.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { ConnectionEnd, PageTarget, ReconnectUrl, Transport } from "../../websocket/reconnect/reconnect_api.ts";
import type { ChannelError } from "../channels_errors.ts";

/**
 * What a client is doing. `connecting`: an attempt is under way. `catching-up`: it is connected, and what was missed of
 * some channel is on its way. `live`: it is connected, and has everything. `offline`: the next attempt has a time, or the
 * page is put away. `closed`: it is over, for good.
 */
export type ClientState = "connecting" | "catching-up" | "live" | "offline" | "closed";

/** Small texts that go along with a message. */
export type MessageHeaders = Readonly<Record<string, string>>;

/** Says who the client is: text, or a function that is asked before each connection, and when the token ends soon. */
export type ClientToken = string | null | (() => string | null | Promise<string | null>);

/** Where all subscriptions of a client are: by name of the subscription, and then by channel. Plain data, for JSON. */
export type ClientPosition = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** A message of a channel. */
export interface ReceivedMessage {
  /** Where it was published. */
  readonly channel: string;
  /** Its place there, from 1. */
  readonly offset: number;
  /** What was published: what JSON can say, or a `Uint8Array`. */
  readonly data: unknown;
  /** What goes along; empty if nothing does. */
  readonly headers: MessageHeaders;
  /** Where one goes on behind it: for `since`. */
  readonly position: string;
}

/** A message to this user, or this session, alone. */
export interface DirectMessage {
  /** Names it, however often it comes. */
  readonly id: string;
  /** Which delivery it is, from 1. */
  readonly attempt: number;
  /** What was sent: what JSON can say, or a `Uint8Array`. */
  readonly data: unknown;
  /** What goes along; empty if nothing does. */
  readonly headers: MessageHeaders;
  /** It is dealt with, and not to come again. The first of `ack()` and `nack()` counts. */
  ack(): void;
  /** It is not: to come again, in so many ms. @param delay @default 0 */
  nack(delay?: number): void;
}

/** Messages that were missed, and nobody has them any more. */
export interface ReceivedGap {
  /** Where. */
  readonly channel: string;
  /** Why: `epoch`, `trimmed`, `expired`, `limit` or `slow`. */
  readonly reason: string;
  /** Where it goes on. */
  readonly position: string;
}

/** A member of a channel. */
export interface ChannelMember {
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
export interface MemberChange extends Partial<ChannelMember> {
  /** Where. */
  readonly channel: string;
  /** `lost`: an instance died, and all members that it had are gone with it. */
  readonly type: "join" | "leave" | "lost";
  /** The instance. */
  readonly instance: string;
  /** Its place in the channel. */
  readonly offset: number;
  /** Where one goes on behind it. */
  readonly position: string;
}

/** What a subscription tells, in the order of the channel: an event comes when the messages before it were taken. */
export interface SubscriptionEvents {
  /** The next message. With a listener none waits to be iterated over. */
  readonly message: ReceivedMessage;
  /** Messages are missing here. */
  readonly gap: ReceivedGap;
  /** Somebody came or went. */
  readonly presence: MemberChange;
  /** Who is there is known, or known anew: `members` has it. */
  readonly members: { readonly channel: string };
  /** What was missed has all been taken. */
  readonly live: { readonly channel: string };
  /** The server does not let it: the subscription has ended, or its pattern leaves a channel out. */
  readonly refused: ChannelError;
}

/** How one subscribes. */
export interface SubscribeOptions {
  /**
   * Where to begin: behind a position, or with the oldest message that is kept. What the client's own `position` knows of
   * this name goes before `"oldest"`, and a position before both. @default what is published from now on
   */
  readonly since?: string;
  /** Makes this client a member of the channel, with this data. @default no member */
  readonly member?: unknown;
  /** Messages and events that may wait for a slow application; what comes beyond is left to the log. @default 1000 */
  readonly maxQueued?: number;
}

/** A channel, or all channels that a pattern matches, as one client sees them. */
export interface Subscription extends AsyncIterableIterator<ReceivedMessage, void, void> {
  /** The channel's name, or the pattern. */
  readonly name: string;
  /**
   * Position of what the application has taken last: of a pattern, that of the channel that it is of. Undefined until the
   * server has said where it begins.
   */
  readonly position: string | undefined;
  /** Members of the channel; of a pattern, those of all its channels. */
  readonly members: readonly ChannelMember[];
  /** Listens. @returns Listens no more. */
  on<K extends keyof SubscriptionEvents>(type: K, listener: (event: SubscriptionEvents[K]) => void): () => void;
  /** Ends it: nothing more comes of it. Idempotent. */
  close(): void;
}

/** How one publishes. */
export interface ClientPublishOptions {
  /** Small texts that go along. @default none */
  readonly headers?: MessageHeaders;
}

/** Where a message stands that was published. */
export interface ClientPublished {
  /** Its place in the channel. */
  readonly offset: number;
  /** It had come before, and was counted once. */
  readonly duplicate: boolean;
}

/** How one asks. */
export interface CallOptions extends ClientPublishOptions {
  /** How long to wait for the answer, in ms; Infinity for ever. @default 30000 */
  readonly timeout?: number;
  /** Gives up; the server's handler is told. @default never */
  readonly signal?: AbortSignal;
  /** It may be asked again if the connection is lost before the answer has come. @default false */
  readonly idempotent?: boolean;
}

/** How a connection, or an attempt, ended. */
export interface ClientEnd extends ConnectionEnd {
  /** Another one is wanted. */
  readonly willReconnect: boolean;
}

/** What a client tells. */
export interface ClientEvents {
  /** A message to this user, or this session. With a listener none waits to be iterated over. */
  readonly message: DirectMessage;
  /** The state changed. */
  readonly state: ClientState;
  /** A connection, or an attempt to make one, has ended: `error`, its `cause`, `code` and `reason` say why. */
  readonly end: ClientEnd;
  /** A message that was in the outbox when the client was made was refused, or it is over for good. */
  readonly error: Error;
}

/**
 * Keeps what was not acknowledged. What it is called with is done in that order. A client has one of its own: whoever
 * shares it would say a message twice. Key 0 is the client's own; the others are numbers of messages.
 */
export interface Outbox {
  /** Messages that may wait. */
  readonly maxQueued: number;
  /** Bytes they may have together. */
  readonly maxQueuedBytes: number;
  /** Everything that was saved and not removed. */
  load(): Promise<Iterable<readonly [key: number, frame: string | Uint8Array]>>;
  /** Keeps it, in the place of what has this key; fulfils when a crash of this process does not lose it. */
  save(key: number, frame: string | Uint8Array): Promise<void>;
  /** Forgets it. */
  remove(key: number): Promise<void>;
  /** Lets go of what it holds; what was saved stays. */
  close(): void | Promise<void>;
}

/** How much waits in an outbox. */
export interface OutboxLimits {
  /** Messages that may wait. @default 1000 */
  readonly maxQueued?: number;
  /** Bytes they may have together. @default 1048576 */
  readonly maxQueuedBytes?: number;
}

/** Everything a `ChannelClient` takes. Durations in ms. */
export interface ChannelClientOptions {
  /** Says who it is. @default nothing */
  readonly token?: ClientToken;
  /** Keeps what was not acknowledged. @default memoryOutbox() */
  readonly outbox?: Outbox;
  /** Where the subscriptions of another client were: `client.position` of it. @default nowhere */
  readonly position?: ClientPosition;
  /** Bytes of a message's data, or of a member's, at the most; less where the server says that it takes less. @default 65536 */
  readonly maxMessageBytes?: number;
  /** Makes the connections. @default the runtime's own `WebSocket` */
  readonly transport?: Transport;
  /** Upper end of the first delay before the next attempt. @default 500 */
  readonly minDelay?: number;
  /** Upper end of every delay. @default 30000 */
  readonly maxDelay?: number;
  /** What tells about network and page; null for nothing. @default globalThis, where it can be listened to */
  readonly page?: PageTarget | null;
  /** Time. @default the machine's */
  readonly clock?: Clock;
  /** A number from 0 up to, but not including, 1. @default Math.random */
  readonly random?: () => number;
}

/** Where to connect. */
export type ChannelUrl = ReconnectUrl;
