/**
 * Reads the command line.
 *
 * @module
 */
import { UsageError } from "./usage_errors.ts";
import { didYouMean } from "../../mod.ts";
import {
  COMMANDS,
  DEFAULT_HTTP_PORT,
  DEFAULT_TCP_PORT,
  type DemoOptions,
  type EchoOptions,
  OPTIONS,
  SERVE_MODULE,
} from "./command_options.ts";
import { readArgs } from "./read_args.ts";
import { BUILT_IN } from "./built_in.ts";
import { TOOLS } from "./tools.ts";

/** What was asked for. */
export type Command =
  | { readonly name: "help"; readonly topic: string }
  | { readonly name: "version" }
  | { readonly name: "demo"; readonly options: DemoOptions }
  | { readonly name: "echo"; readonly options: EchoOptions }
  | { readonly name: "tool"; readonly tool: string; readonly args: readonly string[] }
  | { readonly name: "serve-module"; readonly file: string };

/** The commands of this program, tools included. */
export const ALL_COMMANDS: readonly string[] = [...COMMANDS, ...[...BUILT_IN, ...TOOLS].map(({ name }) => name)];

/**
 * Understands the arguments after the program's name. Those of a tool are read when it is loaded.
 *
 * @throws {UsageError} They can't be understood; the message names what is at fault.
 */
export function parseArgs(args: readonly string[]): Command {
  const [first, ...rest] = args;
  if (first === undefined) throw new UsageError(`There is no command; to begin with: sluice ${COMMANDS[0]}`);
  if (first === "--help" || first === "-h") return { name: "help", topic: "sluice" };
  if (first === "--version") return { name: "version" };
  if (first === SERVE_MODULE && rest.length > 0) return { name: SERVE_MODULE, file: rest[0] };
  if (ALL_COMMANDS.includes(first)) return parseCommand(first, rest);
  const what = first.startsWith("-") ? "option" : "command";
  const takers = COMMANDS.filter((command) => OPTIONS[command].some(({ flag }) => first.split("=")[0] === flag));
  const hint = takers.length > 0
    ? `, it goes behind the command: ${takers.map((command) => `sluice ${command}`).join(" or ")}`
    : didYouMean(first, [...ALL_COMMANDS, "--help", "--version"]);
  throw new UsageError(`Unknown ${what} ${JSON.stringify(first)}${hint}`);
}

function parseCommand(name: string, args: readonly string[]): Command {
  const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  if (own.includes("--help") || own.includes("-h")) return { name: "help", topic: name };
  const server = COMMANDS.find((command) => command === name);
  if (server === undefined) return { name: "tool", tool: name, args };
  const { options } = readArgs(args, { rows: OPTIONS[server], operands: [0, 0] });
  return server === "demo"
    ? { name: server, options: checkDemo(options) }
    : { name: server, options: checkEcho(options) };
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
