/**
 * Reads the library's own sources, for the tests that hold it to its layers.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { root } from "./processes.ts";

/** Strings and templates are matched first, so that `//` in an address does not begin a comment. */
const STRING_OR_COMMENT = /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[^]|[^`\\])*`)|\/\/[^\n]*|\/\*[^]*?\*\//g;

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(\s*|\bimport\s*)(["'])([^"']+)\1/g;

/** Imports that happen when the file is loaded; not `import()`, and not those of types. */
const STATIC = /(?:^|\n)\s*(?:import(?!\s+type\b)|export(?!\s+type\b))\b[^;()]*?["']([^"']+)["']/g;

/** A file of the repository, without its comments. */
export interface Source {
  /** From the top of the repository, with slashes. */
  readonly path: string;
  readonly code: string;
  /** What it imports: a path from the top of the repository, or a bare specifier. */
  readonly imports: readonly string[];
}

/** All TypeScript files under a folder of the repository, but for what was built. */
export function sourcesUnder(folder: string): Source[] {
  return readdirSync(root + folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !/(^|\/)dist\//.test(name))
    .map((name) => readSource(`${folder}/${name}`));
}

/** One file by its path from the top of the repository. */
export function readSource(path: string): Source {
  const code = withoutComments(readFileSync(root + path, "utf8"));
  const imports = [...code.matchAll(IMPORT)].map((match) => resolve(path, match[2]));
  return { path, code, imports };
}

/** All that is loaded with a file: paths from the top of the repository, and bare specifiers. */
export function loadedWith(path: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  if (!/\.(ts|js)$/.test(path)) return seen;
  const { code, imports } = readSource(path);
  const named = new Set([...code.matchAll(STATIC)].map(([, specifier]) => specifier.replace(/^(\.\.?\/)+/, "")));
  for (const target of imports) if ([...named].some((name) => target.endsWith(name))) loadedWith(target, seen);
  return seen;
}

/** The text with its comments blanked. */
export function withoutComments(text: string): string {
  return text.replace(STRING_OR_COMMENT, (_, string?: string) => string ?? " ");
}

function resolve(from: string, specifier: string): string {
  return specifier.startsWith(".") ? posix.join(posix.dirname(from), specifier) : specifier;
}
