/**
 * One connection of a pool.
 *
 * @module
 */
import type { CloseReason } from "./pool_api.ts";
import { type MemberEvent, type MemberState, TRANSITIONS } from "./member_states.ts";
import { isConn, Resting } from "./resting.ts";

/** That somebody has it: since when, in ms on the clock, and where it was taken. */
export interface Taken {
  readonly since: number;
  readonly trace: Error | null;
}

/** A connection, and what its pool knows of it. */
export class Member<T> {
  readonly conn: T;
  /** When it is replaced, in ms on the clock; Infinity for never. */
  readonly endsAt: number;
  /** Since when nobody has it, in ms on the clock. */
  idleSince: number;
  /** How often it was given out. */
  uses = 0;
  /** Whoever had it failed: it is checked before anybody gets it. */
  isDoubtful = false;
  /** Why it is not to be used again. */
  why: CloseReason = "discarded";
  /** Who has it. */
  loan: Taken | null = null;
  #state: MemberState = "idle";
  #resting: Resting | null = null;

  constructor(conn: T, now: number, endsAt: number) {
    this.conn = conn;
    this.endsAt = endsAt;
    this.idleSince = now;
  }

  get state(): MemberState {
    return this.#state;
  }

  /** Something happens to it. */
  enter(event: MemberEvent): MemberState {
    return this.#state = TRANSITIONS[event][this.#state];
  }

  /** Nobody has it. @param gone Called when it ends by itself; at once if it has. */
  rest(gone: (reason: unknown) => void): void {
    if (!isConn(this.conn)) return;
    try {
      this.#resting = new Resting(this.conn, gone);
    } catch (error) {
      gone(error);
    }
  }

  /** Somebody gets it, or it is asked whether it lives. */
  wake(): void {
    this.#resting?.wake();
    this.#resting = null;
  }
}
