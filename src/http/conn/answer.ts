/**
 * From a `Response` to bytes: which head, which framing.
 *
 * @module
 */
import type { HttpExchange } from "./exchange.ts";
import { decodedFields, fieldsOf } from "../answer/fields.ts";
import { PASSED_ON, type Passing } from "../answer/passing.ts";
import { Reply } from "../answer/reply.ts";
import { sendParts, sendStream } from "./stream_answer.ts";
import type { HttpResult } from "../http_api.ts";
import { sendWhole } from "./whole_answer.ts";

/** On a Response whose body was taken from memory: the web's API does not know that it was used. */
const SENT = Symbol("sluice.sent");

type Marked = Response & { [SENT]?: boolean };

/** Sends what a handler gave. @throws {TypeError} It is no answer. */
export function answer(exchange: HttpExchange, given: HttpResult): void {
  const { upgrading } = exchange;
  let response = given;
  if (upgrading !== null && upgrading.takes(given)) {
    if (upgrading.begin(given!)) return;
    response = upgrading.unavailable();
  }
  if (response instanceof Reply) {
    const { status, fields, content } = response as Reply;
    return sendWhole(exchange, status, "", fields, content);
  }
  const passing = response as Partial<Passing> | undefined;
  if (passing?.[PASSED_ON] === true) {
    if (passing.isTouched === false) return sendParts(exchange, passing as Passing);
    response = passing.native!();
  }
  if (!isResponse(response)) throw new TypeError(`A handler must give a Response, got ${nameOf(response)}`);
  const { status } = response;
  if (response.type === "error") throw new TypeError("Response.error() can't be sent, give a status");
  if (!(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw new TypeError(`Status ${status} is no final answer, use one from 200 to 599, hijack() or earlyHints()`);
  }
  let own = fieldsOf(response.headers);
  const adapter = exchange.http.service.server.adapter!;
  // The upstream's coding is not the body's any more; whoever compresses by hand makes a Response without a URL.
  if (own.coding !== "" && response.url && adapter.fetchDecodes?.(own.coding) === true) {
    own = decodedFields(response.headers);
  }
  refuseUsed(response);
  const known = adapter.responseBody?.(response, own.typed);
  if (known !== undefined) {
    if (known.content !== null) (response as Marked)[SENT] = true;
    if (known.type !== "" && !own.typed) own.lines += `content-type: ${known.type}\r\n`;
    return sendWhole(exchange, status, response.statusText, own, known.content);
  }
  const stream = response.body;
  if (stream === null) return sendWhole(exchange, status, response.statusText, own, null);
  if (stream.locked) throw new TypeError("The Response's body is locked to a reader, release it or send another");
  sendStream(exchange, status, response.statusText, own, stream);
}

/** A body can be sent once, on whichever runtime, though some keep it where it could be found again. */
function refuseUsed(response: Marked): void {
  if (response.bodyUsed || response[SENT] === true) {
    throw new TypeError("The Response was used already, give each request one of its own, or a reply()");
  }
}

function isResponse(value: HttpResult): value is Response {
  return typeof value?.status === "number" && typeof value.headers?.forEach === "function";
}

/** What a handler gave instead, and what may have been meant. */
function nameOf(value: unknown): string {
  if (value === undefined) return "undefined; is a return missing";
  if (typeof value === "string") return "a string; wrap it: reply(text)";
  return value === null ? "null" : Object.getPrototypeOf(value)?.constructor?.name ?? typeof value;
}
