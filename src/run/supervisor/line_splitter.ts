/**
 * Cuts a process's output into lines.
 *
 * @module
 */

/** A line that is longer, in characters, is told in parts: nobody's memory is the limit. */
const MAX_LINE = 65_536;

/** Text in, lines out; the end of a line may be in the next piece. */
export class LineSplitter {
  readonly #line: (line: string) => void;
  #rest = "";

  /** @param line Gets each line, without its end. */
  constructor(line: (line: string) => void) {
    this.#line = line;
  }

  push(text: string): void {
    if (!text.includes("\n")) this.#rest += text;
    else {
      const lines = text.split("\n");
      lines[0] = this.#rest + lines[0];
      this.#rest = lines.pop()!;
      for (const line of lines) this.#line(line.endsWith("\r") ? line.slice(0, -1) : line);
    }
    while (this.#rest.length > MAX_LINE) {
      this.#line(this.#rest.slice(0, MAX_LINE));
      this.#rest = this.#rest.slice(MAX_LINE);
    }
  }

  /** What is left is a line, too. */
  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
  }
}
