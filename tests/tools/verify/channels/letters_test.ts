/** The checker of direct messages and calls: what right servers and clients look like, and every way to be wrong. */
import { describe, it } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ChannelChecker, type ChannelLossName } from "../../../../src/tools/verify/mod.ts";
import { countsOf } from "../../../support/channel_logs.ts";
import { eachSeed } from "../../../support/dice.ts";
import { flawedLetters, LETTER_FLAWS, type LetterFlaw } from "../../../support/letter_logs.ts";

const QUEUE = "user u1";

function started(...receivers: readonly string[]): ChannelChecker {
  const checker = new ChannelChecker();
  for (const name of receivers) {
    checker.letters.arrived(name, [QUEUE]);
    checker.letters.connected(name);
  }
  return checker;
}

/** Sends the next message, and has it kept. */
function sent(checker: ChannelChecker, isPoison: boolean = false): number {
  const seq = checker.letters.sending(QUEUE, isPoison);
  checker.letters.kept(QUEUE, seq);
  return seq;
}

function handed(checker: ChannelChecker, who: string, seq: number, attempt: number = 1, now: number = 0): void {
  const id = `i${seq}`;
  checker.letters.came(who, id);
  checker.letters.handed(who, { queue: QUEUE, seq, id, attempt }, now);
}

function acknowledged(checker: ChannelChecker, who: string, seq: number): void {
  checker.letters.acknowledged(who, { queue: QUEUE, seq, id: `i${seq}` });
  checker.letters.said(who, `i${seq}`, "ack");
}

function refused(checker: ChannelChecker, who: string, seq: number, until: number): void {
  checker.letters.nacked(who, { id: `i${seq}` }, until);
  checker.letters.said(who, `i${seq}`, "nack");
}

function found(checker: ChannelChecker): Partial<Record<ChannelLossName, number>> {
  return countsOf(checker.verdict());
}

describe("direct messages", () => {
  it("are right when each is dealt with, by whichever client of the user", () => {
    const checker = started("r1", "r2");
    const [one, two] = [sent(checker), sent(checker)];
    assertEquals([checker.isSettled, checker.letters.owing], [false, [QUEUE]]);
    for (const who of ["r1", "r2"]) handed(checker, who, one, who === "r1" ? 1 : 2);
    handed(checker, "r2", two);
    acknowledged(checker, "r1", one);
    acknowledged(checker, "r2", one);
    acknowledged(checker, "r2", two);
    assertEquals([found(checker), checker.isSettled], [{}, true]);
    const { letters } = checker.verdict();
    assertEquals(letters, { queues: 1, sent: 2, kept: 2, refused: 0, handed: 3, dealt: 2, dead: 0 });
  });

  it("may come again behind a refusal, a lost connection, or to a client that has not acknowledged them", () => {
    const checker = started("r1", "r2");
    const seq = sent(checker);
    handed(checker, "r1", seq, 1, 0);
    refused(checker, "r1", seq, 100);
    handed(checker, "r1", seq, 2, 100);
    checker.letters.connected("r1");
    handed(checker, "r1", seq, 3, 101);
    acknowledged(checker, "r1", seq);
    handed(checker, "r2", seq, 4, 102);
    assertEquals(found(checker), {});
  });

  it("may come before their time on another connection, and only there", () => {
    const [again, same] = [started("r1"), started("r1")];
    for (const checker of [again, same]) {
      sent(checker);
      handed(checker, "r1", 1, 1, 0);
      refused(checker, "r1", 1, 100);
      if (checker === again) checker.letters.connected("r1");
      handed(checker, "r1", 1, 2, 50);
      acknowledged(checker, "r1", 1);
    }
    assertEquals([found(again), found(same)], [{}, { letterEarly: 1 }]);
  });

  it("are owed until an application has acknowledged them: handed out is not enough", () => {
    const checker = started("r1");
    handed(checker, "r1", sent(checker));
    assertEquals(found(checker), { letterLost: 1 });
    assertStringIncludes(checker.verdict().details.join(), "direct message 1 of user u1 was never dealt with");
  });

  it("that were not taken are owed to nobody, and those without an answer are told", () => {
    const checker = started("r1");
    checker.letters.refused(QUEUE, checker.letters.sending(QUEUE));
    assertEquals([found(checker), checker.verdict().letters.refused], [{}, 1]);
    checker.letters.sending(QUEUE);
    assertEquals([found(checker), checker.isSettled], [{ unanswered: 1 }, false]);
  });

  it("that nobody acknowledges are owed to the dead letters, once", () => {
    const checker = started("r1");
    const seq = sent(checker, true);
    handed(checker, "r1", seq);
    refused(checker, "r1", seq, 0);
    assertEquals(found(checker), { letterLost: 1 });
    checker.letters.dead(QUEUE, [seq]);
    assertEquals([found(checker), checker.isSettled], [{}, true]);
    checker.letters.dead(QUEUE, [seq, seq]);
    assertEquals(found(checker), { letterAgain: 1 });
  });

  it("are excused by a log that is declared lost, and what is sent behind it is not", () => {
    const checker = started("r1");
    sent(checker);
    checker.subscribed("s1", "verify:1", 0);
    checker.gap("s1", "verify:1", "epoch", 0);
    assertEquals(found(checker), {});
    sent(checker);
    assertEquals(found(checker), { letterLost: 1 });
  });

  it("of another user, and acknowledgements that nobody has made, are found", () => {
    const checker = started("r1");
    checker.letters.arrived("r2", ["user u2"]);
    const seq = sent(checker);
    handed(checker, "r2", seq);
    checker.letters.settled(QUEUE, seq);
    handed(checker, "r1", seq, 2);
    acknowledged(checker, "r1", seq);
    checker.letters.settled(QUEUE, seq);
    assertEquals(found(checker), { letterAstray: 2 });
  });
});

describe("calls", () => {
  it("may fail by their deadline, by their caller, and with their connection", () => {
    const checker = new ChannelChecker();
    const { calls } = checker;
    for (const reason of ["timeout", "unavailable", "draining"]) {
      calls.failed("c1", calls.calling("c1", { isPatient: false }, 10), reason, 5);
    }
    const number = calls.calling("c1", { isPatient: false }, 10);
    calls.gaveUp("c1", number);
    calls.failed("c1", number, "canceled", 5);
    assertEquals([found(checker), checker.isSettled], [{}, true]);
    assertEquals(checker.verdict().calls, { made: 4, answered: 0, failed: 4 });
  });

  it("may not fail by anything else, end late, or never", () => {
    const checker = new ChannelChecker();
    const { calls } = checker;
    calls.failed("c1", calls.calling("c1", { isPatient: false }, 10), "handler-failed", 5);
    calls.failed("c1", calls.calling("c1", { isPatient: true }, 10), "timeout", 5);
    calls.answered("c1", calls.calling("c1", { isPatient: true }, 10), true, 11);
    calls.calling("c1", { isPatient: false }, 10);
    assertEquals([found(checker), checker.isSettled], [{ callLost: 4 }, false]);
  });

  it("have their own answer, once", () => {
    const checker = new ChannelChecker();
    const { calls } = checker;
    const number = calls.calling("c1", { isPatient: true }, 10);
    // It was asked again while its answer was on its way.
    for (let asked = 0; asked < 2; asked++) calls.asked("c1", 1);
    for (let answers = 0; answers < 2; answers++) calls.came("c1", 1);
    calls.answered("c1", number, true, 1);
    assertEquals(found(checker), {});
    calls.came("c1", 1);
    calls.answered("c1", number, true, 1);
    calls.answered("c1", calls.calling("c1", { isPatient: true }, 10), false, 1);
    assertEquals(found(checker), { callTwice: 2, callSwapped: 1 });
  });
});

describe("a server of direct messages and calls", () => {
  it("that is right is found right, through reconnects, lost acknowledgements and refusals", async () => {
    await eachSeed(200, (seed) => {
      const verdict = flawedLetters(seed, null)!;
      assertEquals(countsOf(verdict), {}, `seed ${seed}: ${verdict.details}`);
      assert(verdict.letters.dead > 0 && verdict.letters.handed > verdict.letters.dealt);
      return Promise.resolve();
    });
  });

  for (const [flaw, classes] of Object.entries(LETTER_FLAWS) as [LetterFlaw, readonly ChannelLossName[]][]) {
    it(`that ${flaw} is found out`, async () => {
      let [played, met] = [0, 0];
      await eachSeed(100, (seed) => {
        played++;
        const verdict = flawedLetters(seed, flaw);
        if (verdict === null) return Promise.resolve();
        met++;
        const names = Object.keys(countsOf(verdict)) as ChannelLossName[];
        assert(names.every((name) => classes.includes(name)), `seed ${seed}: ${verdict.details}`);
        assert(names.length > 0, `seed ${seed}: nothing was found`);
        return Promise.resolve();
      });
      assert(met > played / 3, `${met} of ${played} runs had an occasion for it`);
    });
  }
});
