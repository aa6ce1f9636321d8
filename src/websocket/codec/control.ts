/**
 * Control frames (RFC 6455 §5.5).
 *
 * @module
 */
import { isReceivable, NO_STATUS } from "../close_code.ts";
import { WebSocketError } from "../websocket_errors.ts";
import { CLOSE, PING } from "./header.ts";
import { decodeText } from "./utf8.ts";

/** A ping, pong or Close that came. */
export interface ControlEvent {
  /** Which of the three. */
  readonly type: "ping" | "pong" | "close";
  /** The payload, as bytes of its own. */
  readonly data: Uint8Array;
  /** The code of a Close; 1005 if it had none. */
  readonly code: number;
  /** The reason of a Close; empty if it had none. */
  readonly reason: string;
}

/** What a control frame says. @throws {WebSocketError} 1002 or 1007: a Close's payload is not a code and a text. */
export function controlEvent(opcode: number, data: Uint8Array): ControlEvent {
  if (opcode === CLOSE) return closeEvent(data);
  return { type: opcode === PING ? "ping" : "pong", data, code: 0, reason: "" };
}

function closeEvent(data: Uint8Array): ControlEvent {
  if (data.length === 0) return { type: "close", data, code: NO_STATUS, reason: "" };
  if (data.length === 1) throw new WebSocketError(1002, "A Close has one byte of payload: send a code of two, or none");
  const code = (data[0] << 8) | data[1];
  if (!isReceivable(code)) {
    throw new WebSocketError(1002, `Close code ${code} is not for the wire: use 1000, or one of 3000 to 4999`);
  }
  return { type: "close", data, code, reason: decodeText(data, 2, data.length) };
}
