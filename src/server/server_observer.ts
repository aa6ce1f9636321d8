/**
 * What a server tells whoever listens: metrics, traces, logs.
 *
 * @module
 */
import type { Address } from "../endpoint.ts";
import type { FamilySnapshot } from "../metric_snapshot.ts";
import type { Events } from "../observers.ts";
import type { EndedHandshake } from "../socket.ts";
import type { AdmissionReason } from "./accept/admission.ts";
import type { Conn } from "./conn/conn.ts";
import type { DrainPhase, DrainReport } from "./drain/report.ts";

/** A connection that is gone. */
export interface EndedConn {
  /** The connection; its counters are final. */
  readonly conn: Conn;
  /** Since it was let in, in ms. */
  readonly duration: number;
  /** Why it ended badly: a `ConnResetError` if its peer dropped it, a `DrainTimeoutError` if a drain cut it; null if well. */
  readonly error: Error | null;
  /** What came after our FIN: counted, never run. */
  readonly afterFin: { readonly messages: number; readonly bytes: number };
}

/** Whoever counts, and may be asked what. */
export interface MetricSource {
  /** All values now. */
  ownSnapshot(): readonly FamilySnapshot[];
}

/**
 * Hears what happens to a server; each member may be left out. It is called in the middle of the server's work: it has
 * to be brief, and nobody waits for it. What it throws is logged, and reaches nobody else.
 */
export interface ServerObserver {
  /** What it counts with: a supervisor asks its workers' for what they have counted. @default none */
  readonly source?: MetricSource;
  /** A connection was let in. */
  accepted?(conn: Conn): void;
  /** A connection was turned away. */
  rejected?(reason: AdmissionReason | "queueFull", peer: Address): void;
  /** A connection that was let in is gone. */
  closed?(ended: EndedConn): void;
  /** A TLS handshake has ended, well or not. */
  handshake?(ended: EndedHandshake): void;
  /** A drain has begun a phase. */
  drainPhase?(phase: DrainPhase): void;
  /** A drain is over, or was called off. */
  drained?(report: DrainReport): void;
}

/** What can be heard of. */
export const SERVER_EVENTS: Events<Omit<ServerObserver, "source">> = {
  accepted: true,
  rejected: true,
  closed: true,
  handshake: true,
  drainPhase: true,
  drained: true,
};
