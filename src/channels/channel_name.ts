/**
 * Names of channels, and patterns of them.
 *
 * @module
 */
import { nameOf } from "../bytes.ts";
import { OptionError } from "../errors.ts";
import { ANY, isName, NAME_RULE } from "./wire/names.ts";

export { isName, NAME_RULE, OWN } from "./wire/names.ts";

/** So much of a name is shown. */
const SHOWN = 64;

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
