import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { fileLog } from "../../src/channels/log/file/file_log.ts";
import type { FileLogOptions } from "../../src/channels/log/file/file_options.ts";
import type { ChannelLog } from "../../src/channels/log/log_api.ts";
import { ChannelLogError } from "../../src/channels/log/log_errors.ts";
import { OptionError } from "../../src/errors.ts";
import type { Logger } from "../../src/log.ts";
import { VirtualClock } from "../../src/testing/mod.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import { logConformance, type LogWorld } from "./log_conformance.ts";
import { all, Heard, keeping, message, offsets, say, texts, upTo } from "./log_rules/tools.ts";

const LASTING = { lasts: true, shared: false, loses: true, forgets: true };

/** Worlds of logs whose files are real ones. */
async function onDisk(options: FileLogOptions): Promise<LogWorld> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-log-"));
  const clock = new VirtualClock();
  let log = fileLog(folder, { clock, ...options });
  const again = () => log = fileLog(folder, { clock, ...options });
  return {
    log,
    lapse: 1_000,
    pass: (ms) => clock.advance(ms),
    reopen: async () => {
      await log.close();
      return again();
    },
    lose: async () => {
      await log.close();
      await rm(folder, { recursive: true });
      return again();
    },
    close: async () => {
      await log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The same of files in memory. */
function inMemory(options: FileLogOptions): Promise<LogWorld> {
  const clock = new VirtualClock();
  let files = new MemoryFiles();
  let log = fileLog("log", { clock, files, ...options });
  const again = () => log = fileLog("log", { clock, files, ...options });
  return Promise.resolve({
    log,
    lapse: 1_000,
    pass: (ms) => clock.advance(ms),
    reopen: async () => {
      await log.close();
      return again();
    },
    lose: async () => {
      await log.close();
      files = new MemoryFiles();
      return again();
    },
    close: async () => {
      await log.close();
      assertEquals(files.openFiles, 0);
    },
  });
}

const SMALL: FileLogOptions = { segmentBytes: 4_096, cacheBytes: 0 };

logConformance("file", () => onDisk({}), LASTING);
logConformance("file, small segments read from files in memory,", () => inMemory(SMALL), LASTING);
logConformance("file, acknowledged before it is on the disk,", () => inMemory({ sync: 60_000 }), LASTING);

/** Records of a logger, by level and message. */
function collector(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const at = (level: string) => (msg: string) => void lines.push(`${level} ${msg}`);
  return {
    lines,
    logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), critical: at("critical") },
  };
}

function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => null, (error: unknown) => error);
}

async function fails(promise: Promise<unknown>, code: string, cause?: string): Promise<void> {
  const error = await failure(promise);
  assertInstanceOf(error, ChannelLogError);
  assertEquals(error.code, code);
  if (cause !== undefined) assertEquals((error.cause as { code?: string }).code, cause);
}

describe("fileLog(), group commit", () => {
  it("writes and syncs once for all that wait", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await log.open();
    const before = { ...files.calls };
    await Promise.all(upTo(64).map((n) => log.append("a", message(`${n}`), keeping())));
    assertEquals(files.calls.sync - before.sync, 1);
    await say(log, "a", "65", "66");
    assertEquals(files.calls.sync - before.sync, 3);
    await log.close();
  });

  it("gathers while a group is being written", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await log.open();
    const before = files.calls.sync;
    const first = log.append("a", message("first"), keeping());
    await new Promise((resolve) => setImmediate(resolve));
    const rest = upTo(500).map((n) => log.append("a", message(`${n}`), keeping()));
    await Promise.all([first, ...rest]);
    assertEquals(files.calls.sync - before, 2);
    assertEquals((await all(log, "a")).top, 501);
    await log.close();
  });

  it("closes a group before it takes long, and keeps the order across groups", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await log.open();
    const before = files.calls.sync;
    const calls = upTo(2_500).map((n) => log.append(`s-${n % 3}`, message(`${n}`), keeping()));
    const appended = await Promise.all(calls);
    assertEquals(files.calls.sync - before, 3);
    assertEquals(appended.map(({ offset }) => offset), upTo(2_500).map((n) => Math.ceil(n / 3)));
    await log.close();
  });

  it("looks after as many streams as it writes to", async () => {
    const files = new MemoryFiles();
    const clock = new VirtualClock();
    const log = fileLog("log", { files, clock, maxIdleStreams: 100 });
    const silent = upTo(1_000).map((n) => log.append(`s-${n}`, message("1"), keeping({ age: 1_000 })));
    await Promise.all(silent);
    await clock.advance(2_000);
    await Promise.all(upTo(2_000).map(() => log.append("busy", message("1"), keeping())));
    await say(log, "busy", "2");
    assert((await log.streams("s-", 2_000)).length <= 100);
    await log.close();
  });

  it("acknowledges nothing that is not on the disk", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await say(log, "a", "1");
    let isSynced = false;
    files.faults.refuse = (what) => {
      if (what === "sync") isSynced = true;
      return null;
    };
    const heard = new Heard();
    await log.follow("a", heard.hear);
    const appending = log.append("a", message("2"), keeping()).then(() => assert(isSynced));
    while (!isSynced) {
      assertEquals([(await all(log, "a")).top, heard.tops.length], [1, 0]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await appending;
    assertEquals(heard.tops, [2]);
    await log.close();
  });

  it("syncs each so many ms where that was asked for", async () => {
    const files = new MemoryFiles();
    const clock = new VirtualClock();
    const log = fileLog("log", { files, clock, sync: 50 });
    await say(log, "a", "1");
    const before = files.calls.sync;
    await say(log, "a", "2", "3");
    assertEquals(files.calls.sync, before);
    await clock.advance(50);
    assertEquals(files.calls.sync, before + 1);
    await clock.advance(500);
    assertEquals(files.calls.sync, before + 1);
    await log.close();
    assertEquals(clock.pending, 0);
  });
});

describe("fileLog(), a disk that fails", () => {
  it("refuses what it has no room for, keeps nothing of it, and goes on when there is room", async () => {
    const files = new MemoryFiles();
    const { logger, lines } = collector();
    const log = fileLog("log", { files, logger });
    await say(log, "a", "1");
    files.faults.room = files.names.reduce((sum, name) => sum + files.content(name).length, 0) + 150;
    const heard = new Heard();
    await log.follow("a", heard.hear);
    const calls = upTo(20).map((n) => log.append("a", message("x".repeat(100) + n), keeping({}, `id-${n}`)));
    for (const call of calls) await fails(call, "ERR_LOG_FAILED", "ENOSPC");
    await fails(log.append("b", message("y".repeat(200)), keeping()), "ERR_LOG_FAILED", "ENOSPC");
    assertEquals([(await all(log, "a")).top, (await all(log, "b")).top], [1, 0]);
    assertEquals(lines, ["error the log can't be written"]);
    files.faults.room = Infinity;
    const appended = await log.append("a", message("2"), keeping({}, "id-1"));
    assertEquals([appended.offset, appended.duplicate], [2, false]);
    await heard.reach(2);
    assertEquals(heard.tops, [2]);
    assertEquals(lines.at(-1), "info the log can be written again");
    const { epoch } = appended;
    await log.close();
    const again = fileLog("log", { files, logger });
    const page = await all(again, "a");
    assertEquals([page.epoch, ...texts(page.entries)], [epoch, "1", "2"]);
    assertEquals((await all(again, "b")).top, 0);
    await again.close();
  });

  for (const what of ["write", "sync", "truncate"]) {
    it(`refuses what a failing ${what} has left, and goes on behind it`, async () => {
      const files = new MemoryFiles();
      const log = fileLog("log", { files });
      await say(log, "a", "1");
      let left = 6;
      files.faults.refuse = (call, path) => {
        const isDue = (call === what || call === "sync") && path.endsWith(".log");
        return isDue && left-- > 0 ? "EIO" : null;
      };
      let rejected = 0;
      for (let n = 2; rejected < 20; n++) {
        const error = await failure(log.append("a", message(`try ${n}`), keeping()));
        if (error === null) break;
        assertInstanceOf(error, ChannelLogError);
        assertEquals((error.cause as { code?: string }).code, "EIO");
        rejected++;
      }
      assert(rejected > 0 && rejected < 20, `${rejected} were refused`);
      await say(log, "a", "last");
      const page = await all(log, "a");
      assertEquals([page.top, ...offsets(page.entries)], [3, 1, 2, 3]);
      await log.close();
      const again = fileLog("log", { files });
      assertEquals(await all(again, "a"), page);
      await again.close();
    });
  }

  it("writes nothing behind a segment that the next one may have closed already", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files, ...SMALL });
    await say(log, "a", "x".repeat(3_500));
    files.faults.refuse = (what) => what === "syncFolder" ? "EIO" : null;
    await fails(log.append("a", message("y".repeat(1_000)), keeping()), "ERR_LOG_FAILED", "EIO");
    files.faults.refuse = undefined;
    // It would fit where the other did not.
    await say(log, "a", "small");
    const page = await all(log, "a");
    const next = files.killed();
    const again = fileLog("log", { files: next, ...SMALL });
    assertEquals(await all(again, "a"), page);
    await again.close();
  });

  it("puts up with files that take and give a part of what is asked", async () => {
    const files = new MemoryFiles();
    files.faults.shorten = (length) => 1 + length % 37;
    files.faults.shortenRead = (length) => Math.ceil(length / 2);
    const log = fileLog("log", { files, ...SMALL });
    await Promise.all(upTo(200).map((n) => log.append("a", message(`${n}`), keeping())));
    await log.close();
    const again = fileLog("log", { files, ...SMALL });
    assertEquals(texts((await all(again, "a")).entries), upTo(200).map(String));
    await again.close();
  });

  it("tells when what was acknowledged early does not come to the disk", async () => {
    const files = new MemoryFiles();
    const clock = new VirtualClock();
    const { logger, lines } = collector();
    const log = fileLog("log", { files, clock, logger, sync: 50 });
    await say(log, "a", "1");
    files.faults.refuse = (what) => what === "sync" ? "EIO" : null;
    await clock.advance(50);
    assertEquals(lines, ["critical acknowledged entries of the log could not be brought to the disk"]);
    files.faults.refuse = undefined;
    await say(log, "a", "2");
    assertEquals(offsets((await all(log, "a")).entries), [1, 2]);
    await log.close();
  });

  it("rejects each use of a folder that can't be opened, and opens it when it can", async () => {
    const files = new MemoryFiles();
    files.faults.refuse = (what) => what === "makeFolder" ? "EACCES" : null;
    const log = fileLog("log", { files });
    await fails(log.open(), "ERR_LOG_FAILED", "EACCES");
    await fails(log.append("a", message("1"), keeping()), "ERR_LOG_FAILED", "EACCES");
    files.faults.refuse = undefined;
    await say(log, "a", "1");
    await log.close();
  });

  it("lets go of everything when opening fails half way, wherever that is", async () => {
    const files = new MemoryFiles();
    const first = fileLog("log", { files, ...SMALL });
    for (const n of upTo(100)) await say(first, "a", `${n}`);
    const before = await all(first, "a");
    await first.close();
    for (let fail = 1, isOpen = false; !isOpen; fail++) {
      let calls = 0;
      files.faults.refuse = () => ++calls === fail ? "EIO" : null;
      const log = fileLog("log", { files, ...SMALL });
      isOpen = await failure(log.open()) === null;
      files.faults.refuse = undefined;
      assert(isOpen || files.openFiles === 0, `${files.openFiles} files are open after call ${fail} has failed`);
      assertEquals(await all(log, "a"), before);
      await log.close();
    }
  });
});

describe("fileLog(), room", () => {
  const keep = keeping({ size: 10 });

  /** Waits until the log has given back what it can. */
  async function settled(files: MemoryFiles, most: number): Promise<void> {
    for (let turns = 0; turns < 5_000; turns++) {
      if (files.names.filter((name) => name.endsWith(".log")).length <= most) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error(`${files.names} are left`);
  }

  it("gives the room back of what is not kept", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files, ...SMALL });
    for (const n of upTo(600)) await log.append("a", message(`${n} ${"x".repeat(100)}`), keep);
    await settled(files, 3);
    const page = await all(log, "a");
    assertEquals(offsets(page.entries), upTo(600, 591));
    await log.close();
    const again = fileLog("log", { files, ...SMALL });
    assertEquals(await all(again, "a"), page);
    await again.close();
  });

  it("carries on what is needed of old segments: entries, counts, ids, leases, removals", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files, ...SMALL });
    await say(log, "old", "1", "2", "3");
    await log.remove("old", 2);
    await log.append("counted", message("x"), keeping({ size: 0 }));
    await log.append("with id", message("x"), keeping({ size: 0 }, "id"));
    await log.append("with id", message("y"), keeping({ size: 1 }, "id 2"));
    await log.take("g", "n", "value", Infinity);
    await log.take("g", "gone", "value", Infinity);
    await log.release("g", "gone", 1);
    for (const n of upTo(600)) await log.append("a", message(`${n} ${"x".repeat(100)}`), keep);
    await settled(files, 3);
    const before = await Promise.all(["old", "counted", "with id", "a"].map((name) => all(log, name)));
    await log.close();
    const again = fileLog("log", { files, ...SMALL });
    assertEquals(await Promise.all(["old", "counted", "with id", "a"].map((name) => all(again, name))), before);
    assertEquals(texts(before[0].entries), ["1", "3"]);
    for (const [id, offset] of [["id", 1], ["id 2", 2]] as const) {
      const appended = await again.append("with id", message("z"), keeping({}, id));
      assertEquals([appended.offset, appended.duplicate], [offset, true]);
    }
    assertEquals(await again.leases("g"), [{ name: "n", value: "value", generation: 1, expired: false }]);
    assertEquals((await again.append("counted", message("x"), keep)).offset, 2);
    await again.close();
  });

  it("does so again and again, without the rest growing", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files, ...SMALL });
    await say(log, "old", ...upTo(5).map((n) => `${n} ${"o".repeat(100)}`));
    for (const round of upTo(10)) {
      for (const n of upTo(200)) await log.append(`s-${n % 7}`, message(`${round}.${n} ${"x".repeat(60)}`), keep);
    }
    await settled(files, 8);
    const { entries } = await all(log, "old");
    assertEquals(offsets(entries), [1, 2, 3, 4, 5]);
    await log.close();
  });

  it("gives the room back of leases that it has forgotten, and finds none of them when it is opened again", async () => {
    const files = new MemoryFiles();
    const clock = new VirtualClock();
    const open = () => fileLog("log", { files, clock, ...SMALL });
    const log = open();
    await log.take("always", "n", "value", Infinity);
    const most: number[] = [];
    for (const round of upTo(20)) {
      for (const n of upTo(100)) await log.take(`session:${round}.${n}`, "", "instance", 1_000, 1_000);
      for (const n of upTo(100)) await log.take("g", `${round}.${n}`, "instance", 1_000, 1_000);
      await clock.advance(1_000);
      await settled(files, 12);
      most.push(files.names.filter((name) => name.endsWith(".log")).length);
    }
    assert(Math.max(...most.slice(10)) <= Math.max(...most.slice(0, 10)), `${most}`);
    await clock.advance(1_000);
    await log.close();
    const again = open();
    assertEquals([await again.leases("g"), await again.leases("session:19.7")], [[], []]);
    assertEquals((await again.leases("always")).length, 1);
    // What is left of them in the files goes with the next ones.
    for (const n of upTo(600)) await again.append("a", message(`${n} ${"x".repeat(100)}`), keep);
    await settled(files, 3);
    assertEquals((await again.leases("always")).length, 1);
    await again.close();
  });

  it("gives no room back that it could not copy to, and tries again", async () => {
    const files = new MemoryFiles();
    const { logger, lines } = collector();
    files.faults.refuse = (what, path) => what === "open" && path.endsWith(".tmp") ? "ENOSPC" : null;
    const log = fileLog("log", { files, logger, ...SMALL });
    for (const n of upTo(200)) await log.append("a", message(`${n} ${"x".repeat(100)}`), keep);
    assert(lines.includes("warn room of the log could not be given back"));
    files.faults.refuse = undefined;
    for (const n of upTo(200)) await log.append("a", message(`${n} ${"x".repeat(100)}`), keep);
    await settled(files, 3);
    await log.close();
  });

  it("lets a slow read end on a segment that is removed meanwhile", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files, ...SMALL });
    await say(log, "old", ...upTo(20).map(String));
    await say(log, "a", ...upTo(40).map((n) => `${n} ${"x".repeat(100)}`));
    files.faults.delay = (what, path) => what === "read" && path === "00000001-00000001.log" ? 400 : 0;
    const reading = all(log, "old");
    files.faults.delay = undefined;
    for (const n of upTo(200)) await log.append("a", message(`${n} ${"x".repeat(100)}`), keep);
    await settled(files, 3);
    assertEquals(texts((await reading).entries), upTo(20).map(String));
    await log.close();
    assertEquals(files.openFiles, 0);
  });

  it("reads while room is given back", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files, ...SMALL });
    await say(log, "old", ...upTo(20).map(String));
    let isOver = false;
    const reading = (async () => {
      while (!isOver) assertEquals(texts((await all(log, "old")).entries), upTo(20).map(String));
    })();
    for (const n of upTo(600)) await log.append("a", message(`${n} ${"x".repeat(100)}`), keep);
    isOver = true;
    await reading;
    await log.close();
    assertEquals(files.openFiles, 0);
  });

  it("remembers silent streams up to so many, and forgets the rest for good", async () => {
    const files = new MemoryFiles();
    const clock = new VirtualClock();
    const options = { files, clock, maxIdleStreams: 10 };
    const log = fileLog("log", options);
    const { epoch } = await all(log, "s-1");
    for (const n of upTo(40)) await log.append(`s-${n}`, message("1"), keeping({ age: 1_000 }));
    await clock.advance(2_000);
    for (const _ of upTo(200)) await say(log, "busy", "x");
    const known = await log.streams("s-", 100);
    assert(known.length <= 10, `${known.length} are remembered`);
    const check = async (log: ChannelLog) => {
      for (const n of upTo(40)) {
        const page = await all(log, `s-${n}`);
        assertEquals(page.epoch === epoch ? page.top : 0, known.includes(`s-${n}`) ? 1 : 0);
        assert(page.epoch !== epoch || page.top === 1);
      }
      assertEquals((await all(log, "busy")).epoch, epoch);
    };
    await check(log);
    await log.close();
    const again = fileLog("log", options);
    await check(again);
    await again.close();
  });
});

describe("fileLog(), one process at a time", () => {
  it("refuses a folder that is in use, and takes it when it is free", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-log-"));
    const first = fileLog(folder);
    await say(first, "a", "1");
    const second = fileLog(folder);
    await fails(second.open(), "ERR_LOG_HELD");
    await fails(second.append("a", message("2"), keeping()), "ERR_LOG_HELD");
    await first.close();
    await say(second, "a", "2");
    assertEquals(texts((await all(second, "a")).entries), ["1", "2"]);
    await second.close();
    await rm(folder, { recursive: true });
  });

  it("gives a folder to one at the most when many come together, and to one afterwards", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-log-"));
    for (const _ of upTo(5)) {
      const logs = upTo(8).map(() => fileLog(folder));
      const opened = await Promise.allSettled(logs.map((log) => log.open()));
      assert(opened.filter(({ status }) => status === "fulfilled").length <= 1);
      await Promise.all(logs.map((log) => log.close()));
    }
    const last = fileLog(folder);
    await last.open();
    await last.close();
    await rm(folder, { recursive: true });
  });
});

describe("fileLog(), calls", () => {
  it("keeps the order of calls across its opening", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    const calls: Promise<unknown>[] = [];
    const call = () => calls.push(log.append("a", message(`${calls.length}`), keeping()));
    const callOften = async () => {
      for (let jobs = 0; jobs < 60; jobs++) {
        call();
        await null;
      }
    };
    call();
    files.faults.refuse = (what) => {
      if (what === "sync") void callOften();
      return null;
    };
    await calls[0];
    files.faults.refuse = undefined;
    await Promise.all(calls);
    const { entries } = await all(log, "a");
    assertEquals(texts(entries), upTo(entries.length - 1, 0).map(String));
    assert(entries.length > 100);
    await log.close();
  });

  it("reads one page at a time for all who ask, and writes meanwhile", async () => {
    const files = new MemoryFiles();
    const clock = new VirtualClock();
    const log = fileLog("log", { clock, files, cacheBytes: 0 });
    for (const n of upTo(10)) await say(log, `s-${n}`, "1", "2");
    const begun = files.calls.read ?? 0;
    let reading = 0;
    let most = 0;
    files.faults.delay = (what) => what === "read" ? 20 : 0;
    const pages = upTo(10).map(async (n) => {
      const page = await all(log, `s-${n}`);
      reading++;
      return texts(page.entries);
    });
    await say(log, "a", "meanwhile");
    assertEquals([reading, files.calls.read ?? 0], [0, begun]);
    while (reading < pages.length) {
      const before = reading;
      await clock.settle();
      most = Math.max(most, reading - before);
    }
    assertEquals(await Promise.all(pages), upTo(10).map(() => ["1", "2"]));
    assertEquals([most, (files.calls.read ?? 0) - begun], [1, 10]);
    await log.close();
  });

  it("keeps texts that UTF-8 can't say", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files, ...SMALL });
    const halves = ["\ud83d", "\udeb0", "a\ud83d", "\udeb0\ud83d"];
    for (const half of halves) {
      await log.append(half, { kind: "message", data: half, headers: { [half]: half } }, keeping({}, half));
      await log.take(half, half, half, Infinity);
    }
    await log.close();
    const again = fileLog("log", { files, ...SMALL });
    for (const half of halves) {
      const [{ data, headers }] = (await all(again, half)).entries;
      assert(data === half && Object.entries(headers!).flat().every((text) => text === half));
      assert((await again.leases(half))[0].value === half);
      for (const id of halves) {
        assertEquals((await again.append(half, message("x"), keeping({}, id))).duplicate, id === half);
      }
    }
    await again.close();
  });
});

describe("fileLog(), options", () => {
  it("refuses what it does not know, and what is out of range", () => {
    const wrong: unknown[] = [
      { sync: "never" },
      { sync: -1 },
      { sync: NaN },
      { segmentBytes: 100 },
      { cacheBytes: -1 },
      { maxIdleStreams: -1 },
      { segmentByte: 1 << 20 },
      { logger: {} },
      { clock: {} },
    ];
    for (const options of wrong) assertThrows(() => fileLog("log", options as FileLogOptions), OptionError);
    for (const folder of ["", undefined, 1]) assertThrows(() => fileLog(folder as string), OptionError);
  });

  it("refuses files of a version that it does not know", async () => {
    const files = new MemoryFiles();
    const log = fileLog("log", { files });
    await say(log, "a", "1");
    await log.close();
    const { writeHeader } = await import("../../src/channels/log/file/segment.ts");
    const name = files.names.find((name) => name.endsWith(".log"))!;
    const file = await files.open(name, true);
    const header = { version: 99, marker: 1, epoch: "e", first: 1, last: 1, before: null, merged: null };
    await writeHeader(file, header);
    await file.close();
    const again = fileLog("log", { files });
    await fails(again.open(), "ERR_LOG_FOREIGN");
    await assertRejects(() => again.append("a", message("1"), keeping()));
    assertEquals(files.openFiles, 0);
    assertNotEquals(files.content(name).length, 0);
  });
});
