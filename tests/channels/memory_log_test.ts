import { describe, it } from "node:test";
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { endsOf, LeaseTable } from "../../src/channels/log/lease_table.ts";
import type { Slot } from "../../src/channels/log/kept.ts";
import { memoryLog, type MemoryLogOptions } from "../../src/channels/log/memory_log.ts";
import { StreamTable } from "../../src/channels/log/stream_table.ts";
import { OptionError } from "../../src/errors.ts";
import { VirtualClock } from "../../src/testing/mod.ts";
import { sizeOf } from "../../src/text_size.ts";
import { logConformance, type LogWorld } from "./log_conformance.ts";
import { all, Heard, keeping, message, say, upTo } from "./log_rules/tools.ts";

const MINUTE = 60_000;

function open(options: MemoryLogOptions = {}): LogWorld & { readonly clock: VirtualClock } {
  const clock = new VirtualClock();
  const log = memoryLog({ clock, ...options });
  return { log, clock, lapse: 1_000, pass: (ms) => clock.advance(ms), close: () => log.close() };
}

logConformance("memory", () => Promise.resolve(open()), { lasts: false, shared: false, loses: false, forgets: true });

describe("memoryLog()", () => {
  it("tells followers before append() returns", async () => {
    const { log } = open();
    const heard = new Heard();
    await log.follow("a", heard.hear);
    const appending = log.append("a", message("1"), keeping());
    assertEquals(heard.notices.map(({ entry }) => entry?.data), ["1"]);
    await appending;
  });

  it("knows a stream that was never written as long as somebody follows it", async () => {
    const { log } = open();
    const tables = new Set<StreamTable<Slot>>();
    const { put } = StreamTable.prototype;
    StreamTable.prototype.put = function (kept) {
      tables.add(this);
      return put.call(this, kept);
    };
    try {
      await say(log, "written", "1");
      for (const n of upTo(100)) {
        const [leave, leaveToo] = [await log.follow(`s-${n}`, () => {}), await log.follow(`s-${n}`, () => {})];
        (await log.follow("written", () => {}))();
        leave();
        assertEquals([...tables].map(({ size }) => size), [2]);
        leaveToo();
        assertEquals([...tables].map(({ size }) => size), [1]);
      }
    } finally {
      StreamTable.prototype.put = put;
    }
  });

  it("has an epoch of its own, other than any other log", async () => {
    const epochs = await Promise.all(upTo(50).map(async () => (await all(open().log, "a")).epoch));
    assertEquals(new Set(epochs).size, 50);
  });

  it("forgets an id when its window is over", async () => {
    const { log, clock } = open();
    await log.append("a", message("1"), keeping({}, "x", MINUTE));
    await clock.advance(MINUTE - 1);
    assertEquals((await log.append("a", message("2"), keeping({}, "x", MINUTE))).duplicate, true);
    await clock.advance(1);
    const again = await log.append("a", message("2"), keeping({}, "x", MINUTE));
    assertEquals([again.offset, again.duplicate], [2, false]);
  });

  it("remembers streams of which nothing is kept, up to so many", async () => {
    const { log, clock } = open({ maxIdleStreams: 100 });
    const epoch = (await all(log, "s-1")).epoch;
    for (const n of upTo(50)) await log.append(`s-${n}`, message("1"), keeping({ age: MINUTE }));
    await clock.advance(2 * MINUTE);
    for (const _ of upTo(200)) await say(log, "busy", "x");
    for (const n of upTo(50)) {
      const appended = await log.append(`s-${n}`, message("2"), keeping({ age: MINUTE }));
      assertEquals([appended.epoch, appended.offset], [epoch, 2]);
    }
  });

  it("begins another epoch for those that it has forgotten, and no other", async () => {
    const { log, clock } = open({ maxIdleStreams: 10 });
    const { epoch } = await all(log, "s-1");
    for (const n of upTo(60)) await log.append(`s-${n}`, message("1"), keeping({ age: MINUTE }));
    await say(log, "kept", "1");
    await clock.advance(2 * MINUTE);
    for (const _ of upTo(200)) await say(log, "busy", "x");
    const streams = await log.streams("s-", 100);
    assert(streams.length <= 10 && streams.length >= 5, `${streams.length} are remembered`);
    for (const n of upTo(60)) {
      const page = await all(log, `s-${n}`);
      if (page.epoch === epoch) assertEquals(page.top, 1);
      else assertEquals(page.top, 0);
    }
    for (const stream of ["kept", "busy"]) assertEquals((await all(log, stream)).epoch, epoch);
    const again = await log.append("s-1", message("2"), keeping());
    assertNotEquals(again.epoch, epoch);
    assertEquals(again.offset, 1);
  });

  it("never forgets a stream that somebody follows", async () => {
    const { log, clock } = open({ maxIdleStreams: 0 });
    const { epoch } = await all(log, "followed");
    const heard = new Heard();
    const leave = await log.follow("followed", heard.hear);
    for (const n of upTo(20)) await log.append(`s-${n}`, message("1"), keeping({ age: MINUTE }));
    await clock.advance(2 * MINUTE);
    for (const _ of upTo(100)) await say(log, "busy", "x");
    assertNotEquals((await all(log, "unknown")).epoch, epoch);
    assertEquals((await log.append("followed", message("1"), keeping({ age: MINUTE }))).epoch, epoch);
    leave();
    await clock.advance(2 * MINUTE);
    for (const _ of upTo(100)) await say(log, "busy", "x");
    assertNotEquals((await all(log, "followed")).epoch, epoch);
  });

  it("keeps no trace of streams that were only asked for", async () => {
    const { log } = open({ maxIdleStreams: 0 });
    const { epoch } = await all(log, "s-1");
    for (const n of upTo(50)) (await log.follow(`s-${n}`, () => {}))();
    for (const _ of upTo(200)) await say(log, "busy", "x");
    // Nothing was forgotten that had counted: no other epoch.
    assertEquals((await all(log, "s-1")).epoch, epoch);
  });

  it("removes entries of a queue in any order, as many as there are", async () => {
    const { log } = open();
    for (const n of upTo(3_000)) await log.append("q", message(`${n}`), keeping());
    for (const n of upTo(3_000)) if (n % 7 !== 0) assertEquals(await log.remove("q", n), true);
    const { entries, first, top } = await all(log, "q");
    assertEquals([first, top], [1, 3_000]);
    assertEquals(entries.map(({ offset }) => offset), upTo(3_000).filter((n) => n % 7 === 0));
  });

  it("does not bring back what was too old when it is to keep more", async () => {
    const { log, clock } = open();
    await log.append("a", message("1"), keeping({ age: MINUTE }));
    await clock.advance(2 * MINUTE);
    await log.append("a", message("2"), keeping({ age: 10 * MINUTE }));
    const { first, trimmedBy, entries } = await all(log, "a");
    assertEquals([first, trimmedBy, entries.length], [2, "expired", 1]);
  });

  it("does not let time go back", async () => {
    let wall = 2_000_000_000_000;
    const clock = Object.assign(new VirtualClock(), { wall: () => wall });
    const log = memoryLog({ clock });
    await say(log, "a", "1");
    wall -= MINUTE;
    await say(log, "a", "2");
    const [first, second] = (await all(log, "a")).entries;
    assert(second.time >= first.time);
  });

  it("refuses options that it does not know, and values that are out of range", () => {
    assertThrows(() => memoryLog({ maxIdle: 1 } as MemoryLogOptions), OptionError);
    assertThrows(() => memoryLog({ maxIdleStreams: -1 }), OptionError);
    assertThrows(() => memoryLog({ clock: {} as VirtualClock }), OptionError);
  });
});

describe("leases in memory", () => {
  const SECOND = 1_000;

  /** Keeps one for a second, which lingers for another one. */
  function keepOne(leases: LeaseTable, group: string, name: string, now: number): void {
    leases.set(group, { name, value: "", generation: 1, ...endsOf(now, SECOND, SECOND) }, now);
  }

  for (const [what, groupOf] of [["groups of one", (n: number) => `g-${n}`], ["one group", () => "g"]] as const) {
    it(`that came and went leave nothing behind: ${what}`, () => {
      const leases = new LeaseTable();
      for (const n of upTo(100)) {
        leases.set("always", { name: `${n}`, value: "", generation: 1, ...endsOf(0, SECOND, Infinity) }, 0);
      }
      let most = 0;
      for (let n = 0; n < 100_000; n++) {
        keepOne(leases, groupOf(n), `${n}`, n);
        most = Math.max(most, leases.size);
      }
      // One comes each ms: 2,000 are there by right.
      assert(most <= 100 + 3 * 2 * SECOND, `${most}`);
      for (const n of upTo(most * 2)) keepOne(leases, "last", "one", 200_000 + n);
      assertEquals([leases.size, leases.list("always", 200_000).length], [101, 100]);
    });
  }

  it("that are renewed all the time do not hide those that are over", () => {
    const leases = new LeaseTable();
    for (const n of upTo(1_000)) keepOne(leases, "over", `${n}`, 0);
    for (const n of upTo(20)) keepOne(leases, "busy", `${n}`, 0);
    for (const round of upTo(100)) for (const n of upTo(20)) keepOne(leases, "busy", `${n}`, 2 * SECOND + round);
    assertEquals(leases.size, 20);
  });
});

describe("the size of data", () => {
  it("is what an encoder makes of it, halves of surrogate pairs included", () => {
    const texts = [
      "",
      "a",
      "\u007f\u0080",
      "\u07ff\u0800",
      "€",
      "😀",
      "a😀b",
      "\ud83d",
      "\ude00",
      "\ud83dx",
      "\ude00\ud83d",
    ];
    for (const text of [...texts, texts.join("|"), `${texts.join("")}\ud83d`]) {
      assertEquals(sizeOf(text), new TextEncoder().encode(text).length, JSON.stringify(text));
    }
    assertEquals(sizeOf(new Uint8Array(7)), 7);
  });
});
