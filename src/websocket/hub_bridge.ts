/**
 * A hub whose topics span processes: what one publishes the others hear through channels.
 *
 * @module
 */
import { OptionError } from "../errors.ts";
import { checkNames, type Names } from "../names.ts";
import { callable, text } from "../validate.ts";
import type { WebSocketMessage } from "./websocket_api.ts";

/** What a hub needs of channels: `Channels` of `./channels` has it. */
export interface HubChannels {
  /** Publishes for all. */
  publish(
    channel: string,
    data: unknown,
    options: { readonly headers: Readonly<Record<string, string>> },
  ): Promise<unknown>;
  /** What all publish from now on; missing messages are passed over. */
  subscribe(channel: string, options: { readonly onGap: () => void }): AsyncIterableIterator<HubMessage>;
}

/** A message as channels give it. */
export interface HubMessage {
  /** Text or bytes. */
  readonly data: unknown;
  /** What goes along. */
  readonly headers: Readonly<Record<string, string>>;
}

/** How a hub is joined to others. */
export interface HubBridgeOptions {
  /** The topic's channel has the topic's name behind this. @default "hub:" */
  readonly prefix?: string;
  /** Hears that publishing to the others, or hearing them, failed. @default nobody */
  readonly onError?: (error: unknown) => void;
}

const NAMES: Names<HubBridgeOptions> = { prefix: true, onError: true };

/** Which hub a message comes from: its own it has delivered already. */
const ORIGIN = "hub";

/** The join of one hub to others. */
export class HubBridge {
  readonly #channels: HubChannels;
  readonly #prefix: string;
  readonly #failed: (error: unknown) => void;
  readonly #deliver: (topic: string, message: WebSocketMessage) => void;
  readonly #origin: string = crypto.randomUUID();
  readonly #readers: Map<string, AsyncIterableIterator<HubMessage>> = new Map();

  /** @throws {OptionError} What is given is no channels, or an option can't be used. */
  constructor(
    channels: HubChannels,
    options: HubBridgeOptions,
    deliver: (topic: string, message: WebSocketMessage) => void,
  ) {
    checkNames("bridge()", options, NAMES);
    if (typeof channels?.publish !== "function" || typeof channels.subscribe !== "function") {
      throw new OptionError("channels", "bridge() takes new Channels() of @sluice/sluice/channels");
    }
    this.#channels = channels;
    this.#prefix = text("prefix", options.prefix, "hub:");
    this.#failed = callable("onError", options.onError) ?? (() => {});
    this.#deliver = deliver;
  }

  /** Somebody here wants the topic. */
  want(topic: string): void {
    if (this.#readers.has(topic)) return;
    const reader = this.#channels.subscribe(this.#prefix + topic, { onGap() {} });
    this.#readers.set(topic, reader);
    void this.#read(topic, reader);
  }

  /** Nobody here wants it any more. */
  unwant(topic: string): void {
    void this.#readers.get(topic)?.return?.();
    this.#readers.delete(topic);
  }

  /** Tells the others. */
  publish(topic: string, message: WebSocketMessage): void {
    this.#channels.publish(this.#prefix + topic, message, { headers: { [ORIGIN]: this.#origin } })
      .catch(this.#failed);
  }

  close(): void {
    for (const topic of [...this.#readers.keys()]) this.unwant(topic);
  }

  async #read(topic: string, reader: AsyncIterableIterator<HubMessage>): Promise<void> {
    try {
      for await (const { data, headers } of reader) {
        if (headers[ORIGIN] !== this.#origin) this.#deliver(topic, data as WebSocketMessage);
      }
    } catch (error) {
      this.#failed(error);
      // The next who subscribes tries again.
      if (this.#readers.get(topic) === reader) this.#readers.delete(topic);
    }
  }
}
