/** Load of `src/load`: beside the faults, where all must be right, and through them, where nothing may be wrong. */
import type { ContextParent, TcpAddress } from "../../mod.ts";
import type { FaultProxy } from "../../src/tools/faults/mod.ts";
import { type LoadOptions, type LoadReport, runLoad } from "../../src/tools/load/mod.ts";
import type { Kind } from "./clients.ts";
import type { Findings } from "./findings.ts";

/** How a load is made here. */
export interface Load {
  readonly kind: Kind;
  readonly port: number;
  readonly seed: number;
  readonly clients: number;
  /** How long, in ms. */
  readonly duration: number;
  readonly context?: ContextParent;
}

/** Long enough for a frozen machine, short enough for a test. */
const TIMEOUT = 8000;
/** What a stall or a partition may hold up, in ms. */
const PATIENCE = 500;
/** One load through the proxy, in ms. */
const TURN = 300;

/** Load on the server itself. */
export function healthyLoad(load: Load): Promise<LoadReport> {
  return runLoad(urlOf(load), { ...optionsOf(load), timeout: TIMEOUT });
}

/** Load through the proxy: short ones in turn, so that connections begin and end all the time. */
export async function faultyLoad(load: Omit<Load, "port">, proxy: FaultProxy): Promise<LoadReport[]> {
  const { port } = proxy.address as TcpAddress;
  const reports: LoadReport[] = [];
  const until = performance.now() + load.duration;
  for (let turn = 0; performance.now() < until && !isOver(load.context); turn++) {
    const short = { ...load, seed: load.seed + turn, duration: Math.min(TURN, load.duration) };
    reports.push(await runLoad(urlOf({ ...load, port }), { ...optionsOf(short), timeout: PATIENCE }));
  }
  return reports;
}

function isOver(context: ContextParent | undefined): boolean {
  return context !== undefined && ("signal" in context ? context.signal : context).aborted;
}

/** Every answer is right, and nobody was sent away. */
export function judgeHealthy(report: LoadReport, findings: Findings): void {
  const { requests, connections, faults } = report;
  findings.count("healthy answers", requests.answered);
  findings.check(requests.answered > 0, "not one healthy answer");
  findings.check(
    requests.failed === 0 && connections.failed === 0 && connections.closedByServer === 0,
    `healthy clients: ${JSON.stringify({ requests, connections, faults })} ${wordsOf(report)}`,
  );
}

/** How a server that stops answers the handshake of a newcomer whose connection it accepted before the signal. */
const TURNED_AWAY = /^The server answered with status 503 instead of 101\b/;

/** What a faulty way does to answers is its own affair; but what arrives is right, or a handshake's refusal if `mayRefuse`. */
export function judgeFaulty(reports: readonly LoadReport[], findings: Findings, mayRefuse = false): void {
  for (const report of reports) {
    const { requests, samples } = report;
    findings.count("answers through faults", requests.answered);
    findings.count("failures through faults", requests.failed);
    const wrong = samples.filter(({ fault, detail }) => fault === "wrong" && !(mayRefuse && TURNED_AWAY.test(detail)));
    findings.checkNone("a wrong answer through the proxy", wrong.map(({ detail }) => detail));
  }
}

function wordsOf({ samples }: LoadReport): string {
  return samples.map(({ fault, detail }) => `${fault}: ${detail}`).join("; ");
}

function urlOf({ kind, port }: Pick<Load, "kind" | "port">): string {
  return `${kind}://127.0.0.1:${port}/`;
}

function optionsOf({ clients, duration, seed, context }: Omit<Load, "port">): LoadOptions {
  return { clients, duration, seed, context, think: { min: 0, max: 5 }, size: { min: 1, max: 3000 }, check: "echo" };
}
