/**
 * What a client of a proof can say and hear, in whatever protocol; and the one that speaks that of channels.
 *
 * @module
 */
import {
  ChannelClient,
  type ClientPosition,
  type ReceivedMessage,
  type Subscription,
} from "@sluice/sluice/channels/client";
import { webSocketTransport } from "@sluice/sluice/websocket";

/** Longest wait before the next attempt to connect, in ms: an instance that is restarted is soon there. */
const MAX_DELAY = 1000;
const MIN_DELAY = 50;
/** Messages that wait for a slow subscriber: more are left to the server's log. */
const SLOW_QUEUE = 100;

/** What a client tells. */
export interface SpeakerEvents {
  /** Its connection has ended. */
  disconnected(): void;
  /** It does not come back. */
  gaveUp(error: Error): void;
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
  /** Makes a client that connects to a place. @param position Of the one before it; undefined for none. */
  speaker(host: string, events: SpeakerEvents, position: unknown): Speaker;
}

/** That of channels, over WebSockets at a path. */
export function channelSpeech(path: string, random: () => number): Speech {
  return {
    hasPresence: true,
    speaker: (host, events, position) => new ChannelSpeaker(`ws://${host}${path}`, events, position, random),
  };
}

class ChannelSpeaker implements Speaker {
  readonly #client: ChannelClient;
  #isClosed = false;

  constructor(url: string, events: SpeakerEvents, position: unknown, random: () => number) {
    this.#client = new ChannelClient(url, {
      transport: webSocketTransport(),
      page: null,
      minDelay: MIN_DELAY,
      maxDelay: MAX_DELAY,
      random,
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
