/**
 * Tells listeners what happened, once all is in order again.
 *
 * @module
 */

/** Keeps news while something is being done, and tells them afterwards, in order. */
export class Announcer {
  readonly #news: (() => void)[] = [];
  #telling = false;

  /** To be called, without throwing, when what is being done is done. */
  add(tell: () => void): void {
    this.#news.push(tell);
  }

  /** Acts, then tells. What a listener does is done at once, and told after what it heard. */
  run(act: () => void): void {
    act();
    if (this.#telling) return;
    this.#telling = true;
    for (let tell; (tell = this.#news.shift());) tell();
    this.#telling = false;
  }
}
