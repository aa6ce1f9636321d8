/**
 * How the heads of answers begin.
 *
 * @module
 */
import { statusLine } from "../answer/status.ts";

/** The last one's beginning: for a second most of a server's are the same. */
export class Opening {
  #status = 0;
  #lines = "";
  #date = "";
  #text = "";

  /** Status line, `lines` and the Date field. */
  of(status: number, lines: string, date: string): string {
    if (status !== this.#status || date !== this.#date || lines !== this.#lines) {
      this.#status = status;
      this.#date = date;
      this.#lines = lines;
      this.#text = statusLine(status) + lines + date;
      // Looked into it is one piece, and not pieces to be put together anew with each answer.
      this.#text.charCodeAt(0);
    }
    return this.#text;
  }
}
