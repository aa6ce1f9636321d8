/**
 * What channels tell whoever listens: traces.
 *
 * @module
 */
import type { Events } from "../observers.ts";
import type { ChannelHeaders, ChannelSession, Published, Recipient } from "./channels_api.ts";

/** A message on its way into a channel, or to a user: the same object from its beginning to its end. */
export interface ObservedPublish {
  /** Where it goes; null for a direct message. */
  readonly channel: string | null;
  /** To whom it goes; null for one of a channel. */
  readonly recipient: Recipient | null;
  /** Bytes of its data. */
  readonly bytes: number;
  /** What goes along: set it, in `publishing`, to add to it. @throws {OptionError} They are none, or too many. */
  headers: ChannelHeaders;
  /** Where it stands; null as long as it does not, and for a direct message. */
  readonly published: Published | null;
  /** Why it could not be published; undefined if it could. */
  readonly error: unknown;
}

/** A client's message, or call, that a handler is to deal with: the same object from its beginning to its end. */
export interface ObservedMessage {
  /** Which of the two: of `onMessage`, or of `onCall`. */
  readonly kind: "message" | "call";
  /** What is asked for; empty for a message. */
  readonly method: string;
  /** What goes along. */
  readonly headers: ChannelHeaders;
  /** Who says it. */
  readonly session: ChannelSession;
  /** What came of it, once its handler has left: `refused` by an error of channels, `failed` by any other. */
  readonly outcome: "handled" | "refused" | "failed" | null;
  /** What its handler threw; undefined if nothing. */
  readonly error: unknown;
}

/**
 * Hears of messages; each member may be left out. It is called in the middle of the work: it has to be brief, and nobody
 * waits for it. What it throws is logged, and reaches nobody else.
 */
export interface ChannelsObserver {
  /** A message is about to be published here, by the program or by a client. */
  publishing?(publish: ObservedPublish): void;
  /** It was, or could not be. */
  published?(publish: ObservedPublish): void;
  /** Has to call `run` once, before it returns: that is the handler, which runs in the async context of that call. */
  around?(message: ObservedMessage, run: () => void): void;
  /** The handler has left. */
  handled?(message: ObservedMessage): void;
}

/** All that can be heard of. */
export const CHANNELS_EVENTS: Events<ChannelsObserver> = {
  publishing: true,
  published: true,
  around: true,
  handled: true,
};
