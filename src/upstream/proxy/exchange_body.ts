/**
 * A client's body on its way to an upstream: read no faster than that takes it.
 *
 * @module
 */
import type { HttpExchange } from "../../http/conn/exchange.ts";
import type { RequestBody } from "../../http/request/body.ts";
import { type OutgoingBody, WholeBody } from "../http/outgoing_body.ts";
import { trailerLines } from "./hop_by_hop.ts";

/**
 * The body of the request that is being answered; null if it has none.
 *
 * @param staysBehind Whether a trailer of this name is for nobody else.
 * @throws {TypeError} Somebody has read it.
 */
export function bodyOf(exchange: HttpExchange, staysBehind: (name: string) => boolean): OutgoingBody | null {
  const { body } = exchange;
  if (body === null) return null;
  if (body.used) throw new TypeError("proxy() needs the request's body, which was read already: pass it on unread");
  body.used = true;
  const first = body.take();
  if (first instanceof Uint8Array && first.length === exchange.declared && body.take() === null) {
    return new WholeBody(first);
  }
  return new ExchangeBody(exchange, body, first ?? undefined, staysBehind);
}

class ExchangeBody implements OutgoingBody {
  readonly length: number;
  readonly whole = null;
  isUsed = false;
  readonly #exchange: HttpExchange;
  readonly #body: RequestBody;
  readonly #staysBehind: (name: string) => boolean;
  #first: Uint8Array | undefined;

  constructor(
    exchange: HttpExchange,
    body: RequestBody,
    first: Uint8Array | undefined,
    staysBehind: (name: string) => boolean,
  ) {
    this.length = exchange.declared;
    this.#exchange = exchange;
    this.#body = body;
    this.#staysBehind = staysBehind;
    this.#first = first;
  }

  read(): Promise<Uint8Array | null> {
    this.isUsed = true;
    const first = this.#first;
    if (first === undefined) return this.#body.read();
    this.#first = undefined;
    return Promise.resolve(first);
  }

  /** The server drops what is left when the answer is out, or closes. */
  cancel(): void {
    this.isUsed = true;
  }

  trailers(): string {
    const { trailers } = this.#exchange;
    return trailerLines(trailers === null ? null : [...trailers].filter(([name]) => !this.#staysBehind(name)));
  }
}
