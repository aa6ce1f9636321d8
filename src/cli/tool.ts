/**
 * What a tool of the command line is: its help, its options, and what it does.
 *
 * @module
 */
import type { ReadValue } from "./option_values.ts";
import type { Print } from "./output.ts";

/** One option of a tool. */
export interface ToolOption {
  /** As it is written: `--clients`. */
  readonly flag: string;
  /** Where its value stands in `ToolInput.options`; the library's name of it where there is one. */
  readonly option: string;
  /** The value's name in the help; empty for a switch, which takes none and reads as true. */
  readonly value: string;
  /** What the help says of it. */
  readonly help: string;
  /** Understands its value. */
  readonly read: ReadValue;
  /** It may be given several times: its value is an array. */
  readonly many?: boolean;
}

/** What was asked of a tool. */
export interface ToolInput {
  /** All of it, as it was given. */
  readonly words: readonly string[];
  /** Arguments that are no options. */
  readonly operands: readonly string[];
  /** What stands behind `--`. */
  readonly command: readonly string[];
  /** By `ToolOption.option`; what was not given is absent. */
  readonly options: Readonly<Record<string, unknown>>;
}

/** A tool, e.g. `sluice load`. */
export interface ToolCommand {
  /** The word behind `sluice`. */
  readonly name: string;
  /** How it is called: `sluice load URL [options]`. */
  readonly usage: string;
  /** What the help says above the options. */
  readonly about: string;
  /** Command lines for the end of the help, one a line. */
  readonly examples: string;
  /** Its options, in the order of the help. */
  readonly rows: readonly ToolOption[];
  /** Least and most arguments that are no options. */
  readonly operands: readonly [least: number, most: number];
  /** It needs a command behind `--`. */
  readonly takesCommand?: boolean;
  /** What stands behind `--` is handed on; nothing has to. */
  readonly takesRest?: boolean;
  /**
   * Does it; gives the exit code.
   *
   * @throws {UsageError} It was asked for something that makes no sense.
   * @throws {OptionError} The library refuses an option.
   * @throws {StartError} It can't be done here and now.
   */
  run(input: ToolInput, print: Print): Promise<number>;
}

/** A command that can be called, before it is loaded. */
export interface ToolEntry {
  readonly name: string;
  /** Its line in the program's help. */
  readonly summary: string;
}
