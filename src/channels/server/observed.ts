/**
 * Messages as observers see them, and how they are told.
 *
 * @module
 */
import { nameOf } from "../../bytes.ts";
import { OptionError } from "../../errors.ts";
import type { Observers } from "../../observers.ts";
import { runAround } from "../../run_around.ts";
import type { ChannelHeaders, ChannelSession, Published, Recipient } from "../channels_api.ts";
import { ChannelError } from "../channels_errors.ts";
import type { ChannelsObserver, ObservedMessage, ObservedPublish } from "../channels_observer.ts";
import type { NewEntry } from "../log/log_api.ts";
import { areHeaders, HEADERS_RULE, NO_HEADERS } from "./headers.ts";

/** Who hears of messages. */
export type MessageObservers = Observers<ChannelsObserver>;

/** Where a message goes. */
export interface Destination {
  readonly channel: string | null;
  readonly recipient: Recipient | null;
  /** Bytes of its data. */
  readonly bytes: number;
}

class SentEntry implements ObservedPublish {
  readonly channel: string | null;
  readonly recipient: Recipient | null;
  readonly bytes: number;
  published: Published | null = null;
  error: unknown = undefined;
  #headers: ChannelHeaders;

  constructor({ channel, recipient, bytes }: Destination, headers: ChannelHeaders | null) {
    this.channel = channel;
    this.recipient = recipient;
    this.bytes = bytes;
    this.#headers = headers ?? NO_HEADERS;
  }

  get headers(): ChannelHeaders {
    return this.#headers;
  }

  set headers(headers: ChannelHeaders) {
    if (!areHeaders(headers)) {
      throw new OptionError("headers", `headers must be texts, ${HEADERS_RULE}, got ${nameOf(headers)}`);
    }
    this.#headers = { ...headers };
  }
}

/** Sends a message with the headers that observers add, and tells them how that went. */
export async function sendObserved<T>(
  observers: MessageObservers,
  to: Destination,
  entry: NewEntry,
  send: (entry: NewEntry) => Promise<T>,
): Promise<T> {
  const sent = new SentEntry(to, entry.headers);
  observers.tell((observer) => observer.publishing?.(sent));
  const headers = sent.headers === NO_HEADERS ? null : sent.headers;
  try {
    const result = await send({ ...entry, headers });
    if (to.channel !== null) sent.published = result as Published;
    return result;
  } catch (error) {
    sent.error = error;
    throw error;
  } finally {
    observers.tell((observer) => observer.published?.(sent));
  }
}

class HandledMessage implements ObservedMessage {
  readonly kind: "message" | "call";
  readonly method: string;
  readonly headers: ChannelHeaders;
  readonly session: ChannelSession;
  outcome: "handled" | "refused" | "failed" | null = null;
  error: unknown = undefined;

  constructor(kind: "message" | "call", method: string, headers: ChannelHeaders, session: ChannelSession) {
    this.kind = kind;
    this.method = method;
    this.headers = headers;
    this.session = session;
  }
}

/** A handler that is observed, if anybody listens. */
export async function handleObserved<T>(
  observers: MessageObservers,
  { method = "", headers, session }: Pick<ObservedMessage, "headers" | "session"> & { readonly method?: string },
  kind: ObservedMessage["kind"],
  handle: () => T | Promise<T>,
): Promise<T> {
  const { list } = observers;
  if (list === null) return await handle();
  const message = new HandledMessage(kind, method, headers, session);
  try {
    const around = (observer: ChannelsObserver) =>
      observer.around === undefined ? null : (run: () => void) => observer.around!(message, run);
    const result = await runAround(observers, list, around, handle);
    message.outcome = "handled";
    return result;
  } catch (error) {
    message.error = error;
    message.outcome = error instanceof ChannelError ? "refused" : "failed";
    throw error;
  } finally {
    observers.tell((observer) => observer.handled?.(message));
  }
}
