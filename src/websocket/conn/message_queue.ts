/**
 * Messages that wait for their taker.
 *
 * @module
 */
import type { WebSocketMessage } from "../websocket_api.ts";

/** Nothing waits, and nothing ever has: an idle connection should cost little. */
const NONE: WebSocketMessage[] = [];

/** First in, first out. */
export class MessageQueue {
  #messages: WebSocketMessage[] = NONE;
  #taken = 0;
  /** Size of those that wait: bytes, or UTF-16 units of text. */
  volume = 0;

  /** Number of those that wait. */
  get size(): number {
    return this.#messages.length - this.#taken;
  }

  push(message: WebSocketMessage): void {
    if (this.#messages === NONE) this.#messages = [];
    this.#messages.push(message);
    this.volume += message.length;
  }

  /** The oldest; only while `size` is above 0. */
  take(): WebSocketMessage {
    const message = this.#messages[this.#taken];
    this.#messages[this.#taken++] = "";
    this.volume -= message.length;
    if (this.#taken === this.#messages.length) this.clear();
    return message;
  }

  clear(): void {
    this.#messages = NONE;
    this.#taken = 0;
    this.volume = 0;
  }
}
