/**
 * The account of a whole run: every client's, the refused ones, and how the server went.
 *
 * @module
 */
import { Account } from "./account.ts";
import { BLAMED, noLosses } from "./classes.ts";
import type { Expectation, Loss, LossName, MessageCounts, StopResult } from "./verify_api.ts";

/** Exit codes between these are those of a program that a signal ended: 128 and the signal's number. */
const SIGNAL_CODES: readonly [number, number] = [129, 159];

/** Losses of connections and messages: a forced stop may have them. */
const OF_CLIENTS: ReadonlySet<LossName> = new Set(
  [...BLAMED].filter((name) => name !== "stillThere" && name !== "exitCode"),
);

/** Writes down what happens, and says what of it is lost. */
export class Ledger {
  readonly #expectation: Expectation;
  readonly #grace: number;
  readonly #accounts: Account[] = [];
  readonly #refused: { readonly at: number; readonly reset: boolean; readonly detail: string }[] = [];
  #signalAt: number | null = null;
  #stop: StopResult | null = null;
  #over = false;

  /**
   * Opens an empty ledger.
   *
   * @param grace Time in ms that the server has from the last signal to its exit.
   */
  constructor(expectation: Expectation, grace: number) {
    this.#expectation = expectation;
    this.#grace = grace;
  }

  /** When the first signal was sent, in ms of the clock; null before it. */
  get signalAt(): number | null {
    return this.#signalAt;
  }

  /** Every connection's account, in the order in which they were made. */
  get accounts(): readonly Account[] {
    return this.#accounts;
  }

  /** A connection was made. */
  open(now: number, rude: boolean = false): Account {
    const account = new Account(this.#accounts.length + 1, now, rude);
    this.#accounts.push(account);
    return account;
  }

  /** A connection could not be made; `reset` if the server took it and dropped it at once. */
  refuse(now: number, reset: boolean, detail: string): void {
    this.#refused.push({ at: now, reset, detail });
  }

  /** The signal is about to be sent; the first one counts. */
  signalled(now: number): void {
    this.#signalAt ??= now;
  }

  /** The server has gone, or its time is over. */
  stopped(stop: StopResult): void {
    this.#stop ??= stop;
  }

  /** Nothing more will be written down. */
  close(): void {
    this.#over = true;
  }

  /** Every loss, blamed or only counted. */
  losses(): readonly Loss[] {
    const signalAt = this.#signalAt ?? Infinity;
    const losses: Loss[] = [];
    for (const account of this.#accounts) {
      for (const { name, at, detail } of account.losses(signalAt)) {
        const forgiven = account.rude && name === "resetInsteadOfFin";
        losses.push(this.#loss(name, account.client, at, detail, forgiven));
      }
    }
    for (const { at, reset, detail } of this.#refused) {
      losses.push(this.#loss(reset ? "acceptedThenReset" : "refused", 0, at, detail));
    }
    return [...losses, ...this.#exitLosses()];
  }

  /** How many of each class. */
  counts(): Record<LossName, number> {
    const counts = noLosses();
    for (const { name } of this.losses()) counts[name]++;
    return counts;
  }

  /** Nothing that the server is to blame for. */
  get clean(): boolean {
    return this.losses().every(({ blamed }) => !blamed);
  }

  /** What was sent and answered. */
  messages(): MessageCounts {
    const { afterEnd, refused } = this.counts();
    const all = this.#accounts.flatMap(({ messages }) => messages);
    const answered = all.filter(({ answer }) => answer === "whole").length;
    return { sent: all.length - afterEnd, answered, afterEnd, refused };
  }

  #loss(name: LossName, client: number, at: number, detail: string, forgiven: boolean = false): Loss {
    const forced = this.#expectation.forced && OF_CLIENTS.has(name);
    const since = this.#signalAt === null ? null : at - this.#signalAt;
    return { name, blamed: BLAMED.has(name) && !forced && !forgiven, client, at: since, detail };
  }

  #exitLosses(): Loss[] {
    if (this.#signalAt === null || (this.#stop === null && !this.#over)) return [];
    const took = this.#stop?.took ?? null;
    const limit = this.#expectation.within ?? this.#grace;
    const at = this.#signalAt + (took ?? limit);
    if (took === null || took > limit) {
      const when = took === null ? `still there after ${limit} ms` : `gone after ${Math.round(took)} ms of ${limit}`;
      return [this.#loss("stillThere", 0, at, when)];
    }
    const { code, signal } = this.#stop!;
    if (this.#goodExit(code, signal)) return [];
    return [this.#loss("exitCode", 0, at, signal === null ? `exit code ${code}` : `ended by ${signal}`)];
  }

  #goodExit(code: number | null, signal: string | null): boolean {
    const { forced, rude } = this.#expectation;
    if (signal !== null) return forced;
    if (code === null || code === 0) return true;
    if (rude && code === 1) return true;
    return forced && code >= SIGNAL_CODES[0] && code <= SIGNAL_CODES[1];
  }
}
