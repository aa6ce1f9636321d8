/**
 * Appends on their way: those of one stream one call after the other, so that their order is that of the calls, whatever
 * a client sends again or elsewhere. What comes meanwhile goes together with the next call.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { Appended, AppendOptions, NewEntry } from "../log/log_api.ts";
import { ChannelLogError } from "../log/log_errors.ts";
import { appendFailed, bounded, closed, unknown } from "./redis_errors.ts";
import { type EntryText, entryText } from "./redis_text.ts";

/** One call of the script takes so many entries, and about so much of their data: nobody else is served meanwhile. */
const BATCH = 64;
const BATCH_LENGTH = 262_144;

/** One append that waits. */
export interface Append {
  readonly entry: EntryText;
  readonly options: AppendOptions;
}

interface Waiting extends Append {
  isSent: boolean;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: ChannelLogError) => void;
}

/** Sends appends of one stream, all with the same retention; gives where each stands. */
export type SendBatch = (stream: string, appends: readonly Append[]) => Promise<readonly Appended[]>;

/** Appends of all streams. */
export class Appends {
  readonly #send: SendBatch;
  readonly #timeout: number;
  readonly #lanes = new Map<string, Lane>();
  #isClosed = false;

  constructor(send: SendBatch, timeout: number) {
    this.#send = send;
    this.#timeout = timeout;
  }

  append(stream: string, entry: NewEntry, options: AppendOptions): Promise<Appended> {
    if (this.#isClosed) return Promise.reject(closed());
    let lane = this.#lanes.get(stream);
    if (lane === undefined) {
      lane = new Lane(stream, this.#send, this.#timeout, () => this.#lanes.delete(stream));
      this.#lanes.set(stream, lane);
    }
    return lane.append(entry, options);
  }

  /** Rejects what was not sent, and fulfils when the rest is settled. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }
}

class Lane {
  readonly #stream: string;
  readonly #send: SendBatch;
  readonly #timeout: number;
  readonly #emptied: () => void;
  readonly #waiting = new Set<Waiting>();
  #isSending = false;
  #idle: (() => void) | null = null;

  constructor(stream: string, send: SendBatch, timeout: number, emptied: () => void) {
    this.#stream = stream;
    this.#send = send;
    this.#timeout = timeout;
    this.#emptied = emptied;
  }

  append(entry: NewEntry, options: AppendOptions): Promise<Appended> {
    const text = entryText(entry);
    return new Promise((resolve, reject) => {
      const cancel = systemClock.setTimer(() => this.#late(waiting), this.#timeout);
      const waiting: Waiting = {
        entry: text,
        options,
        isSent: false,
        resolve: (appended) => (cancel(), resolve(appended)),
        reject: (error) => (cancel(), reject(error)),
      };
      this.#waiting.add(waiting);
      if (this.#isSending) return;
      this.#isSending = true;
      // The appends of one turn go together.
      queueMicrotask(() => this.#next());
    });
  }

  async close(): Promise<void> {
    for (const waiting of this.#waiting) waiting.reject(closed());
    this.#waiting.clear();
    if (this.#isSending) await new Promise<void>((resolve) => this.#idle = resolve);
  }

  async #next(): Promise<void> {
    const batch = this.#take();
    if (batch.length > 0) await this.#deliver(batch);
    if (this.#waiting.size > 0) return void this.#next();
    this.#isSending = false;
    this.#emptied();
    this.#idle?.();
  }

  /** What goes together: entries after which the same is kept. */
  #take(): Waiting[] {
    const batch: Waiting[] = [];
    let length = 0;
    for (const waiting of this.#waiting) {
      if (batch.length === BATCH || length > BATCH_LENGTH || !keepsAlike(batch[0] ?? waiting, waiting)) break;
      waiting.isSent = true;
      batch.push(waiting);
      length += waiting.entry.data.length;
      this.#waiting.delete(waiting);
    }
    return batch;
  }

  async #deliver(batch: readonly Waiting[]): Promise<void> {
    try {
      const late = () => unknown(this.#stream, this.#silence());
      const places = await bounded(this.#send(this.#stream, batch), this.#timeout, late);
      for (const [index, waiting] of batch.entries()) waiting.resolve(places[index]);
    } catch (error) {
      const told = appendFailed(this.#stream, error);
      for (const waiting of batch) waiting.reject(told);
      // Who has waited as long by now is not sent any more.
      await new Promise<void>((resolve) => systemClock.soon(resolve));
    }
  }

  #late(waiting: Waiting): void {
    if (waiting.isSent) return waiting.reject(unknown(this.#stream, this.#silence()));
    this.#waiting.delete(waiting);
    const message = `Nothing was appended to ${JSON.stringify(this.#stream)}: ${this.#silence()}`;
    waiting.reject(new ChannelLogError("ERR_LOG_FAILED", message));
  }

  #silence(): string {
    return `Redis has not answered within ${this.#timeout} ms`;
  }
}

function keepsAlike({ options: { keep: a } }: Append, { options: { keep: b } }: Append): boolean {
  return a === b || a.size === b.size && a.bytes === b.bytes && a.age === b.age;
}
