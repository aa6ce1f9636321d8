/**
 * From a `Response` to bytes: which head, which framing.
 *
 * @module
 */
import type { HttpExchange } from "./exchange.ts";
import { addField, checkPhrase, isAscii, noFields, type OwnFields } from "./fields.ts";
import { Reply } from "./reply.ts";
import { statusLine } from "./status.ts";
import { sendStream } from "./stream_answer.ts";
import type { HttpResult } from "./types.ts";

/** Text up to here is counted by hand; a longer one is encoded at once, which counts it too. */
const SHORT_TEXT = 2048;

const encoder = new TextEncoder();

/** Sends what a handler gave. @throws {TypeError} It is no answer. */
export function answer(exchange: HttpExchange, response: HttpResult): void {
  if (response instanceof Reply && response.real === null) {
    const { code, own, content } = response as Reply;
    return sendWhole(exchange, code, "", own, content);
  }
  if (typeof response?.status !== "number") {
    throw new TypeError(`A handler must give a Response, got ${response === null ? "null" : typeof response}`);
  }
  const { status } = response;
  if (status < 200) throw new TypeError(`Status ${status} is no final answer, use hijack() or earlyHints()`);
  const own = noFields();
  response.headers.forEach((value, name) => addField(own, name, value));
  if (response instanceof Reply) {
    return sendWhole(exchange, status, response.statusText, own, (response as Reply).content);
  }
  const known = exchange.http.service.server.adapter!.responseBody?.(response);
  if (known !== undefined) {
    if (known.type !== "" && !own.typed) own.lines += `content-type: ${known.type}\r\n`;
    return sendWhole(exchange, status, response.statusText, own, known.content);
  }
  if (response.bodyUsed) throw new TypeError("The Response was used already, give each request one of its own");
  const stream = response.body;
  if (stream === null) return sendWhole(exchange, status, response.statusText, own, null);
  sendStream(exchange, status, response.statusText, own, stream);
}

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
  let text = openHead(exchange, status, phrase, own);
  if (status === 204) content = null;
  else if (status === 304 || (head.isHead && content === null)) {
    if (own.length >= 0) text += `content-length: ${own.length}\r\n`;
    content = null;
  } else {
    text += `content-length: ${content === null ? 0 : content.length}\r\n`;
  }
  if (head.isHead) content = null;
  exchange.bytesOut = content === null ? 0 : content.length;
  exchange.http.send(exchange, text, content, own.close);
}

/** Status line, fields and Date; the answer begins with it. */
export function openHead(exchange: HttpExchange, status: number, phrase: string, own: OwnFields): string {
  const { service } = exchange.http;
  if (phrase !== "") checkPhrase(phrase);
  exchange.state = "begun";
  exchange.status = status;
  exchange.latin = own.latin || (phrase !== "" && !isAscii(phrase));
  service.answered(status);
  return statusLine(status, phrase) + own.lines + (own.dated ? "" : service.date());
}
