/** What `npm run release:check` would find before it packs anything, and how it tells sizes. */
import { describe, it } from "node:test";
import { assertEquals } from "@std/assert";
import { isUnreleased, problemsOf, type Published, readRelease, type Release } from "../release/manifests.ts";
import { compareSizes, entriesOf, entryRow, readSizes } from "../release/sizes.ts";

const release = readRelease();
const [core, tools] = release.packages;

/** The release with other tools. */
function withTools(changed: Partial<Published["npm"]>, jsr: Partial<Published["jsr"]> = {}): Release {
  const npm = { ...tools.npm, ...changed };
  return { ...release, packages: [core, { ...tools, npm, jsr: { ...tools.jsr, ...jsr } }] };
}

describe("a release", () => {
  it("has versions, names and entries that agree in both packages on both registries", () => {
    assertEquals(problemsOf(release), []);
  });

  it("is of two packages", () => {
    assertEquals(release.packages.map(({ name }) => name), ["@sluice/sluice", "@sluice/tools"]);
  });

  const load = { types: "./dist/load/mod.d.ts", default: "./dist/load/mod.js" };
  const { "./load": _, ...withoutLoad } = tools.npm.exports;
  const mistakes: readonly (readonly [name: string, changed: Release, problem: string])[] = [
    [
      "a name",
      withTools({ name: "tools" }),
      'name in src/tools/package.json is "tools", and should be "@sluice/tools"',
    ],
    [
      "a version",
      withTools({}, { version: "7.0.0" }),
      'version in src/tools/deno.json is "7.0.0", and should be "0.1.0"',
    ],
    ["a license", withTools({}, { license: "ISC" }), 'license in src/tools/deno.json is "ISC", and should be "MIT"'],
    [
      "the core that the tools stand on",
      withTools({ peerDependencies: { "@sluice/sluice": "^0.0.1" } }),
      'peer @sluice/sluice in src/tools/package.json is "^0.0.1", and should be "^0.1.0"',
    ],
    [
      "an entry that npm lacks",
      withTools({ exports: withoutLoad }),
      `export "./load" in src/tools/package.json is missing, and should be ${JSON.stringify(load)}`,
    ],
    [
      "an entry that JSR lacks",
      withTools({ exports: { ...tools.npm.exports, "./more": load } }),
      `export "./more" in src/tools/package.json is ${JSON.stringify(load)}, and should be absent`,
    ],
    [
      "an entry without types",
      withTools({ exports: { ...tools.npm.exports, "./load": load.default } }),
      `export "./load" in src/tools/package.json is "./dist/load/mod.js", and should be ${JSON.stringify(load)}`,
    ],
    [
      "the lock file",
      { ...release, locked: { ...release.locked, "src/tools": { version: "0.0.9" } } },
      'version of @sluice/tools in package-lock.json is "0.0.9", and should be "0.1.0"',
    ],
  ];
  for (const [name, changed, problem] of mistakes) {
    it(`is refused for a mistake in ${name}`, () => {
      assertEquals(problemsOf(changed), [problem.replaceAll("0.1.0", release.program)]);
    });
  }

  it("is refused by every file that was left behind", () => {
    assertEquals(problemsOf({ ...release, program: "99.0.0" }).length, 7);
  });

  it("is unreleased until the changelog has a heading for it", () => {
    const heading = `\n## [${release.program}] - 2030-01-01\n`;
    assertEquals(isUnreleased({ ...release, changelog: `# Changelog\n${heading}` }), false);
    assertEquals(isUnreleased({ ...release, changelog: `# Changelog\n\n## [Unreleased] ${release.program}\n` }), true);
  });
});

describe("the sizes of a release", () => {
  it("are shown beside those of the last one, with what came and went", () => {
    const now = { version: "1.1.0", sizes: { same: 1_000, more: 1_500, less: 90, came: 5 } };
    const before = { version: "1.0.0", sizes: { same: 1_000, more: 1_000, less: 100, went: 7 } };
    assertEquals(compareSizes(now, before), [
      "      1.1.0  noted for 1.0.0",
      "same  1,000            1,000",
      "more  1,500            1,000  +50.0 %",
      "less     90              100  -10.0 %",
      "came      5                -      new",
      "went      -                7     gone",
    ]);
  });

  it("were noted for each entry of both packages", () => {
    const rows = release.packages.flatMap(({ name, npm }) =>
      entriesOf(npm.exports).flatMap(([entry]) => [entryRow(name, entry, "files"), entryRow(name, entry, "bytes")])
    );
    const { sizes } = readSizes();
    assertEquals(rows.filter((row) => !(sizes[row] > 0)), []);
    assertEquals(Object.keys(sizes).filter((row) => row.includes(" loads, ")).sort(), rows.sort());
  });
});
