/**
 * What the log needs of a client, whichever it is.
 *
 * @module
 */

import { systemClock } from "../../clock.ts";

/** Calls `fn` in so many ms; the process does not go on for it. The function that it gives cancels. */
export function later(fn: () => void, delay: number): () => void {
  return systemClock.setIdleTimer!(fn, delay);
}

/** One of two commands that went together. */
export type Outcome = PromiseSettledResult<unknown>;

/** A client, as the log uses it. */
export interface RedisPort {
  /** A key's node is one of several: one command has keys of one slot. */
  readonly isCluster: boolean;
  /** Sends a command to the node that has `key`. Commands that are sent in one turn arrive in their order. */
  send(key: string, command: readonly string[]): Promise<unknown>;
  /** Sends two of them, one behind the other on one connection: what came between them is no answer. */
  pair(key: string, first: readonly string[], second: readonly string[]): Promise<readonly [Outcome, Outcome]>;
  /** Another one with connections of its own, for commands that others would have to wait for. */
  another(): RedisPort;
  /** Connections for notices. */
  subscriber(events: SubscriberEvents): RedisSubscriber;
  /** Ends the connections, if they are its own. */
  end(): void;
}

/** What is heard of a subscriber. */
export interface SubscriberEvents {
  /** Something was published. */
  heard(channel: string, text: string): void;
  /** It may have missed something until now. */
  missed(): void;
  /** It has ended, and comes back no more. */
  ended(): void;
}

/** Connections that hear what is published. */
export interface RedisSubscriber {
  /** Fulfils when everything that is published from now on is heard. */
  subscribe(channel: string): Promise<void>;
  /** Hears no more of it. */
  unsubscribe(channel: string): Promise<void>;
  /** Ends the connections. */
  end(): void;
}

/** After a node of a cluster came back, its subscriptions follow: these many ms later there is another look. */
export const LOOK_AGAIN: readonly number[] = [0, 250, 1_000, 3_000];

/** Runs a function now and then. */
export class Looks {
  readonly #look: () => void;
  #cancels: (() => void)[] = [];

  constructor(look: () => void) {
    this.#look = look;
  }

  /** Once more, and again: what was begun before is left. */
  begin(): void {
    this.end();
    this.#cancels = LOOK_AGAIN.map((delay) => later(this.#look, delay));
  }

  end(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
  }
}
