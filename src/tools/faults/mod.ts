/**
 * A TCP proxy that makes things go wrong, for tests.
 *
 * @module
 */
export { faultControl } from "./control.ts";
export { checkFaults, FAULT_KINDS } from "./fault_checks.ts";
export { startFaultProxy } from "./proxy.ts";
export type {
  BandwidthFault,
  Fault,
  FaultConnections,
  FaultDirection,
  FaultEndpoint,
  FaultKind,
  FaultProxy,
  FaultProxyOptions,
  FaultScope,
  FaultStats,
  HalfOpenFault,
  LatencyFault,
  PartitionFault,
  RefuseFault,
  ResetFault,
  SliceFault,
  SlowCloseFault,
  StallFault,
} from "./faults_api.ts";
