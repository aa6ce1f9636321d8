/**
 * The client's side of the opening handshake (RFC 6455 §4.1).
 *
 * @module
 */
import { checkAnswer as checkDeflate, type DeflateParams, makeOffer } from "../deflate/negotiate.ts";
import { HandshakeError } from "../websocket_errors.ts";
import { FAREWELL_EXTENSION, takeFarewell } from "../farewell.ts";
import type { ClientHandshakeOptions } from "./handshake_options.ts";
import { acceptKey, randomKey } from "./accept_key.ts";
import type { AnswerHead } from "./answer_head.ts";
import { hasToken } from "../fields.ts";
import type { WebSocketTarget } from "./url.ts";

/** A request, and what its answer is checked against. */
export interface HandshakeRequest {
  /** The whole request. */
  readonly text: string;
  /** The `Sec-WebSocket-Accept` that proves the server right. */
  readonly accept: string;
  readonly options: ClientHandshakeOptions;
}

/** What the handshake agreed on. */
export interface Agreement {
  /** The subprotocol; empty for none. */
  readonly protocol: string;
  /** What was agreed of permessage-deflate; null for none. */
  readonly deflate: DeflateParams | null;
  /** Value of the answer's `Sec-WebSocket-Extensions`; empty for none. */
  readonly extensions: string;
  /** The server reads the reason of a Close as a farewell, and sends one. */
  readonly farewell: boolean;
}

/** What a client sends. @param key 16 bytes in base64, never used before. */
export function makeRequest(
  target: WebSocketTarget,
  options: ClientHandshakeOptions,
  key: string = randomKey(),
): HandshakeRequest {
  const fields = [
    `GET ${target.resource} HTTP/1.1`,
    `Host: ${target.host}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
  ];
  if (options.protocols.length > 0) fields.push(`Sec-WebSocket-Protocol: ${options.protocols.join(", ")}`);
  const compression = options.compression === null ? "" : `${makeOffer(options.compression)}, `;
  fields.push(`Sec-WebSocket-Extensions: ${compression}${FAREWELL_EXTENSION}`);
  if (options.origin !== null) fields.push(`Origin: ${options.origin}`);
  return { text: `${fields.join("\r\n")}\r\n${options.lines}\r\n`, accept: acceptKey(key), options };
}

/** Whether the answer makes a WebSocket of the connection. @throws {HandshakeError} It doesn't. */
export function checkAnswer(head: AnswerHead, request: HandshakeRequest): Agreement {
  if (head.status !== 101) throw refused(head);
  if (head.minor < 1 || !hasToken(head.header("upgrade"), "websocket")) throw wrong("Upgrade: websocket is missing");
  if (!hasToken(head.header("connection"), "upgrade")) throw wrong("Connection: Upgrade is missing");
  if (head.header("sec-websocket-accept") !== request.accept) {
    throw wrong("Sec-WebSocket-Accept doesn't belong to the key that was sent");
  }
  const protocol = checkProtocol(head.header("sec-websocket-protocol"), request.options.protocols);
  const extensions = head.header("sec-websocket-extensions");
  const { farewell, rest } = takeFarewell(extensions);
  const deflate = checkDeflate(rest, request.options.compression);
  if (typeof deflate === "string") throw wrong(deflate);
  return { protocol, deflate, extensions: extensions ?? "", farewell };
}

function checkProtocol(protocol: string | null, offered: readonly string[]): string {
  if (protocol === null || offered.includes(protocol)) return protocol ?? "";
  throw wrong(`it has the subprotocol ${JSON.stringify(protocol)}, which was not offered`);
}

/** The server speaks HTTP and no WebSocket. Where it points to is for the user to follow: it may be another's. */
function refused(head: AnswerHead): HandshakeError {
  const { status } = head;
  const hints: string[] = [];
  const location = head.header("location");
  const retryAfter = head.header("retry-after");
  if (status >= 300 && status < 400 && location !== null) {
    hints.push(`redirects are not followed, connect to ${JSON.stringify(location.slice(0, 200))} if you trust it`);
  }
  if (retryAfter !== null) hints.push(`try again after ${JSON.stringify(retryAfter.slice(0, 40))}`);
  if (status === 401) hints.push("pass headers: { authorization }");
  if (status === 403) hints.push("the server may not allow this origin");
  if (status === 426) hints.push(`the server wants ${JSON.stringify((head.header("upgrade") ?? "").slice(0, 40))}`);
  const hint = hints.length === 0 ? "check the url's path" : hints.join("; ");
  const message = `The server answered with status ${status} instead of 101: ${hint}`;
  return new HandshakeError(status, message, { retryAfter: delayOf(retryAfter) });
}

/** Retry-After is seconds, or a date (RFC 9110 §10.2.3); in ms from now. */
function delayOf(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const delay = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(delay) ? null : Math.max(0, delay);
}

function wrong(problem: string): HandshakeError {
  return new HandshakeError(101, `The server's answer to the handshake is wrong: ${problem}`);
}
