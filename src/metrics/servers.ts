/**
 * What one server does: its connections and its drains.
 *
 * @module
 */
import { errorType } from "../conventions.ts";
import type { DrainPhase, DrainReport, EndedConn, EndedHandshake, ServerObserver } from "../../mod.ts";
import { CONNECTIONS, DRAINS, HTTP, WEBSOCKETS } from "./definitions.ts";
import type { Cell, Family, HistogramCell } from "./family.ts";
import type { Emit, Registry } from "./registry.ts";
import type { MeasuredServer } from "./sources.ts";

/** Phases that a server can be found in. */
const PHASES = ["running", "lameDuck", "drain", "patience", "abort", "cut", "hooks", "done"] as const;
/** How connections end in a drain, in which states they are cut, and how far their bytes come. */
const OUTCOMES = ["idle", "finished", "dropped", "truncated", "cut"] as const;
const STATES = ["new", "active", "idle", "closing", "closed"] as const;
const GRADES = ["process", "kernel", "acknowledged", "finSeen"] as const;
const TIMED = ["lameDuck", "drain", "abort", "hooks"] as const;

/** Counts what a server tells. */
export class ServerMetrics implements ServerObserver {
  readonly #server: MeasuredServer;
  readonly #name: string;
  readonly #durations: Family<HistogramCell>;
  readonly #handshakes: Family<HistogramCell>;
  readonly #afterFin: Cell;
  readonly #drains: DrainCells;
  #phase: (typeof PHASES)[number] = "running";
  /** Bytes of connections that are gone, and what was told of all last: connections that close are in neither for a while. */
  readonly #bytes = { received: 0, sent: 0, toldReceived: 0, toldSent: 0 };

  constructor(server: MeasuredServer, registry: Registry) {
    this.#server = server;
    this.#name = server.name;
    this.#durations = registry.histogram(CONNECTIONS.duration);
    this.#handshakes = registry.histogram(CONNECTIONS.handshakes);
    this.#afterFin = registry.values(CONNECTIONS.afterFin).of([this.#name]);
    this.#drains = new DrainCells(this.#name, registry);
  }

  closed({ conn, duration, error, afterFin }: EndedConn): void {
    this.#durations.of([error === null ? "" : errorType(error), this.#name]).record(duration / 1000);
    this.#afterFin.value += afterFin.messages;
    this.#bytes.received += conn.bytesRead;
    this.#bytes.sent += conn.bytesFlushed;
  }

  handshake({ duration, version, error }: EndedHandshake): void {
    this.#handshakes.of([version ?? "", error ?? "", this.#name]).record(duration / 1000);
  }

  drainPhase(phase: DrainPhase): void {
    this.#phase = phase === "resumed" ? "running" : phase;
  }

  drained(report: DrainReport): void {
    this.#drains.count(report);
  }

  /** What the server itself counts. */
  collect(emit: Emit): void {
    const { stats, ready } = this.#server;
    const name = this.#name;
    emit(CONNECTIONS.active, stats.active, name);
    emit(CONNECTIONS.accepted, stats.accepted, name);
    emit(CONNECTIONS.queued, stats.queued, name);
    emit(CONNECTIONS.shed, stats.shed, name);
    emit(CONNECTIONS.handlerErrors, stats.handlerErrors, name);
    emit(CONNECTIONS.peerErrors, stats.peerErrors, name);
    emit(CONNECTIONS.acceptErrors, stats.acceptErrors, name);
    emit(CONNECTIONS.handshaking, stats.handshakes, name);
    for (const [reason, count] of Object.entries(stats.rejected)) emit(CONNECTIONS.rejected, count, reason, name);
    emit(DRAINS.ready, ready ? 1 : 0, name);
    for (const phase of PHASES) emit(DRAINS.phase, phase === this.#phase ? 1 : 0, phase, name);
    this.#collectBytes(emit);
    if ("http" in this.#server) this.#collectHttp(emit, this.#server.http);
  }

  #collectBytes(emit: Emit): void {
    const bytes = this.#bytes;
    let [received, sent] = [bytes.received, bytes.sent];
    for (const conn of this.#server.connections) {
      received += conn.bytesRead;
      sent += conn.bytesFlushed;
    }
    bytes.toldReceived = Math.max(bytes.toldReceived, received);
    bytes.toldSent = Math.max(bytes.toldSent, sent);
    emit(CONNECTIONS.io, bytes.toldReceived, "receive", this.#name);
    emit(CONNECTIONS.io, bytes.toldSent, "transmit", this.#name);
  }

  #collectHttp(emit: Emit, http: Extract<MeasuredServer, { readonly http: unknown }>["http"]): void {
    const name = this.#name;
    emit(HTTP.queued, http.queued, name);
    emit(HTTP.handlerErrors, http.handlerErrors, name);
    emit(HTTP.aborted, http.aborted, name);
    for (const [reason, count] of Object.entries(http.refused)) emit(HTTP.refused, count, reason, name);
    for (const [protocol, stats] of Object.entries(http.upgraded)) {
      emit(CONNECTIONS.upgraded, stats.active, protocol, name);
      if (protocol !== "websocket") continue;
      emit(WEBSOCKETS.opened, stats.began, name);
      emit(WEBSOCKETS.messages, stats.received, "receive", name);
      emit(WEBSOCKETS.messages, stats.sent, "transmit", name);
      emit(WEBSOCKETS.dropped, stats.dropped, name);
    }
  }
}

/**
 * What drains come to. All series are there from the beginning: where one appears with its first value, Prometheus sees
 * no increase.
 */
class DrainCells {
  readonly #name: string;
  readonly #registry: Registry;

  constructor(name: string, registry: Registry) {
    this.#name = name;
    this.#registry = registry;
    for (const outcome of ["clean", "unclean", "resumed"]) this.#add("drains", 0, outcome);
    for (const phase of TIMED) this.#add("phaseTime", 0, phase);
    for (const outcome of OUTCOMES) this.#add("connections", 0, outcome);
    for (const state of STATES) this.#add("cut", 0, state);
    for (const grade of GRADES) this.#add("delivery", 0, grade);
    for (const shared of ["true", "false"]) this.#add("queueLeft", 0, shared);
    for (const one of ["afterFin", "admissionLeft", "handshakesCut", "workLeft", "hooksFailed"] as const) {
      this.#add(one, 0);
    }
  }

  count(report: DrainReport): void {
    this.#add("drains", 1, report.resumed ? "resumed" : report.clean ? "clean" : "unclean");
    for (const phase of TIMED) this.#add("phaseTime", report.phases[phase] / 1000, phase);
    if (report.resumed) return;
    for (const outcome of OUTCOMES) this.#add("connections", report.connections[outcome], outcome);
    for (const { state } of report.cut) this.#add("cut", 1, state);
    for (const grade of GRADES) this.#add("delivery", report.delivery[grade], grade);
    this.#add("queueLeft", report.acceptQueueLeft ?? 0, String(report.acceptQueueShared));
    this.#add("afterFin", report.afterFin.messages);
    this.#add("admissionLeft", report.admissionQueueLeft);
    this.#add("handshakesCut", report.handshakesCut.length);
    this.#add("workLeft", report.workLeft);
    this.#add("hooksFailed", report.hooks.filter(({ ok }) => !ok).length);
  }

  #add(what: keyof typeof DRAINS, amount: number, ...labels: readonly string[]): void {
    this.#registry.values(DRAINS[what]).of([...labels, this.#name]).value += amount;
  }
}
