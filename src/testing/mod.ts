/**
 * For tests of programs that use Sluice: sockets inside the process, and time that a test moves by hand. A proxy that makes
 * things go wrong is `@sluice/tools/faults`.
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
