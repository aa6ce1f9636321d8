/**
 * Passive health: what calls have shown of an address.
 *
 * @module
 */
import { type HealthEvent, type HealthState, TRANSITIONS } from "./health_states.ts";

/** When an address is taken out, and for how long; in ms. */
export interface HealthLimits {
  /** Failures one after the other. */
  readonly failures: number;
  /** The first time out; each one after it is that much longer. */
  readonly ejectFor: number;
}

/** A time out grows with each that follows at once, up to so many times the first. */
const MAX_ROUNDS = 10;

/** One address's. */
export class Health {
  readonly #limits: HealthLimits;
  #state: HealthState = "in";
  #failures = 0;
  /** Times out without a success in between. */
  #rounds = 0;
  #outUntil = 0;
  /** How often it was taken out. */
  ejections = 0;

  constructor(limits: HealthLimits) {
    this.#limits = limits;
  }

  get state(): HealthState {
    return this.#state;
  }

  /** Whether a call may go to it at `now`. */
  takes(now: number): boolean {
    return this.#state === "in" || (this.#state === "out" && now >= this.#outUntil);
  }

  /** A call goes to it; true if that finds out whether it is well. */
  begin(now: number): boolean {
    if (this.#state !== "out" || now < this.#outUntil) return false;
    this.#enter("tryAgain");
    return true;
  }

  /** A call has got an answer. @param isTrial It was the one to find out. */
  well(isTrial: boolean): void {
    if (this.#state === "trial" && !isTrial) return;
    this.#enter("well");
    if (this.#state !== "in") return;
    this.#failures = 0;
    if (isTrial) this.#rounds = 0;
  }

  /** A call has failed, and the address is to blame. @param mayEject It would not be the last one. */
  bad(isTrial: boolean, now: number, mayEject: boolean): void {
    // One that has found it well, and then broke off in its body, is as any other.
    if (isTrial && this.#state === "trial") {
      this.#enter("stillBad");
      this.#out(now);
    } else if (this.#state === "in" && ++this.#failures >= this.#limits.failures && mayEject) {
      this.#enter("eject");
      this.#out(now);
    }
  }

  /** The call that was to find out was cancelled: the next one finds out. */
  unknown(): void {
    this.#enter("unknown");
  }

  #out(now: number): void {
    this.ejections++;
    this.#rounds = Math.min(this.#rounds + 1, MAX_ROUNDS);
    this.#outUntil = now + this.#limits.ejectFor * this.#rounds;
    this.#failures = 0;
  }

  #enter(event: HealthEvent): void {
    this.#state = TRANSITIONS[event][this.#state];
  }
}
