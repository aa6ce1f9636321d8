/** Clients of Socket.IO for `sluice verify`: they publish until they are acknowledged, and say so when nothing was recovered. */
import { io, type Socket } from "socket.io-client";
import type { Attendance, Heard, Speaker, SpeakerEvents, Speech } from "../../src/tools/verify/mod.ts";

/** What its manual says for "at least once": each message is said again until it is acknowledged. */
const ACK_TIMEOUT = 2000;
const RETRIES = 1_000_000;

class SocketIoSpeaker implements Speaker {
  readonly position = true;
  readonly #socket: Socket;
  readonly #followed: Map<string, Heard> = new Map();
  #isNew: boolean;
  #isClosed = false;

  constructor(url: string, events: SpeakerEvents, position: unknown) {
    this.#isNew = position === undefined;
    this.#socket = io(url, {
      ...{ transports: ["websocket"], forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 1000 },
      ...{ retries: RETRIES, ackTimeout: ACK_TIMEOUT },
    });
    this.#socket.on("connect", () => this.#connected());
    this.#socket.on("disconnect", () => this.#isClosed || events.disconnected());
    this.#socket.on("message", (channel: string, data: unknown) => {
      if (!this.#isClosed) this.#followed.get(channel)?.message(data, null);
    });
  }

  publish(channel: string, data: unknown): Promise<null> {
    return new Promise((resolve, reject) => {
      this.#socket.emit(
        "publish",
        channel,
        data,
        (error: Error | null) => error === null ? resolve(null) : reject(error),
      );
    });
  }

  send(): Promise<never> {
    throw new Error("Its handlers say nothing of what they have done");
  }

  call(): Promise<never> {
    throw new Error("Its calls are not counted");
  }

  letters(): never {
    throw new Error("Socket.IO has no direct queues");
  }

  follow(channel: string, heard: Heard): void {
    this.#followed.set(channel, heard);
    if (this.#socket.connected) this.#subscribe(channel, false);
  }

  attend(): Attendance {
    throw new Error("Socket.IO has no presence");
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.disconnect();
  }

  #connected(): void {
    if (this.#socket.recovered) return;
    const missed = !this.#isNew;
    this.#isNew = false;
    for (const channel of this.#followed.keys()) this.#subscribe(channel, missed);
  }

  /** @param missed It says that it has not recovered: whatever was published until it is back is declared missing. */
  #subscribe(channel: string, missed: boolean): void {
    this.#socket.emit("subscribe", channel, (error: Error | null) => {
      if (error !== null) return;
      const heard = this.#followed.get(channel)!;
      if (missed) heard.gap("notRecovered", null);
      heard.live(null);
    });
  }
}

/** Socket.IO's. It has no places in a channel, and nobody is there. */
export const SOCKET_IO: Speech = {
  hasPresence: false,
  extras: [],
  speaker: (host, events, position) => new SocketIoSpeaker(`http://${host}`, events, position),
};
