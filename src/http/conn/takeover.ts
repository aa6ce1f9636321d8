/**
 * The life of the protocol that took a connection over from HTTP.
 *
 * @module
 */
import type { Connection } from "../../server/conn/connection.ts";

/** Who is told of the end of a handler that has a connection for itself. */
export interface HandlerKeeper {
  handlerLeft(conn: Connection): void;
  handlerFailed(conn: Connection, error: unknown): void;
}

/** Told once, when whoever serves the protocol has left. It is all that an upgraded connection keeps of its HTTP. */
export class Takeover {
  readonly #conn: Connection;
  readonly #keeper: HandlerKeeper;
  /** The request that it began with, once somebody looks at its context. */
  #request: { complete(): void } | null = null;
  #isOver = false;

  constructor(conn: Connection, keeper: HandlerKeeper) {
    this.#conn = conn;
    this.#keeper = keeper;
  }

  /** `request` ends with it; false if it is over. */
  carry(request: { complete(): void }): boolean {
    if (!this.#isOver) this.#request = request;
    return !this.#isOver;
  }

  /** It was served to its end. */
  settled(): void {
    this.#end();
    this.#keeper.handlerLeft(this.#conn);
  }

  /** Its handler threw. */
  failed(error: unknown): void {
    this.#end();
    this.#keeper.handlerFailed(this.#conn, error);
  }

  #end(): void {
    this.#isOver = true;
    this.#request?.complete();
    this.#request = null;
  }
}
