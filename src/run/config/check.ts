/**
 * From the text of a configuration to a value that its schema has passed, or to everything that is wrong with it.
 *
 * @module
 */
import { ConfigError, type ConfigIssue } from "./config_error.ts";
import { fill, type Filled, type Sources } from "./fill.ts";
import { type JsonMember, type JsonNode, JsonSyntaxError, parseJsonc, positionAt } from "./jsonc.ts";
import { unknownNames } from "./known_names.ts";
import { type ConfigPath, formatPath } from "./path.ts";
import type { StandardIssue, StandardResult, StandardSchema } from "./standard_schema.ts";

/** A configuration that has passed. */
export interface Checked<T> {
  /** What the schema has made of it. */
  readonly value: T;
  /** What it was made of, everything filled in: plain JSON. */
  readonly input: unknown;
  /** Of what was filled in from files, the values. */
  readonly secrets: readonly string[];
}

/** Longer values are no help in a message. */
const MAX_SHOWN = 80;
/** What validators put before and behind an expectation, when nobody has given them words for it. */
const BY_DEFAULT = /^Invalid \w+: Expected .* but received /;

/**
 * Checks a whole text. `$schema` at the top is for editors, and left out.
 *
 * @param file For messages.
 * @throws {ConfigError} It can't be used.
 */
export async function checkText<T>(
  file: string,
  text: string,
  schema: StandardSchema<T>,
  sources: Sources,
): Promise<Checked<T>> {
  const root = parsed(file, text);
  const filled = await fill(root, sources);
  const judge = new Judge(text, root, filled);
  const unfit = filled.issues.map(({ path, node, expected }) => judge.issue(path, expected, node.offset));
  const unknown = unknownNames(schema, root).map(({ path, offset, expected }) => judge.issue(path, expected, offset));
  // What a schema says of half a value is noise.
  if (unfit.length > 0) throw new ConfigError(file, inOrder([...unfit, ...unknown]));
  const result = await validated(schema, filled.value);
  if (result.issues === undefined && unknown.length === 0) {
    return { value: result.value, input: filled.value, secrets: [...filled.secrets.values()] };
  }
  const names = new Set(unknown.map(({ path }) => path));
  const wrong = (result.issues ?? []).map((issue) => judge.judged(issue)).filter(({ path }) => !names.has(path));
  throw new ConfigError(file, inOrder([...unknown, ...wrong]));
}

/** As one reads the file. */
function inOrder(issues: readonly ConfigIssue[]): ConfigIssue[] {
  return [...issues].sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}

/** A validator that throws has not passed the value. */
async function validated<T>(schema: StandardSchema<T>, value: unknown): Promise<StandardResult<T>> {
  try {
    return await schema["~standard"].validate(value);
  } catch (error) {
    return { issues: [{ message: `can't be checked, its schema threw: ${(error as Error).message}` }] };
  }
}

/** The tree, whose top is an object: of such a text no beginning is one as well, so half a file is never taken. */
function parsed(file: string, text: string): JsonNode {
  if (text.trim() === "") {
    const nowhere = { line: null, column: null };
    throw new ConfigError(file, [{ path: "", expected: "is empty: it must be an object", value: null, ...nowhere }]);
  }
  const wrong = (expected: string, offset: number): ConfigError =>
    new ConfigError(file, [{ path: "", expected, value: null, ...positionAt(text, offset) }]);
  try {
    const { value, offset } = parseJsonc(text);
    if (value instanceof Map) return withoutSchema(value, offset);
    throw wrong("must be an object in braces", offset);
  } catch (error) {
    throw error instanceof JsonSyntaxError ? wrong(error.message, error.offset) : error;
  }
}

function withoutSchema(members: ReadonlyMap<string, JsonMember>, offset: number): JsonNode {
  return { value: new Map([...members].filter(([name]) => name !== "$schema")), offset };
}

/** Puts words and places to what is wrong. */
class Judge {
  readonly #text: string;
  readonly #root: JsonNode;
  readonly #filled: Filled;

  constructor(text: string, root: JsonNode, filled: Filled) {
    this.#text = text;
    this.#root = root;
    this.#filled = filled;
  }

  issue(path: ConfigPath, expected: string, offset: number, value: string | null = null): ConfigIssue {
    return { path: formatPath(path), expected, value, ...positionAt(this.#text, offset) };
  }

  judged(issue: StandardIssue): ConfigIssue {
    const path = (issue.path ?? []).map((key) => pathKey(typeof key === "object" ? key.key : key));
    const { node, isThere } = this.#find(path);
    const at = formatPath(path);
    if (!isThere && isMissing(issue)) return this.issue(path, "is missing", node.offset);
    const expected = this.#withoutSecrets(expectation(issue), at);
    return this.issue(path, expected, node.offset, isThere ? this.#shown(node, at) : "nothing");
  }

  /** The value at a path, or the nearest above it. */
  #find(path: ConfigPath): { readonly node: JsonNode; readonly isThere: boolean } {
    let node = this.#root;
    for (const key of path) {
      const { value } = node;
      const next: JsonNode | undefined = value instanceof Map
        ? value.get(String(key))?.node
        : Array.isArray(value)
        ? value[Number(key)]
        : undefined;
      if (next === undefined) return { node, isThere: this.#filled.secrets.has(formatPath(path)) };
      node = next;
    }
    return { node, isThere: true };
  }

  #shown(node: JsonNode, path: string): string {
    if (this.#filled.secrets.has(path)) return "a secret";
    const { value } = node;
    if (value instanceof Map) return "an object";
    if (Array.isArray(value)) return "a list";
    const shown = JSON.stringify(value);
    return shown.length > MAX_SHOWN ? `${shown.slice(0, MAX_SHOWN)}…` : shown;
  }

  /** Validators repeat what they were given, and environments have secrets too. */
  #withoutSecrets(text: string, at: string): string {
    const near = [...this.#filled.variables].filter(([path]) => path.startsWith(at) || at.startsWith(path));
    const hidden = [...this.#filled.secrets.values(), ...near.flatMap(([, values]) => values)];
    return hidden.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
      .filter((secret) => secret !== "")
      .sort((a, b) => b.length - a.length)
      .reduce((clean, secret) => clean.replaceAll(secret, "***"), text);
  }
}

/** Valibot says of the object, with the object's words, that it has not all names. */
function isMissing(issue: StandardIssue): boolean {
  const { kind, received } = issue as { readonly kind?: unknown; readonly received?: unknown };
  return kind === "schema" && received === "undefined";
}

function expectation(issue: StandardIssue): string {
  const { expected } = issue as { readonly expected?: unknown };
  return BY_DEFAULT.test(issue.message) && typeof expected === "string" ? `must be ${expected}` : issue.message;
}

function pathKey(key: PropertyKey): string | number {
  return typeof key === "number" ? key : String(key);
}
