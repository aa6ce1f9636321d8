/** Names of streams: any text, and lists of them. */
import { assertEquals } from "@std/assert";
import type { Rule } from "../log_conformance.ts";
import { all, say, texts, upTo } from "./tools.ts";

/** Names that some store, path, pattern or object takes for something else. */
export const ODD_NAMES: readonly string[] = [
  " ",
  "a b",
  "a/b",
  "../a",
  "/",
  ".",
  "..",
  "a:b",
  "a*",
  "a?",
  "[ab]",
  "a\\b",
  "{a}",
  "{a}b",
  "}{",
  "%00%2f",
  `"a"`,
  "'a'",
  "a\nb",
  "a\r\n",
  "\u0000",
  "a\u0000b",
  "ä",
  "a\u0308",
  "水閘",
  "🚰",
  "A",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "0",
  "-1",
  "1e3",
  "NaN",
  "n".repeat(1_000),
];

const byCode = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;

export function nameRules(rule: Rule): void {
  rule("tells streams apart, whatever their names are made of", async ({ log }) => {
    for (const name of ODD_NAMES) await say(log, name, `of ${name}`);
    for (const name of ODD_NAMES) {
      const page = await all(log, name);
      assertEquals([page.top, ...texts(page.entries)], [1, `of ${name}`]);
    }
    assertEquals([...await log.streams("", 1_000)].sort(byCode), [...ODD_NAMES].sort(byCode));
  });

  rule("lists written streams that begin with some text, by name", async ({ log }) => {
    for (const name of ["room:2", "room:1", "room:10", "rooms", "Room:1", "other"]) await say(log, name, "1");
    await all(log, "room:read only");
    await log.tops(["room:asked only"]);
    assertEquals(await log.streams("room:", 100), ["room:1", "room:10", "room:2"]);
    assertEquals(await log.streams("room:1", 100), ["room:1", "room:10"]);
    assertEquals(await log.streams("nobody", 100), []);
    assertEquals((await log.streams("", 100)).length, 6);
  });

  rule("lists so many streams at most", async ({ log }) => {
    const names = upTo(30).map((n) => `s-${n}`);
    for (const name of names) await say(log, name, "1");
    const some = await log.streams("s-", 7);
    assertEquals([some.length, new Set(some).size], [7, 7]);
    assertEquals([...some].sort(byCode), [...some]);
    assertEquals(some.filter((name) => !names.includes(name)), []);
    assertEquals((await log.streams("s-", 30)).length, 30);
  });

  rule("takes no sign in a prefix for a pattern", async ({ log }) => {
    for (const name of ["a*b", "axb", "a?c", "a[bc]", "ab", "a\\d", "{a}b"]) await say(log, name, "1");
    assertEquals(await log.streams("a*", 100), ["a*b"]);
    assertEquals(await log.streams("a?", 100), ["a?c"]);
    assertEquals(await log.streams("a[bc]", 100), ["a[bc]"]);
    assertEquals(await log.streams("a\\", 100), ["a\\d"]);
    assertEquals(await log.streams("{a}", 100), ["{a}b"]);
    assertEquals(await log.streams("*", 100), []);
  });
}
