/**
 * What a configuration that can't be used says.
 *
 * @module
 */
import { SluiceError } from "../../errors.ts";

/** One thing that is wrong with a configuration. */
export interface ConfigIssue {
  /** Where, as `limits.maxConnections` or `sockets[0].port`; empty for the whole. */
  readonly path: string;
  /** What is wrong, or what must be there; it begins in the middle of a sentence. */
  readonly expected: string;
  /**
   * What is there: a value as the file has it, so `"${PORT}"` and not what that stood for; `a secret` in place of one;
   * null if there is nothing to show.
   */
  readonly value: string | null;
  /** Line of the file, from 1 on; null if there is no place. */
  readonly line: number | null;
  /** Character of the line, from 1 on; null if there is no place. */
  readonly column: number | null;
}

/** A configuration can't be used; `issues` has all that is wrong with it. */
export class ConfigError extends SluiceError {
  /** The file. */
  readonly file: string;
  /** What is wrong; at least one. */
  readonly issues: readonly ConfigIssue[];

  /** Builds the error. */
  constructor(file: string, issues: readonly ConfigIssue[], options?: ErrorOptions) {
    super("ERR_CONFIG", `Configuration ${file} can't be used: ${issues.map(formatIssue).join("; ")}`, options);
    this.file = file;
    this.issues = issues;
  }
}

/**
 * An issue as one line: `line 3, column 11: port must be …, got "80a"`.
 *
 * @example
 * ```ts
 * for (const issue of error.issues) console.error(formatIssue(issue));
 * ```
 */
export function formatIssue({ path, expected, value, line, column }: ConfigIssue): string {
  const place = line === null ? "" : `line ${line}, column ${column}: `;
  return `${place}${path === "" ? "it" : path} ${expected}${value === null ? "" : `, got ${value}`}`;
}
