/**
 * Names of options, and wrong values in messages: a name that nobody knows is refused, and what was meant is guessed.
 *
 * @module
 */
import { OptionError } from "./errors.ts";

/** Every option of `T`: the compiler sees to it that none is missing and none is made up. */
export type Names<T> = { readonly [Name in keyof Required<T>]: true };

/** How many letters may be wrong in a name that is still recognised. */
const TYPOS = 2;

/**
 * Checks that options are an object, and that it has no other names than these: an option that is passed over in
 * silence is a limit that isn't there, or a port that is open to strangers.
 *
 * @param what Who takes the options, such as `"serve()"`, or the option that is a group, such as `"heartbeat"`.
 * @throws {OptionError} `options` is no object, or has an unknown name; the message says which, and what may be meant.
 * @example
 * ```ts
 * checkNames("greet()", { nmae: "Ada" }, { name: true }); // throws: greet() has no option nmae, did you mean name?
 * ```
 */
export function checkNames(what: string, options: unknown, names: Readonly<Record<string, true>>): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    const option = what.endsWith("()") ? "options" : what;
    const got = typeof options === "string"
      ? JSON.stringify(options)
      : Array.isArray(options)
      ? "a list"
      : String(options);
    throw new OptionError(option, `${option} must be an object, such as { ${Object.keys(names)[0]} }, got ${got}`);
  }
  // Inherited ones count as well: they are read as well.
  for (const name in options) {
    if (!Object.hasOwn(names, name)) throw unknown(what, name, Object.keys(names));
  }
}

function unknown(what: string, name: string, known: readonly string[]): OptionError {
  const hint = didYouMean(name, known) || `, it has ${known.join(", ")}`;
  const option = what.endsWith("()") ? name : `${what}.${name}`;
  return new OptionError(option, `${what} has no option ${name}${hint}`);
}

/**
 * A value for a message where a number is wanted: what it is and, where that can be told, what went wrong on its way.
 * Numbers often come from the environment, as text or not at all.
 *
 * @example
 * ```ts
 * const port = Number(undefined);
 * if (!(port > 0)) throw new OptionError("port", `port must be above 0, got ${gotNumber(port)}`);
 * ```
 */
export function gotNumber(value: unknown): string {
  if (Number.isNaN(value)) return "NaN, as Number() makes of what is not set or no number: check what it was given";
  if (typeof value === "bigint") return `${value}n, a bigint: pass Number(${value}n)`;
  if (typeof value !== "string") return String(value);
  const shown = JSON.stringify(value);
  return value.trim() !== "" && Number.isFinite(Number(value)) ? `${shown}: pass Number(${shown})` : shown;
}

/** `, did you mean port?`, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = known.map((word) => ({ word, distance: isPart(name, word) ? 0 : distance(name, word) }))
    .filter((candidate) => candidate.distance <= TYPOS && name.length > TYPOS)
    .sort((a, b) => a.distance - b.distance);
  return near.length === 0 ? "" : `, did you mean ${near[0].word}?`;
}

/** The beginning of the word, or its end: `--max-con`, `--port`. */
function isPart(name: string, word: string): boolean {
  return word.startsWith(name) || (name.startsWith("--") && word.endsWith(name.slice(1)));
}

/** How many letters to add, drop or change to make `b` of `a` (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, changed));
    }
    row = next;
  }
  return row[b.length];
}
