/**
 * What a proof of a graceful stop speaks about: kinds of servers, classes of loss, scenarios and their reports.
 *
 * @module
 */
import type { Clock } from "../../mod.ts";
import type { Ledger } from "./ledger.ts";
import type { ClientConn } from "./wire.ts";

/** What the server under test speaks: lines over TCP, HTTP/1.1, or WebSocket. */
export type VerifyKind = "tcp" | "http" | "ws";

/** A class of loss by its stable name. */
export type LossName =
  | "truncated"
  | "unansweredBeforeSignal"
  | "unansweredBeforeEnd"
  | "acceptedThenReset"
  | "noClose"
  | "wrongCode"
  | "resetInsteadOfFin"
  | "stillThere"
  | "exitCode"
  | "refused"
  | "turnedAway"
  | "afterEnd";

/** What a class of loss means. */
export interface LossClass {
  /** Stable name, for programs. */
  readonly name: LossName;
  /** What happened, for people: a few words without a full stop. */
  readonly words: string;
  /** The server is to blame for it; otherwise it is only counted. */
  readonly blamed: boolean;
}

/** One loss. */
export interface Loss {
  /** Its class. */
  readonly name: LossName;
  /** The server is to blame for it, by its class and by the scenario: a forced stop may lose. */
  readonly blamed: boolean;
  /** Number of the client that saw it, counted from 1; 0 for a loss of the whole server. */
  readonly client: number;
  /** When the message was sent or the connection ended: ms since the signal, negative before it; null without a signal. */
  readonly at: number | null;
  /** What happened, in words. */
  readonly detail: string;
}

/** How many of each class. */
export type LossCounts = Readonly<Record<LossName, number>>;

/** What all clients of a run have sent and got. */
export interface MessageCounts {
  /** Messages begun, without those after the end. */
  readonly sent: number;
  /** Messages answered whole. */
  readonly answered: number;
  /** Messages sent after the client could have seen the end. */
  readonly afterEnd: number;
  /** Connections that were refused. */
  readonly refused: number;
}

/** How the server went. */
export interface StopResult {
  /** Time from the last signal to the server's exit in ms; null if it was still there when its grace was over. */
  readonly took: number | null;
  /** Its exit code; null if a signal ended it, or if there is no process (then nothing is said about the code). */
  readonly code: number | null;
  /** Name of the signal that ended it; null otherwise. */
  readonly signal: string | null;
}

/** What a good server's exit looks like in a scenario. */
export interface Expectation {
  /** Signals to send, one after the other. */
  readonly signals: 1 | 2;
  /** Wait between the first and the second signal in ms: longer than what counts as one signal sent twice. */
  readonly secondAfter: number;
  /** Time that the server has from the last signal in ms; null: the whole grace. */
  readonly within: number | null;
  /** A forced stop: losses and resets are counted and not blamed, and 128+n or death by the signal is a right exit. */
  readonly forced: boolean;
  /** A client misbehaves on purpose: it may be reset, and exit code 1 (something was cut) is as right as 0. */
  readonly rude: boolean;
}

/** A scenario's name. */
export type ScenarioName =
  | "ping-pong"
  | "pipelined"
  | "slow-reader"
  | "half-message"
  | "big-message"
  | "late-request"
  | "upload"
  | "stream"
  | "half-closed"
  | "connect-storm"
  | "silent"
  | "second-signal";

/** Where a scenario takes place: the server under test as its clients see it. */
export interface ScenarioWorld {
  /** What the server speaks. */
  readonly kind: VerifyKind;
  /** Opens a connection to the server; rejects if it is refused. TLS, addresses and distance are its matter. */
  connect(): Promise<ClientConn>;
  /** Time. */
  readonly clock: Clock;
  /** The next random number in [0, 1), from a seed. */
  random(): number;
  /** Clients at the same time. */
  readonly clients: number;
  /** Time that the server has from the signal to its exit in ms. */
  readonly grace: number;
  /** Text of the Host field (http and ws). */
  readonly host: string;
  /** Request target of ordinary requests, of uploads and of the WebSocket (http and ws). */
  readonly path: string;
  /** Request target of uploads (POST); the ordinary one if it is null. */
  readonly uploadPath: string | null;
  /** Target of a long answer (http) or of a flow of messages from the server (ws); null: it has none. */
  readonly streamPath: string | null;
  /** "echo": an answer must carry what was sent; "any": any answer counts, in order. */
  readonly expect: "echo" | "any";
  /** Longest message in bytes that the server takes: the big message is as long. */
  readonly bigSize: number;
  /** Longest think time of a client between two messages in ms. */
  readonly think: number;
  /** Longest time in ms that something takes to the server and back: what clients wait for may come so much later. */
  readonly roundTrip: number;
  /** How many times longer a wait may be than on a machine that has nothing else to do. */
  readonly stretch: number;
}

/** One way for clients to behave around a stop. */
export interface Scenario {
  /** Its name. */
  readonly name: ScenarioName;
  /** What the clients do, and what a good server does, in plain sentences. */
  readonly about: string;
  /** Kinds for which it makes sense. */
  readonly kinds: readonly VerifyKind[];
  /** What a good exit is. */
  readonly expectation: Expectation;
  /** Why it can't be run here, in words ("give a path of a long answer"); null: it can. */
  unfit(world: ScenarioWorld): string | null;
  /** Starts the clients. */
  start(world: ScenarioWorld): ScenarioRun;
}

/** A scenario while it runs. */
export interface ScenarioRun {
  /**
   * Fulfils when the clients are as busy as the scenario wants: the signal may come. Rejects, in bounded time, if they
   * can't get there; then `abort()` is to be called.
   */
  readonly ready: Promise<void>;
  /** To be called just before each signal is sent, in the same turn: clients send something in it. */
  signalled(): void;
  /** To be called when the server has gone or its grace is over: clients that see no end soon are given up. */
  gone(stop: StopResult): void;
  /** Fulfils when every client has seen its end or was given up, in bounded time after `signalled()`; never rejects. */
  readonly finished: Promise<void>;
  /** Ends all clients at once, whatever they see. */
  abort(): void;
  /** The account of every message. */
  readonly ledger: Ledger;
}

/** What one round of a scenario found. */
export interface RoundReport {
  /** The scenario's name. */
  readonly scenario: ScenarioName;
  /** Number of the round, counted from 1. */
  readonly round: number;
  /** Losses by class: those that are blamed, and those that are only counted, `refused`, `turnedAway` and `afterEnd`. */
  readonly losses: LossCounts;
  /** What happened to whom, in words; the first ones. */
  readonly details: readonly string[];
  /** What was sent and answered. */
  readonly messages: MessageCounts;
  /** How the server went. */
  readonly stop: StopResult;
  /** Nothing that the server is to blame for. */
  readonly clean: boolean;
}

/** What a whole verification found. */
export interface VerifyReport {
  /** The server's command line. */
  readonly command: string;
  /** What the server speaks. */
  readonly kind: VerifyKind;
  /** Every round of every scenario. */
  readonly scenarios: readonly RoundReport[];
  /** Scenarios that couldn't be run, and why. */
  readonly skipped: readonly { readonly scenario: ScenarioName; readonly reason: string }[];
  /** Losses by class over all rounds, blamed or not. */
  readonly totals: LossCounts;
  /** Every round is clean. */
  readonly clean: boolean;
}
