/**
 * What a client sent and nobody will read.
 *
 * @module
 */
import type { HttpExchange } from "./exchange.ts";
import { type ParserEvent, RequestHead, type RequestParser } from "../parser/mod.ts";
import type { RequestBody } from "../request/body.ts";

/** Counts the requests that begin in what is left, none of which is run. */
export function countHeads(parser: RequestParser): number {
  let heads = 0;
  try {
    for (let event: ParserEvent = parser.next(); event !== null; event = parser.next()) {
      if (event instanceof RequestHead) heads++;
    }
  } catch {
    // What can't be read is no request.
    return heads;
  }
  return heads + (parser.partial ? 1 : 0);
}

/** Drops what is here of a body, so that its answer knows whether there is another request behind it. */
export function skipBody(body: RequestBody, most: number): void {
  if (body.remaining > most && body.remaining !== Infinity) return;
  let left = most;
  try {
    for (let part = body.take(); part != null && left >= 0; part = body.take()) left -= part.length;
  } catch {
    // The body has failed, and its answer closes the connection.
  }
}

/**
 * Whether what is unread of a body stands in the way of the next request, as far as that can be told.
 *
 * @param isLast Nobody reads on: the answer is whole. A stream may still be made of the body.
 */
export function blocksNext({ head, body, continued }: HttpExchange, maxUnreadBody: number, isLast: boolean): boolean {
  if (body === null || body.ended) return false;
  if (body.failed || (head.expectContinue && !continued && body.size === 0)) return true;
  return (isLast || !body.used) && body.remaining !== Infinity && body.remaining > maxUnreadBody;
}
