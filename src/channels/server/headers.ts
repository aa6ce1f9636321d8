/**
 * Small texts that go along with a message.
 *
 * @module
 */
import type { ChannelHeaders } from "../channels_api.ts";

/** None go along. */
export const NO_HEADERS: ChannelHeaders = Object.freeze({});

/** Most headers of a message, and most characters of all their names and values. */
const MAX_HEADERS = 32;
const MAX_CHARS = 4096;

/** In words, for whoever had more. */
export const HEADERS_RULE = `at most ${MAX_HEADERS} names, and ${MAX_CHARS} characters in all`;

/** Whether they are some, as they may come from a stranger: a frame's head has room for so many. */
export function areHeaders(headers: unknown): headers is ChannelHeaders {
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return false;
  const entries = Object.entries(headers);
  if (entries.length > MAX_HEADERS || !entries.every(([, value]) => typeof value === "string")) return false;
  return entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0) <= MAX_CHARS;
}
