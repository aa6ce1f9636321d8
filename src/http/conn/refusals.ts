/**
 * Answers that the server gives by itself.
 *
 * @module
 */
import type { HttpError } from "../http_errors.ts";
import { statusLine } from "../answer/status.ts";

/** A whole answer after which the connection closes. @param date The line of its Date field (RFC 9110 §6.6.1). */
function plainAnswer(status: number, message: string, date: string, fields = ""): string {
  return `${statusLine(status)}${date}${fields}content-type: text/plain; charset=utf-8\r\n` +
    `content-length: ${message.length}\r\nconnection: close\r\n\r\n${message}`;
}

/** To whom there is no room for. */
export function overloadAnswer(date: string, retryAfter: number): string {
  return plainAnswer(503, "the server is at its limit\n", date, `retry-after: ${retryAfter}\r\n`);
}

/** To a peer that broke the protocol or a limit. */
export function refusalAnswer(error: HttpError, date: string, retryAfter: number): string {
  return plainAnswer(error.status, `${error.message}\n`, date, fieldsOf(error.status, retryAfter));
}

function fieldsOf(status: number, retryAfter: number): string {
  if (status === 503) return `retry-after: ${retryAfter}\r\n`;
  // All that a handler may be asked for (RFC 9110 §15.5.6).
  return status === 405 ? "allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n" : "";
}
