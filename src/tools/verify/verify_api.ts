/**
 * What a proof of a graceful stop speaks about: kinds of servers, classes of loss, and reports.
 *
 * @module
 */
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
