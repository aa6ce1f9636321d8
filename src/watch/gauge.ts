/**
 * Episodes: from the upper mark to the lower one.
 *
 * @module
 */
import type { Marks } from "./watch_settings.ts";

/** Follows one resource. */
export class Gauge {
  readonly marks: Marks;
  /** An episode is under way. */
  over = false;
  /** How many were told of in this episode. */
  #told = 0;

  constructor(marks: Marks) {
    this.marks = marks;
  }

  /**
   * Notes a value, and says whether it is worth a warning: at the beginning of an episode, and within it whenever twice
   * as many are over the mark as were told of.
   *
   * @param limit The whole; Infinity for none. @param count How many are over the mark.
   */
  note(value: number, limit: number, count: number): boolean {
    const share = value / limit;
    if (share >= this.marks.warnAt) {
      if (this.over && count < 2 * this.#told) return false;
      this.over = true;
      this.#told = count;
      return true;
    }
    if (share < this.marks.clearAt) {
      this.over = false;
      this.#told = 0;
    }
    return false;
  }
}
