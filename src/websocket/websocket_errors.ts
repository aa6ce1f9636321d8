/**
 * The errors of WebSockets.
 *
 * @module
 */
import { SluiceError } from "../errors.ts";

/** The peer broke the protocol or a limit: the connection is closed with `closeCode`. */
export class WebSocketError extends SluiceError {
  /** What to close with: 1002, 1007, 1008 or 1009 (RFC 6455 §7.4.1). */
  readonly closeCode: number;

  /** Builds the error. */
  constructor(closeCode: number, message: string, options?: ErrorOptions) {
    super("ERR_WEBSOCKET", message, options);
    this.closeCode = closeCode;
  }
}

/** Something was to be sent on a WebSocket that is closing or closed. */
export class WebSocketClosedError extends SluiceError {
  /** Builds the error. */
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_WEBSOCKET_CLOSED", message, options);
  }
}

/** What went wrong with a handshake: the answer itself, the connection's end before it, or the time for it. */
export type HandshakeFailure = "answer" | "closed" | "timeout";

/** What else a handshake's error knows. */
export interface HandshakeErrorOptions extends ErrorOptions {
  /** What went wrong. @default "answer" */
  readonly failure?: HandshakeFailure;
  /** When to come back, in ms. @default null */
  readonly retryAfter?: number | null;
}

/** The server's answer to a client's handshake is not a valid 101, or none came. */
export class HandshakeError extends SluiceError {
  /** The answer's status code; 0 if there was none. */
  readonly status: number;
  /** What went wrong. */
  readonly failure: HandshakeFailure;
  /** When to come back, in ms from then: the answer's Retry-After (RFC 9110 §10.2.3); null if it had none. */
  readonly retryAfter: number | null;

  /** Builds the error. */
  constructor(status: number, message: string, options: HandshakeErrorOptions = {}) {
    super("ERR_HANDSHAKE", message, options);
    this.status = status;
    this.failure = options.failure ?? "answer";
    this.retryAfter = options.retryAfter ?? null;
  }
}
