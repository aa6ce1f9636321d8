/**
 * For tests of programs that use Sluice: sockets inside the process, and time that a test moves by hand.
 *
 * @module
 */
export {
  type MemoryAdapter,
  memoryAdapter,
  type MemoryFaults,
  type MemoryOptions,
  type MemorySocket,
} from "../adapters/memory.ts";
export { VirtualClock, type VirtualClockOptions } from "./testing/clock.ts";
