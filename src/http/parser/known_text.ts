/**
 * Methods and field names that come all the time: recognised by their bytes, so that no text is made for them.
 *
 * @module
 */

import { ascii, isName, isText } from "./text.ts";

function byLength(words: string): readonly string[][] {
  const table: string[][] = [];
  for (const word of words.split(" ")) (table[word.length] ??= []).push(word);
  return Array.from(table, (list) => list ?? []);
}

const METHODS = byLength("GET POST PUT HEAD DELETE OPTIONS PATCH CONNECT TRACE");

/** What browsers, proxies and libraries send; the most frequent of each length first. */
const NAMES = byLength(
  "host accept user-agent connection content-length content-type accept-encoding accept-language cookie " +
    "referer origin cache-control authorization x-forwarded-for x-forwarded-proto x-forwarded-host forwarded " +
    "traceparent tracestate if-none-match if-modified-since if-match range pragma te dnt via priority upgrade " +
    "upgrade-insecure-requests sec-fetch-site sec-fetch-mode sec-fetch-dest sec-fetch-user sec-ch-ua " +
    "sec-ch-ua-mobile sec-ch-ua-platform sec-gpc sec-websocket-key sec-websocket-version " +
    "sec-websocket-extensions sec-websocket-protocol x-real-ip x-request-id x-requested-with " +
    "transfer-encoding keep-alive expect trailer date accept-charset",
);

/** The text of a method. */
export function methodText(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length < METHODS.length) {
    for (const word of METHODS[length]) {
      if (isText(bytes, start, word)) return word;
    }
  }
  return ascii(bytes, start, end);
}

/** The text of a field's name, in lower case. */
export function fieldName(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length < NAMES.length) {
    for (const word of NAMES[length]) {
      if (isName(bytes, start, word)) return word;
    }
  }
  return ascii(bytes, start, end).toLowerCase();
}
