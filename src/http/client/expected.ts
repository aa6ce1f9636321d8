/**
 * The methods of requests that wait for their responses.
 *
 * @module
 */

/** A queue of methods; where nothing is said, GET is assumed. */
export class Expected {
  #methods: string[] = [];
  #taken = 0;

  push(method: string): void {
    this.#methods.push(method);
  }

  take(): string {
    if (this.#taken === this.#methods.length) return "GET";
    const method = this.#methods[this.#taken++];
    if (this.#taken === this.#methods.length) {
      this.#methods.length = 0;
      this.#taken = 0;
    }
    return method;
  }
}
