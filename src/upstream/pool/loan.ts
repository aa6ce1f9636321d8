/**
 * A member of a pool in somebody's hands.
 *
 * @module
 */
import type { Loan } from "./pool_api.ts";
import type { Member } from "./member.ts";

/** Who gets it back. */
export interface Lender<T> {
  /** @param isDoubtful Whoever had it failed. */
  giveBack(loan: ConnLoan<T>, isDoubtful: boolean): void;
  discard(loan: ConnLoan<T>, reason: unknown): void;
}

/** What `acquire()` gives. What is done to it after its end reaches nobody: the member may be another's by then. */
export class ConnLoan<T> implements Loan<T> {
  readonly conn: T;
  readonly uses: number;
  /** The member it is; null once it was given back. */
  member: Member<T> | null;
  /** When it was taken, in ms on the clock. */
  readonly since: number;
  /** Where it was taken; null unless leaks are watched for. */
  readonly trace: Error | null;
  /** Stops the warning of a leak. */
  stopWarning: (() => void) | null = null;
  /** It was told that nobody gives it back. */
  isWarned = false;
  readonly #lender: Lender<T>;

  constructor(lender: Lender<T>, member: Member<T>, since: number, trace: Error | null) {
    this.conn = member.conn;
    this.uses = member.uses;
    this.member = member;
    this.since = since;
    this.trace = trace;
    this.#lender = lender;
  }

  release(): void {
    this.#lender.giveBack(this, false);
  }

  /** Gives it back from who failed. */
  releaseDoubtful(): void {
    this.#lender.giveBack(this, true);
  }

  discard(reason?: unknown): void {
    this.#lender.discard(this, reason);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}

/** Where it was taken, as lines of a stack; empty if nobody asked for it. */
export function stackOf(trace: Error | null): string {
  return trace?.stack?.replace(/^.*\n/, "") ?? "";
}
