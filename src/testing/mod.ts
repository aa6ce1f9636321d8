/**
 * For tests of programs that use Sluice: sockets inside the process, time that a test moves by hand, and a proxy that
 * makes things go wrong.
 *
 * @module
 */
export {
  type MemoryAdapter,
  memoryAdapter,
  type MemoryFaults,
  type MemoryOptions,
  type MemorySocket,
  type MemoryWire,
} from "../../adapters/memory/mod.ts";
export { VirtualClock, type VirtualClockOptions } from "./clock.ts";
export {
  type BandwidthFault,
  type Fault,
  type FaultConnections,
  faultControl,
  type FaultDirection,
  type FaultEndpoint,
  type FaultKind,
  type FaultProxy,
  type FaultProxyOptions,
  type FaultScope,
  type FaultStats,
  type HalfOpenFault,
  type LatencyFault,
  type PartitionFault,
  type RefuseFault,
  type ResetFault,
  type SliceFault,
  type SlowCloseFault,
  type StallFault,
  startFaultProxy,
} from "../faults/mod.ts";
