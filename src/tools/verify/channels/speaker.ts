/**
 * What a client of a proof can say and hear, in whatever protocol; and the one that speaks that of channels.
 *
 * @module
 */
import {
  ChannelClient,
  type ChannelClientOptions,
  type ClientPosition,
  type ReceivedMessage,
  type Subscription,
} from "@sluice/sluice/channels/client";
import { webSocketTransport } from "@sluice/sluice/websocket";
import type { Transport } from "@sluice/sluice/websocket/reconnect";
import type { ChannelExtra } from "./channel_api.ts";
import { tapped, type WireEvents } from "./tap.ts";
import { tcpTransport } from "./tcp_transport.ts";

/** Longest wait before the next attempt to connect, in ms: an instance that is restarted is soon there. */
const MAX_DELAY = 1000;
const MIN_DELAY = 50;
/** Messages that wait for a slow subscriber: more are left to the server's log. */
const SLOW_QUEUE = 100;

/** What a client tells. */
export interface SpeakerEvents extends WireEvents {
  /** Its connection has ended. */
  disconnected(): void;
  /** It does not come back. */
  gaveUp(error: Error): void;
}

/** A direct message, as an application is handed it. */
export interface SpokenLetter {
  /** What the server calls it. */
  readonly id: string;
  /** Which delivery it is. */
  readonly attempt: number;
  /** What was sent. */
  readonly data: unknown;
  /** It is dealt with. */
  ack(): void;
  /** It is to come again, in so many ms. */
  nack(delay: number): void;
}

/** How a call is made. */
export interface SpokenCall {
  /** How long to wait for the answer, in ms. */
  readonly timeout: number;
  /** It is asked again where a connection is lost. */
  readonly idempotent?: boolean;
  /** Gives it up. */
  readonly signal?: AbortSignal;
}

/** What a subscriber hears of a channel. */
export interface Heard {
  /** It has everything, and is owed what is published from now on. @param offset Behind which; null: it is not said. */
  live(offset: number | null): void;
  /** A message. @param offset Its place; null: it has none. */
  message(data: unknown, offset: number | null): void;
  /** Messages are missing. @param offset Behind which it goes on; null: it is not said. */
  gap(reason: string, offset: number | null): void;
}

/** One that follows who is there. */
export interface Attendance {
  /** What members say of themselves. */
  readonly members: readonly unknown[];
  /** Ends it; a member leaves. */
  close(): void;
}

/** One client. */
export interface Speaker {
  /** Publishes; fulfils with the place when it is acknowledged, null if there is none; rejects if it is refused. */
  publish(channel: string, data: unknown): Promise<number | null>;
  /** Subscribes from now on, or from where the position of its maker was. @param rest A slow one waits for it behind each message. */
  follow(channel: string, heard: Heard, rest: (() => Promise<void> | null) | null): void;
  /** Says a message to the server's handler; fulfils when it is handled. */
  send(data: unknown): Promise<void>;
  /** Asks; rejects with why there is no answer. */
  call(method: string, data: unknown, options: SpokenCall): Promise<unknown>;
  /** Takes direct messages. */
  letters(handed: (letter: SpokenLetter) => void): void;
  /** Is a member, and follows who else is. */
  attend(channel: string, member: unknown): Attendance;
  /** Where its subscriptions are, for the next one. */
  readonly position: unknown;
  /** Ends it at once. */
  close(): void;
}

/** What clients speak. */
export interface Speech {
  /** It tells who is there. */
  readonly hasPresence: boolean;
  /** What it can besides. */
  readonly extras: readonly ChannelExtra[];
  /**
   * Makes a client that connects to a place.
   *
   * @param position Of the one before it; undefined for none.
   * @param user Who it says that it is; null: it says nothing.
   */
  speaker(host: string, events: SpeakerEvents, position: unknown, user: string | null): Speaker;
}

/** What clients of channels can do, whatever carries their frames. */
const EXTRAS: readonly ChannelExtra[] = ["direct", "messages", "calls", "tcp"];

/** That of channels, over WebSockets at a path. */
export function channelSpeech(path: string, random: () => number): Speech {
  return speechBy(webSocketTransport(), path, random);
}

/** The same frames behind their length, over TCP. */
export function tcpSpeech(random: () => number): Speech {
  return speechBy(tcpTransport(), "/", random);
}

function speechBy(transport: Transport, path: string, random: () => number): Speech {
  return {
    hasPresence: true,
    extras: EXTRAS,
    speaker: (host, events, position, user) => {
      const options = { transport: tapped(transport, events), random, token: user };
      return new ChannelSpeaker(`ws://${host}${path}`, options, events, position);
    },
  };
}

class ChannelSpeaker implements Speaker {
  readonly #client: ChannelClient;
  #isClosed = false;

  constructor(
    url: string,
    options: Pick<ChannelClientOptions, "transport" | "random" | "token">,
    events: SpeakerEvents,
    position: unknown,
  ) {
    this.#client = new ChannelClient(url, {
      ...options,
      page: null,
      minDelay: MIN_DELAY,
      maxDelay: MAX_DELAY,
      ...(position === undefined ? {} : { position: position as ClientPosition }),
    });
    let isConnected = false;
    this.#client.on("state", (state) => {
      const before = isConnected;
      isConnected = state === "live" || state === "catching-up";
      if (before && !isConnected && !this.#isClosed) events.disconnected();
    });
    this.#client.on("error", (error) => !this.#isClosed && events.gaveUp(error));
  }

  get position(): unknown {
    return this.#client.position;
  }

  async publish(channel: string, data: unknown): Promise<number | null> {
    return (await this.#client.publish(channel, data)).offset;
  }

  follow(channel: string, heard: Heard, rest: (() => Promise<void> | null) | null): void {
    const sub = this.#client.subscribe(channel, rest === null ? {} : { maxQueued: SLOW_QUEUE });
    // Behind the end the next one goes on from the position that was read before it.
    const still = <T>(tell: (event: T) => void) => (event: T) => void (this.#isClosed || tell(event));
    sub.on("live", still(() => heard.live(offsetOf(sub.position))));
    sub.on("gap", still(({ reason, position }) => heard.gap(reason, offsetOf(position))));
    const message = still(({ data, offset }: ReceivedMessage) => heard.message(data, offset));
    if (rest === null) sub.on("message", message);
    else void take(sub, message, rest);
  }

  async send(data: unknown): Promise<void> {
    await this.#client.send(data);
  }

  call(method: string, data: unknown, options: SpokenCall): Promise<unknown> {
    return this.#client.call(method, data, options);
  }

  letters(handed: (letter: SpokenLetter) => void): void {
    this.#client.on("message", (letter) => void (this.#isClosed || handed(letter)));
  }

  attend(channel: string, member: unknown): Attendance {
    const sub = this.#client.subscribe(channel, { member, maxQueued: Infinity });
    // Who is there is known by what is taken.
    sub.on("message", () => {});
    return {
      get members() {
        return sub.members.map(({ data }) => data);
      },
      close: () => sub.close(),
    };
  }

  close(): void {
    this.#isClosed = true;
    void this.#client.close();
  }
}

async function take(
  sub: Subscription,
  heard: (message: ReceivedMessage) => void,
  rest: () => Promise<void> | null,
): Promise<void> {
  try {
    for await (const message of sub) {
      heard(message);
      const waits = rest();
      if (waits !== null) await waits;
    }
  } catch {
    // The client is over, which it tells itself.
  }
}

/** A position begins with its offset. */
function offsetOf(position: string | undefined): number | null {
  const offset = Number.parseInt(position ?? "", 10);
  return Number.isNaN(offset) ? null : offset;
}
