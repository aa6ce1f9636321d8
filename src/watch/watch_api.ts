/**
 * What a watch sees, and what it says.
 *
 * @module
 */
import type { Adapter, Clock, Logger, Server } from "../../mod.ts";

/** What is watched: counts, bytes, and ages in ms. */
export type ResourceKind = "descriptors" | "heap" | "rss" | "lag" | "handlers" | "connections";

/** When one resource is worth a warning. */
export interface ResourceLimit {
  /**
   * The whole: descriptors, bytes of heap or of resident memory, or ms. @default descriptors: the soft limit; heap: the
   * runtime's; rss: none, it is only told; lag: 200; handlers: 30000; connections: 60000
   */
  readonly limit?: number;
  /** Share of the limit at which an episode begins. @default descriptors 0.8, heap and rss 0.9, else 1 */
  readonly warnAt?: number;
  /** Share below which it ends. @default descriptors, heap and rss: 0.9 of `warnAt`; else half of it */
  readonly clearAt?: number;
}

/** What a watch needs of a server; every `Server` and `HttpServer` is one. */
export type WatchedServer = Pick<Server, "name" | "state" | "busy">;

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
  /** Resources whose episodes are an overload. @default descriptors, heap, rss and lag */
  readonly overloadedBy?: readonly ResourceKind[];
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
  /** Handlers that run. */
  readonly handlers: number;
  /** Ms that the oldest of them has been running; 0 if none runs. */
  readonly oldestHandler: number;
  /** Connections that wait for an answer, the rest of a message, or a peer that takes its bytes. */
  readonly connections: number;
  /** Ms that the bytes of one of them have stood still, the most of all. */
  readonly longestStall: number;
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
  /** Watches one more server; the returned function stops that. A server that has closed is forgotten by itself. */
  add(server: WatchedServer): () => void;
  /** Ends it: no timer is left, and it is never overloaded again. Idempotent. */
  stop(): void;
}
