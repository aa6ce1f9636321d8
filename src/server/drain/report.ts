/**
 * What a drain tells: its phases while it runs, and at its end what it cost.
 *
 * @module
 */
import type { ConnState } from "../conn/conn.ts";

/** The steps of a drain, in order; `resumed` ends one early. */
export type DrainPhase = "lameDuck" | "drain" | "patience" | "abort" | "cut" | "hooks" | "done" | "resumed";

/**
 * How far the last bytes of a connection are known to have come: still in this process, in this machine's kernel,
 * acknowledged by the peer's kernel, or followed by the peer's own FIN. None says that the peer's application read them.
 */
export type Delivery = "process" | "kernel" | "acknowledged" | "finSeen";

/** How a connection ended during a drain. */
export type ConnOutcome =
  /** Closed at a boundary without having been asked anything since the drain began. */
  | "idle"
  /** Served to its end. */
  | "finished"
  /** The peer dropped it. */
  | "dropped"
  /** Its handler wrote after our FIN: told goodbye too early, or too late for its handler. */
  | "truncated"
  /** Reset by us, when the budget was over. */
  | "cut";

/** One connection that was open during a drain. */
export interface DrainedConn {
  /** The connection's number. */
  readonly id: number;
  /** The peer's address. */
  readonly peer: string;
  /** How it ended. */
  readonly outcome: ConnOutcome;
  /** How far its last bytes are known to have come. */
  readonly delivery: Delivery;
}

/** One connection that was cut, and what it had. */
export interface CutConn extends DrainedConn {
  /** State at that moment. */
  readonly state: ConnState;
  /** Milliseconds since it was accepted. */
  readonly age: number;
  /** Bytes that arrived and that no handler took. */
  readonly bytesUnread: number;
  /** Bytes written and not handed to the kernel. */
  readonly bytesUnsent: number;
  /** Its handler had not settled. */
  readonly handlerRunning: boolean;
}

/** One connection whose handler wrote after the FIN that the drain had sent. */
export interface TruncatedConn extends DrainedConn {
  /** Writes that were refused. */
  readonly writesRefused: number;
  /** What they had, in bytes; text counts by its UTF-16 units. */
  readonly bytesRefused: number;
}

/** Who holds a drain up right now. */
export interface Holder {
  /** The connection's number. */
  readonly id: number;
  /** The peer's address. */
  readonly peer: string;
  /** State at that moment. */
  readonly state: ConnState;
  /** What it waits for. */
  readonly waitsFor: "quiet" | "answer" | "message" | "delivery" | "peerFin" | "handler" | "work";
  /** Milliseconds since it was accepted. */
  readonly age: number;
  /** Promises given to `waitUntil` that hold it. */
  readonly holds: number;
}

/** A connection with something under way: a handler, a message that is unanswered or incomplete, or unsent bytes. */
export interface BusyConn extends Holder {
  /** Number of what its handler is at: the same twice is the same handler still at it; 0 while none runs. */
  readonly handling: number;
  /** Bytes that arrived, and bytes handed to the kernel. */
  readonly bytes: number;
}

/** How a shutdown hook went. */
export interface HookResult {
  /** Its name. */
  readonly name: string;
  /** It finished in time. */
  readonly ok: boolean;
  /** Milliseconds it took. */
  readonly duration: number;
  /** Why it did not. */
  readonly error?: string;
}

/** What a drain did and what it cost. Durations in ms. */
export interface DrainReport {
  /** The server's name. */
  readonly server: string;
  /** What began it: a signal's name, `shutdown()`, `close()`. */
  readonly cause: string;
  /** True only if nothing was cut or truncated and every hook succeeded. */
  readonly clean: boolean;
  /** True if `resume()` ended it during the lame duck. */
  readonly resumed: boolean;
  /** True if a second signal or `close()` skipped what was left of the budget. */
  readonly forced: boolean;
  /** Milliseconds from the beginning to the report. */
  readonly duration: number;
  /** Milliseconds of each phase. */
  readonly phases: Readonly<Record<"lameDuck" | "drain" | "abort" | "hooks", number>>;
  /** How many, and how they ended. */
  readonly connections: {
    /** Open when the drain began. */
    readonly atStart: number;
    /** Accepted since. */
    readonly accepted: number;
    readonly idle: number;
    readonly finished: number;
    readonly dropped: number;
    readonly truncated: number;
    readonly cut: number;
  };
  /** How many connections have which grade. */
  readonly delivery: Readonly<Record<Delivery, number>>;
  /** What arrived after our FIN: counted, never run. */
  readonly afterFin: { readonly messages: number; readonly bytes: number };
  /** Connections in the kernel's accept queue when the listener closed; null if it can't be read here. */
  readonly acceptQueueLeft: number | null;
  /** Another process holds the listening socket as well, so they are served there, and nobody is lost. */
  readonly acceptQueueShared: boolean;
  /** Accepted connections that waited for admission until the end. */
  readonly admissionQueueLeft: number;
  /** Clients whose TLS handshake had begun and was not over in time. */
  readonly handshakesCut: readonly string[];
  /** Promises given to `waitUntil` that had not settled. */
  readonly workLeft: number;
  /** How its shutdown hooks went. */
  readonly hooks: readonly HookResult[];
  /** Every connection that was cut. */
  readonly cut: readonly CutConn[];
  /** Every connection that its handler wrote to after our FIN. Let handlers that read on while they work call `waitUntil`. */
  readonly truncated: readonly TruncatedConn[];
  /** Every connection that was open during the drain. */
  readonly all: readonly DrainedConn[];
}
