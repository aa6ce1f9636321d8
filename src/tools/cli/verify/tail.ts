/**
 * The end of a long text.
 *
 * @module
 */

/** Keeps the last characters of what it is given. */
export class Tail {
  readonly #limit: number;
  #text = "";
  #dropped = false;

  /** `limit`: how many characters to keep. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Adds text. */
  push(text: string): void {
    this.#text += text;
    // Cut at twice the limit: cutting at each push would copy everything each time.
    if (this.#text.length > 2 * this.#limit) this.#cut();
  }

  /** What was kept; it begins with a whole line if lines are not longer than half of it. */
  get text(): string {
    if (this.#text.length > this.#limit) this.#cut();
    if (!this.#dropped) return this.#text;
    const begin = this.#text.indexOf("\n") + 1;
    return begin > 0 && begin <= this.#limit / 2 ? `...\n${this.#text.slice(begin)}` : `...${this.#text}`;
  }

  #cut(): void {
    this.#text = this.#text.slice(-this.#limit);
    this.#dropped = true;
  }
}
