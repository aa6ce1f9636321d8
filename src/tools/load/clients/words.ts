/**
 * What a fault's detail is made of.
 *
 * @module
 */
import { ConnectError } from "@sluice/sluice";
import { HandshakeError, type HandshakeFailure } from "@sluice/sluice/websocket";
import type { FaultClass } from "../load_api.ts";
import { ClientError } from "./load_client.ts";

/** A connection that ends without an answer counts as one that was reset, however it ended. */
const HANDSHAKE_FAULTS: Readonly<Record<HandshakeFailure, FaultClass>> = {
  answer: "wrong",
  closed: "reset",
  timeout: "timeout",
};

/** Characters of an answer that a detail shows. */
const SHOWN = 60;
/** Bytes looked at to show them: UTF-8 takes up to four for each. */
const SHOWN_BYTES = 4 * SHOWN;

const decoder = new TextDecoder();

/** The beginning of a text or of bytes, in quotes. */
export function show(content: string | Uint8Array): string {
  const text = typeof content === "string" ? content : decoder.decode(content.subarray(0, SHOWN_BYTES));
  if (text.length <= SHOWN && text.length >= Math.min(content.length, SHOWN_BYTES)) return JSON.stringify(text);
  return `${JSON.stringify(text.slice(0, SHOWN))}... (${content.length} bytes)`;
}

/** An error and what is behind it. */
export function reasonOf(error: Error): string {
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}

/** How a failed attempt to connect counts; what is no failure of the server's stays what it is. */
export function connectFailure(error: unknown): unknown {
  if (error instanceof ConnectError) return new ClientError("refused", error.message, { cause: error });
  if (!(error instanceof HandshakeError)) return error;
  return new ClientError(HANDSHAKE_FAULTS[error.failure], reasonOf(error), { cause: error });
}
