/**
 * What a watch sees, and what it says.
 *
 * @module
 */
import type { Adapter, BusyConn, Clock, Logger, Server } from "../../mod.ts";
import type { FileAccess } from "../files.ts";

/** What is watched: counts, bytes, and times in ms. */
export type ResourceKind =
  | "descriptors"
  | "heap"
  | "rss"
  | "lag"
  | "latency"
  | "saturation"
  | "handlers"
  | "connections";

/** When one resource is worth a warning. */
export interface ResourceLimit {
  /**
   * The whole: descriptors, bytes of heap or of resident memory, handlers at once (`saturation`), or ms. @default
   * descriptors: the soft limit; heap: the runtime's; rss, latency, saturation: none, they are only told; lag: 200;
   * handlers: 30000; connections: 60000
   */
  readonly limit?: number;
  /** Share of the limit at which an episode begins. @default descriptors 0.8, heap and rss 0.9, else 1 */
  readonly warnAt?: number;
  /** Share below which it ends. @default descriptors, heap and rss: 0.9 of `warnAt`; else half of it */
  readonly clearAt?: number;
}

/**
 * What a watch needs of a server; every `Server` and `HttpServer` is one. Without `connections` none can be cut, and a
 * report knows only those that are busy; without `http` it has no latency.
 */
export type WatchedServer =
  & Pick<Server, "name" | "state" | "busy">
  & Partial<Pick<Server, "connections" | "stats">>
  & { readonly http?: { readonly requests: number; readonly active: number; readonly queued: number } };

/** What a connection waits for: see `Holder`. */
export type WaitsFor = BusyConn["waitsFor"];

/** Which connections are cut, and when: those whose bytes have stood still the longest. */
export interface CutOptions {
  /** Ms without progress from which on a connection may be cut. @default 60000 */
  readonly after?: number;
  /** Connections that are cut at one sample, at the most. @default 10 */
  readonly atMost?: number;
  /** Only during an overload, by `overloadedBy`, or always. @default "overloaded" */
  readonly when?: "overloaded" | "always";
  /**
   * What they wait for. A peer that takes nothing (`"delivery"`) or stops amid a message (`"message"`) is to blame for
   * that itself; who waits for an answer (`"answer"`, `"work"`) is not. @default ["delivery", "message"]
   */
  readonly waitingFor?: readonly WaitsFor[];
  /** True for a connection that is never cut; if it throws, it is not, and the error is logged. @default none */
  readonly exempt?: (conn: WatchedConn) => boolean;
}

/** Where a report of what a process is busy with is written when it runs out of something. */
export interface ResourceReportOptions {
  /** A folder; it is made if it is not there. */
  readonly folder: string;
  /** Resources whose episodes write one, at their beginning. @default ["descriptors", "heap"] */
  readonly kinds?: readonly ResourceKind[];
  /** Reports that are kept in the folder; older ones of that name are removed. @default 5 */
  readonly keep?: number;
  /** Longest report, in bytes: lists are cut to fit. @default 262144 */
  readonly maxBytes?: number;
  /** Files, for tests. @default those of the runtime */
  readonly files?: FileAccess;
}

/** Options of `watchResources`. */
export interface WatchOptions {
  /** Ms between two samples, from 10 on. @default 1000 */
  readonly interval?: number;
  /** Hears each warning; what it throws is logged. @default the logger's warn */
  readonly onWarning?: (warning: ResourceWarning) => void;
  /** Servers whose handlers and connections are watched; `add()` takes more. @default none */
  readonly servers?: readonly WatchedServer[];
  /** Limits by resource; false for one that is never warned of. @default those of `ResourceLimit` */
  readonly limits?: Readonly<Partial<Record<ResourceKind, ResourceLimit | false>>>;
  /** Resources whose episodes are an overload. @default descriptors, heap, rss, lag, latency and saturation */
  readonly overloadedBy?: readonly ResourceKind[];
  /** Cuts connections that make no progress. @default none is cut */
  readonly cut?: CutOptions;
  /** Writes a report at the beginning of an episode. @default none is written */
  readonly report?: ResourceReportOptions;
  /** Where records go. @default JSON lines on stderr */
  readonly logger?: Logger;
  /** What tells of descriptors and memory. @default the runtime that runs this */
  readonly adapter?: Adapter;
  /** Time, for tests. @default the machine's */
  readonly clock?: Clock;
}

/** A connection that a warning is about. */
export interface WatchedConn {
  /** Its server's name. */
  readonly server: string;
  /** Its number within the server. */
  readonly id: number;
  /** The peer's address. */
  readonly peer: string;
  /** Ms since its handler began, or since its bytes stand still: up to one interval too low, never too high. */
  readonly age: number;
  /** What it waits for. */
  readonly waitsFor: WaitsFor;
}

/** A resource that has come to its mark. */
export interface ResourceWarning {
  /** Which one. */
  readonly kind: ResourceKind;
  /** Descriptors, bytes or ms; of handlers and connections the highest age. */
  readonly value: number;
  /** The whole, in the same unit. */
  readonly limit: number;
  /** `value / limit`. */
  readonly share: number;
  /** In words. */
  readonly message: string;
  /** How many handlers or connections are over the mark; 0 for the other kinds. */
  readonly count: number;
  /** The oldest of them, twenty at the most. */
  readonly connections: readonly WatchedConn[];
}

/** All resources at one moment; null where the runtime or the system doesn't tell. */
export interface ResourceSample {
  /** Ms on the watch's clock. */
  readonly at: number;
  /** Open descriptors. */
  readonly descriptors: number | null;
  /** How many there may be; Infinity for no limit. */
  readonly descriptorLimit: number | null;
  /** Bytes of the heap in use. */
  readonly heapUsed: number | null;
  /** Bytes at which the runtime gives up. */
  readonly heapLimit: number | null;
  /** Bytes of memory that the whole process occupies. */
  readonly rss: number | null;
  /** The most ms that the watch's own timer came late since the sample before. */
  readonly lag: number;
  /**
   * Ms that a request took on the average since the sample before, by how many were at work and how many were done
   * (Little's law); null where no server counts requests, or none came.
   */
  readonly latency: number | null;
  /** Handlers that run. */
  readonly handlers: number;
  /** Ms that the oldest of them has been running; 0 if none runs. */
  readonly oldestHandler: number;
  /** Connections that wait for an answer, the rest of a message, or a peer that takes its bytes. */
  readonly connections: number;
  /** Ms that the bytes of one of them have stood still, the most of all. */
  readonly longestStall: number;
  /** Share of new connections that `admit` turns away, from 0 to 1. */
  readonly shed: number;
  /** Connections cut since the watch began. */
  readonly cut: number;
}

/** What can't be watched here. */
export interface UnavailableResource {
  /** Which one. */
  readonly kind: ResourceKind;
  /** Why. */
  readonly reason: string;
}

/** A running watch. */
export interface ResourceWatch extends Disposable {
  /** The last sample; null before the first. */
  readonly last: ResourceSample | null;
  /** An episode of one of `overloadedBy` is under way. */
  readonly overloaded: boolean;
  /** What can't be told here, as of the last sample. */
  readonly unavailable: readonly UnavailableResource[];
  /** `!overloaded`, as a function to hand over: a check of `readyz()`, or the `admit` of a server. */
  readonly ready: () => boolean;
  /**
   * The `admit` of a server, by degrees: of new connections as many are turned away as it takes until lag, latency and
   * saturation are back within their limits, one more share at each sample, and fewer again afterwards; all of them while
   * another of `overloadedBy` is over its mark.
   */
  readonly admit: () => boolean;
  /** Path of the report that was written last; null before. */
  readonly lastReport: string | null;
  /** Watches one more server; the returned function stops that. A server that has closed is forgotten by itself. */
  add(server: WatchedServer): () => void;
  /** Ends it: no timer is left, and it is never overloaded again. Idempotent. */
  stop(): void;
}
