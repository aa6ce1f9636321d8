/**
 * What a proof of reloads speaks about: kinds of clients, classes of loss, parts of the run, and the report.
 *
 * @module
 */
import type { StopResult, VerifyKind } from "../verify_api.ts";

/** How a client behaves, all of them at the same time. */
export type ClientKind =
  | "storm"
  | "asking"
  | "pipelined"
  | "upload"
  | "stream"
  | "resting"
  | "webSocket";

/** A class of loss by its stable name. */
export type ReloadLossName =
  | "refused"
  | "reset"
  | "unanswered"
  | "truncated"
  | "turnedAway"
  | "noClose"
  | "wrongCode"
  | "reloadFailed"
  | "ended"
  | "stillThere"
  | "exitCode";

/** What a class of loss means. */
export interface ReloadLossClass {
  /** Stable name, for programs. */
  readonly name: ReloadLossName;
  /** What happened, for people: a few words without a full stop. */
  readonly words: string;
}

/** How many of each class. */
export type ReloadLossCounts = Readonly<Record<ReloadLossName, number>>;

/** How long something took, in ms; all 0 if it never happened. */
export interface WaitFigures {
  /** How often it was measured. */
  readonly count: number;
  /** Half of all took no longer. */
  readonly p50: number;
  /** 99 of 100 took no longer. */
  readonly p99: number;
  /** The longest. */
  readonly max: number;
}

/** What happened in some part of the run. Each connection and each message counts where it ended. */
export interface PartFigures {
  /** Connections made. */
  readonly connections: number;
  /** Messages begun, without those after the end. */
  readonly sent: number;
  /** Messages answered whole and right. */
  readonly answered: number;
  /** Messages without a right answer. */
  readonly lost: number;
  /** Messages sent after the client could have seen the end: counted, nobody is blamed. */
  readonly afterEnd: number;
  /** Losses that the server is to blame for, by class. */
  readonly losses: ReloadLossCounts;
  /** What a worker that was killed held: connections that ended with a loss, and their messages without an answer. */
  readonly held: { readonly connections: number; readonly messages: number };
  /** Waits for a connection. */
  readonly connectWait: WaitFigures;
  /** Waits for an answer, of clients whose messages are short. */
  readonly answerWait: WaitFigures;
}

/** A reload, or the death of a worker. */
export interface ReloadPart extends PartFigures {
  /** What was done. */
  readonly kind: "reload" | "kill";
  /** Number of the reload, or of the kill, counted from 1. */
  readonly number: number;
  /** When it began, in ms since the clients were let loose. */
  readonly at: number;
  /** How long it lasted in ms: until its command had ended, or its wait was over. */
  readonly took: number;
}

/** What a proof of reloads found. */
export interface ReloadReport {
  /** The server's command line. */
  readonly command: string;
  /** What the server speaks. */
  readonly kind: VerifyKind;
  /** How many clients of each kind there were. */
  readonly clients: Readonly<Partial<Record<ClientKind, number>>>;
  /** Every reload and every kill, in order. */
  readonly parts: readonly ReloadPart[];
  /** All reloads together. */
  readonly during: PartFigures;
  /** All kills together. */
  readonly kills: PartFigures;
  /** What happened between them. */
  readonly between: PartFigures;
  /** The whole run, the server's end included. */
  readonly total: PartFigures;
  /** What happened to whom, in words; the first ones of each class. */
  readonly details: readonly string[];
  /** How the server went when all was over; null if it had ended before. */
  readonly stop: StopResult | null;
  /** Every reload that was asked for was made, and nothing was lost. */
  readonly clean: boolean;
}
