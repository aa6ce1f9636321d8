/**
 * Reads the command line.
 *
 * @module
 */
import { UsageError } from "./errors.ts";
import { ECHO_OPTIONS, type EchoOptions, type OptionRow } from "./options.ts";

/** What was asked for. */
export type Command =
  | { readonly name: "help"; readonly topic: "sluice" | "echo" }
  | { readonly name: "version" }
  | { readonly name: "echo"; readonly options: EchoOptions };

/** How many letters may be wrong in a name that is still recognised. */
const TYPOS = 2;

/**
 * Understands the arguments after the program's name.
 *
 * @throws {UsageError} They can't be understood; the message names what is at fault.
 */
export function parseArgs(args: readonly string[]): Command {
  const [first, ...rest] = args;
  if (first === undefined) throw new UsageError("There is no command; the one there is: sluice echo");
  if (first === "--help" || first === "-h") return { name: "help", topic: "sluice" };
  if (first === "--version") return { name: "version" };
  if (first === "echo") return parseEcho(rest);
  const what = first.startsWith("-") ? "option" : "command";
  const before = what === "option" && ECHO_OPTIONS.some(({ flag }) => first.split("=")[0] === flag);
  const hint = before
    ? ", it goes behind the command: sluice echo"
    : didYouMean(first, ["echo", "--help", "--version"]);
  throw new UsageError(`Unknown ${what} ${JSON.stringify(first)}${hint}`);
}

function parseEcho(args: readonly string[]): Command {
  if (args.includes("--help") || args.includes("-h")) return { name: "help", topic: "echo" };
  const options: Record<string, string | number> = {};
  for (let i = 0; i < args.length; i++) {
    const [name, attached] = splitAtEquals(args[i]);
    const row = findOption(name);
    const value = attached ?? args[++i];
    if (value === undefined || (attached === undefined && isOption(value))) throw new UsageError(needsValue(row));
    options[row.option] = row.read(row.flag, value);
  }
  return { name: "echo", options: checkTogether(options as EchoOptions) };
}

function findOption(name: string): OptionRow {
  if (!isOption(name)) throw new UsageError(`Unexpected argument ${JSON.stringify(name)}, options begin with --`);
  const row = ECHO_OPTIONS.find(({ flag }) => flag === name);
  if (row !== undefined) return row;
  const known = ECHO_OPTIONS.map(({ flag }) => flag);
  throw new UsageError(`Unknown option ${JSON.stringify(name)}${didYouMean(name, [...known, "--help"])}`);
}

/** What the library can't see: it gets the contents of files, not their names. */
function checkTogether(options: EchoOptions): EchoOptions {
  if (options.cert !== undefined && options.key === undefined) throw new UsageError("--tls-cert needs --tls-key too");
  if (options.key !== undefined && options.cert === undefined) throw new UsageError("--tls-key needs --tls-cert too");
  return options;
}

function needsValue({ flag, value }: OptionRow): string {
  return `${flag} needs a value: ${flag} ${value}`;
}

/** `-1` is a value. */
function isOption(arg: string): boolean {
  return /^-(?!\d)/.test(arg);
}

function splitAtEquals(arg: string): [name: string, value: string | undefined] {
  const at = arg.indexOf("=");
  return at < 0 || !isOption(arg) ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}

function didYouMean(name: string, known: readonly string[]): string {
  const near = known.map((word) => ({ word, distance: word.startsWith(name) ? 0 : distance(name, word) }))
    .filter((candidate) => candidate.distance <= TYPOS && name.length > TYPOS)
    .sort((a, b) => a.distance - b.distance);
  return near.length === 0 ? "" : `, did you mean ${near[0].word}?`;
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
