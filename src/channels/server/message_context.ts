/**
 * What the handler of a client's message, or call, is given.
 *
 * @module
 */
import { CancelContext } from "../../context/mod.ts";
import type {
  ChannelData,
  MessageContext,
  Published,
  PublishOptions,
  Recipient,
  SendToOptions,
} from "../channels_api.ts";

/** What it publishes by. */
export interface Publisher {
  /** @param id Of the library's own making: no `id` of an application is the same. */
  publishAs(id: string, channel: string, data: ChannelData, options: PublishOptions): Promise<Published>;
  /** The same to a user, or a session. */
  sendAs(id: string, recipient: Recipient, data: ChannelData, options: SendToOptions): Promise<void>;
}

/** Ends with its handler. Numbers what is published by it, so that it is the same when it runs again. */
export class HandlingContext extends CancelContext implements MessageContext {
  readonly #publisher: Publisher;
  readonly #id: string;
  #published = 0;

  /** @param session Ends it. @param id Names the message. */
  constructor(publisher: Publisher, session: CancelContext, id: string) {
    super(session);
    this.#publisher = publisher;
    this.#id = id;
  }

  publish(channel: string, data: ChannelData, options: Omit<PublishOptions, "id"> = {}): Promise<Published> {
    return this.#publisher.publishAs(this.#nextId(), channel, data, options);
  }

  sendTo(recipient: Recipient, data: ChannelData, options: Omit<SendToOptions, "id"> = {}): Promise<void> {
    return this.#publisher.sendAs(this.#nextId(), recipient, data, options);
  }

  #nextId(): string {
    return `${this.#id}:${++this.#published}`;
  }
}
