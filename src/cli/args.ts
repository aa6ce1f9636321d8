/**
 * Reads the command line.
 *
 * @module
 */
import { UsageError } from "./errors.ts";
import {
  type CommandName,
  COMMANDS,
  DEFAULT_HTTP_PORT,
  DEFAULT_TCP_PORT,
  type DemoOptions,
  type EchoOptions,
  type OptionRow,
  OPTIONS,
} from "./options.ts";

/** What was asked for. */
export type Command =
  | { readonly name: "help"; readonly topic: "sluice" | CommandName }
  | { readonly name: "version" }
  | { readonly name: "demo"; readonly options: DemoOptions }
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
  if (first === undefined) throw new UsageError(`There is no command; to begin with: sluice ${COMMANDS[0]}`);
  if (first === "--help" || first === "-h") return { name: "help", topic: "sluice" };
  if (first === "--version") return { name: "version" };
  const name = COMMANDS.find((command) => command === first);
  if (name !== undefined) return parseCommand(name, rest);
  const what = first.startsWith("-") ? "option" : "command";
  const takers = COMMANDS.filter((command) => OPTIONS[command].some(({ flag }) => first.split("=")[0] === flag));
  const hint = takers.length > 0
    ? `, it goes behind the command: ${takers.map((command) => `sluice ${command}`).join(" or ")}`
    : didYouMean(first, [...COMMANDS, "--help", "--version"]);
  throw new UsageError(`Unknown ${what} ${JSON.stringify(first)}${hint}`);
}

function parseCommand(name: CommandName, args: readonly string[]): Command {
  if (args.includes("--help") || args.includes("-h")) return { name: "help", topic: name };
  const options = readOptions(name, args);
  return name === "demo" ? { name, options: checkDemo(options) } : { name, options: checkEcho(options) };
}

function readOptions(command: CommandName, args: readonly string[]): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  for (let i = 0; i < args.length; i++) {
    const [name, attached] = splitAtEquals(args[i]);
    const row = findOption(command, name);
    const value = attached ?? args[++i];
    if (value === undefined || (attached === undefined && isOption(value))) throw new UsageError(needsValue(row));
    options[row.option] = row.read(row.flag, value);
  }
  return options;
}

function findOption(command: CommandName, name: string): OptionRow {
  if (!isOption(name)) throw new UsageError(`Unexpected argument ${JSON.stringify(name)}, options begin with --`);
  const rows = OPTIONS[command];
  const row = rows.find(({ flag }) => flag === name);
  if (row !== undefined) return row;
  const known = rows.map(({ flag }) => flag);
  throw new UsageError(`Unknown option ${JSON.stringify(name)}${didYouMean(name, [...known, "--help"])}`);
}

/** What the library can't see: it gets the contents of files, not their names. */
function checkEcho(options: EchoOptions): EchoOptions {
  if (options.cert !== undefined && options.key === undefined) throw new UsageError("--tls-cert needs --tls-key too");
  if (options.key !== undefined && options.cert === undefined) throw new UsageError("--tls-key needs --tls-cert too");
  return options;
}

/** Two servers can't have one port; 0 is another one each time. */
function checkDemo(options: DemoOptions): DemoOptions {
  const { tcpPort = DEFAULT_TCP_PORT, httpPort = DEFAULT_HTTP_PORT } = options;
  if (tcpPort !== httpPort || tcpPort === 0) return options;
  throw new UsageError(`--tcp-port and --http-port must differ, both are ${tcpPort}`);
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
