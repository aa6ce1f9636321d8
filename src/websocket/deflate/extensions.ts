/**
 * The field `Sec-WebSocket-Extensions` (RFC 6455 §9.1).
 *
 * @module
 */
import { isToken } from "../fields.ts";

/** A parameter; its value is null if it has none. */
export type ExtensionParam = readonly [name: string, value: string | null];

/** An extension that is offered, or agreed on. */
export interface Extension {
  readonly name: string;
  readonly params: readonly ExtensionParam[];
}

/** Both begin where the last match ended, and repeat one class only: the time is linear in the length. */
const TOKEN = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const QUOTED = /"([^"]*)"/y;

/** Reads the field from left to right. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at === this.#text.length;
  }

  /** Passes over this character and the space around it, if it is next. */
  skip(char: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    this.#skipSpace();
    return true;
  }

  /** Passes over empty elements of a list. */
  skipCommas(): boolean {
    let some = false;
    while (this.skip(",")) some = true;
    return some;
  }

  token(): string | null {
    return this.#match(TOKEN)?.[0] ?? null;
  }

  /** A token, or one in quotes: a quote in quotes makes no token, so it needs no care. */
  value(): string | null {
    if (this.#text[this.#at] !== '"') return this.token();
    const value = this.#match(QUOTED)?.[1].replace(/\\(.)/g, "$1");
    return value !== undefined && isToken(value) ? value : null;
  }

  #skipSpace(): void {
    while (this.#text[this.#at] === " " || this.#text[this.#at] === "\t") this.#at++;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text);
    if (found !== null) this.#at = pattern.lastIndex;
    return found;
  }
}

/** The extensions in their order; null if the field is malformed. Several fields are joined by commas before. */
export function parseExtensions(field: string): Extension[] | null {
  const scanner = new Scanner(field);
  const extensions: Extension[] = [];
  scanner.skipCommas();
  while (!scanner.done) {
    const extension = parseExtension(scanner);
    if (extension === null) return null;
    extensions.push(extension);
    if (!scanner.skipCommas() && !scanner.done) return null;
  }
  return extensions;
}

function parseExtension(scanner: Scanner): Extension | null {
  const name = scanner.token();
  if (name === null) return null;
  const params: ExtensionParam[] = [];
  while (scanner.skip(";")) {
    const param = parseParam(scanner);
    if (param === null) return null;
    params.push(param);
  }
  return { name, params };
}

function parseParam(scanner: Scanner): ExtensionParam | null {
  const name = scanner.token();
  if (name === null) return null;
  if (!scanner.skip("=")) return [name, null];
  const value = scanner.value();
  return value === null ? null : [name, value];
}
