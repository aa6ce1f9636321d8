/** Whether a stop kept its word: in time, and with a report that agrees with what the clients saw. */
import type { DrainReport } from "../../mod.ts";
import type { NetClient } from "../support/swarm.ts";
import type { Steady } from "./clients.ts";
import type { Findings } from "./findings.ts";
import type { ChaosServer } from "./server.ts";

/** A stop that has begun. */
export interface Stop {
  readonly server: ChaosServer;
  /** Clients that ask on. */
  readonly healthy: readonly Steady[];
  /** Clients whose handler never returns. */
  readonly stuck: readonly NetClient[];
  readonly grace: number;
  /** The signal, and how long after it the same comes again, in ms; null for never. */
  readonly signal: "SIGTERM" | "SIGINT";
  readonly againAfter: number | null;
  /** How many times longer this machine may take, being starved. */
  readonly stretch: number;
  /** `performance.now()` at the signal. */
  readonly signalledAt: number;
}

/** What a second signal makes of the exit code. */
const FORCED_CODES = { SIGTERM: 143, SIGINT: 130 } as const;
/** From the end of the drain to the end of the process, on a machine whose cores are taken, in ms. */
const EXIT_SLACK = 1500;

/** How late a timer of the drain may come on such a machine, in ms; in virtual time its budget is exact. */
const LATE = 100;

/** Follows it to its end. */
export async function checkStop(stop: Stop, findings: Findings): Promise<void> {
  const { server, healthy, stuck, grace, signal, signalledAt, stretch } = stop;
  const limit = grace + EXIT_SLACK * stretch;
  const nets = [...healthy.map(({ net }) => net), ...stuck];
  await Promise.all(nets.map((net) => net.over(limit).catch((error) => findings.check(false, error.message))));
  const exit = await server.program.exited(limit).catch(() => null);
  if (exit === null) return findings.check(false, `not gone ${limit} ms after the signal`);
  const took = performance.now() - signalledAt;
  findings.check(took < limit, `gone ${took} ms after the signal, its grace is ${grace} ms`);
  const report = server.report();
  if (report === null) return findings.check(false, `no report: ${exit.stdout.slice(-300)} ${exit.stderr.slice(-300)}`);
  const [{ forced }] = report.reports;
  const code = forced ? FORCED_CODES[signal] : report.clean ? 0 : 1;
  findings.check(exit.code === code, `exit code ${exit.code}, clean ${report.clean}, forced ${forced}`);
  findings.check(!forced || stop.againAfter !== null, "forced without a second signal");
  if (!forced) findings.checkNone("a healthy client at the stop", healthy.map((client) => client.wrong()));
  checkReport(report.reports[0], stop, findings);
}

function checkReport(report: DrainReport, { healthy, stuck, grace, stretch }: Stop, findings: Findings): void {
  const cut = new Set(report.cut.map(({ peer }) => peer));
  findings.check(
    report.duration <= grace + LATE * stretch,
    `the drain took ${report.duration} ms, its grace is ${grace} ms`,
  );
  // A handler of the storm that never returns is there still; HTTP counts it as work left.
  const left = cut.size + report.workLeft + report.admissionQueueLeft;
  findings.check(report.clean === (left === 0), `clean ${report.clean} with ${left} cut or left`);
  findings.check(
    report.connections.cut === report.cut.length,
    `${report.connections.cut} cut, ${report.cut.length} named`,
  );
  const nets = [...healthy.map(({ net }) => net), ...stuck];
  findings.check(report.connections.atStart >= nets.length, `${report.connections.atStart} connections at the start`);
  for (const net of nets) {
    const peer = `127.0.0.1:${net.port}`;
    const [entry] = report.all.filter((conn) => conn.peer === peer);
    const wasReset = net.end === "reset";
    // A handler that stays behind its connection's FIN is cut, and its peer saw that FIN.
    const mustReset = cut.has(peer) && entry?.delivery !== "finSeen";
    // A forced end waits for no peer's FIN: what such a one sent behind our FIN makes the kernel reset it.
    const agrees = mustReset ? wasReset : !wasReset || report.forced;
    findings.check(agrees, `${peer} saw ${net.end}, the report says ${JSON.stringify(entry ?? null)}`);
  }
  for (const net of stuck) {
    findings.check(cut.has(`127.0.0.1:${net.port}`), `a handler that never returns is not named: ${net.describe()}`);
  }
  findings.count(report.forced ? "forced stops" : "stops");
  findings.count("cut", cut.size);
}
