import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  type Account,
  addLosses,
  BLAMED,
  type Expectation,
  expectationIn,
  Ledger,
  type Loss,
  LOSSES,
  type LossName,
  noLosses,
  SCENARIOS,
} from "../../../src/tools/verify/mod.ts";

const ORDERLY: Expectation = { signals: 1, secondAfter: 0, within: null, forced: false, rude: false };
const FORCED: Expectation = { ...ORDERLY, signals: 2, secondAfter: 300, within: 2000, forced: true };
const RUDE: Expectation = { ...ORDERLY, rude: true };
const GRACE = 5000;
const SIGNAL = 100;

/** What is lost when one client has this account; the signal comes at 100 ms, and the server goes well. */
function lost(write: (account: Account) => void, expectation = ORDERLY, connectedAt = 0, rude = false): Loss[] {
  const ledger = new Ledger(expectation, GRACE);
  ledger.signalled(SIGNAL);
  write(ledger.open(connectedAt, rude));
  ledger.stopped({ took: 50, code: 0, signal: null });
  return [...ledger.losses()];
}

function names(losses: readonly Loss[]): LossName[] {
  return losses.map(({ name }) => name);
}

/** One message that was answered. */
function answered(account: Account): void {
  account.begins(10, true);
  account.answers("");
}

describe("verify: what a good exit is", () => {
  it("takes longer where waits do, and its second signal comes later", () => {
    assertEquals(expectationIn(FORCED, 3), { ...FORCED, secondAfter: 900, within: 6000 });
    assertEquals(expectationIn(ORDERLY, 3), ORDERLY);
  });
});

describe("verify: the classes of loss", () => {
  it("are told apart by when a message was begun", () => {
    const at = (...begun: number[]) =>
      lost((account) => {
        answered(account);
        for (const time of begun) account.begins(time, true);
        account.ends("fin", 150, false);
      });
    assertEquals(names(at(99)), ["unansweredBeforeSignal"]);
    assertEquals(names(at(101)), ["unansweredBeforeEnd"]);
    assertEquals(names(at(150)), ["unansweredBeforeEnd"]);
    assertEquals(names(at(151)), ["afterEnd"]);
    assertEquals(at(99, 120, 160).map(({ blamed, at }) => [blamed, at]), [[true, -1], [true, 20], [false, 60]]);
  });

  it("count from the first sign of the end, not from FIN", () => {
    const losses = lost((account) => {
      account.begins(110, true);
      account.sees(120);
      account.answers("");
      account.begins(130, true);
      account.ends("fin", 150, false);
    });
    assertEquals(names(losses), ["afterEnd"]);
  });

  it("tell an answer in part, whatever ended it", () => {
    for (const end of ["fin", "reset", "ours"] as const) {
      const losses = lost((account) => {
        account.begins(50, true);
        account.ends(end, 150, true);
      });
      assertEquals(names(losses), ["truncated"], end);
    }
  });

  it("tell a flow that broke off", () => {
    const losses = lost((account) => {
      answered(account);
      account.needsClose = true;
      account.ends("fin", 150, true);
    });
    assertEquals(names(losses), ["truncated"]);
  });

  it("make one loss of a connection that was accepted and reset", () => {
    assertEquals(names(lost((account) => account.ends("reset", 150, false))), ["acceptedThenReset"]);
    const withMessages = lost((account) => {
      account.begins(110, true);
      account.begins(110, true);
      account.ends("reset", 150, false);
    });
    assertEquals(names(withMessages), ["acceptedThenReset"]);
  });

  it("blame a reset only when nothing else explains it", () => {
    const idle = lost((account) => {
      answered(account);
      account.ends("reset", 150, false);
    });
    assertEquals(names(idle), ["resetInsteadOfFin"]);
    const busy = lost((account) => {
      answered(account);
      account.begins(110, true);
      account.ends("reset", 150, false);
    });
    assertEquals(names(busy), ["unansweredBeforeEnd"]);
  });

  it("leave a reset behind FIN alone", () => {
    const losses = lost((account) => {
      answered(account);
      account.ends("fin", 150, false);
      account.ends("reset", 160, false);
    });
    assertEquals(losses, []);
  });

  it("want a Close from a WebSocket, with a code that fits", () => {
    const closed = (code: number | null, end: "fin" | "reset" = "fin") =>
      names(lost((account) => {
        answered(account);
        account.needsClose = true;
        account.closeCode = code;
        account.ends(end, 150, false);
      }));
    assertEquals([1001, 1000, 1012].map((code) => closed(code)), [[], [], []]);
    assertEquals([1005, 1006, 1011, 4000].map((code) => closed(code)), Array(4).fill(["wrongCode"]));
    assertEquals([closed(null), closed(null, "reset")], [["noClose"], ["noClose"]]);
    assertEquals(closed(1001, "reset"), ["resetInsteadOfFin"]);
  });

  it("want nothing of an end that the client made itself", () => {
    const losses = lost((account) => {
      answered(account);
      account.needsClose = true;
      account.ends("ours", 150, false);
    });
    assertEquals(losses, []);
  });

  it("take 503 to a newcomer as turned away, and to others as no answer", () => {
    const told = (connectedAt: number, greets: boolean, before = 0) =>
      names(lost(
        (account) => {
          account.greets = greets;
          for (let i = 0; i < before; i++) answered(account);
          account.begins(Math.max(connectedAt, 50), true);
          account.answers("status 503", 503);
          account.ends("fin", 150, false);
        },
        ORDERLY,
        connectedAt,
      ));
    assertEquals(told(120, false), ["turnedAway"]);
    assertEquals(told(20, true), ["turnedAway"]);
    assertEquals(told(20, false), ["unansweredBeforeSignal"]);
    assertEquals(told(120, false, 1), ["unansweredBeforeEnd"]);
  });

  it("stand in one list, with words, and only three are not blamed", () => {
    assertEquals(LOSSES.filter(({ blamed }) => !blamed).map(({ name }) => name), ["refused", "turnedAway", "afterEnd"]);
    assertEquals(Object.keys(noLosses()), LOSSES.map(({ name }) => name));
    assertEquals(BLAMED.size, LOSSES.length - 3);
    const sum = addLosses([{ ...noLosses(), refused: 2 }, { ...noLosses(), refused: 1, noClose: 1 }]);
    assertEquals(sum, { ...noLosses(), refused: 3, noClose: 1 });
  });
});

/** What the exit alone is blamed for. */
function exit(expectation: Expectation, took: number | null, code: number | null, signal: string | null): LossName[] {
  const ledger = new Ledger(expectation, GRACE);
  ledger.signalled(SIGNAL);
  ledger.stopped({ took, code, signal });
  return names(ledger.losses());
}

describe("verify: the server's exit", () => {
  it("is to be 0, or 1 if a client was rude, or 128+n if it was forced", () => {
    const wrong: [Expectation, number[]][] = [[ORDERLY, [1, 2, 137, 143]], [RUDE, [2, 143]], [FORCED, [
      1,
      2,
      127,
      160,
    ]]];
    for (const [expectation, codes] of wrong) {
      for (const code of codes) assertEquals(exit(expectation, 10, code, null), ["exitCode"], `${code}`);
    }
    const right: [Expectation, number[]][] = [[ORDERLY, [0]], [RUDE, [0, 1]], [FORCED, [0, 130, 143]]];
    for (const [expectation, codes] of right) {
      for (const code of codes) assertEquals(exit(expectation, 10, code, null), [], `${code}`);
    }
  });

  it("by the signal is right only when it was forced", () => {
    assertEquals(exit(ORDERLY, 10, null, "SIGTERM"), ["exitCode"]);
    assertEquals(exit(RUDE, 10, null, "SIGTERM"), ["exitCode"]);
    assertEquals(exit(FORCED, 10, null, "SIGTERM"), []);
  });

  it("is to come within the grace, and after a second signal sooner", () => {
    assertEquals(exit(ORDERLY, null, null, "SIGKILL"), ["stillThere"]);
    assertEquals(exit(ORDERLY, GRACE + 1, 0, null), ["stillThere"]);
    assertEquals(exit(ORDERLY, GRACE, 0, null), []);
    assertEquals(exit(FORCED, 2001, 143, null), ["stillThere"]);
    assertEquals(exit(FORCED, 2000, 143, null), []);
  });

  it("is missing when nobody told of it, and not asked for without a signal", () => {
    const ledger = new Ledger(ORDERLY, GRACE);
    ledger.close();
    assertEquals(names(ledger.losses()), []);
    ledger.signalled(SIGNAL);
    assertEquals(names(ledger.losses()), ["stillThere"]);
  });
});

describe("verify: the ledger", () => {
  it("counts what a forced stop loses, and blames only the exit", () => {
    const ledger = new Ledger(FORCED, GRACE);
    ledger.signalled(SIGNAL);
    const account = ledger.open(0);
    account.begins(50, true);
    account.ends("reset", 450, true);
    assert(ledger.clean);
    assertEquals(ledger.counts(), { ...noLosses(), truncated: 1 });
    ledger.stopped({ took: 10, code: 1, signal: null });
    assert(!ledger.clean);
  });

  it("forgives the reset of a rude client, and of no other", () => {
    const reset = (account: Account) => {
      answered(account);
      account.ends("reset", 150, false);
    };
    assertEquals(lost(reset, RUDE, 0, true).map(({ blamed }) => blamed), [false]);
    assertEquals(lost(reset, RUDE, 0, false).map(({ blamed }) => blamed), [true]);
  });

  it("counts refused connections, and blames those that were dropped at once", () => {
    const ledger = new Ledger(ORDERLY, GRACE);
    ledger.signalled(SIGNAL);
    ledger.refuse(150, false, "refused");
    assert(ledger.clean);
    ledger.refuse(150, true, "reset");
    assertEquals(ledger.counts(), { ...noLosses(), refused: 1, acceptedThenReset: 1 });
    assert(!ledger.clean);
  });

  it("counts messages, without those after the end", () => {
    const ledger = new Ledger(ORDERLY, GRACE);
    ledger.signalled(SIGNAL);
    const account = ledger.open(0);
    answered(account);
    account.begins(20, true);
    account.answers("wrong");
    account.ends("fin", 150, false);
    account.begins(160, true);
    ledger.refuse(160, false, "refused");
    assertEquals(ledger.messages(), { sent: 2, answered: 1, afterEnd: 1, refused: 1 });
  });
});

describe("verify: the scenarios", () => {
  it("are twelve, each with words and at least one kind", () => {
    assertEquals(SCENARIOS.map(({ name }) => name), [
      "ping-pong",
      "pipelined",
      "slow-reader",
      "half-message",
      "big-message",
      "late-request",
      "upload",
      "stream",
      "half-closed",
      "connect-storm",
      "silent",
      "second-signal",
    ]);
    for (const { about, kinds } of SCENARIOS) {
      assert(about.includes("A good server"));
      assert(kinds.length > 0);
    }
  });
});
