/**
 * Finds what an entry exports, and the doc comments of declarations and options, by reading the sources.
 *
 * @module
 */
import { posix } from "node:path";
import { readFileSync } from "node:fs";
import { root } from "../support/processes.ts";

/** Something that an entry exports. */
export interface Exported {
  readonly name: string;
  /** The file named in the entry's own `export … from`. */
  readonly from: string;
  readonly kind: "function" | "class" | "value" | "type";
  /** The first sentence of its doc comment. */
  readonly summary: string;
}

/** One field of an interface of options. */
export interface Field {
  readonly name: string;
  readonly summary: string;
  /** It may be left out. */
  readonly isOptional: boolean;
  /** What `@default` says; empty if it says nothing. */
  readonly fallback: string;
}

interface Declared {
  readonly kind: Exported["kind"];
  readonly comment: string;
}

const REEXPORT = /export\s+(type\s+)?\{([^}]*)\}\s*from\s*"([^"]+)";/g;

/** All that `entry` exports by `export { … } from`, functions first, types last, each by name. */
export function exportsOf(entry: string): Exported[] {
  const found = reexports(entry).map(({ name, original, from }) => {
    const { kind, comment } = declarationOf(from, original);
    return { name, from, kind, summary: summaryOf(comment) };
  });
  const ranks = ["function", "class", "value", "type"];
  return found.sort((a, b) => ranks.indexOf(a.kind) - ranks.indexOf(b.kind) || compare(a.name, b.name));
}

/** The fields of an interface that are numbers and may be left out, in order. */
export function numbersOf(path: string, name: string): string[] {
  return [...bodyOf(path, name).matchAll(/^ {2}(?:readonly )?(\w+)\?: number;/gm)].map(([, field]) => field);
}

/**
 * The fields of an interface, in order; not those of what it extends.
 *
 * @throws {Error} There is no such interface, or a field has no comment.
 */
export function fieldsOf(path: string, name: string): Field[] {
  const fields = [
    ...bodyOf(path, name).matchAll(/(?:^ {2}\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n)?^ {2}(?:readonly )?(\w+)(\??)[:(]/gm),
  ];
  return fields.map(([, comment, field, mark]) => {
    if (comment === undefined) throw new Error(`${path}: ${name}.${field} has no comment`);
    const text = plain(comment);
    const fallback = /@default (.*?)(?= @\w+|$)/.exec(text)?.[1] ?? "";
    return { name: field, summary: summaryOf(text), isOptional: mark === "?", fallback };
  });
}

function reexports(path: string): { readonly name: string; readonly original: string; readonly from: string }[] {
  return [...read(path).matchAll(REEXPORT)].flatMap(([, , list, specifier]) => {
    const from = posix.join(posix.dirname(path), specifier);
    return list.split(",").map((item) => item.trim().replace(/^type\s+/, "")).filter((item) => item !== "").map(
      (item) => {
        const [original, name = original] = item.split(/\s+as\s+/);
        return { name, original, from };
      },
    );
  });
}

/** The declaration itself, through any number of files that only hand it on. */
function declarationOf(path: string, name: string): Declared {
  const handed = reexports(path).find((candidate) => candidate.name === name);
  if (handed !== undefined) return declarationOf(handed.from, handed.original);
  const text = read(path);
  const source = importedFrom(path, text, name);
  if (source !== null) return declarationOf(source, name);
  const found = new RegExp(`^export (?:abstract |async )*(function|class|interface|type|const)\\*? ${name}\\b`, "m")
    .exec(text);
  if (found === null) throw new Error(`${path} does not declare ${name}`);
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(text.slice(0, found.index))?.[1];
  if (comment === undefined) throw new Error(`${path}: ${name} has no comment`);
  const kinds = { function: "function", class: "class", const: "value", interface: "type", type: "type" } as const;
  return { kind: kinds[found[1] as keyof typeof kinds], comment: plain(comment) };
}

/** `export type { A };` of what was imported: the file that it comes from. */
function importedFrom(path: string, text: string, name: string): string | null {
  if (!new RegExp(`^export (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\};`, "m").test(text)) return null;
  const found = new RegExp(`import (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\} from "([^"]+)";`).exec(text);
  return found === null ? null : posix.join(posix.dirname(path), found[1]);
}

/** A doc comment as one line. */
function plain(comment: string): string {
  return comment.replace(/\n\s*\* ?/g, " ")
    .replace(/\{@linkcode (\S+)\}/g, "`$1`")
    // As the formatter writes it.
    .replace(/(?<=\s)\*(\w+)\*/g, "_$1_")
    .replace(/\s+/g, " ")
    .trim();
}

/** Its first sentence; a dot inside of code ends none. */
function summaryOf(comment: string): string {
  const text = comment.replace(/(^| )@\w+ .*$/, "").trim();
  return /^(?:`[^`]*`|e\.g\.|[^`])*?\.(?=\s|$)/.exec(text)?.[0] ?? text;
}

function compare(a: string, b: string): number {
  return a.toLowerCase() < b.toLowerCase() ? -1 : 1;
}

/** What stands between the braces of an interface. */
function bodyOf(path: string, name: string): string {
  const body = new RegExp(`^export interface ${name}\\b[^{]*\\{\\n([\\s\\S]*?)^\\}`, "m").exec(read(path))?.[1];
  if (body === undefined) throw new Error(`${path} has no interface ${name}`);
  return body;
}

function read(path: string): string {
  return readFileSync(root + path, "utf8");
}
