/**
 * An error in one word (`error.type`).
 *
 * @module
 */

/** Longest word. */
const MAX_LENGTH = 64;

/** Its code, where it has one, else its name: never what it says, which has no end of forms. */
export function errorType(error: unknown): string {
  try {
    const { code, name } = error as { code?: unknown; name?: unknown };
    const word = typeof code === "string" && code !== "" ? code : name;
    return typeof word === "string" && word !== "" ? word.slice(0, MAX_LENGTH) : "_OTHER";
  } catch {
    return "_OTHER";
  }
}
