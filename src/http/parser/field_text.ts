/**
 * The text of field lines that have been found correct: no check is made again.
 *
 * @module
 */

import { CR } from "./chars.ts";
import { lineEnd, nameEnd, trimEnd, trimStart } from "./field_line.ts";
import { fieldName } from "./known_text.ts";
import { isName, latin1 } from "./text.ts";

/** The fields from `start` to the empty line, names in lower case. */
export function readFields(bytes: Uint8Array, start: number): [lowerCaseName: string, value: string][] {
  const fields: [string, string][] = [];
  for (let i = start; bytes[i] !== CR;) {
    const colon = nameEnd(bytes, i);
    const end = lineEnd(bytes, colon);
    fields.push([fieldName(bytes, i, colon), valueText(bytes, colon + 1, end)]);
    i = end + 2;
  }
  return fields;
}

/** The value of the field `lower`, from `start` to the empty line; repetitions are joined. */
export function findField(bytes: Uint8Array, start: number, lower: string): string | null {
  let found: string | null = null;
  for (let i = start; bytes[i] !== CR;) {
    const colon = nameEnd(bytes, i);
    const end = lineEnd(bytes, colon);
    if (colon - i === lower.length && isName(bytes, i, lower)) {
      const value = valueText(bytes, colon + 1, end);
      // RFC 9113 §8.2.3 says the same of Cookie: a comma would be part of a value.
      found = found === null ? value : found + (lower === "cookie" ? "; " : ", ") + value;
    }
    i = end + 2;
  }
  return found;
}

function valueText(bytes: Uint8Array, start: number, end: number): string {
  const first = trimStart(bytes, start, end);
  return latin1(bytes, first, trimEnd(bytes, first, end));
}
