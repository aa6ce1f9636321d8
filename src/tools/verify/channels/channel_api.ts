/**
 * What a proof of channels speaks about: classes of loss, faults, parts of the run, and the report.
 *
 * @module
 */
import type { WaitFigures } from "../reload/reload_api.ts";

/** What is done to the servers while clients talk. */
export type ChannelFault = "term" | "kill" | "stop" | "roll" | "reload" | "network" | "engine";

/** A class of loss by its stable name. */
export type ChannelLossName =
  | "lost"
  | "duplicated"
  | "reordered"
  | "undeclaredGap"
  | "misplaced"
  | "unanswered"
  | "letterLost"
  | "letterAgain"
  | "letterEarly"
  | "letterAttempt"
  | "letterAstray"
  | "callLost"
  | "callSwapped"
  | "callTwice"
  | "memberMissing"
  | "memberZombie"
  | "memberTwice"
  | "gaveUp"
  | "faultFailed"
  | "ended"
  | "stillThere"
  | "exitCode";

/** What a class of loss means. */
export interface ChannelLossClass {
  /** Stable name, for programs. */
  readonly name: ChannelLossName;
  /** What happened, for people: a few words without a full stop. */
  readonly words: string;
}

/** How many of each class. */
export type ChannelLossCounts = Readonly<Record<ChannelLossName, number>>;

/** What clients do beside publishing, following and being there: their server has to do its part. */
export type ChannelExtra = "direct" | "messages" | "calls" | "tcp";

/** Direct messages, as far as they are known. */
export interface LetterFigures {
  /** Users and sessions that were sent some. */
  readonly queues: number;
  /** Those that somebody began to send. */
  readonly sent: number;
  /** Those that were acknowledged to their senders. */
  readonly kept: number;
  /** Those that were refused. */
  readonly refused: number;
  /** Deliveries to applications, all of them together. */
  readonly handed: number;
  /** Messages that an application has acknowledged. */
  readonly dealt: number;
  /** Those that became dead letters. */
  readonly dead: number;
}

/** Calls, as far as they are known. */
export interface CallFigures {
  /** Calls that were made. */
  readonly made: number;
  /** Those that were answered. */
  readonly answered: number;
  /** Those that have failed: by their deadline, their caller, or the loss of their connection. */
  readonly failed: number;
}

/** What the clients saw, as far as it is known. */
export interface ChannelFigures {
  /** Messages that publishers began to publish. */
  readonly published: number;
  /** Those that were acknowledged. */
  readonly acknowledged: number;
  /** Those that were refused: nothing was promised of them. */
  readonly refused: number;
  /** Messages handed out to subscribers, all of them together. */
  readonly delivered: number;
  /** Gaps that were declared to subscribers, by reason. */
  readonly gaps: Readonly<Record<string, number>>;
  /** Messages that came again behind a declared gap `epoch`: who has lost its log can't know them. Nobody is blamed. */
  readonly repeated: number;
  /** Direct messages. */
  readonly letters: LetterFigures;
  /** Calls. */
  readonly calls: CallFigures;
}

/** What the pure checker says. */
export interface ChannelVerdict extends ChannelFigures {
  /** By class. */
  readonly losses: ChannelLossCounts;
  /** What happened to whom, in words; the first ones of each class. */
  readonly details: readonly string[];
}

/** All faults of one kind, or the time between them. */
export interface ChannelPart {
  /** Which; null: the time between faults. */
  readonly fault: ChannelFault | null;
  /** How often. */
  readonly times: number;
  /** Messages acknowledged meanwhile. */
  readonly acknowledged: number;
  /** Messages handed out meanwhile. */
  readonly delivered: number;
  /** Gaps declared meanwhile, whatever the reason. */
  readonly gaps: number;
  /** Connections of clients that ended meanwhile. */
  readonly disconnects: number;
  /** Waits for an acknowledgement that ended meanwhile, in ms. */
  readonly acknowledgeWait: WaitFigures;
}

/** Clients by what they do. */
export interface ChannelClients {
  /** Publish. */
  readonly publishers: number;
  /** Say messages, which the server's handler publishes. */
  readonly sayers: number;
  /** Follow all channels. */
  readonly subscribers: number;
  /** Come and go. */
  readonly members: number;
  /** Send direct messages. */
  readonly senders: number;
  /** Take them. */
  readonly receivers: number;
  /** Make calls. */
  readonly callers: number;
}

/** What a proof of channels found. */
export interface ChannelReport extends ChannelVerdict {
  /** The server's command line. */
  readonly command: string;
  /** What it is a proof of. */
  readonly kind: "channel";
  /** Instances of the server. */
  readonly instances: number;
  /** Clients by what they do. */
  readonly clients: ChannelClients;
  /** By fault, in the order in which each kind came first, and the time between them last. */
  readonly parts: readonly ChannelPart[];
  /** How often it was asked who is there. */
  readonly presenceChecks: number;
  /** How long the clients talked, in ms. */
  readonly took: number;
  /** Something was acknowledged and handed out, and nothing was lost. */
  readonly clean: boolean;
}
