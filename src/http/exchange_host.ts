/**
 * What an exchange, and whoever sends its answer, needs of its connection.
 *
 * @module
 */
import type { Conn } from "../server/conn_types.ts";
import type { Connection } from "../server/connection.ts";
import type { HttpExchange } from "./exchange.ts";
import type { RequestParser } from "./parser/mod.ts";
import type { HttpService } from "./service.ts";

/** A connection that speaks HTTP. */
export interface ExchangeHost {
  readonly conn: Connection;
  readonly service: HttpService;
  readonly parser: RequestParser;
  /** A drain has begun, for all or for this connection. */
  readonly isLeaving: boolean;
  /**
   * The next part of the body; null at its end, undefined if it isn't here.
   *
   * @throws {HttpError} The peer broke the protocol or a limit.
   */
  pullBody(): Uint8Array | null | undefined;
  /** Somebody waits for a part of the body. */
  bodyWanted(): void;
  /** Sends an informational answer at once (RFC 9110 §15.2). */
  inform(status: number, lines: string): void;
  /** Gives the connection away, with what is unread. */
  handOver(exchange: HttpExchange): Conn;
  /** Another protocol has the connection: the request is over, and its context is when `serving` settles. */
  switched(exchange: HttpExchange, serving: Promise<void>): void;
  /** Whether the connection ends with this exchange's answer. @param isWhole All of it is here. */
  closes(exchange: HttpExchange, wanted: boolean, isWhole: boolean): boolean;
  /** Sends a whole answer. @param head Its head, without the Connection field and the empty line. */
  send(exchange: HttpExchange, head: string, body: Uint8Array | string | null, close: boolean): void;
  /** A stream whose length nobody has said is to be the answer; false if its client has closed, and it is let go. */
  opens(exchange: HttpExchange): boolean;
  /** The end of a streamed answer. */
  sent(exchange: HttpExchange, tail: string, close: boolean): void;
  /** The handler failed, or its answer can't be sent. */
  failed(exchange: HttpExchange, error: unknown): void;
  /** Does something that no data of this connection began. */
  outside(step: () => void): void;
}
