/**
 * Who speaks to the server's own handlers: those whose messages are published by them, and callers.
 *
 * @module
 */
import { Regular } from "./actor.ts";
import type { SpokenCall } from "./speaker.ts";

/** What servers of a proof answer to, by `onCall`. */
export const METHODS = { who: "who", echo: "echo", send: "send", dead: "dead" } as const;

/** One message makes the handler publish so many at the most. */
const MOST_PUBLISHED = 3;

/** A patient caller waits longer than servers take to come back. Times in ms. */
const PATIENCE = 60_000;
const TIMEOUT = 10_000;
/** A call ends so long behind its deadline at the most, on a machine that has time. */
const SLACK = 3000;
/** How long a handler takes for an answer, and how long callers wait that don't wait for long: drains wait for it, too. */
const HANDLING = 50;
const LONG_HANDLING = 200;
const HURRY: readonly [least: number, most: number] = [20, 150];

/** Says messages for the handler, which publishes what they carry: it must be in the log once, and in order. */
export class Sayer extends Regular {
  protected override async act(): Promise<void> {
    const { checker, channels, random, run } = this.world;
    const messages = Array.from({ length: 1 + Math.floor(random() * MOST_PUBLISHED) }, () => {
      const channel = channels[Math.floor(random() * channels.length)];
      return { channel, seq: checker.sending(channel, this.name) };
    });
    const publish = messages.map(({ channel, seq }) => [channel, { run, from: this.name, seq }]);
    try {
      await this.speaker.send({ publish });
      // Where they are, its client is not told.
      for (const { channel, seq } of messages) checker.acknowledged(channel, this.name, seq, null);
    } catch (error) {
      if (!this.isOver) { for (const { channel, seq } of messages) checker.refused(channel, this.name, seq); }
      throw error;
    }
  }
}

/** How one call is made. */
interface Wish extends SpokenCall {
  /** How long the handler takes, in ms. */
  readonly wait: number;
  /** It has to be answered. */
  readonly isPatient: boolean;
  /** It may fail, since its caller does not wait for long. */
  readonly isGivenUp: boolean;
}

/** Calls: patiently, with a deadline that is too short, and some that it cancels. */
export class Caller extends Regular {
  #isFirst = true;

  protected override async act(): Promise<void> {
    const { checker: { calls }, clock, run, stretch } = this.world;
    const { wait, isPatient, isGivenUp, ...options } = this.#wish();
    const number = calls.calling(this.name, { isPatient }, clock.now() + options.timeout + SLACK * stretch);
    if (isGivenUp) calls.gaveUp(this.name, number);
    const data = { run, from: this.name, number, wait };
    try {
      const answer = await this.speaker.call(METHODS.echo, data, options);
      calls.answered(this.name, number, isSame(answer, data), clock.now());
    } catch (error) {
      if (!this.isOver) calls.failed(this.name, number, reasonOf(error), clock.now());
      throw error;
    }
  }

  #wish(): Wish {
    const { random, stretch } = this.world;
    const roll = this.#isFirst ? 0 : random();
    this.#isFirst = false;
    const soon = { wait: Math.floor(HANDLING * random()), isPatient: false, isGivenUp: false };
    if (roll < 0.5) return { ...soon, isPatient: true, idempotent: true, timeout: PATIENCE * stretch };
    if (roll < 0.75) return { ...soon, timeout: TIMEOUT * stretch };
    const late = { wait: Math.floor(LONG_HANDLING * random()), isPatient: false, isGivenUp: true };
    if (roll < 0.9) return { ...late, timeout: Math.floor(this.between(HURRY)) };
    return { ...late, timeout: TIMEOUT * stretch, signal: this.#cancelSoon() };
  }

  #cancelSoon(): AbortSignal {
    const controller = new AbortController();
    this.after(this.between(HURRY), () => controller.abort(new Error("Not wanted any more")));
    return controller.signal;
  }
}

/** Why something was refused, in the words of the wire; `canceled` for whatever else it is. */
export function reasonOf(error: unknown): string {
  const { reason } = (error ?? {}) as { readonly reason?: unknown };
  return typeof reason === "string" ? reason : "canceled";
}

function isSame(answer: unknown, data: { readonly run: string; readonly from: string; readonly number: number }) {
  const { run, from, number } = (answer ?? {}) as Partial<typeof data>;
  return run === data.run && from === data.from && number === data.number;
}
