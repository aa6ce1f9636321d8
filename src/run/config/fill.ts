/**
 * Makes plain values of a configuration's tree: `${NAME}` is filled in from the environment, `{ "$file": "…" }` is
 * replaced by what the file has. What is to be shown to nobody is remembered.
 *
 * @module
 */
import type { JsonMember, JsonNode } from "./jsonc.ts";
import { type ConfigPath, formatPath } from "./path.ts";

/** Where fillings come from. */
export interface Sources {
  /** The value of a variable; undefined if it is not set. It may throw: a runtime may not allow it. */
  variable(name: string): string | undefined;
  /** The text of a secret's file. It rejects with what the system says. */
  secret(file: string): Promise<string>;
}

/** Something that could not be filled in. */
export interface FillIssue {
  readonly path: ConfigPath;
  readonly node: JsonNode;
  readonly expected: string;
}

/** A value, and what is known of it. */
export interface Filled {
  readonly value: unknown;
  readonly issues: readonly FillIssue[];
  /** Values from the environment, by the path of the string that has them. */
  readonly variables: ReadonlyMap<string, readonly string[]>;
  /** Values from files, by their path. */
  readonly secrets: ReadonlyMap<string, string>;
}

/** The member that says that a value stands in a file. */
const FILE = "$file";
/** `$${` is a `${` of its own. */
const HOLE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME = /^([A-Za-z_]\w*)(?::-([^]*))?$/;

/**
 * Fills everything in, or says what is missing, all of it.
 *
 * @example
 * ```ts
 * const { value, issues } = await fill(parseJsonc('{ "port": "${PORT:-80}" }'), sources);
 * ```
 */
export async function fill(node: JsonNode, sources: Sources): Promise<Filled> {
  const filler = new Filler(sources);
  const value = await filler.fill(node, []);
  return { value, issues: filler.issues, variables: filler.variables, secrets: filler.secrets };
}

class Filler {
  readonly issues: FillIssue[] = [];
  readonly variables = new Map<string, string[]>();
  readonly secrets = new Map<string, string>();
  readonly #sources: Sources;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  async fill(node: JsonNode, path: ConfigPath): Promise<unknown> {
    const { value } = node;
    if (typeof value === "string") return this.#text(value, node, path);
    if (typeof value !== "object" || value === null) return value;
    if (isList(value)) return await this.#items(value, path);
    return value.has(FILE) ? await this.#secret(value, node, path) : await this.#members(value, path);
  }

  async #items(items: readonly JsonNode[], path: ConfigPath): Promise<unknown[]> {
    const filled: unknown[] = [];
    for (const [i, item] of items.entries()) filled.push(await this.fill(item, [...path, i]));
    return filled;
  }

  async #members(members: ReadonlyMap<string, JsonMember>, path: ConfigPath): Promise<unknown> {
    const filled: [string, unknown][] = [];
    for (const [name, { node }] of members) filled.push([name, await this.fill(node, [...path, name])]);
    // Not by assignment: `__proto__` is a name as any other here.
    return Object.fromEntries(filled);
  }

  async #secret(members: ReadonlyMap<string, JsonMember>, node: JsonNode, path: ConfigPath): Promise<unknown> {
    const { node: named } = members.get(FILE)!;
    if (members.size > 1 || typeof named.value !== "string") {
      return this.#missing(node, path, `must have "${FILE}" alone, and the path of a file for it`);
    }
    const before = this.issues.length;
    const file = this.#text(named.value, named, path);
    if (this.issues.length > before) return "";
    try {
      const secret = (await this.#sources.secret(file)).replace(/\r?\n$/, "");
      this.secrets.set(formatPath(path), secret);
      return secret;
    } catch (error) {
      return this.#missing(node, path, `must be in the file ${JSON.stringify(file)}: ${(error as Error).message}`);
    }
  }

  #text(text: string, node: JsonNode, path: ConfigPath): string {
    const used: string[] = [];
    const filled = text.replace(HOLE, (hole: string, inside: string | undefined, end: string) => {
      if (inside === undefined) return "${";
      const [, name, fallback] = (end === "" ? null : NAME.exec(inside)) ?? [];
      if (name === undefined) {
        return this.#missing(node, path, `has ${hole} that is no \${NAME} or \${NAME:-default}: write $\${ for a \${`);
      }
      const value = this.#variable(name, fallback, node, path);
      used.push(value);
      return value;
    });
    if (used.length > 0) this.variables.set(formatPath(path), [...used, filled]);
    return filled;
  }

  /** As a shell does it: with a fallback, an empty variable is as one that is not set. */
  #variable(name: string, fallback: string | undefined, node: JsonNode, path: ConfigPath): string {
    try {
      const value = this.#sources.variable(name);
      if (value !== undefined && (value !== "" || fallback === undefined)) return value;
    } catch (error) {
      return this.#missing(node, path, `needs the variable ${name}: ${(error as Error).message}`);
    }
    return fallback ?? this.#missing(node, path, `needs the variable ${name}, which is not set`);
  }

  #missing(node: JsonNode, path: ConfigPath, expected: string): "" {
    this.issues.push({ path, node, expected });
    return "";
  }
}

function isList(value: JsonNode["value"]): value is readonly JsonNode[] {
  return Array.isArray(value);
}
