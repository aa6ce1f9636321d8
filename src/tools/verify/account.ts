/**
 * One client's account: what it sent, what came back, and how its connection ended.
 *
 * @module
 */
import { GOOD_CODES } from "./classes.ts";
import type { LossName } from "./verify_api.ts";

/** How far the answer to a message has come: `wrong` is a whole one that is not the answer. */
export type AnswerState = "none" | "part" | "whole" | "wrong";

/** How a client's input ended: `ours` is an end that the client made itself. */
export type EndKind = "open" | "fin" | "reset" | "ours";

/** One message of a client. */
export interface Message {
  /** When its first byte was written, in ms of the clock. */
  readonly begunAt: number;
  /** When its last byte was written; null while a part is missing. */
  completedAt: number | null;
  /** What came back. */
  answer: AnswerState;
  /** When the answer was whole, right or wrong; null before it. */
  answeredAt: number | null;
  /** What is wrong about a wrong answer, in words. */
  fault: string;
  /** Status of an answer in HTTP; 0 for none. */
  status: number;
}

/** A loss as an account knows it: without the scenario's view on blame. */
export interface AccountLoss {
  /** Its class. */
  readonly name: LossName;
  /** When the message was begun, or the connection ended, in ms of the clock. */
  readonly at: number;
  /** What happened, in words. */
  readonly detail: string;
}

/** The status with which a server turns a newcomer away. */
const UNAVAILABLE = 503;

/** Everything that one connection has seen. */
export class Account {
  /** Number of the client's connection, counted from 1. */
  readonly client: number;
  /** When it was connected, in ms of the clock. */
  readonly connectedAt: number;
  /** It misbehaves on purpose: a reset is no fault of the server. */
  readonly rude: boolean;
  /** Every message, in order. */
  readonly messages: Message[] = [];
  /** How its input ended. */
  end: EndKind = "open";
  /** When it ended, in ms of the clock. */
  endedAt: number = Infinity;
  /** When the client could first see the end: `Connection: close`, a Close frame, FIN or reset. */
  seenAt: number = Infinity;
  /** Its first message is a handshake. */
  greets: boolean = false;
  /** A WebSocket that is open: the connection is to end with a Close. */
  needsClose: boolean = false;
  /** Code of the server's Close; 1005 for a Close without one, null for no Close. */
  closeCode: number | null = null;
  /** Something nobody asked for ended in the middle: a message of a flow. */
  cutFlow: boolean = false;
  #answered = 0;

  /** Opens the account of a connection. */
  constructor(client: number, connectedAt: number, rude: boolean = false) {
    this.client = client;
    this.connectedAt = connectedAt;
    this.rude = rude;
  }

  /** Messages whose answers are still to come. */
  get pending(): number {
    return this.messages.length - this.#answered;
  }

  /** Messages whose answers have come, right or wrong. */
  get answered(): number {
    return this.#answered;
  }

  /** A message begins now; `whole` if it is written in one go. */
  begins(now: number, whole: boolean): Message {
    const completedAt = whole ? now : null;
    const message: Message = { begunAt: now, completedAt, answer: "none", answeredAt: null, fault: "", status: 0 };
    this.messages.push(message);
    return message;
  }

  /** The next answer has come whole; `fault` says why it is not right, empty if it is. */
  answers(fault: string, status: number = 0, now: number | null = null): void {
    const message = this.messages[this.#answered];
    if (message === undefined) return;
    this.#answered++;
    message.answer = fault === "" ? "whole" : "wrong";
    message.answeredAt = now;
    message.fault = fault;
    message.status = status;
  }

  /** The client could see now that the end is near: nothing it begins from here on counts. */
  sees(now: number): void {
    this.seenAt = Math.min(this.seenAt, now);
  }

  /** Its input is over; `partial` if part of an answer was there. */
  ends(kind: EndKind, now: number, partial: boolean): void {
    if (this.end !== "open") return;
    this.end = kind;
    this.endedAt = now;
    this.sees(now);
    const message = this.messages[this.#answered];
    if (!partial) return;
    if (message === undefined) this.cutFlow = true;
    else message.answer = "part";
  }

  /** What was lost, given when the signal was sent. */
  losses(signalAt: number): AccountLoss[] {
    const lost = this.messages.flatMap((message, i) => this.#messageLoss(message, i, signalAt) ?? []);
    if (this.cutFlow) {
      lost.push({ name: "truncated", at: this.endedAt, detail: `a message in a flow, ${this.#ending()}` });
    }
    const nothingAnswered = this.messages.every(({ answer }) => answer === "none");
    if (this.end === "reset" && nothingAnswered && !this.cutFlow && !this.needsClose) {
      const sent = `${this.messages.length} sent`;
      return [{ name: "acceptedThenReset", at: this.endedAt, detail: `reset with nothing answered, ${sent}` }];
    }
    return [...lost, ...this.#endLoss(lost)];
  }

  #messageLoss(message: Message, index: number, signalAt: number): AccountLoss | null {
    const { answer, begunAt, fault, status } = message;
    if (answer === "whole") return null;
    const name = this.#nameOf(message, index, signalAt);
    const what = answer === "wrong" ? fault : answer === "part" ? "part of the answer came" : "no answer";
    const half = message.completedAt === null ? " (only its beginning was sent)" : "";
    const detail = `message ${index + 1}${half}: ${what}, ${this.#ending()}`;
    return { name, at: begunAt, detail: name === "turnedAway" ? `turned away with status ${status}` : detail };
  }

  #nameOf(message: Message, index: number, signalAt: number): LossName {
    const { answer, begunAt, status } = message;
    if (begunAt > this.seenAt) return "afterEnd";
    if (answer === "part") return "truncated";
    // A handshake is not work that was taken on: it may cross the signal.
    const newcomer = this.greets || this.connectedAt >= signalAt;
    if (index === 0 && status === UNAVAILABLE && newcomer) return "turnedAway";
    return begunAt <= signalAt ? "unansweredBeforeSignal" : "unansweredBeforeEnd";
  }

  /** One connection has one end, so it gives one loss at the most besides those of its messages. */
  #endLoss(lost: readonly AccountLoss[]): AccountLoss[] {
    if (this.end !== "fin" && this.end !== "reset") return [];
    const at = this.endedAt;
    const names = new Set(lost.map(({ name }) => name));
    if (this.needsClose && this.closeCode === null) {
      // After part of a message no Close can follow, so that it is missing is no loss of its own.
      return names.has("truncated") ? [] : [{ name: "noClose", at, detail: this.#ending() }];
    }
    if (this.needsClose && !GOOD_CODES.includes(this.closeCode!)) {
      return [{ name: "wrongCode", at, detail: `Close with code ${this.closeCode}` }];
    }
    if (this.end === "fin" || names.size > 0) return [];
    return [{ name: "resetInsteadOfFin", at, detail: `reset after ${this.answered} answered messages` }];
  }

  #ending(): string {
    const words = {
      open: "still open at the end",
      fin: "ended with FIN",
      reset: "ended with a reset",
      ours: "given up",
    };
    const close = this.closeCode === null ? "" : ` after a Close with code ${this.closeCode}`;
    return `${words[this.end]}${close}`;
  }
}
