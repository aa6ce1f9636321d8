/**
 * Reads the Markdown files of the repository, for the tests that hold them to the code.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { posix } from "node:path";
import { root } from "./processes.ts";

/** A block of code. */
export interface Block {
  /** The file that it stands in. */
  readonly path: string;
  readonly language: string;
  readonly text: string;
}

/** A Markdown file. */
export interface Manual {
  /** From the top of the repository, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Folders with files that are not ours, or were built. */
const FOREIGN = /(^|\/)(node_modules|dist)\//;

/** All Markdown files: those at the top, and the manuals beside the code. */
export function manuals(): Manual[] {
  const top = readdirSync(root, { encoding: "utf8" }).filter((name) => name.endsWith(".md"));
  const beside = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
    .map((name) => `src/${name.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(".md") && !FOREIGN.test(path));
  return [...top, ...beside].sort().map(readManual);
}

/** One of them, by its path from the top. */
export function readManual(path: string): Manual {
  return { path, text: readFileSync(root + path, "utf8") };
}

/** Its blocks of code, in order. */
export function blocksOf({ path, text }: Manual): Block[] {
  const found = text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...found].map(([, language, code]) => ({ path, language, text: code }));
}

/** The text without its blocks of code. */
export function proseOf({ text }: Manual): string {
  return text.replace(/^```\w*\n[\s\S]*?^```$/gm, "");
}

/** What it says in code's letters within the prose: the text between backticks. */
export function wordsOf(manual: Manual): string[] {
  return [...proseOf(manual).matchAll(/`([^`\n]+(?:\n[^`\n]+)?)`/g)].map(([, word]) => word.replace(/\s+/g, " "));
}

/** Its links to other files and to its own headings: where they lead, as path from the top and anchor. */
export function linksOf(manual: Manual): { readonly path: string; readonly anchor: string; readonly link: string }[] {
  const prose = proseOf(manual).replace(/`[^`]*`/g, "");
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
  return links.filter((link) => !/^[a-z]+:/.test(link)).map((link) => {
    const [file, anchor = ""] = link.split("#");
    return { link, anchor, path: file === "" ? manual.path : posix.join(posix.dirname(manual.path), file) };
  });
}

/** The anchors of its headings, as code hosts make them. */
export function anchorsOf(manual: Manual): string[] {
  const seen = new Map<string, number>();
  return [...proseOf(manual).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => {
    const anchor = heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replace(/\s/g, "-");
    const times = seen.get(anchor) ?? 0;
    seen.set(anchor, times + 1);
    return times === 0 ? anchor : `${anchor}-${times}`;
  });
}
