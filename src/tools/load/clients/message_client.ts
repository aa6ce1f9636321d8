/**
 * Clients whose answers are single messages, in the order of the requests.
 *
 * @module
 */
import type { Conn } from "@sluice/sluice";
import { BaseClient } from "./base_client.ts";
import type { ClientEvents, ResolvedClientOptions } from "./load_client.ts";
import type { Content } from "./content.ts";
import { show } from "./words.ts";

/** Judges messages: each is the answer to the oldest request. */
export abstract class MessageClient<M extends string | Uint8Array> extends BaseClient {
  protected readonly content: Content;
  readonly #checks: boolean;
  /** The last request whose answer was wrong; -1 for none. */
  #wrong = -1;

  constructor(conn: Conn, events: ClientEvents, options: ResolvedClientOptions, content: Content) {
    super(conn, events, options.pipeline, options.timeout);
    this.content = content;
    this.#checks = options.check !== "whole";
  }

  /** Whether a message is the answer to request `n`. */
  protected abstract answers(n: number, message: M): boolean;

  /** A message has come. */
  protected message(message: M): void {
    if (this.isOver) return;
    const n = this.flight.number;
    if (this.flight.size === 0) this.#notAsked(message);
    else if (this.unasked !== null) this.wrong("");
    else if (!this.#checks || this.answers(n, message)) this.right(message.length);
    else this.#mismatch(n, message);
  }

  #notAsked(message: M): void {
    if (!this.#isLate(message)) this.unasked ??= show(message);
  }

  /** It may be the answer to a later request, or to one that has failed: then what follows is in step again. */
  #mismatch(n: number, message: M): void {
    if (this.#isLate(message)) return;
    let skipped = 0;
    for (let ahead = 1; ahead < this.flight.size && skipped === 0; ahead++) {
      if (this.answers(n + ahead, message)) skipped = ahead;
    }
    for (let i = 0; i < skipped; i++) this.wrong("The answer to a later request came instead");
    if (skipped > 0) return this.right(message.length);
    this.#wrong = n;
    const asked = show(this.content.text(n));
    this.wrong(`Sent ${asked} to be echoed, got ${show(message)}; --check whole takes any answer`);
  }

  #isLate(message: M): boolean {
    return this.#wrong !== -1 && this.answers(this.#wrong, message);
  }
}
