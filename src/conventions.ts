/**
 * Words of OpenTelemetry's semantic conventions, as metrics and traces say them.
 *
 * @module
 */

/** Methods that the conventions know; all others are one, or any client could make as many as it likes. */
export const METHODS: ReadonlySet<string> = new Set([
  ...["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"],
]);

/** What is none of those that are known. */
export const OTHER = "_OTHER";

/** Longest word. */
const MAX_LENGTH = 64;

/** A method as the conventions name it (`http.request.method`). */
export function methodOf(method: string): string {
  return METHODS.has(method) ? method : OTHER;
}

/**
 * An error in one word (`error.type`): its code, where it has one, else its name; never what it says, which has no end of
 * forms.
 */
export function errorType(error: unknown): string {
  try {
    const { code, name } = error as { code?: unknown; name?: unknown };
    const word = typeof code === "string" && code !== "" ? code : name;
    return typeof word === "string" && word !== "" ? word.slice(0, MAX_LENGTH) : OTHER;
  } catch {
    return OTHER;
  }
}
