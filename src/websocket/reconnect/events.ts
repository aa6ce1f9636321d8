/**
 * What a reconnecting WebSocket dispatches.
 *
 * @module
 */
import type { Farewell } from "../farewell.ts";
import type { ReconnectState } from "./reconnect_states.ts";
import type { ConnectionEnd } from "./reconnect_api.ts";

/** The events of a `ReconnectingWebSocket`. */
export interface ReconnectEvents {
  /** The state changed. */
  readonly state: StateEvent;
  /** There is a connection: the first, or another one. */
  readonly open: Event;
  /** A message came: `data` is a string, or bytes as `binaryType` says. */
  readonly message: MessageEvent;
  /** A connection, or an attempt, has ended. */
  readonly end: ConnectionEndEvent;
  /** It is over for good, and not by a Close; `close` follows. */
  readonly error: Event;
  /** It is over for good: once, and last. */
  readonly close: ConnectionEndEvent;
}

/** Who hears an event. */
export type ReconnectListener<E extends Event> = ((event: E) => void) | { handleEvent(event: E): void } | null;

/** What a `StateEvent` is made of. */
export interface StateChange {
  /** The new state. */
  readonly state: ReconnectState;
  /** The state before. */
  readonly previous: ReconnectState;
  /** In `waiting`: ms until the next attempt; otherwise 0. */
  readonly delay: number;
  /** Attempts to come back since the last connection that lasted, the one that is due included. */
  readonly attempt: number;
}

/** The state changed. */
export class StateEvent extends Event implements StateChange {
  /** The new state. */
  readonly state: ReconnectState;
  /** The state before. */
  readonly previous: ReconnectState;
  /** In `waiting`: ms until the next attempt; otherwise 0. */
  readonly delay: number;
  /** Attempts to come back since the last connection that lasted, the one that is due included. */
  readonly attempt: number;

  /** Builds the event. */
  constructor(change: StateChange) {
    super("state");
    this.state = change.state;
    this.previous = change.previous;
    this.delay = change.delay;
    this.attempt = change.attempt;
  }
}

/** A connection, or an attempt, has ended, or all of it; has what the web's `CloseEvent` has, and more. */
export class ConnectionEndEvent extends Event implements ConnectionEnd {
  /** The server's close code; 1005 if its Close had none, 1006 if there was no Close. */
  readonly code: number;
  /** The server's words. */
  readonly reason: string;
  /** A Close went each way. */
  readonly wasClean: boolean;
  /** Why it ended badly, if that is known. */
  readonly error?: Error;
  /** It had been open; false for an attempt that failed. */
  readonly opened: boolean;
  /** Bytes that `send()` handed over and that never left this machine, as far as is known: Deno's own WebSocket says 0. */
  readonly unsentBytes: number;
  /** What the server said to a client that understands it, or null. */
  readonly farewell: Farewell | null;
  /** Another connection is wanted. */
  readonly willReconnect: boolean;

  /** Builds the event. */
  constructor(type: "end" | "close", end: ConnectionEnd, willReconnect: boolean) {
    super(type);
    this.code = end.code;
    this.reason = end.reason;
    this.wasClean = end.wasClean;
    this.error = end.error;
    this.opened = end.opened;
    this.unsentBytes = end.unsentBytes;
    this.farewell = end.farewell;
    this.willReconnect = willReconnect;
  }
}
