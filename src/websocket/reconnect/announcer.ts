/**
 * Tells listeners what happened, once all is in order again.
 *
 * @module
 */

/** Keeps events while something is being done, and dispatches them afterwards, in order. */
export class Announcer {
  readonly #target: EventTarget;
  readonly #news: Event[] = [];
  #telling = false;

  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** To be told when what is being done is done. */
  add(event: Event): void {
    this.#news.push(event);
  }

  /** Acts, then tells. What a listener does is done at once, and told after what it heard. */
  run(act: () => void): void {
    act();
    if (this.#telling) return;
    this.#telling = true;
    for (let event = this.#news.shift(); event !== undefined; event = this.#news.shift()) {
      this.#target.dispatchEvent(event);
    }
    this.#telling = false;
  }
}
