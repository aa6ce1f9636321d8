#!/usr/bin/env node
/**
 * The command line `sluice`, on Node, Deno and Bun. Under Deno, `--allow-net` is enough to serve TCP.
 *
 * @example
 * ```sh
 * deno run --allow-net jsr:@sluice/sluice/cli echo --port 9000
 * ```
 *
 * @module
 */
import process from "node:process";
import { OptionError, SluiceError } from "../../mod.ts";
import { ALL_COMMANDS, type Command, parseArgs } from "./args.ts";
import { echo } from "./echo.ts";
import { StartError, UsageError } from "./usage_errors.ts";
import { helpText, toolHelp } from "./help.ts";
import { optionMessage } from "./hints.ts";
import { COMMANDS, OPTIONS } from "./command_options.ts";
import { openOutput, type Print } from "./output.ts";
import { readArgs } from "./read_args.ts";
import type { ToolOption } from "./tool.ts";
import { BUILT_IN } from "./built_in.ts";
import { loadCommand, TOOLS } from "./tools.ts";
import { VERSION } from "./version.ts";

const FAILED = 1;
const WRONG_USAGE = 2;

/** The table that errors name options by. */
let rows: readonly ToolOption[] = [];

async function main(args: readonly string[], print: Print): Promise<void> {
  const command = parseArgs(args);
  if (command.name === "help") await print((await help(command.topic)).trimEnd());
  else if (command.name === "version") await print(VERSION);
  else if (command.name === "tool") await runTool(command, print);
  else if (command.name === "serve-module") await (await import("./run/serve_module.ts")).serveModule(command.file);
  else {
    rows = OPTIONS[command.name];
    // With all of its page, and channels: nobody else needs them.
    if (command.name === "demo") await (await import("./demo/command.ts")).demo(command.options, print);
    else await echo(command.options, print);
  }
}

async function help(topic: string): Promise<string> {
  return [...BUILT_IN, ...TOOLS].some(({ name }) => name === topic)
    ? toolHelp(await loadCommand(topic))
    : helpText(COMMANDS.find((name) => name === topic) ?? "sluice");
}

async function runTool({ tool: name, args }: Extract<Command, { name: "tool" }>, print: Print): Promise<void> {
  const tool = await loadCommand(name);
  rows = tool.rows;
  process.exitCode = await tool.run(readArgs(args, tool), print);
}

/** The exit code is set, and the process ends by itself: nothing may be left that keeps it alive. */
function failed(error: unknown, args: readonly string[]): void {
  const help = `See: sluice ${ALL_COMMANDS.includes(args[0]) ? `${args[0]} ` : ""}--help`;
  if (error instanceof UsageError) return end(WRONG_USAGE, error.message, help);
  if (error instanceof OptionError) return end(WRONG_USAGE, optionMessage(error, rows), help);
  if (error instanceof StartError) return end(FAILED, error.message, error.hint);
  if (error instanceof SluiceError) return end(FAILED, error.message);
  throw error;
}

function end(code: number, message: string, hint: string = ""): void {
  process.exitCode = code;
  console.error(`sluice: ${message}${hint === "" ? "" : `\n${hint}`}`);
}

const args = process.argv.slice(2);
await main(args, openOutput()).catch((error) => failed(error, args));
