/**
 * The seam to whoever has started this process and holds its sockets: a supervisor, or the system. Types, and
 * what both ends have to call alike.
 *
 * @module
 */
import type { Address } from "./endpoint.ts";

/** What a parent looks at in a server. */
export interface ParentServer {
  /** Its name. */
  readonly name: string;
  /** It takes new work. */
  readonly ready: boolean;
  /** Where it listens. */
  readonly addresses: readonly Address[];
  /** Its counters. */
  readonly stats: { readonly accepted: number; readonly active: number };
  /** Those of its requests, where it speaks of requests. */
  readonly http?: { readonly requests: number };
  /** Whoever counts what it does, each once. */
  readonly sources?: readonly { ownSnapshot(): readonly object[] }[];
  /** Fulfils with the drain report when it has stopped. */
  readonly closed: Promise<object>;
  /** Changes its limits. */
  configure(options: object): void;
  /** Others serve the same socket, with so many connections each on an average: gives away what it has beyond that. */
  level?(connections: number): void;
}

/** Whoever holds sockets for this process, and wants to know how it goes. */
export interface Parent {
  /** It holds the sockets as well: what waits in their queues when this process closes them is not lost. */
  readonly holdsSockets: boolean;
  /** A successor serves already: a stop has no balancer to wait for. */
  readonly isSucceeded: boolean;
  /** A server has begun to serve. */
  serving(server: ParentServer): void;
  /** The program has all its servers: nothing more has to be waited for. */
  started(): void;
  /** They stop now; fulfils when it has been told. */
  stopping(): Promise<void>;
}

/** The socket that a process asks its parent for. */
export interface SocketWish {
  /** Where it should be bound. Null if it is known by its name alone. */
  readonly address: Address | null;
  /** Its name, as the parent's settings have it. */
  readonly name: string | null;
  /** Which of several that are open at once under the same address: for port 0. */
  readonly nth: number;
  /** Permissions of a Unix socket's file. */
  readonly mode?: number;
}

/** A bound socket from which its process does not accept. */
export interface BoundSocket {
  /** Where it is bound. */
  readonly address: Address;
  /** Gives it back; a Unix socket's file goes, if it is still this socket's. */
  close(): void;
}

/** The way on which one child gets sockets. */
export interface SocketLane {
  /** Entries of the child's `stdio`, behind its IPC channel. */
  readonly stdio: readonly number[];
  /** Goes into the child's environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** The child has been started. */
  started(): void;
  /** Hands a socket over, with a message by `send`. */
  send(socket: BoundSocket, message: ToWorker, send: (message: ToWorker, handle?: object) => void): void;
  /** The child is gone. */
  close(): void;
}

/** Holds sockets for other processes. */
export interface SocketHolder {
  /** Binds one. Rejects with `ListenError` and leaves nothing open. */
  bind(wish: SocketWish): Promise<BoundSocket>;
  /** Those that the system's service manager has opened for this process. */
  passed(): readonly { readonly name: string; readonly socket: BoundSocket }[];
  /** Tells the service manager how the service is, e.g. `READY=1` (sd_notify); nothing where none listens. */
  notify(...state: string[]): Promise<void>;
  /** Tells the service manager's watchdog from now on that this process lives, if it wants to hear of it. */
  beat(): void;
  /** For a child that is about to be started. */
  lane(): SocketLane;
}

/** How a server is, for the parent's table. */
export interface ServerState {
  /** Its name. */
  readonly name: string;
  /** It takes new work. */
  readonly ready: boolean;
  /** Where it listens. */
  readonly addresses: readonly Address[];
  /** Connections accepted since it began. */
  readonly accepted: number;
  /** Connections that are open. */
  readonly active: number;
  /** Requests begun, where it speaks of requests. */
  readonly requests?: number;
}

/** What a worker tells its supervisor. Each message that it gets it answers by `heard`, first of all. */
export type FromWorker =
  | { readonly sluice: "heard" }
  | { readonly sluice: "open"; readonly id: number; readonly wish: SocketWish }
  | {
    readonly sluice: "state";
    /** All its servers listen and take work. */
    readonly ready: boolean;
    /** `run()` drains them at a signal. */
    readonly drains: boolean;
    readonly servers: readonly ServerState[];
    /** Bytes of memory. */
    readonly rss: number | null;
  }
  | { readonly sluice: "report"; readonly report: object }
  /** What was counted, by each of its sources; `id` is that of the question, 0 for a last word. */
  | { readonly sluice: "metrics"; readonly id: number; readonly snapshots: readonly (readonly object[])[] }
  | { readonly sluice: "configured"; readonly id: number; readonly error: string | null };

/** What a supervisor tells its workers, one message after the other: the next one when the last was heard. */
export type ToWorker =
  | { readonly sluice: "opened"; readonly id: number; readonly address: Address }
  | { readonly sluice: "refused"; readonly id: number; readonly code: string; readonly message: string }
  /** `shares`: how many connections each worker has on an average, by where the server listens (`placesOf()`). */
  | { readonly sluice: "ping"; readonly shares: Readonly<Record<string, number>> }
  /** Somebody else serves in its place from now on. */
  | { readonly sluice: "succeeded" }
  /** Nobody holds its sockets for it any more. */
  | { readonly sluice: "alone" }
  | { readonly sluice: "configure"; readonly id: number; readonly limits: object }
  /** Asks for what was counted. */
  | { readonly sluice: "count"; readonly id: number };

/** Where a server listens, as one text: it is the same in all workers. */
export function placesOf({ addresses }: Pick<ServerState, "addresses">): string {
  return JSON.stringify(addresses);
}

/** Set in a worker's environment, by which its adapter knows that a supervisor listens on its IPC channel. */
export const WORKER_VARIABLE = "SLUICE_WORKER";
/** The process that has started a worker: its own children inherit the variables, and it is not theirs. */
export const SUPERVISOR_VARIABLE = "SLUICE_SUPERVISOR";
/** The descriptor on which a worker gets sockets, where its runtime can't send them by IPC. */
export const SOCKETS_VARIABLE = "SLUICE_SOCKETS";
