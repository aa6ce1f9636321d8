/**
 * A client of HTTP that a pattern of handlers is judged by.
 *
 * @module
 */
import { type Answer, AnswerReader } from "./http_answers.ts";
import { httpRequest, type RequestParts } from "./http_client.ts";
import type { Caller, CallerEnd, Peer } from "./handler_peer.ts";

/** One connection. `saw` has a line for each answer: its status and body, and `close` if it said so. */
export class HttpPeer implements Caller {
  readonly peer: Peer;
  readonly answers: Answer[] = [];
  readonly reader: AnswerReader = new AnswerReader();
  /** What was received and isn't HTTP. */
  problem: Error | null = null;
  /** After an answer that says goodbye to HTTP, what comes is text. */
  #raw = false;
  #text = "";

  constructor(peer: Peer) {
    this.peer = peer;
    peer.onChunk = (chunk) => this.#take(chunk);
  }

  get saw(): string {
    return this.answers.map((answer) => `${answer.status} ${textOf(answer)}\n`).join("") + this.#text;
  }

  get end(): CallerEnd {
    return this.peer.end;
  }

  /** Bytes of an answer that is not whole. */
  get partial(): number {
    return this.reader.bodyBytes;
  }

  /** Sends a request, or several in one write. */
  ask(target: string, parts?: RequestParts): void {
    this.reader.methods.push(parts?.method ?? (parts?.body === undefined ? "GET" : "POST"));
    this.peer.send(httpRequest(target, parts));
  }

  askAll(targets: readonly string[]): void {
    for (const _ of targets) this.reader.methods.push("GET");
    this.peer.send(targets.map((target) => httpRequest(target)).join(""));
  }

  /** Sends a request's head, for a body that follows by `more`. */
  begin(target: string, headers: RequestParts["headers"]): void {
    this.ask(target, { method: "POST", headers });
  }

  more(part: string | Uint8Array): void {
    this.peer.send(part);
  }

  /** Asks for another protocol: what follows is no HTTP. */
  switchTo(target: string): void {
    this.#raw = true;
    this.peer.send(httpRequest(target, { headers: { connection: "upgrade", upgrade: "lines" } }));
  }

  /** Waits for so many answers. */
  async answered(count: number): Promise<void> {
    await this.until(`${count} answers`, () => this.answers.length >= count || this.end !== "open");
  }

  until(what: string, ready: () => boolean, limit?: number): Promise<void> {
    return this.peer.until(what, ready, limit);
  }

  over(limit?: number): Promise<CallerEnd> {
    return this.peer.over(limit);
  }

  leave(): void {
    this.peer.leave();
  }

  drop(): void {
    this.peer.drop();
  }

  dispose(): void {
    this.peer.dispose();
  }

  #take(chunk: Uint8Array): void {
    if (this.#raw) {
      this.#text += new TextDecoder().decode(chunk);
      return;
    }
    try {
      this.answers.push(...this.reader.feed(chunk));
    } catch (error) {
      this.problem ??= error as Error;
    }
  }
}

function textOf({ body }: Answer): string {
  return new TextDecoder().decode(body);
}
