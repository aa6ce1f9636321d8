/**
 * Reads the arguments of a command by the table of its options.
 *
 * @module
 */
import { UsageError } from "./usage_errors.ts";
import { didYouMean } from "../../mod.ts";
import type { ToolCommand, ToolInput, ToolOption } from "./tool.ts";

/** What may stand on the command line. */
export type Grammar = Pick<ToolCommand, "rows" | "operands" | "takesCommand" | "takesRest">;

/**
 * Understands the arguments behind a command's name.
 *
 * @throws {UsageError} They can't be understood; the message names what is at fault.
 */
export function readArgs(args: readonly string[], grammar: Grammar): ToolInput {
  const { rows, operands: [least, most], takesCommand, takesRest } = grammar;
  const operands: string[] = [];
  const options: Record<string, unknown> = {};
  const end = (takesCommand || takesRest) && args.includes("--") ? args.indexOf("--") : args.length;
  for (let i = 0; i < end; i++) {
    const [name, attached] = splitAtEquals(args[i]);
    if (isOption(name)) {
      const row = findRow(rows, name);
      if (row.value === "") switchOn(row, attached, options);
      else keep(row, valueOf(row, attached ?? args[++i], attached === undefined), options);
    } else if (operands.push(args[i]) > most) throw unexpected(args[i], most, takesCommand);
  }
  const command = args.slice(end + 1);
  if (operands.length < least) throw new UsageError("There is nothing to do: the first argument is missing");
  if (takesCommand && command.length === 0) throw new UsageError("There is no command: it stands behind --");
  return { words: args, operands, command, options };
}

function findRow(rows: readonly ToolOption[], name: string): ToolOption {
  const row = rows.find(({ flag }) => flag === name);
  if (row !== undefined) return row;
  const known = rows.map(({ flag }) => flag);
  throw new UsageError(`Unknown option ${JSON.stringify(name)}${didYouMean(name, [...known, "--help"])}`);
}

function switchOn(row: ToolOption, attached: string | undefined, options: Record<string, unknown>): void {
  if (attached !== undefined) {
    throw new UsageError(`${row.flag} takes no value, got ${JSON.stringify(attached)}`);
  }
  options[row.option] = true;
}

function valueOf({ flag, value: name }: ToolOption, value: string | undefined, isNext: boolean): string {
  if (value !== undefined && !(isNext && isOption(value))) return value;
  throw new UsageError(`${flag} needs a value: ${flag} ${name}`);
}

function keep(row: ToolOption, value: string, options: Record<string, unknown>): void {
  const read = row.read(row.flag, value);
  if (!row.many) options[row.option] = read;
  else ((options[row.option] ??= []) as unknown[]).push(read);
}

function unexpected(arg: string, most: number, takesCommand: boolean | undefined): UsageError {
  const hint = takesCommand ? "the command stands behind --" : "options begin with --";
  const expected = most > 0 ? `${most} expected at the most` : hint;
  return new UsageError(`Unexpected argument ${JSON.stringify(arg)}, ${expected}`);
}

/** `-1` is a value. */
function isOption(arg: string): boolean {
  return /^-(?!\d)./.test(arg);
}

function splitAtEquals(arg: string): [name: string, value: string | undefined] {
  const at = arg.indexOf("=");
  return at < 0 || !isOption(arg) ? [arg, undefined] : [arg.slice(0, at), arg.slice(at + 1)];
}
