/**
 * Answers that are known whole: a head with its length, and the body with it.
 *
 * @module
 */
import type { HttpExchange } from "./exchange.ts";
import { checkPhrase, isAscii, type OwnFields } from "../answer/fields.ts";
import { isBodyless } from "../answer/reply.ts";
import { statusLine } from "../answer/status.ts";

/** Text up to here is counted by hand; a longer one is encoded at once, which counts it too. */
const SHORT_TEXT = 2048;

const encoder = new TextEncoder();

/** Sends an answer whose body is known. */
export function sendWhole(
  exchange: HttpExchange,
  status: number,
  phrase: string,
  own: OwnFields,
  body: Uint8Array | string | null,
): void {
  const { head } = exchange;
  let content = body;
  if (typeof content === "string" && (content.length > SHORT_TEXT || !isAscii(content))) {
    content = encoder.encode(content);
  }
  const text = openHead(exchange, status, phrase, own);
  const length = lengthOf(status, own, content, head.isHead);
  if (head.isHead || isBodyless(status)) content = null;
  exchange.bytesOut = content === null ? 0 : content.length;
  exchange.http.send(exchange, text, length, content, own.close);
}

/** What Content-Length says; -1 for nothing. */
function lengthOf(status: number, own: OwnFields, content: Uint8Array | string | null, isHead: boolean): number {
  if (status === 204) return -1;
  // It has no body, and unlike a 204 it says so (RFC 9110 §15.3.6).
  if (status === 205) return 0;
  if (status === 304 || (isHead && content === null)) return own.length;
  return content === null ? 0 : content.length;
}

/** Status line, fields and Date; the answer begins with it. */
export function openHead(exchange: HttpExchange, status: number, phrase: string, own: OwnFields): string {
  const { service } = exchange.http;
  if (phrase !== "") checkPhrase(phrase);
  exchange.enter("begin");
  exchange.status = status;
  exchange.latin = own.latin || (phrase !== "" && !isAscii(phrase));
  service.answered(status);
  if (phrase === "" && !own.dated) return service.opening.of(status, own.lines, service.date());
  return statusLine(status, phrase) + own.lines + (own.dated ? "" : service.date());
}
