/**
 * What a session's client says to the application: messages one after the other, calls side by side.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { AcceptOptions, ChannelData, ChannelHeaders } from "../channels_api.ts";
import { ChannelError } from "../channels_errors.ts";
import { isChannel, noChannel } from "../channel_name.ts";
import type { ChannelCode } from "../wire/frames.ts";
import type { ChannelCounts } from "./counts.ts";
import { answerOf } from "./given.ts";
import { HandlingContext, type Publisher } from "./message_context.ts";
import { Numbers } from "./numbers.ts";
import { handleObserved, type MessageObservers } from "./observed.ts";
import type { Session } from "./session.ts";

/** What it needs. */
export interface InboundWorld extends Publisher {
  readonly clock: Clock;
  readonly maxMessageBytes: number;
  readonly counts: ChannelCounts;
  readonly observers: MessageObservers;
  /** A handler failed in a way that its caller is not told. */
  failed(what: string, error: unknown): void;
}

/** One message. */
export interface Said {
  readonly seq: number;
  /** Null for `onMessage`. */
  readonly channel: unknown;
  readonly data: ChannelData;
  readonly headers: ChannelHeaders;
}

/** A call. */
export interface Asked {
  readonly seq: number;
  readonly method: string;
  /** How long its client waits, in ms; 0 for ever. */
  readonly timeout: number;
  readonly data: ChannelData;
  readonly headers: ChannelHeaders;
}

/** By what a message has come. */
export interface Carrier {
  /** A drain waits for what is under way there, and for nothing else any more. */
  readonly isDue: boolean;
}

/** Who always has a message or a call under way would hold its connection until it is cut: what is new is said elsewhere. */
const LEAVES = "This instance is about to leave: say it again";

/** Refused messages that are remembered, and those that have to be said again: more than a client of ours has under way. */
const MAX_REFUSED = 1024;

/** So often whether a message may be published is asked where asking fails: clients wait between, for longer each time. */
const MAX_ASKED = 10;

/** Whether an error is what was to be said, or a fault of the handler's. */
function fateOf(error: unknown): "refused" | "failed" {
  return error instanceof ChannelError ? "refused" : "failed";
}

/** What one session says, by whichever connection. */
export class Inbound {
  readonly #world: InboundWorld;
  readonly #session: Session;
  readonly #queue: { readonly said: Said; readonly options: AcceptOptions; readonly by: Carrier }[] = [];
  readonly #calls: Map<number, HandlingContext> = new Map();
  #pumping: Promise<void> | null = null;
  #room: (() => void)[] = [];
  /**
   * Those that were dealt with here. Each by itself: of one that was never handled nothing is known by those behind it,
   * and it would be acknowledged and lost.
   */
  readonly #done = new Numbers();
  /** Those of `onMessage` that were refused of late, by number: their clients may not know, and then say them again. */
  readonly #refused: Map<number, readonly [code: ChannelCode, message: string]> = new Map();
  /**
   * Those of this connection that could not be dealt with for now, and those behind them: until each is said again, what
   * is behind it waits, or would overtake it. Its client may not know yet that they were refused.
   */
  readonly #owed: Set<number> = new Set();
  /** The last one of which it could not be told whether it may be published, and how often it could not. */
  #asked: { readonly seq: number; readonly times: number } = { seq: 0, times: 0 };
  /** Counts its connections here: what was said by another is said again. */
  #arrivals = 0;

  constructor(world: InboundWorld, session: Session) {
    this.#world = world;
    this.#session = session;
  }

  /** Messages that wait or are handled, and calls. */
  get pending(): number {
    return this.#queue.length + (this.#pumping === null ? 0 : 1) + this.#calls.size;
  }

  /** Fulfils when one of them is done. */
  room(): Promise<void> {
    return new Promise((resolve) => this.#room.push(resolve));
  }

  /** Takes a message; fulfils when all that have come are handled. */
  say(said: Said, options: AcceptOptions, by: Carrier): Promise<void> {
    this.#queue.push({ said, options, by });
    return this.#pumping ??= this.#pump();
  }

  /** Takes a call; fulfils when it is answered. One that runs already is answered once. */
  async ask(asked: Asked, options: AcceptOptions, { isDue }: Carrier): Promise<void> {
    const { seq } = asked;
    if (this.#calls.has(seq)) return;
    if (isDue) return this.#say(["failed", seq, "draining", LEAVES]);
    const ctx = new HandlingContext(this.#world, this.#session.ctx, `q:${this.#session.id}:${seq}`);
    this.#calls.set(seq, ctx);
    const { timeout } = asked;
    const cancelTimer = timeout === 0 ? () => {} : this.#world.clock.setTimer(
      () => ctx.cancel(new ChannelError("timeout", `The caller waited ${timeout} ms`)),
      timeout,
    );
    try {
      await this.#answer(asked, options, ctx);
    } finally {
      cancelTimer();
      this.#calls.delete(seq);
      ctx.cancel();
      this.#makeRoom();
    }
  }

  /** The session has another connection: what has no answer yet is said again there, from its beginning. */
  arrived(): void {
    this.#arrivals++;
    this.#owed.clear();
    this.#queue.length = 0;
  }

  /** Nobody waits for a call any more. */
  cancel(seq: unknown): void {
    this.#calls.get(seq as number)?.cancel(new ChannelError("canceled", "The caller does not wait any more"));
  }

  async #answer({ seq, method, data, headers }: Asked, options: AcceptOptions, ctx: HandlingContext): Promise<void> {
    const session = this.#session;
    try {
      const { onCall } = options;
      if (onCall === undefined) throw new ChannelError("no-handler", "Nobody answers calls here");
      const call = { method, data, headers, session };
      const { observers } = this.#world;
      const answer = await handleObserved(observers, call, "call", () => raced(onCall(call, ctx), ctx));
      this.#say(["answer", seq, null, answerOf(answer)]);
      this.#world.counts.calls.answered++;
    } catch (error) {
      this.#world.counts.calls[fateOf(error)]++;
      this.#say(["failed", seq, ...this.#wordsOf(error, `A call of ${JSON.stringify(method)} failed`)]);
    }
  }

  async #pump(): Promise<void> {
    const failures: unknown[] = [];
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      try {
        // Where the session is now they are said again; and one that is revoked says nothing.
        if (!this.#session.isOver) await this.#handle(next.said, next.options, next.by);
      } catch (error) {
        // A logger that throws must not stop those behind it.
        failures.push(error);
      }
      this.#makeRoom();
    }
    this.#pumping = null;
    if (failures.length > 0) throw failures[0];
  }

  async #handle(said: Said, options: AcceptOptions, { isDue }: Carrier): Promise<void> {
    const { seq, channel } = said;
    const arrivals = this.#arrivals;
    if (isDue) return this.#say(["no", seq, "draining", LEAVES]);
    if (this.#isBehind(seq)) return this.#owe(seq, "One before it has to be said again first");
    try {
      if (channel !== null) {
        const { offset, duplicate } = await this.#publish(said, options);
        this.#say(["ok", seq, offset, duplicate]);
      } else {
        const refused = this.#refused.get(seq);
        if (refused !== undefined) {
          this.#owed.delete(seq);
          return this.#say(["no", seq, ...refused]);
        }
        if (!this.#done.has(seq)) await this.#hand(said, options);
        this.#say(["ok", seq]);
      }
      this.#done.add(seq);
      this.#world.counts.received.handled++;
    } catch (error) {
      this.#world.counts.received[fateOf(error)]++;
      const [code, message] = this.#wordsOf(error, "A client's message failed");
      if (code === "unavailable") return this.#unavailable(seq, message, arrivals);
      this.#say(["no", seq, code, message]);
      if (channel === null) this.#refuse(seq, code, message);
    }
    this.#owed.delete(seq);
  }

  /** By another connection than the last one it decides about nothing: there it is said again, and answered. */
  #unavailable(seq: number, message: string, arrivals: number): void {
    if (arrivals !== this.#arrivals) return;
    // One that was dealt with before, and told, its client may not say again.
    if (this.#done.has(seq)) return this.#say(["no", seq, "unavailable", message]);
    this.#owe(seq, message);
  }

  #isBehind(seq: number): boolean {
    for (const owed of this.#owed) if (owed < seq) return !this.#done.has(seq);
    return false;
  }

  #owe(seq: number, message: string): void {
    // Whoever has more under way than that is refused all the same: of so many the order is not kept.
    if (this.#owed.size < MAX_REFUSED) this.#owed.add(seq);
    this.#say(["no", seq, "unavailable", message]);
  }

  #refuse(seq: number, code: ChannelCode, message: string): void {
    this.#refused.set(seq, [code, message]);
    if (this.#refused.size <= MAX_REFUSED) return;
    const [oldest] = this.#refused.keys();
    this.#refused.delete(oldest);
  }

  async #publish({ seq, channel, data, headers }: Said, { authorize }: AcceptOptions) {
    const session = this.#session;
    if (!isChannel(channel)) throw new ChannelError("bad-channel", noChannel(channel));
    let may: boolean | Promise<boolean>;
    try {
      may = authorize?.({ action: "publish", channel, session }) ?? false;
      if (may !== true) may = await may;
    } catch (error) {
      throw this.#unasked(seq, error);
    }
    if (may !== true) {
      throw new ChannelError("forbidden", `Publishing to ${JSON.stringify(channel)} is not allowed`);
    }
    return await this.#world.publishAs(`m:${session.id}:${seq}`, channel, data, { headers });
  }

  /** Nobody knows whether it may: that is no refusal, for a while. One at a time: those behind it wait for it. */
  #unasked(seq: number, error: unknown): ChannelError {
    if (error instanceof ChannelError) return error;
    this.#world.failed("Asking whether a client may publish failed", error);
    this.#asked = this.#asked.seq === seq ? { seq, times: this.#asked.times + 1 } : { seq, times: 1 };
    return this.#asked.times < MAX_ASKED
      ? new ChannelError("unavailable", "Whether it may be published can't be told now: say it again")
      : new ChannelError("handler-failed", `Whether it may be published could not be told ${MAX_ASKED} times`);
  }

  async #hand({ seq, data, headers }: Said, { onMessage }: AcceptOptions): Promise<void> {
    if (onMessage === undefined) throw new ChannelError("no-handler", "Nobody takes messages here");
    const session = this.#session;
    const ctx = new HandlingContext(this.#world, session.ctx, `m:${session.id}:${seq}`);
    try {
      const message = { data, headers, session, seq };
      await handleObserved(this.#world.observers, message, "message", () => onMessage(message, ctx));
    } finally {
      ctx.cancel();
    }
  }

  #makeRoom(): void {
    const waiting = this.#room;
    this.#room = [];
    for (const resolve of waiting) resolve();
  }

  #say(frame: readonly unknown[]): void {
    this.#session.link?.say(frame);
  }

  /** What the client is told: the words of an error of channels, and of no other. */
  #wordsOf(error: unknown, what: string): [code: ChannelCode, message: string] {
    if (error instanceof ChannelError) return [error.reason, error.message];
    this.#world.failed(what, error);
    return ["handler-failed", "The handler failed"];
  }
}

/** What a handler gives, or why nobody waits for it any more. */
function raced<T>(given: T | Promise<T>, ctx: HandlingContext): Promise<T> {
  return new Promise((resolve, reject) => {
    if (ctx.err() !== null) reject(ctx.cause());
    const ended = (): void => reject(ctx.cause());
    ctx.signal.addEventListener("abort", ended, { once: true });
    Promise.resolve(given).then(resolve, reject).finally(() => ctx.signal.removeEventListener("abort", ended));
  });
}
