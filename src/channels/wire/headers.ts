/**
 * What headers a message may have; for both sides.
 *
 * @module
 */

/** Most headers of a message, and most characters of all their names and values. */
const MAX_HEADERS = 32;
const MAX_CHARS = 4096;

/** In words, for whoever had more. */
export const HEADERS_RULE: string = `at most ${MAX_HEADERS} names, ${MAX_CHARS} characters`;

/** Whether they are some, as they may come from a stranger: a frame has room for so many. */
export function areHeaders(headers: unknown): headers is Readonly<Record<string, string>> {
  // What is iterated over, a list, a Map or the web's Headers, would be none, without a word.
  if (typeof headers !== "object" || !headers || Symbol.iterator in headers) return false;
  const entries = Object.entries(headers);
  return entries.length <= MAX_HEADERS && entries.every(([, value]) => typeof value === "string") &&
    entries.flat().join("").length <= MAX_CHARS;
}
