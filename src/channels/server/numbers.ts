/**
 * A set of whole numbers that rise: ranges, of which there is one as long as none is left out.
 *
 * @module
 */

/** Ranges that are kept: of more the lowest is forgotten. */
const MOST = 64;

/** Numbers. Of those that were added some may be forgotten; one that was not added is never there. */
export class Numbers {
  /** First and last of each range, in order. */
  readonly #ranges: [first: number, last: number][] = [];

  /** Whether it was added, and not forgotten. */
  has(number: number): boolean {
    const at = this.#before(number);
    return at >= 0 && number <= this.#ranges[at][1];
  }

  /** Adds a number. */
  add(number: number): void {
    const ranges = this.#ranges;
    const at = this.#before(number);
    const before = at >= 0 ? ranges[at] : null;
    if (before !== null && number <= before[1]) return;
    const after = at + 1 < ranges.length ? ranges[at + 1] : null;
    const closes = after !== null && after[0] === number + 1;
    if (before !== null && before[1] === number - 1) {
      before[1] = closes ? after[1] : number;
      if (closes) ranges.splice(at + 1, 1);
    } else if (closes) after[0] = number;
    else ranges.splice(at + 1, 0, [number, number]);
    if (ranges.length > MOST) ranges.shift();
  }

  /** Index of the last range that does not begin behind it; -1 for none. */
  #before(number: number): number {
    let at = this.#ranges.length - 1;
    // Most are added at the end.
    while (at >= 0 && this.#ranges[at][0] > number) at--;
    return at;
  }
}
