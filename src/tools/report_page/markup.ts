/**
 * HTML that can't be broken out of: every value in a template is escaped, unless it is markup itself.
 *
 * @module
 */
import { formatCount } from "./format.ts";

/** A piece of HTML that is complete and safe. */
export class Markup {
  /** The HTML. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a template; null and an empty list leave nothing. */
export type Piece = string | number | Markup | null | readonly Piece[];

/** The template tag that all pages are made with. Indentation in the template is left out. */
export function markup(parts: TemplateStringsArray, ...values: readonly Piece[]): Markup {
  let text = unindented(parts[0]);
  for (let i = 0; i < values.length; i++) text += render(values[i]) + unindented(parts[i + 1]);
  return new Markup(text.trim());
}

/** One attribute of an element, with the space before it. */
export function attribute(name: string, value: string): Markup {
  return new Markup(` ${name}="${escapeText(value)}"`);
}

/** A line's end, where the text of a page should have one. */
export const NEW_LINE: Markup = new Markup("\n");

/** Text as HTML, good for content and for quoted attributes; what can't be seen is written out. */
export function escapeText(text: string): string {
  return visible(text).replace(/[&<>"'`]/g, (char) => ENTITIES[char]);
}

/** Text with its control characters, direction marks and halves of surrogate pairs written out: `\n`, `\u{202e}`. */
export function visible(text: string): string {
  return text.replace(UNSEEN, (char) => WRITTEN[char] ?? `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** Long text with its end left out, and how much that was. */
export function shortened(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max)} … (${formatCount(text.length - max)} more characters)`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/** Direction marks can show a text as another than it is; half a surrogate pair can't be encoded. */
const UNSEEN =
  // deno-lint-ignore no-control-regex -- those are what it is for
  /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu;

const WRITTEN: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function unindented(text: string): string {
  return text.replace(/\n\s*/g, "\n");
}

function render(piece: Piece): string {
  if (piece === null) return "";
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === "object") return piece.map(render).join("");
  return escapeText(String(piece));
}
