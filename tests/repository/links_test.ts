/** Holds the Markdown files to what they point at: other files, headings, and the code that ARCHITECTURE walks through. */
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { anchorsOf, linksOf, type Manual, manuals, proseOf, readManual, wordsOf } from "../support/manuals.ts";
import { root } from "../support/processes.ts";

/** A file of the repository, from its top. */
const PATH = /^(?:src|adapters|tests|\.ci)\/[\w./-]*$/;

/** `` `Drain.#run()` (`src/server/drain/drain.ts`) `` */
const WALK = /`([\w.#]+)(?:\(\))?`\s+\(`([\w./-]+\.ts)`\)/g;

describe("the Markdown files", () => {
  for (const manual of manuals()) {
    it(`${manual.path} links to files and headings that exist`, () => {
      assertEquals(brokenLinks(manual), []);
    });

    it(`${manual.path} names files of the repository that exist`, () => {
      const paths = wordsOf(manual).filter((word) => PATH.test(word));
      assertEquals(paths.filter((path) => !existsSync(root + path)), []);
    });

    it(`${manual.path} names scripts of package.json that exist`, () => {
      const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));
      const named = [...manual.text.matchAll(/\bnpm run ([\w:-]*\w)/g)].map(([, name]) => name);
      assertEquals(named.filter((name) => !(name in scripts)), []);
    });
  }
});

describe("ARCHITECTURE.md", () => {
  it("names functions that are where it says", () => {
    const walked = [...proseOf(readManual("ARCHITECTURE.md")).matchAll(WALK)];
    assert(walked.length > 30, `only ${walked.length} places are walked through`);
    assertEquals(walked.filter(([, name, path]) => !hasName(path, name)).map(([place]) => place), []);
  });
});

function brokenLinks(manual: Manual): string[] {
  return linksOf(manual).filter(({ path, anchor }) => {
    if (!existsSync(root + path)) return true;
    return anchor !== "" && !anchorsOf(readManual(path)).includes(anchor);
  }).map(({ link }) => link);
}

/** `Class.#member`: the class and the member are both declared there. */
function hasName(path: string, name: string): boolean {
  const code = existsSync(root + path) ? readFileSync(root + path, "utf8") : "";
  const [last, ...owners] = name.split(".").reverse();
  const isDeclared = new RegExp(`(?:function\\*?|class|interface|const|async|get|^ +)\\s*${last}\\b`, "m").test(code);
  return isDeclared && owners.every((owner) => new RegExp(`class ${owner}\\b`).test(code));
}
