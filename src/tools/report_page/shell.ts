/**
 * Command lines as text that can be pasted into a shell.
 *
 * @module
 */

/** Words that a shell takes as they are. */
const PLAIN = /^[\w@%+=:,./-]+$/;

// deno-lint-ignore no-control-regex -- those are what it is for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

/** Words as one command line. */
export function commandLine(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}

/** One word, quoted if a shell would take it for something else. */
export function shellWord(word: string): string {
  if (PLAIN.test(word)) return word;
  if (CONTROL.test(word)) return `$'${[...word].map(escaped).join("")}'`;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function escaped(char: string): string {
  if (char === "'" || char === "\\") return `\\${char}`;
  if (!CONTROL.test(char)) return char;
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
