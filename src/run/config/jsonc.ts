/**
 * JSON with comments and trailing commas, read into a tree that knows where each value stands. It does no I/O.
 *
 * @module
 */

/** One value, and where it begins in the text. */
export interface JsonNode {
  /** What it is; members of an object in their order. */
  readonly value: string | number | boolean | null | readonly JsonNode[] | ReadonlyMap<string, JsonMember>;
  /** Where it begins: characters from the start of the text. */
  readonly offset: number;
}

/** A member of an object. */
export interface JsonMember {
  /** Where its name begins. */
  readonly offset: number;
  /** Its value. */
  readonly node: JsonNode;
}

/** A place for people: both count from 1. */
export interface Position {
  /** Line of the text. */
  readonly line: number;
  /** Character of the line. */
  readonly column: number;
}

/** The text is no JSON with comments. */
export class JsonSyntaxError extends Error {
  /** Names the class. */
  override readonly name: string = "JsonSyntaxError";
  /** Where it goes wrong. */
  readonly offset: number;

  /** Builds the error. */
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Far more than anybody writes by hand, and far less than what overflows a stack. */
const MAX_DEPTH = 100;
/** Without a leading zero, a bare point or a plus sign (RFC 8259, section 6). */
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?/y;
/** What runs on after a literal and makes another word of it. */
const WORD = /[\w.+-]+/y;
const HEX = /^[\da-fA-F]{4}$/;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const LITERALS: ReadonlyMap<string, boolean | null> = new Map([["true", true], ["false", false], ["null", null]]);

/**
 * Reads a whole text. A name that stands twice in an object is refused: one of the two would be passed over.
 *
 * @throws {JsonSyntaxError} It is no JSON with comments; the message says what was expected.
 * @example
 * ```ts
 * parseJsonc('{ "port": 80, } // the usual one');
 * ```
 */
export function parseJsonc(text: string): JsonNode {
  const reader = new Reader(text);
  const node = reader.value(0);
  reader.end();
  return node;
}

/** Where an offset of a text is. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset).split(/\r\n|\n|\r/);
  return { line: before.length, column: before[before.length - 1].length + 1 };
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    // A byte order mark, as some editors leave it.
    if (text.startsWith("\ufeff")) this.#at = 1;
  }

  value(depth: number): JsonNode {
    this.#skip();
    const offset = this.#at;
    if (depth > MAX_DEPTH) throw this.#wrong(`has more than ${MAX_DEPTH} levels`);
    const char = this.#text[offset];
    if (char === "{") return { value: this.#object(depth), offset };
    if (char === "[") return { value: this.#array(depth), offset };
    if (char === '"') return { value: this.#string(), offset };
    return { value: this.#scalar(), offset };
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) throw this.#expected("the end of the file");
  }

  #object(depth: number): ReadonlyMap<string, JsonMember> {
    const members = new Map<string, JsonMember>();
    this.#list("}", "a name in double quotes", () => {
      const offset = this.#at;
      if (this.#text[offset] !== '"') throw this.#expected(`a name in double quotes or "}"`);
      const name = this.#string();
      if (members.has(name)) throw this.#wrong(`has the name ${JSON.stringify(name)} a second time`, offset);
      this.#skip();
      this.#take(":");
      members.set(name, { offset, node: this.value(depth + 1) });
    });
    return members;
  }

  #array(depth: number): readonly JsonNode[] {
    const items: JsonNode[] = [];
    this.#list("]", "a value", () => items.push(this.value(depth + 1)));
    return items;
  }

  /** What stands between brackets, apart from each other by commas; one more at the end does no harm. */
  #list(close: "}" | "]", what: string, read: () => void): void {
    this.#at++;
    for (;;) {
      this.#skip();
      if (this.#text[this.#at] === close) break;
      if (this.#text[this.#at] === ",") throw this.#expected(`${what} or "${close}"`);
      read();
      this.#skip();
      if (this.#text[this.#at] === close) break;
      if (this.#text[this.#at] !== ",") throw this.#expected(`"," or "${close}"`);
      this.#at++;
    }
    this.#at++;
  }

  #string(): string {
    const start = this.#at++;
    let read = "";
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined || char === "\n" || char === "\r") throw this.#wrong("has a string without an end", start);
      if (char < " ") throw this.#wrong("has a control character in a string: escape it");
      this.#at++;
      if (char === '"') return read;
      read += char === "\\" ? this.#escape() : char;
    }
  }

  #escape(): string {
    const char = this.#text[this.#at++];
    if (char === "u") {
      const digits = this.#text.slice(this.#at, this.#at + 4);
      if (!HEX.test(digits)) throw this.#wrong("has \\u without four hexadecimal digits", this.#at - 2);
      this.#at += 4;
      return String.fromCharCode(parseInt(digits, 16));
    }
    if (char !== undefined && Object.hasOwn(ESCAPES, char)) return ESCAPES[char];
    throw this.#wrong(`has an unknown escape, \\${char ?? ""}: a backslash itself is written twice`, this.#at - 2);
  }

  #scalar(): number | boolean | null {
    WORD.lastIndex = this.#at;
    const word = WORD.exec(this.#text)?.[0] ?? "";
    const literal = LITERALS.get(word);
    NUMBER.lastIndex = this.#at;
    const isNumber = NUMBER.exec(this.#text)?.[0] === word && word !== "";
    if (literal === undefined && !isNumber) throw this.#expected("a value");
    if (isNumber && !Number.isFinite(Number(word))) throw this.#wrong(`has a number that is too large, ${word}`);
    this.#at += word.length;
    return literal === undefined ? Number(word) : literal;
  }

  #take(char: string): void {
    if (this.#text[this.#at] !== char) throw this.#expected(`"${char}"`);
    this.#at++;
  }

  /** Spaces, line ends and comments. */
  #skip(): void {
    for (;;) {
      while (/^[ \t\r\n]$/.test(this.#text[this.#at] ?? "")) this.#at++;
      if (this.#text.startsWith("//", this.#at)) this.#at = this.#lineEnd();
      else if (this.#text.startsWith("/*", this.#at)) this.#at = this.#commentEnd();
      else return;
    }
  }

  #lineEnd(): number {
    const rest = /[\r\n]/g;
    rest.lastIndex = this.#at;
    return rest.exec(this.#text)?.index ?? this.#text.length;
  }

  #commentEnd(): number {
    const end = this.#text.indexOf("*/", this.#at + 2);
    if (end < 0) throw this.#wrong("has a comment without an end");
    return end + 2;
  }

  #expected(what: string): JsonSyntaxError {
    const rest = this.#text.slice(this.#at);
    const [found] = /^(?:[\w.+-]+|[^])/u.exec(rest) ?? [""];
    const got = found === "" ? "the file ends" : `got ${JSON.stringify(found.slice(0, 20))}`;
    return this.#wrong(`must have ${what} here, ${got}`);
  }

  #wrong(message: string, offset: number = this.#at): JsonSyntaxError {
    return new JsonSyntaxError(message, offset);
  }
}
