/**
 * Which lines of a log are written when there are too many.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, gotNumber } from "../../names.ts";
import { share } from "../../validate.ts";

/** All lines, a share of them (0 to 1), or as many as a budget of lines per second allows. */
export type Sample = "all" | number | { readonly perSecond: number };

/** Decides line by line; errors always pass, and what was left out is counted. */
export class Sampler {
  readonly #rule: Rule;
  #suppressed = 0;

  /**
   * Makes a sampler.
   *
   * @param random From 0 up to, but not including, 1; for tests.
   * @throws {OptionError} `sample` can't be used.
   */
  constructor(sample: Sample, clock: Clock, random: () => number = Math.random) {
    this.#rule = ruleOf(sample, clock, random);
  }

  /** Lines left out since `written()` was called last. */
  get suppressed(): number {
    return this.#suppressed;
  }

  /** Whether this line is to be written; a `failed` one is, whatever the budget says, and uses it up all the same. */
  pass(failed: boolean): boolean {
    if (this.#rule.pass() || failed) return true;
    this.#suppressed++;
    return false;
  }

  /** The count of suppressed lines has been reported. */
  written(): void {
    this.#suppressed = 0;
  }
}

interface Rule {
  pass(): boolean;
}

function ruleOf(sample: Sample, clock: Clock, random: () => number): Rule {
  if (sample === "all") return { pass: () => true };
  if (typeof sample === "object" && sample !== null) return new Budget(perSecondOf(sample), clock);
  if (typeof sample !== "number") {
    throw new OptionError("sample", `sample must be "all", a share or { perSecond }, got ${JSON.stringify(sample)}`);
  }
  const kept = share("sample", sample, 1);
  return { pass: () => random() < kept };
}

function perSecondOf(sample: { readonly perSecond: number }): number {
  checkNames("sample", sample, { perSecond: true });
  const { perSecond } = sample;
  if (typeof perSecond !== "number" || !(perSecond >= 0 && perSecond < Infinity)) {
    throw new OptionError(
      "sample.perSecond",
      `sample.perSecond must be 0 or more lines per second, got ${gotNumber(perSecond)}`,
    );
  }
  return perSecond;
}

/** A token bucket that holds one second's worth, and at least one line. */
class Budget implements Rule {
  readonly #perSecond: number;
  readonly #clock: Clock;
  #tokens: number;
  #filledAt: number;

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#tokens = perSecond === 0 ? 0 : Math.max(1, perSecond);
    this.#filledAt = clock.now();
  }

  pass(): boolean {
    const now = this.#clock.now();
    const gained = (now - this.#filledAt) / 1000 * this.#perSecond;
    this.#tokens = Math.min(Math.max(1, this.#perSecond), this.#tokens + gained);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
