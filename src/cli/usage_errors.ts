/**
 * What the command line says when it can't do what was asked.
 *
 * @module
 */

/** The command line was used wrongly: exit code 2. */
export class UsageError extends Error {
  /** Names the class. */
  override readonly name: string = "UsageError";
}

/** The command line was right, and it can't be done: exit code 1. */
export class StartError extends Error {
  /** Names the class. */
  override readonly name: string = "StartError";
  /** What to do about it; may be empty. */
  readonly hint: string;

  /** Builds the error. @param hint What to do about it. */
  constructor(message: string, hint: string = "", options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}
