/**
 * Counts what a proxy does.
 *
 * @module
 */
import { FAULT_KINDS } from "./fault_checks.ts";
import type { FaultConnections, FaultKind, FaultStats } from "./faults_api.ts";

/** Numbers that only grow, and two that say how things stand. */
export class Tally {
  readonly connections: { -readonly [state in keyof FaultConnections]: number } = {
    accepted: 0,
    connecting: 0,
    open: 0,
    ended: 0,
    reset: 0,
    failed: 0,
  };
  readonly bytes: { up: number; down: number } = { up: 0, down: 0 };
  readonly faults: Record<FaultKind, number> = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Record<
    FaultKind,
    number
  >;

  /** A copy for somebody else. */
  snapshot(): FaultStats {
    return { connections: { ...this.connections }, bytes: { ...this.bytes }, faults: { ...this.faults } };
  }
}
