/** Only who loads servers pays for it: what else can be imported needs no package at all. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { root } from "../support/processes.ts";
import { readSource } from "../support/sources.ts";

/** Imports that happen when the file is loaded; not `import()`, and not those of types. */
const STATIC = /(?:^|\n)\s*(?:import(?!\s+type\b)|export(?!\s+type\b))\b[^;()]*?["']([^"']+)["']/g;

const manifest = JSON.parse(readFileSync(`${root}deno.json`, "utf8")) as { exports: Record<string, string> };

describe("what is loaded by importing", () => {
  for (const [entry, source] of Object.entries(manifest.exports)) {
    if (entry === "./load") continue;
    it(`${entry} is no package`, () => {
      const packages = [...closure(source.replace("./", ""))].filter((path) => !/\.ts$|^node:/.test(path));
      assertEquals(packages, []);
    });
  }

  it("./load is one package", () => {
    const loaded = closure("src/load/mod.ts");
    assert(loaded.has("src/load/recorder.ts"));
    assertEquals([...loaded].filter((path) => !path.endsWith(".ts")), ["hdr-histogram-js"]);
  });
});

/** All that is loaded with a file. */
function closure(path: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(path)) return seen;
  seen.add(path);
  if (!path.endsWith(".ts")) return seen;
  const { code, imports } = readSource(path);
  const named = new Set([...code.matchAll(STATIC)].map(([, specifier]) => specifier.replace(/^(\.\.?\/)+/, "")));
  for (const target of imports) if ([...named].some((name) => target.endsWith(name))) closure(target, seen);
  return seen;
}
