/**
 * One request and its answer, on one connection.
 *
 * @module
 */
import { afterFunc, DeadlineExceeded } from "../../context/mod.ts";
import type { ResponseHead } from "../../http/client/response_head.ts";
import type { Conn } from "../../server/conn/conn.ts";
import { endOf } from "../../sync.ts";
import { UpstreamError, type UpstreamFailure } from "../upstream_errors.ts";
import { type AnswerOwner, UpstreamAnswer } from "./answer.ts";
import { type CallEvent, type CallState, TRANSITIONS } from "./call_states.ts";
import type { Outgoing } from "./outgoing.ts";

/** The connection that a call has. */
export interface CallHost {
  readonly address: string;
  /** Stops and restarts what comes. */
  press(isFull: boolean): void;
  /** The call has failed: the connection is of no more use. */
  drop(reason: unknown): void;
  /** The upstream has seen enough of the head to want the body. */
  continued(): void;
}

/** How a call ended. */
export interface CallEnd {
  /** The connection can take another. */
  readonly isReusable: boolean;
  /** The upstream is to blame: it counts against the address. */
  readonly isFault: boolean;
  /** Why there is no whole answer; undefined if there is one. */
  readonly reason: unknown;
}

/** Hostile upstreams send interim answers without end: so many are taken of one call. */
const MAX_INFORMED = 64;

/** What it takes to hear an answer. */
export class Call implements AnswerOwner {
  readonly request: Outgoing;
  /** The answer, once its head is here; rejects with why there is none. */
  readonly answered: Promise<UpstreamAnswer>;
  /** All of the request is written. */
  isSent = false;
  /** It failed before a single byte came. */
  gotNothing = false;
  /** Why it failed. */
  failure: unknown = undefined;
  #state: CallState = "waiting";
  readonly #host: CallHost;
  readonly #onEnd: (end: CallEnd) => void;
  #answer: UpstreamAnswer | null = null;
  #informed = 0;
  #resolve!: (answer: UpstreamAnswer) => void;
  #reject!: (reason: unknown) => void;
  #stopWatch: (() => boolean) | null = null;

  /** @param onEnd Called once, when the connection is free of it, or lost. */
  constructor(request: Outgoing, host: CallHost, onEnd: (end: CallEnd) => void) {
    this.request = request;
    this.#host = host;
    this.#onEnd = onEnd;
    this.answered = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { context } = request;
    if (context !== undefined) this.#stopWatch = afterFunc(context, () => this.#expire());
  }

  get state(): CallState {
    return this.#state;
  }

  /** It needs nothing more of its connection. */
  get isOver(): boolean {
    return this.#state !== "waiting" && this.#state !== "begun" && this.#state !== "body";
  }

  /** Something of the answer has come; it is the first time. */
  begun(): void {
    this.#enter("bytes");
  }

  /** An interim answer. @throws {UpstreamError} There are too many. */
  informed(head: ResponseHead): void {
    if (++this.#informed > MAX_INFORMED) throw this.error("protocol", `gave more than ${MAX_INFORMED} interim answers`);
    if (head.status === 100) this.#host.continued();
    this.request.inform?.(head);
  }

  /** The final head. */
  head(head: ResponseHead): void {
    this.#enter("head");
    this.#answer = new UpstreamAnswer(this, this.#host.address, head);
    this.#resolve(this.#answer);
  }

  part(part: Uint8Array): void {
    this.#answer!.push(part);
  }

  /** The end of the answer. */
  end(trailers: [string, string][] | null, isReusable: boolean): void {
    this.#enter("end");
    this.#stopWatch?.();
    this.#onEnd({ isReusable, isFault: false, reason: undefined });
    this.#answer!.complete(trailers);
  }

  /** The upstream has switched to what was asked for. */
  switched(head: ResponseHead, conn: Conn): void {
    this.#enter("switch");
    this.#stopWatch?.();
    this.#resolve(new UpstreamAnswer(this, this.#host.address, head, conn));
    this.#onEnd({ isReusable: false, isFault: false, reason: undefined });
  }

  /** It can't go on. @param isFault The upstream is to blame. */
  fail(reason: unknown, isFault: boolean): void {
    if (this.isOver) return;
    this.gotNothing = this.#state === "waiting";
    this.failure = reason;
    this.#enter("fail");
    this.#stopWatch?.();
    // Before there is an answer whoever sent it may send it once more.
    if (this.#answer !== null && !this.isSent) this.request.body?.cancel(reason);
    this.#host.drop(reason);
    this.#onEnd({ isReusable: false, isFault, reason });
    if (this.#answer === null) this.#reject(reason);
    else this.#answer.fail(reason);
  }

  /** An error that says what this address did. */
  error(failure: UpstreamFailure, what: string, cause?: unknown): UpstreamError {
    return new UpstreamError(failure, this.#host.address, `${this.#host.address} ${what}`, { cause });
  }

  press(isFull: boolean): void {
    if (!this.isOver) this.#host.press(isFull);
  }

  cancel(reason: unknown): void {
    this.fail(reason ?? this.error("truncated", "was not heard to the end: its answer was cancelled"), false);
  }

  #expire(): void {
    const cause = endOf(this.request.context)?.reason;
    // Who lets a caller's time run out is to blame; that a caller has gone is not its fault.
    this.fail(cause, cause instanceof DeadlineExceeded && this.#answer === null);
  }

  #enter(event: CallEvent): void {
    this.#state = TRANSITIONS[event][this.#state];
  }
}
