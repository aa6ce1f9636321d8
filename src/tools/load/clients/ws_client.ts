/**
 * A client that sends WebSocket messages and gets a message for each.
 *
 * @module
 */
import {
  type WebSocketClose,
  type WebSocketConn,
  WebSocketError,
  type WebSocketMessage,
} from "@sluice/sluice/websocket";
import type { ClientEvents, ResolvedClientOptions } from "./load_client.ts";
import type { Content } from "./content.ts";
import { MessageClient } from "./message_client.ts";
import { reasonOf } from "./words.ts";

/** The end of a connection without a Close (RFC 6455 §7.1.5). */
const ABNORMAL = 1006;

/** One WebSocket. */
export class WsClient extends MessageClient<WebSocketMessage> {
  readonly #ws: WebSocketConn;

  constructor(ws: WebSocketConn, events: ClientEvents, options: ResolvedClientOptions, content: Content) {
    super(ws.conn, events, options, content);
    this.#ws = ws;
    void ws.closed.then((close) => this.#ended(close));
    void ws.forEach((message) => {
      this.message(message);
      this.settle();
    });
  }

  protected write(n: number): void {
    void this.#ws.send(this.content.text(n));
  }

  protected leave(): Promise<unknown> {
    return this.#ws.close();
  }

  protected answers(n: number, message: WebSocketMessage): boolean {
    if (typeof message === "string") return message === this.content.text(n);
    return message.length === this.content.size(n) && this.content.matches(n, 0, message, 0, message.length);
  }

  #ended({ code, reason, error }: WebSocketClose): void {
    if (this.isOver) return;
    if (error instanceof WebSocketError) return this.lose(false, "wrong", reasonOf(error));
    const why = error === undefined ? "" : `: ${reasonOf(error)}`;
    if (code === ABNORMAL) return this.lose(false, "reset", `The connection ended without a Close${why}`);
    const words = reason === "" ? "" : ` ${JSON.stringify(reason)}`;
    this.lose(true, "reset", `The server closed the WebSocket with ${code}${words} without an answer`);
  }
}
