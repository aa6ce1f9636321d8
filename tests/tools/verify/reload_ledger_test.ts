/** The account of reloads: in which part of a run something counts, and whose loss it is. */
import { describe, it } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  type ClientKind,
  countLosses,
  noReloadLosses,
  RELOAD_LOSSES,
  ReloadLedger,
  type ReloadReport,
  Timeline,
  type Visit,
  waitFigures,
} from "../../../src/tools/verify/mod.ts";

const GONE = { took: 5, code: 0, signal: null } as const;

/** A run with one kill from 100 to 200 ms and one reload from 1000 to 2000 ms. */
function run(write: (ledger: ReloadLedger) => void, held: ReadonlySet<number> | null = null): ReloadReport {
  const ledger = new ReloadLedger({ begunAt: 10, killSeen: 50, grace: 1000 });
  ledger.begins("kill", 100, held);
  ledger.gone(110);
  ledger.ends(200);
  ledger.begins("reload", 1000);
  ledger.ends(2000);
  write(ledger);
  ledger.stopped(3000, GONE);
  return ledger.report({ command: "x", kind: "tcp", clients: { storm: 1 } }, 1);
}

/** A connection that was asked for at `from`, has one answer, one message at `at`, and ends at `to`. */
function connection(
  ledger: ReloadLedger,
  { from, at, to, end = "fin", port = null }: {
    readonly from: number;
    readonly at: number;
    readonly to: number;
    readonly end?: "fin" | "reset";
    readonly port?: number | null;
  },
): Visit {
  const visit = ledger.open({ kind: "asking", dialledAt: from }, from + 2, port);
  visit.account.begins(from + 2, true);
  visit.account.answers("", 0, from + 5);
  visit.account.begins(at, true);
  visit.account.ends(end, to, false);
  ledger.settle(visit);
  return visit;
}

describe("verify --reload: the parts of a run", () => {
  it("have what ended in them, else what began in them", () => {
    const timeline = new Timeline();
    timeline.begins("reload", 100);
    timeline.ends(200);
    timeline.begins("reload", 300);
    const numberOf = (from: number, to: number) => timeline.partOf(from, to)?.number ?? null;
    assertEquals([numberOf(50, 99), numberOf(201, 299)], [null, null]);
    assertEquals([numberOf(50, 100), numberOf(150, 150), numberOf(200, 250), numberOf(50, 250)], [1, 1, 1, 1]);
    assertEquals([numberOf(150, 300), numberOf(400, 9000)], [2, 2]);
  });

  it("end where the next one begins", () => {
    const timeline = new Timeline();
    timeline.begins("kill", 100);
    timeline.begins("reload", 150);
    timeline.begins("kill", 200);
    assertEquals(timeline.parts.map(({ kind, number, until }) => [kind, number, until]), [
      ["kill", 1, 150],
      ["reload", 1, 200],
      ["kill", 2, Infinity],
    ]);
  });
});

describe("verify --reload: waits", () => {
  it("are told by the nearest rank", () => {
    assertEquals(waitFigures([]), { count: 0, p50: 0, p99: 0, max: 0 });
    assertEquals(waitFigures([7]), { count: 1, p50: 7, p99: 7, max: 7 });
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    assertEquals(waitFigures(hundred), { count: 100, p50: 50, p99: 99, max: 100 });
  });

  it("are those of connections, and of answers that are not long on purpose, each in its part", () => {
    const report = run((ledger) => {
      for (const kind of ["asking", "upload", "stream"] as ClientKind[]) {
        const visit = ledger.open({ kind, dialledAt: 995 }, 1005);
        visit.account.begins(1005, true);
        visit.account.answers("", 0, 1025);
        visit.account.ends("fin", 1030, false);
        ledger.settle(visit);
      }
      ledger.settle(ledger.open({ kind: "storm", dialledAt: 500 }, 503));
    });
    assertEquals(report.during.connectWait, { count: 3, p50: 10, p99: 10, max: 10 });
    assertEquals(report.during.answerWait, { count: 1, p50: 20, p99: 20, max: 20 });
    assertEquals([report.between.connectWait.max, report.total.connectWait.count], [3, 4]);
  });
});

describe("verify --reload: the ledger", () => {
  it("counts each message where it ended, and blames the server for what has no answer", () => {
    const report = run((ledger) => connection(ledger, { from: 400, at: 990, to: 1010 }));
    assertEquals([report.between.sent, report.between.answered], [1, 1]);
    assertEquals([report.during.sent, report.during.answered, report.during.lost], [1, 0, 1]);
    assertEquals(report.during.losses, { ...noReloadLosses(), unanswered: 1 });
    assertEquals([report.total.sent, report.total.connections, report.clean], [2, 1, false]);
    assertEquals(report.details, [
      "no answer, or a wrong one (asking client on connection 1, 10 ms into reload 1): message 2: no answer, ended with FIN",
    ]);
  });

  it("lets go of what was sent when the end could be seen", () => {
    const report = run((ledger) => {
      const visit = ledger.open({ kind: "asking", dialledAt: 1100 }, 1101);
      visit.account.begins(1101, true);
      visit.account.answers("", 0, 1102);
      visit.account.sees(1103);
      visit.account.begins(1104, true);
      visit.account.ends("fin", 1105, false);
      ledger.settle(visit);
    });
    assertEquals([report.during.sent, report.during.afterEnd, report.clean], [1, 1, true]);
  });

  it("takes a refused connection for a loss, at any time", () => {
    const report = run((ledger) => {
      ledger.refuse({ kind: "storm", dialledAt: 1500 }, 1501, "ECONNREFUSED", "nobody there");
      ledger.refuse({ kind: "storm", dialledAt: 2500 }, 2501, "ETIMEDOUT", "too late");
      ledger.refuse({ kind: "storm", dialledAt: 1600 }, 1601, "ECONNRESET", "dropped");
      connection(ledger, { from: 2100, at: 2110, to: 2120 });
    });
    assertEquals([report.during.losses.refused, report.between.losses.refused], [1, 1]);
    assertEquals(report.during.losses.reset, 1);
    assertEquals(report.details.slice(0, 2), [
      "refused connection (storm, 501 ms into reload 1): nobody there",
      "refused connection (storm, 501 ms after reload 1): too late",
    ]);
  });

  it("takes who is let in and sent away unheard for a loss, and a client that has left for none", () => {
    const report = run((ledger) => {
      const unheard = ledger.open({ kind: "storm", dialledAt: 1500 }, 1501);
      unheard.account.ends("fin", 1502, false);
      ledger.settle(unheard);
      const left = ledger.open({ kind: "storm", dialledAt: 1500 }, 1501);
      left.account.begins(1501, true);
      left.account.answers("", 0, 1502);
      left.left = true;
      left.account.ends("reset", 1503, false);
      ledger.settle(left);
      const stays = ledger.open({ kind: "resting", dialledAt: 1500 }, 1501);
      stays.account.begins(1501, true);
      stays.account.answers("", 0, 1502);
      stays.account.ends("reset", 1503, false);
      ledger.settle(stays);
    });
    assertEquals(report.during.losses, { ...noReloadLosses(), unanswered: 1, reset: 1 });
  });

  it("takes 503 to a newcomer for a loss of its own", () => {
    const report = run((ledger) => {
      const visit = ledger.open({ kind: "storm", dialledAt: 1500 }, 1501);
      visit.account.begins(1501, true);
      visit.account.answers("status 503", 503, 1502);
      visit.account.ends("fin", 1503, false);
      ledger.settle(visit);
    });
    assertEquals(report.during.losses, { ...noReloadLosses(), turnedAway: 1 });
  });

  it("tells one loss of each class of a connection, and counts all", () => {
    const report = run((ledger) => {
      const visit = ledger.open({ kind: "pipelined", dialledAt: 1500 }, 1501);
      visit.account.begins(1501, true);
      visit.account.answers("", 0, 1502);
      for (let i = 0; i < 16; i++) visit.account.begins(1503, true);
      visit.account.ends("fin", 1504, false);
      ledger.settle(visit);
    });
    assertEquals([report.during.losses.unanswered, report.during.lost, report.details.length], [16, 16, 1]);
  });
});

describe("verify --reload: what a killed worker held", () => {
  it("is what was connected before and ended soon after with a loss, and nobody is blamed", () => {
    const report = run((ledger) => {
      connection(ledger, { from: 50, at: 99, to: 120, end: "reset" });
      ledger.refuse({ kind: "storm", dialledAt: 99 }, 101, "ECONNRESET", "dropped");
    });
    assertEquals(report.kills.held, { connections: 2, messages: 1 });
    assertEquals([report.total.sent, report.total.answered, report.total.lost], [2, 1, 0]);
    assertEquals([countLosses(report.total.losses), report.clean], [0, true]);
  });

  it("is no connection that came later or ended later, and no refused one", () => {
    const report = run((ledger) => {
      connection(ledger, { from: 101, at: 110, to: 120 });
      connection(ledger, { from: 50, at: 160, to: 161 });
      ledger.refuse({ kind: "storm", dialledAt: 99 }, 101, "ECONNREFUSED", "nobody there");
    });
    assertEquals(report.kills.held, { connections: 0, messages: 0 });
    assertEquals(report.kills.losses, { ...noReloadLosses(), unanswered: 2, refused: 1 });
  });

  it("is what ended with a process that takes its time to go", () => {
    const ledger = new ReloadLedger({ begunAt: 10, killSeen: 50, grace: 1000 });
    ledger.begins("kill", 100);
    connection(ledger, { from: 50, at: 90, to: 700 });
    ledger.gone(900);
    connection(ledger, { from: 50, at: 90, to: 950 });
    connection(ledger, { from: 50, at: 90, to: 951 });
    const { kills } = ledger.report({ command: "x", kind: "tcp", clients: {} }, 1);
    assertEquals([kills.held.connections, kills.losses.unanswered], [2, 1]);
  });

  it("is only what the kernel says of its clients' ports, where those are known", () => {
    const report = run((ledger) => {
      connection(ledger, { from: 50, at: 99, to: 120, port: 40_000 });
      connection(ledger, { from: 50, at: 99, to: 120, port: 40_001 });
      // The port of one that was reset before it was seen is not known.
      ledger.refuse({ kind: "storm", dialledAt: 99 }, 101, "ECONNRESET", "dropped");
    }, new Set([40_000]));
    assertEquals(report.kills.held, { connections: 2, messages: 1 });
    assertEquals(report.kills.losses, { ...noReloadLosses(), unanswered: 1 });
  });

  it("is nothing that was lost in a reload", () => {
    const report = run((ledger) => connection(ledger, { from: 990, at: 1005, to: 1010 }));
    assertEquals([report.during.losses.unanswered, report.total.held.connections], [1, 0]);
  });
});

describe("verify --reload: the report", () => {
  const served = (ledger: ReloadLedger) => connection(ledger, { from: 2100, at: 2110, to: 2120 }).account;

  it("is clean only if every reload was made, something was sent, and the server went well", () => {
    const reportOf = (wanted: number, code: number | null, write = true) => {
      const ledger = new ReloadLedger({ begunAt: 0, killSeen: 50, grace: 1000 });
      ledger.begins("reload", 10);
      ledger.ends(20);
      const visit = ledger.open({ kind: "asking", dialledAt: 12 }, 13);
      if (write) visit.account.begins(13, true);
      if (write) visit.account.answers("", 0, 14);
      visit.left = true;
      visit.account.ends("ours", 15, false);
      ledger.settle(visit);
      if (code !== null) ledger.stopped(30, { took: 5, code, signal: null });
      return ledger.report({ command: "x", kind: "tcp", clients: {} }, wanted);
    };
    assert(reportOf(1, 0).clean);
    assert(!reportOf(2, 0).clean);
    assert(!reportOf(1, null).clean);
    assert(!reportOf(1, 0, false).clean);
    assertEquals(reportOf(1, 3).total.losses, { ...noReloadLosses(), exitCode: 1 });
  });

  it("blames a server that is still there, and one that has ended by itself", () => {
    const ledger = new ReloadLedger({ begunAt: 0, killSeen: 50, grace: 1000 });
    ledger.begins("reload", 10);
    ledger.ended(20, "exit code 7");
    const { parts, details } = ledger.report({ command: "x", kind: "tcp", clients: {} }, 1);
    assertEquals(parts.map(({ took, losses }) => [took, losses.ended]), [[10, 1]]);
    assertEquals(details, ["server that ended by itself (10 ms into reload 1): exit code 7"]);
    ledger.stopped(30, { took: null, code: null, signal: null });
    assertEquals(ledger.report({ command: "x", kind: "tcp", clients: {} }, 1).total.losses.stillThere, 1);
  });

  it("counts from when clients were let loose", () => {
    const report = run(served);
    assertEquals(report.parts.map(({ kind, at, took }) => [kind, at, took]), [["kill", 90, 100], [
      "reload",
      990,
      1000,
    ]]);
    assertEquals(report.stop, GONE);
  });

  it("has every class once, with words", () => {
    assertEquals(Object.keys(noReloadLosses()), RELOAD_LOSSES.map(({ name }) => name));
    for (const { words } of RELOAD_LOSSES) assert(words.length > 5 && !words.endsWith("."), words);
  });
});
