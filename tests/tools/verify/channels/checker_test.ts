/** The checker of channels: what a right log and right clients look like, and every way to be wrong. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ChannelChecker, type ChannelLossName, type ChannelVerdict } from "../../../../src/tools/verify/mod.ts";
import { eachSeed } from "../../../support/dice.ts";
import { countsOf, type Flaw, flawedRun, FLAWS } from "../../../support/channel_logs.ts";

const CHANNEL = "verify:1";
/** A gap `epoch` that is declared behind them excuses what they did to those who had not seen it. */
const EXCUSABLE: ReadonlySet<Flaw> = new Set<Flaw>(["begins anew without a word", "acknowledges at another place"]);

/** Publishes and acknowledges so many messages of one publisher, at the offsets behind `at`. */
function published(checker: ChannelChecker, count: number, at: number = 0, publisher: string = "p1"): void {
  for (let i = 0; i < count; i++) {
    checker.acknowledged(CHANNEL, publisher, checker.sending(CHANNEL, publisher), at + i + 1);
  }
}

function received(
  checker: ChannelChecker,
  messages: readonly (readonly [seq: number, offset: number | null])[],
  who = "s1",
) {
  for (const [seq, offset] of messages) checker.received(who, CHANNEL, { publisher: "p1", seq, offset });
}

function found(checker: ChannelChecker | ChannelVerdict): Partial<Record<ChannelLossName, number>> {
  return countsOf(checker instanceof ChannelChecker ? checker.verdict() : checker);
}

function started(): ChannelChecker {
  const checker = new ChannelChecker();
  checker.subscribed("s1", CHANNEL, 0);
  return checker;
}

describe("what is right", () => {
  it("finds nothing where everything comes once and in order", () => {
    const checker = started();
    published(checker, 3);
    assertEquals(checker.isSettled, false);
    received(checker, [[1, 1], [2, 2], [3, 3]]);
    assertEquals(checker.isSettled, true);
    const { published: begun, acknowledged, delivered, gaps, repeated } = checker.verdict();
    assertEquals([found(checker), begun, acknowledged, delivered, gaps, repeated], [{}, 3, 3, 3, {}, 0]);
  });

  it("owes a subscriber what is published behind its beginning, and nothing before", () => {
    const checker = new ChannelChecker();
    published(checker, 5);
    checker.subscribed("s1", CHANNEL, 5);
    published(checker, 2, 5);
    received(checker, [[6, 6], [7, 7]]);
    assertEquals(found(checker), {});
  });

  it("promises nothing of what was refused, and nothing of what is not acknowledged yet", () => {
    const checker = started();
    checker.refused(CHANNEL, "p1", checker.sending(CHANNEL, "p1"));
    checker.acknowledged(CHANNEL, "p1", checker.sending(CHANNEL, "p1"), 1);
    received(checker, [[2, 1]]);
    assertEquals([found(checker), checker.verdict().refused], [{}, 1]);
  });

  it("takes a message that came before its acknowledgement", () => {
    const checker = started();
    const seq = checker.sending(CHANNEL, "p1");
    received(checker, [[seq, 1]]);
    checker.acknowledged(CHANNEL, "p1", seq, 1);
    assertEquals(found(checker), {});
  });

  it("excuses what a declared gap is about, and counts the gap by its reason", () => {
    const checker = started();
    published(checker, 6);
    received(checker, [[1, 1], [2, 2]]);
    checker.gap("s1", CHANNEL, "trimmed", 4);
    assertEquals(checker.isSettled, true);
    received(checker, [[5, 5], [6, 6]]);
    assertEquals([found(checker), checker.verdict().gaps], [{}, { trimmed: 1 }]);
  });

  it("counts what comes again in a new life of the log, and blames nobody", () => {
    const checker = started();
    published(checker, 2);
    const open = checker.sending(CHANNEL, "p1");
    received(checker, [[1, 1], [2, 2], [open, 3]]);
    checker.gap("s1", CHANNEL, "epoch", 0);
    received(checker, [[open, 1]]);
    checker.acknowledged(CHANNEL, "p1", open, 1);
    published(checker, 1, 1);
    received(checker, [[4, 2]]);
    assertEquals([found(checker), checker.verdict().repeated], [{}, 1]);
  });

  it("knows the place of a message of somebody else", () => {
    const checker = started();
    published(checker, 1);
    received(checker, [[1, 1]]);
    checker.passed("s1", CHANNEL, 2);
    checker.acknowledged(CHANNEL, "p1", checker.sending(CHANNEL, "p1"), 3);
    received(checker, [[2, 3]]);
    assertEquals(found(checker), {});
  });

  it("does without offsets where a server has none", () => {
    const checker = new ChannelChecker();
    checker.subscribed("s1", CHANNEL);
    for (let i = 0; i < 3; i++) checker.acknowledged(CHANNEL, "p1", checker.sending(CHANNEL, "p1"), null);
    received(checker, [[1, null], [3, null]]);
    assertEquals(found(checker), { lost: 1 });
  });
});

describe("what is wrong", () => {
  it("finds what was acknowledged and never came: in the middle, at the end, and all of it", () => {
    const middle = started();
    published(middle, 3);
    received(middle, [[1, 1], [3, 2]]);
    // Its offset was given to another one.
    assertEquals(found(middle), { lost: 1, misplaced: 1 });
    assertStringIncludes(middle.verdict().details[0], "message 2 of p1 in verify:1 never came to s1");
    const end = started();
    published(end, 3);
    received(end, [[1, 1]]);
    assertEquals(found(end), { lost: 2 });
    const all = started();
    published(all, 3);
    assertEquals([found(all), all.isSettled], [{ lost: 3 }, false]);
  });

  it("finds what came twice, at its own place and at another one", () => {
    const checker = started();
    published(checker, 2);
    received(checker, [[1, 1], [1, 1], [2, 2], [1, 3]]);
    assertEquals(found(checker), { duplicated: 2 });
  });

  it("finds what came out of order", () => {
    const checker = started();
    published(checker, 3);
    received(checker, [[1, 1], [3, 3], [2, 2]]);
    assertEquals(found(checker), { reordered: 1, undeclaredGap: 1 });
    const appended = started();
    for (const offset of [1, 3, 2]) appended.acknowledged(CHANNEL, "p1", appended.sending(CHANNEL, "p1"), offset);
    received(appended, [[1, 1], [3, 2], [2, 3]]);
    assertEquals(found(appended), { reordered: 1 });
  });

  it("finds a hole that is not declared, though nothing in it was acknowledged", () => {
    const checker = started();
    published(checker, 1);
    checker.sending(CHANNEL, "p1");
    checker.acknowledged(CHANNEL, "p1", checker.sending(CHANNEL, "p1"), 3);
    received(checker, [[1, 1], [3, 3]]);
    assertEquals(found(checker), { undeclaredGap: 1, unanswered: 1 });
  });

  it("finds a hole before the first message, and one behind a declared gap", () => {
    const first = started();
    first.acknowledged(CHANNEL, "p1", first.sending(CHANNEL, "p1"), 3);
    received(first, [[1, 3]]);
    assertEquals(found(first), { undeclaredGap: 1 });
    const behind = started();
    published(behind, 6);
    received(behind, [[1, 1]]);
    behind.gap("s1", CHANNEL, "slow", 3);
    received(behind, [[5, 5], [6, 6]]);
    assertEquals(found(behind), { undeclaredGap: 1 });
  });

  it("lets a gap excuse nothing that was published behind it", () => {
    const checker = started();
    published(checker, 2);
    checker.gap("s1", CHANNEL, "expired", 2);
    published(checker, 3, 2);
    received(checker, [[3, 3], [5, 4]]);
    assertEquals(found(checker), { lost: 1, misplaced: 1 });
  });

  it("lets a gap of one subscriber, or of one channel, excuse no other", () => {
    const checker = started();
    checker.subscribed("s2", CHANNEL, 0);
    published(checker, 2);
    checker.gap("s2", CHANNEL, "trimmed", 2);
    checker.gap("s1", "verify:2", "trimmed", 2);
    assertEquals(found(checker), { lost: 2 });
  });

  it("finds what a gap had declared missing and came behind a later one", () => {
    const checker = started();
    published(checker, 3);
    checker.gap("s1", CHANNEL, "trimmed", 2);
    received(checker, [[3, 3], [1, 1]]);
    assertEquals(found(checker), { reordered: 1 });
  });

  it("finds a log that went back without a word", () => {
    const checker = started();
    published(checker, 3);
    received(checker, [[1, 1], [2, 2], [3, 3]]);
    checker.acknowledged(CHANNEL, "p1", checker.sending(CHANNEL, "p1"), 3);
    received(checker, [[4, 3]]);
    assertEquals(found(checker), { undeclaredGap: 1 });
  });

  it("finds a new life in which what was acknowledged there is lost", () => {
    const checker = started();
    published(checker, 2);
    received(checker, [[1, 1], [2, 2]]);
    checker.gap("s1", CHANNEL, "epoch", 0);
    published(checker, 2);
    received(checker, [[4, 2]]);
    assertEquals(found(checker), { lost: 1, undeclaredGap: 1 });
  });

  it("finds two subscribers that see one message at two places", () => {
    const checker = started();
    checker.subscribed("s2", CHANNEL, 0);
    for (let i = 0; i < 2; i++) checker.sending(CHANNEL, "p1");
    received(checker, [[1, 1], [2, 2]]);
    received(checker, [[2, 1]], "s2");
    assertEquals(found(checker), { misplaced: 1, unanswered: 2 });
  });

  it("finds what is neither acknowledged nor refused", () => {
    const checker = started();
    checker.sending(CHANNEL, "p1");
    assertEquals([found(checker), checker.isSettled], [{ unanswered: 1 }, false]);
  });

  it("finds members that are missing, gone and listed, and listed twice", () => {
    const checker = started();
    checker.members("s1", ["a", "b", "c"], ["a", "c", "b"]);
    assertEquals(found(checker), {});
    checker.members("s1", ["a", "b"], ["b"]);
    checker.members("s2", ["a"], ["a", "x"]);
    checker.members("s3", ["a"], ["a", "a"]);
    assertEquals(found(checker), { memberMissing: 1, memberZombie: 1, memberTwice: 1 });
    assertStringIncludes(checker.verdict().details.join("\n"), "x, as s2 sees it");
  });

  it("tells the first few of a class, and counts them all", () => {
    const checker = started();
    published(checker, 100);
    const { losses, details } = checker.verdict();
    assertEquals([losses.lost, details.length], [100, 5]);
  });

  it("may be asked for its verdict before the end, which changes nothing", () => {
    const checker = started();
    published(checker, 1);
    assertEquals(found(checker), { lost: 1 });
    received(checker, [[1, 1]]);
    assertEquals(found(checker), {});
  });
});

describe("a log", () => {
  it("that is right is found right, through gaps, new lives and newcomers", async () => {
    await eachSeed(200, (seed) => {
      assertEquals(countsOf(flawedRun(seed, null)!), {}, `seed ${seed}`);
      return Promise.resolve();
    });
  });

  for (const [flaw, classes] of Object.entries(FLAWS) as [Flaw, readonly ChannelLossName[]][]) {
    it(`that ${flaw} is found out`, async () => {
      let [played, met, found] = [0, 0, 0];
      await eachSeed(100, (seed) => {
        played++;
        const verdict = flawedRun(seed, flaw);
        if (verdict === null) return Promise.resolve();
        met++;
        const counts = countsOf(verdict);
        const names = Object.keys(counts) as ChannelLossName[];
        if (names.length > 0) found++;
        assert(names.every((name) => classes.includes(name)), `seed ${seed}: ${JSON.stringify(counts)}`);
        assert(names.length > 0 || EXCUSABLE.has(flaw), `seed ${seed}: nothing was found`);
        return Promise.resolve();
      });
      assert(met > played / 3, `${met} of ${played} runs had an occasion for it`);
      assert(found > met / 3, `${found} of ${met} were found out`);
    });
  }
});
