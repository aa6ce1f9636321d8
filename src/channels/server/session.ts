/**
 * One client, across its connections.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { background, CancelContext } from "../../context/mod.ts";
import type { ChannelSession } from "../channels_api.ts";

/** Where a client is in a channel. */
export interface ClientPlace {
  /** Life of the channel. */
  readonly epoch: string;
  /** Offset of the last join, leave or loss that was sent. */
  readonly change: number;
}

/** The connection that a session has at the moment. */
export interface SessionLink {
  /** Its client has gone. */
  readonly isGone: boolean;
  /** The session goes on elsewhere, or not at all: says so, and closes. */
  end(code: number, reason: string): void;
  /** Where its client is in a channel; null if it has none. */
  placeOf(channel: string): ClientPlace | null;
  /** Sends a frame of its own. */
  say(frame: readonly unknown[]): void;
}

/** What its client says to the application, by whichever connection. */
export interface SessionInbound {
  /** The session has another connection: what has no answer yet is said again there, from its beginning. */
  arrived(): void;
  /** Nobody waits for a call any more. */
  cancel(seq: unknown): void;
}

/** What precedes the id of a session that is a user of its own. */
export const ANONYMOUS_PREFIX = "anonymous-";

/** A session. Its connections come and go. */
export class Session implements ChannelSession {
  readonly id: string;
  /** Null for one that was asked nothing: it is a user of its own, and its name is made when somebody asks. */
  readonly #user: string | null;
  data: unknown;
  /** Null while its client is away. */
  link: SessionLink | null = null;
  /** Connections that it has had here. */
  connections = 0;
  /** Its turn among those who have taken the session, where the log is shared. */
  generation = 0;
  /** Its generation when it came here: from elsewhere, or as a new one. */
  arrival = 0;
  /** The instance that had it before; null once that one knows of what it is a member here. */
  cameFrom: string | null = null;
  /** Ends the wait for its client; null while nobody waits. */
  cancelExpiry: (() => void) | null = null;
  /** What its client says to the application. Null until it says something. */
  inbound: SessionInbound | null = null;
  readonly #clock: Clock;
  #ctx: CancelContext | null = null;
  #over: Error | null = null;

  constructor(id: string, user: string | null, data: unknown, clock: Clock) {
    this.id = id;
    this.#user = user;
    this.data = data;
    this.#clock = clock;
  }

  get user(): string {
    return this.#user ?? ANONYMOUS_PREFIX + this.id;
  }

  /** It has no name but its own. */
  get isAnonymous(): boolean {
    return this.#user === null;
  }

  /** Ends with the session: when it was revoked, went elsewhere, or its client did not come back. */
  get ctx(): CancelContext {
    if (this.#ctx === null) {
      this.#ctx = new CancelContext(background(this.#clock));
      if (this.#over !== null) this.#ctx.cancel(this.#over);
    }
    return this.#ctx;
  }

  /** It is revoked, elsewhere, or its client did not come back. */
  get isOver(): boolean {
    return this.#over !== null;
  }

  /** It is over. */
  end(reason: Error): void {
    this.#over = reason;
    this.#ctx?.cancel(reason);
  }
}
