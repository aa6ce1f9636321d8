/**
 * Lines over TCP: each line is answered with one line.
 *
 * @module
 */
import { contentOf, cut, encode, join, short, type Talk, type TalkEvents, type TalkOptions } from "./talk.ts";

const LF = 10;

/** One connection that speaks lines. */
export class LineTalk implements Talk {
  readonly greeting: null = null;
  readonly #options: TalkOptions;
  readonly #events: TalkEvents;
  /** What the next answers must end with. */
  readonly #expected: string[] = [];
  #number = 0;
  /** The line that is not over yet. */
  #line: Uint8Array[] = [];

  constructor(options: TalkOptions, events: TalkEvents) {
    this.#options = options;
    this.#events = events;
  }

  get partial(): boolean {
    return this.#line.length > 0;
  }

  message(size: number): Uint8Array {
    const content = contentOf(this.#options.client, ++this.#number, size - 1);
    this.#expected.push(content);
    return encode(`${content}\n`);
  }

  upload(size: number, pieces: number): readonly Uint8Array[] {
    return cut(this.message(size), pieces);
  }

  stream(): null {
    return null;
  }

  leave(): null {
    return null;
  }

  feed(chunk: Uint8Array): void {
    let from = 0;
    for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, from)) {
      this.#line.push(chunk.subarray(from, at));
      from = at + 1;
      this.#answer();
    }
    if (from < chunk.length) this.#line.push(chunk.subarray(from));
  }

  end(): void {}

  #answer(): void {
    const line = new TextDecoder().decode(join(this.#line)).replace(/\r$/, "");
    this.#line = [];
    const expected = this.#expected.shift();
    if (expected === undefined) return;
    const right = this.#options.expect === "any" || line.endsWith(expected);
    this.#events.answered(right ? "" : `${short(line)} is not an echo of ${short(expected)}`, 0);
  }
}
