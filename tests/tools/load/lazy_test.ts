/** Only who loads servers pays for it: what else can be imported needs no package at all. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { root } from "../../support/processes.ts";
import { loadedWith } from "../../support/sources.ts";

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
  return [...loadedWith(source.replace("./", ""))].filter((path) => !/\.ts$|^node:/.test(path)).sort();
}
