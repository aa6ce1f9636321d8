/** Holds messages of errors to one form: see CONTRIBUTING.md. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { readSource, sourcesUnder } from "../support/sources.ts";

/** What makes an error of its arguments: classes, and functions that stand in for them. */
const MAKERS = /\b(?:new (\w*(?:Error|Exceeded|Canceled))|(frameError))\(/g;

/** What may begin a message in place of a capital: a value, a flag, or the name of an option or a function. */
const NAMED =
  /^(?:\$\{|--[a-z]|[a-z][\w$]*(?:[.[]\S+|\(\))?:? (?:must|has|is|are|may|takes?|excludes?|needs?|goes|gives|and|can't|\(|`|\$\{|exclude))/;

/** Words that begin a sentence, and no name. */
const SENTENCE = /^(?:a|an|the|this|that|there|it|no|not|cannot|can't|only|closed)\b/;

/** Errors that stand in for the system's, and so have its words. */
const SYSTEM = /^(?:accept|read|write|connect) E[A-Z]+$/;

interface Message {
  readonly where: string;
  readonly text: string;
}

/** All messages that the code gives to errors as a literal, with what made them. */
function messagesIn(path: string, code: string): Message[] {
  return [...code.matchAll(MAKERS)].flatMap((match) => {
    const literals = literalsIn(code, match.index + match[0].length);
    const text = literals.find((literal) => / /.test(literal));
    return text === undefined ? [] : [{ where: `${path}: ${match[1] ?? match[2]}`, text }];
  });
}

/** The string literals among the arguments of a call that begins at `from`, those of nested calls left out. */
function literalsIn(code: string, from: number): string[] {
  const found: string[] = [];
  let depth = 1;
  for (let at = from; at < code.length && depth > 0; at++) {
    const char = code[at];
    if ("\"'`".includes(char)) {
      const end = endOf(code, at);
      if (depth === 1) found.push(code.slice(at + 1, end));
      at = end;
    } else if ("([{".includes(char)) depth++;
    else if (")]}".includes(char)) depth--;
  }
  return found;
}

/** Where the literal ends that begins at `from`; a template's holes are skipped. */
function endOf(code: string, from: number): number {
  const quote = code[from];
  for (let at = from + 1; at < code.length; at++) {
    if (code[at] === "\\") at++;
    else if (code[at] === quote) return at;
    else if (quote === "`" && code.startsWith("${", at)) at = endOfHole(code, at + 2);
  }
  return code.length;
}

function endOfHole(code: string, from: number): number {
  let depth = 1;
  for (let at = from; at < code.length; at++) {
    if ("\"'`".includes(code[at])) at = endOf(code, at);
    else if (code[at] === "{") depth++;
    else if (code[at] === "}" && --depth === 0) return at;
  }
  return code.length;
}

/** What is wrong with the form of a message; null if nothing is. */
function faultOf(text: string): string | null {
  if (SYSTEM.test(text)) return null;
  if (text.endsWith(".")) return "ends in a full stop";
  if (/^[A-Z"]/.test(text)) return null;
  if (SENTENCE.test(text)) return "begins a sentence without a capital";
  return NAMED.test(text) ? null : "begins with neither a capital nor a name";
}

/** What is wrong with the message of a refused value: it is not in it. */
function isNameless(text: string): boolean {
  return / must be /.test(text) && !/\$\{/.test(text);
}

describe("the messages of errors", () => {
  const messages = [...sourcesUnder("src"), ...sourcesUnder("adapters"), readSource("mod.ts")]
    .flatMap(({ path, code }) => messagesIn(path, code));

  it("begin with a capital, or with the name of what they are about, and have no full stop", () => {
    const wrong = messages.flatMap(({ where, text }) => {
      const fault = faultOf(text);
      return fault === null ? [] : [`${where} ${fault}: ${text}`];
    });
    assertEquals(wrong, []);
  });

  it("name the value where they say what it must be", () => {
    const nameless = messages.filter(({ text }) => isNameless(text));
    assertEquals(nameless.map(({ where, text }) => `${where}: ${text}`), []);
  });

  it("are found: in classes, in functions that make errors, in templates with holes, over several lines", () => {
    assert(messages.length > 250, `${messages.length} messages`);
    const code = `throw new OptionError("a", \`a must be \${f("x y", \`\${b}\`)} or so, got \${a}\`);
      throw frameError("ERR_X", "the frame has no end");
      return new TypeError(
        "no good" + more,
      );`;
    assertEquals(messagesIn("x.ts", code).map(({ text }) => text.slice(0, 9)), ["a must be", "the frame", "no good"]);
  });

  it("are told right from wrong", () => {
    for (
      const text of ["Closed", "port must be 1, got ${x}", "write() takes text", "${option} must be 1", "--a needs --b"]
    ) {
      assertEquals([text, faultOf(text)], [text, null]);
    }
    for (const text of ["the peer is gone", "cannot listen", "a frame must not", "closed before", "Done."]) {
      assert(faultOf(text) !== null, text);
    }
    assertEquals([isNameless("port must be 1"), isNameless("port must be 1, got ${port}")], [true, false]);
  });
});
