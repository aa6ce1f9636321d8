/**
 * The part of a hand-written line echo that is the same on every runtime.
 *
 * @module
 */

/** Keeps the remainder, splits lines, and gives all answers as one text. One for each connection. */
export class LineEcho {
  #rest = "";

  feed(text: string): string {
    const parts = (this.#rest + text).split("\n");
    this.#rest = parts.pop()!;
    let answers = "";
    for (const line of parts) answers += line + "\n";
    return answers;
  }
}
