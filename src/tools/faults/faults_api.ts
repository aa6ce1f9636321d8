/**
 * What a fault proxy is told, and what it tells.
 *
 * @module
 */
import type { Adapter, Address, Clock, Logger, Server } from "@sluice/sluice";

/** Which bytes a fault is for: those to the upstream, those to the client, or all. */
export type FaultDirection = "up" | "down" | "both";

/** What every fault has. */
export interface FaultScope {
  /** Bytes to the upstream, to the client, or both. @default "both" */
  readonly direction?: FaultDirection;
  /** Share of the connections that have it, 0 to 1. @default 1 */
  readonly share?: number;
}

/** Everything arrives later: bytes, FIN and reset. */
export interface LatencyFault extends FaultScope {
  /** Which fault it is. */
  readonly kind: "latency";
  /** Delay in ms. */
  readonly ms: number;
  /** The delay varies by so many ms up and down. @default 0 */
  readonly jitter?: number;
}

/** So many bytes of a connection pass in a second, in each direction. */
export interface BandwidthFault extends FaultScope {
  /** Which fault it is. */
  readonly kind: "bandwidth";
  /** Bytes per second. */
  readonly bytesPerSecond: number;
}

/** Bytes are passed on in small writes. */
export interface SliceFault extends FaultScope {
  /** Which fault it is. */
  readonly kind: "slice";
  /** The most that one write has, in bytes. */
  readonly bytes: number;
  /** Pause between two writes in ms. @default 0: one turn of the event loop */
  readonly delay?: number;
}

/** Both ends get a reset. */
export interface ResetFault extends FaultScope {
  /** Which fault it is. */
  readonly kind: "reset";
  /** When so many bytes have passed, those of both directions together; 0 is at once. @default 0, without `chance` */
  readonly afterBytes?: number;
  /** Or with this chance, 0 to 1, instead of each chunk that has arrived. */
  readonly chance?: number;
}

/** The proxy stops reading: its peer's writes come to a halt. */
export interface StallFault extends FaultScope {
  /** Which fault it is. */
  readonly kind: "stall";
  /** When so many bytes have passed. @default 0 */
  readonly afterBytes?: number;
}

/** A FIN is passed on late. */
export interface SlowCloseFault extends FaultScope {
  /** Which fault it is. */
  readonly kind: "slowClose";
  /** Delay in ms. */
  readonly ms: number;
}

/** The end of one side, FIN or reset, is not told to the other until the faults change. */
export interface HalfOpenFault extends FaultScope {
  /** Which fault it is. */
  readonly kind: "halfOpen";
}

/** New connections are reset before anything is read; the upstream does not hear of them. */
export interface RefuseFault extends FaultScope {
  /** Which fault it is. */
  readonly kind: "refuse";
}

/** Nothing passes, and new connections wait. What was held passes when it is over. */
export interface PartitionFault extends FaultScope {
  /** Which fault it is. */
  readonly kind: "partition";
  /** For so many ms from when the fault is set. @default until the faults change */
  readonly ms?: number;
}

/** One thing that goes wrong. */
export type Fault =
  | LatencyFault
  | BandwidthFault
  | SliceFault
  | ResetFault
  | StallFault
  | SlowCloseFault
  | HalfOpenFault
  | RefuseFault
  | PartitionFault;

/** The kinds of fault. */
export type FaultKind = Fault["kind"];

/** Where a proxy listens, or what it connects to. */
export interface FaultEndpoint {
  /** TCP port; 0 to listen on any free one. */
  readonly port?: number;
  /** Host. @default "127.0.0.1" */
  readonly hostname?: string;
  /** Path of a Unix socket, instead of port and host. */
  readonly path?: string;
}

/** How a fault proxy is set up. */
export interface FaultProxyOptions {
  /** Where it listens. @default any free port of 127.0.0.1 */
  readonly listen?: FaultEndpoint;
  /** What it stands in front of. */
  readonly upstream: FaultEndpoint;
  /** What goes wrong at first. @default nothing */
  readonly faults?: readonly Fault[];
  /** Start of all random choices: with the same seed the n-th connection meets the same. @default a random one */
  readonly seed?: number;
  /** The runtime's sockets. @default the runtime that runs this */
  readonly adapter?: Adapter;
  /** Time, for tests. @default the machine's */
  readonly clock?: Clock;
  /** Where records go. @default warnings as JSON lines on stderr */
  readonly logger?: Logger;
}

/** What a proxy has seen and done so far. */
export interface FaultStats {
  /** Connections by what became of them. */
  readonly connections: FaultConnections;
  /** Bytes passed on. */
  readonly bytes: { readonly up: number; readonly down: number };
  /** How often each fault was done: to a chunk, a write, an end, a direction or a connection, whatever it is for. */
  readonly faults: Readonly<Record<FaultKind, number>>;
}

/** Connections by what became of them. */
export interface FaultConnections {
  /** Accepted so far. */
  readonly accepted: number;
  /** Waiting for the upstream now. */
  readonly connecting: number;
  /** Connected to the upstream now. */
  readonly open: number;
  /** Ended by FIN both ways. */
  readonly ended: number;
  /** Ended by a reset, a side's or a fault's. */
  readonly reset: number;
  /** Never connected to the upstream: refused by a fault, or by the upstream. */
  readonly failed: number;
}

/** A running fault proxy. */
export interface FaultProxy extends AsyncDisposable {
  /** Where it listens. */
  readonly address: Address;
  /** Start of its random choices. */
  readonly seed: number;
  /** What goes wrong now. */
  readonly faults: readonly Fault[];
  /** The server that it is made of: `run(proxy.server)` drains it at a signal. */
  readonly server: Server;
  /**
   * Replaces the faults, for new bytes of all connections and for new connections. Counts of bytes begin anew.
   *
   * @throws {OptionError} A fault can't be used; nothing changed.
   */
  set(faults: readonly Fault[]): void;
  /**
   * Lets nothing pass on any connection for `ms` milliseconds from now; 0 ends it.
   *
   * @throws {OptionError} Not a duration.
   */
  partition(ms: number): void;
  /** What it has seen and done so far. */
  stats(): FaultStats;
  /** Stops at once: both ends of what is open get a reset. */
  close(): Promise<void>;
}
