/**
 * Configurations of tests: what is wrong with a text, and files that a test changes by hand.
 *
 * @module
 */
import { assertRejects } from "@std/assert";
import type { Logger } from "../../mod.ts";
import { checkText } from "../../src/run/config/check.ts";
import { ConfigError, formatIssue } from "../../src/run/config/config_error.ts";
import type { ConfigFiles, FileWatch } from "../../src/run/config/files.ts";
import type { StandardSchema } from "../../src/run/config/standard_schema.ts";

/** Where the fillings of a text come from. */
export interface Fillings {
  readonly env?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
}

/** Checks a text; variables and secrets are those given. */
export async function checked<T>(text: string, schema: StandardSchema<T>, fillings: Fillings = {}): Promise<T> {
  const { env = {}, secrets = {} } = fillings;
  const secret = (file: string) => {
    if (Object.hasOwn(secrets, file)) return Promise.resolve(secrets[file]);
    return Promise.reject(new Error("there is no such file"));
  };
  return (await checkText("app.json", text, schema, { variable: (name) => env[name], secret })).value;
}

/** All that is wrong with a text, a line each. */
export async function faults(
  text: string,
  schema: StandardSchema,
  fillings: Fillings = {},
): Promise<string[]> {
  const error = await assertRejects(() => checked(text, schema, fillings), ConfigError) as ConfigError;
  return error.issues.map(formatIssue);
}

/** Files in memory. */
export class TestFiles implements ConfigFiles {
  /** By whole path; what is missing is not there. */
  readonly contents = new Map<string, string>();
  /** What is being watched. */
  readonly watched = new Set<string>();
  reads = 0;
  #changed: () => void = () => {};

  read(file: string): Promise<string> {
    this.reads++;
    const content = this.contents.get(file);
    return content === undefined ? Promise.reject(new Error("there is no such file")) : Promise.resolve(content);
  }

  watch(changed: () => void): FileWatch {
    this.#changed = changed;
    const follow = (now: readonly string[]): Promise<boolean> => {
      const isNew = now.some((file) => !this.watched.has(file));
      this.watched.clear();
      for (const file of now) this.watched.add(file);
      return Promise.resolve(isNew);
    };
    return { follow, failed: null, close: () => this.watched.clear() };
  }

  /** Changes a file, and tells whoever watches it. */
  write(file: string, content: string): void {
    this.contents.set(file, content);
    if (this.watched.has(file)) this.#changed();
  }
}

/** Keeps what is logged: level and message. */
export function keepingLogger(): Logger & { readonly lines: string[] } {
  const lines: string[] = [];
  const keep = (level: string) => (msg: string): void => void lines.push(`${level} ${msg}`);
  return { lines, debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
}
