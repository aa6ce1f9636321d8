/**
 * What is a name of a channel, or a pattern of them; for both sides. Without imports, so that bundlers put its constants
 * where they are used.
 *
 * @module
 */

/** Longest name, in UTF-16 units. */
const MAX_NAME = 255;

/** Streams of the library's own begin so, and no channel does. */
export const OWN = "$";

/** Ends a pattern: every channel that begins with what is before it. */
export const ANY = "*";

/** No control characters; and half of a character is none, and not the same text at the other end. */
// deno-lint-ignore no-control-regex
const NAME = /^(?!\$)[^\0-\x1f\x7f\p{Cs}]+$/u;

/** What a channel is called, in words. */
export const NAME_RULE: string =
  `a name of 1 to ${MAX_NAME} characters, no control character, "${OWN}" not first and "${ANY}" not last`;

/** A channel's name, or a pattern, or what matches everything. */
export function isName(name: unknown): name is string {
  return typeof name === "string" && name.length <= MAX_NAME && NAME.test(name);
}
