/** Only who loads servers pays for it: what else can be imported needs no package at all. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { root } from "../../support/processes.ts";
import { readSource } from "../../support/sources.ts";

/** Imports that happen when the file is loaded; not `import()`, and not those of types. */
const STATIC = /(?:^|\n)\s*(?:import(?!\s+type\b)|export(?!\s+type\b))\b[^;()]*?["']([^"']+)["']/g;

describe("what is loaded by importing", () => {
  for (const [entry, source] of Object.entries(entries("deno.json"))) {
    it(`${entry} is no package`, () => assertEquals(packagesOf(source), []));
  }

  it("the tools is the core, and a package more for those who load a server", () => {
    const own = entries("src/tools/deno.json");
    const packages = Object.keys(own).map((entry) => [entry, packagesOf(`src/tools/${own[entry]}`)]);
    assertEquals(Object.fromEntries(packages), {
      "./commands": [],
      "./load": ["@sluice/sluice", "@sluice/sluice/http", "@sluice/sluice/websocket", "hdr-histogram-js"],
      "./faults": ["@sluice/sluice", "@sluice/sluice/http"],
    });
  });
});

function entries(manifest: string): Record<string, string> {
  return JSON.parse(readFileSync(root + manifest, "utf8")).exports;
}

function packagesOf(source: string): string[] {
  return [...closure(source.replace("./", ""))].filter((path) => !/\.ts$|^node:/.test(path)).sort();
}

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
