/**
 * Names of channels, and patterns of them.
 *
 * @module
 */
import { nameOf } from "../bytes.ts";
import { OptionError } from "../errors.ts";

/** Longest name, in UTF-16 units. */
const MAX_NAME = 255;

/** Streams of the library's own begin so, and no channel does. */
export const OWN = "$";

/** Ends a pattern: every channel that begins with what is before it. */
const ANY = "*";

/** So much of a name is shown. */
const SHOWN = 64;

/** No control characters; and half of a character is none, and not the same text at the other end. */
// deno-lint-ignore no-control-regex
const NAME = /^(?!\$)[^\0-\x1f\x7f\p{Cs}]+$/u;

/** A channel's name, as it may come from a stranger. */
export function isChannel(name: unknown): name is string {
  return isName(name) && !name.endsWith(ANY);
}

/** A pattern: something, and then anything. One that matches everything is none. */
export function isPattern(name: unknown): name is string {
  return isName(name) && name.length > 1 && name.endsWith(ANY);
}

/** What the channels of a pattern begin with. */
export function prefixOf(pattern: string): string {
  return pattern.slice(0, -1);
}

/** @throws {OptionError} It is no name of a channel. */
export function checkChannel(name: unknown): string {
  if (isChannel(name)) return name;
  throw new OptionError("channel", `channel must be ${NAME_RULE}, got ${shown(name)}`);
}

/** In words, for a client: what is wrong with the name that it gave. */
export function noChannel(name: unknown): string {
  return `${shown(name)} is no name of a channel: that is ${NAME_RULE}`;
}

/** A long one by its beginning and its length. */
function shown(name: unknown): string {
  if (typeof name !== "string") return name === null || typeof name !== "object" ? String(name) : nameOf(name);
  return name.length <= SHOWN
    ? JSON.stringify(name)
    : `${JSON.stringify(name.slice(0, SHOWN))}… (${name.length} characters)`;
}

/** What a channel is called, in words. */
export const NAME_RULE: string =
  `a name of 1 to ${MAX_NAME} characters, no control character, "${OWN}" not first and "${ANY}" not last`;

/** A channel's name, or a pattern, or what matches everything. */
export function isName(name: unknown): name is string {
  return typeof name === "string" && name.length <= MAX_NAME && NAME.test(name);
}
