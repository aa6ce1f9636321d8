/** Appending: offsets, epochs, order, and what is kept of an entry. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { EntryKind } from "../../../src/channels/log/log_api.ts";
import type { Rule } from "../log_conformance.ts";
import { all, keeping, message, offsets, say, texts, upTo } from "./tools.ts";

const KINDS: readonly EntryKind[] = ["message", "join", "leave", "lost", "control"];

/** Text that a log must give back as it got it. */
const TEXTS: readonly string[] = [
  "",
  "null",
  "0",
  `"a \\u0000 b"`,
  "\u0000",
  "a\u0000b\u0000",
  "line\r\nline\n",
  `{"müll":"🚰 水閘 \u2028 \ufeff"}`,
  "\ufeffmarked",
  "__proto__",
  "x".repeat(1 << 20),
];

/** Bytes that are no text. */
const BYTES: readonly Uint8Array[] = [
  new Uint8Array(0),
  Uint8Array.of(0),
  Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0x80),
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
  Uint8Array.from({ length: 1 << 20 }, (_, index) => index * 31),
];

/** Headers, as pairs: a name may be one that objects have anyway. */
const HEADERS: readonly (readonly (readonly [string, string])[])[] = [
  [["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]],
  [["", ""], ["a", ""], ["A", "a"]],
  [["__proto__", "x"], ["constructor", "y"], ["toString", "z"]],
  [["ü\u0000", "水\u0000\n🚰"], ["2", "two"], ["1", "one"]],
  Array.from({ length: 100 }, (_, index) => [`name-${index}`, "v".repeat(index)] as const),
];

export function appendRules(rule: Rule): void {
  rule("counts a stream's entries from 1, without a hole", async ({ log }) => {
    for (const offset of upTo(5)) {
      const appended = await log.append("a", message(`${offset}`), keeping());
      assertEquals([appended.offset, appended.duplicate], [offset, false]);
    }
    assertEquals((await log.append("b", message("other"), keeping())).offset, 1);
    const page = await all(log, "a");
    assertEquals([page.top, page.first, page.trimmedBy, page.complete], [5, 1, null, true]);
    assertEquals(texts(page.entries), ["1", "2", "3", "4", "5"]);
  });

  rule("has an epoch for a stream that was never written, and keeps it when it is", async ({ log }) => {
    const { epoch, ...page } = await all(log, "new");
    assertEquals(page, { top: 0, first: 1, trimmedBy: null, entries: [], complete: true });
    assert(typeof epoch === "string" && epoch.length > 0);
    assertEquals((await all(log, "new")).epoch, epoch);
    assertEquals((await log.append("new", message("1"), keeping())).epoch, epoch);
    assertEquals((await log.append("new", message("2"), keeping())).epoch, epoch);
    assertEquals((await all(log, "new")).epoch, epoch);
  });

  rule("keeps appends in the order of their calls, nobody waiting for one before the next", async ({ log }) => {
    const calls = upTo(200).map((n) => log.append(n % 3 === 0 ? "b" : "a", message(`${n}`), keeping()));
    const appended = await Promise.all(calls);
    const numbers = (wanted: boolean) => upTo(200).filter((n) => (n % 3 === 0) === wanted);
    for (const [stream, own] of [["a", numbers(false)], ["b", numbers(true)]] as const) {
      assertEquals(texts((await all(log, stream)).entries), own.map(String));
      assertEquals(own.map((n) => appended[n - 1].offset), upTo(own.length));
    }
  });

  rule("has an entry when its append fulfils", async ({ log }) => {
    for (const offset of upTo(20)) {
      await log.append("a", message(`${offset}`), keeping());
      const page = await all(log, "a", offset - 1);
      assertEquals([page.top, ...offsets(page.entries)], [offset, offset]);
    }
  });

  rule("keeps what an entry is", async ({ log }) => {
    for (const kind of KINDS) await log.append("a", { kind, data: kind, headers: null }, keeping());
    const { entries } = await all(log, "a");
    assertEquals(entries.map(({ kind }) => kind), [...KINDS]);
  });

  rule("keeps text as it is", async ({ log }) => {
    for (const text of TEXTS) await log.append("a", message(text), keeping());
    const { entries } = await all(log, "a");
    assertEquals(entries.length, TEXTS.length);
    for (const [index, { data }] of entries.entries()) {
      assert(data === TEXTS[index], `${JSON.stringify(TEXTS[index].slice(0, 40))} came back otherwise`);
    }
  });

  rule("keeps bytes as they are, apart from text", async ({ log }) => {
    for (const bytes of BYTES) await log.append("a", message(bytes), keeping());
    const { entries } = await all(log, "a");
    assertEquals(entries.length, BYTES.length);
    for (const [index, { data }] of entries.entries()) {
      assert(data instanceof Uint8Array, `${typeof data} instead of bytes`);
      assertEquals(data.length, BYTES[index].length);
      assert(data.every((byte, at) => byte === BYTES[index][at]), `bytes ${index} came back otherwise`);
    }
  });

  rule("takes a part of a larger buffer, which may be used anew when the append is over", async ({ log }) => {
    const buffer = Uint8Array.from({ length: 64 }, (_, index) => index);
    await log.append("a", message(buffer.subarray(8, 12)), keeping());
    buffer.fill(255);
    const [{ data }] = (await all(log, "a")).entries;
    assertEquals([...data as Uint8Array], [8, 9, 10, 11]);
  });

  rule("keeps headers as they are, and none as none", async ({ log }) => {
    await log.append("a", message("none"), keeping());
    for (const pairs of HEADERS) await log.append("a", message("some", Object.fromEntries(pairs)), keeping());
    const { entries } = await all(log, "a");
    assertEquals(entries[0].headers, null);
    const sorted = (pairs: Iterable<readonly [string, string]>) => [...pairs].map(([k, v]) => `${k}=${v}`).sort();
    for (const [index, pairs] of HEADERS.entries()) {
      assertEquals(sorted(Object.entries(entries[index + 1].headers!)), sorted(pairs));
    }
  });

  rule("says when it took an entry", async ({ log, lapse, pass }) => {
    await say(log, "a", "1", "2");
    await pass(lapse);
    await say(log, "a", "3");
    const [first, second, third] = (await all(log, "a")).entries.map(({ time }) => time);
    assert(first > Date.UTC(2020, 0), `${first} is no time of today`);
    assert(first <= second && second < third, `${first}, ${second}, ${third}`);
    // Its clock may be coarse.
    assert(third - second >= lapse * 0.9, `${third - second} ms apart`);
  });

  rule("keeps streams apart", async ({ log }) => {
    await say(log, "a", "in a");
    await say(log, "ab", "in ab");
    assertEquals(texts((await all(log, "a")).entries), ["in a"]);
    assertEquals(texts((await all(log, "ab")).entries), ["in ab"]);
    assertEquals((await all(log, "b")).top, 0);
    assertNotEquals((await all(log, "a")).epoch, "");
  });
}
