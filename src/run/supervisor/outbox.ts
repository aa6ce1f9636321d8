/**
 * Messages to a worker, one at a time: on Deno a socket is lost whose message lies in the channel together with another
 * one (Deno 2.9.6: of 24 sockets sent right behind a word 9 never came).
 *
 * @module
 */

/** Sends the next when the last was heard. */
export class Outbox {
  readonly #waiting: (() => void)[] = [];
  readonly #watchers: (() => void)[] = [];
  #isUnderWay = false;
  #isClosed = false;

  /** Nothing is under way. */
  get isIdle(): boolean {
    return !this.#isUnderWay;
  }

  /** @param post Puts it into the channel. */
  send(post: () => void): void {
    if (this.#isClosed) return;
    this.#waiting.push(post);
    if (!this.#isUnderWay) this.#next();
  }

  /** The other end has heard the last one. */
  heard(): void {
    this.#isUnderWay = false;
    this.#next();
  }

  /** Fulfils when all were heard, at the latest after so many ms, or when nobody is there to hear. */
  emptied(limit: number): Promise<void> {
    if (!this.#isUnderWay || this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limit);
      this.#watchers.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Nobody is there to hear any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting.length = 0;
    this.#tellEmpty();
  }

  #next(): void {
    const post = this.#waiting.shift();
    if (post === undefined) return this.#tellEmpty();
    this.#isUnderWay = true;
    post();
  }

  #tellEmpty(): void {
    for (const tell of this.#watchers.splice(0)) tell();
  }
}
