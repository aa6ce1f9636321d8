/**
 * A channel as the server's own code reads it.
 *
 * @module
 */
import { nameOf } from "../../bytes.ts";
import { OptionError } from "../../errors.ts";
import { checkNames, type Names } from "../../names.ts";
import { callable } from "../../validate.ts";
import type { ChannelGap, ChannelMessage, ChannelReader, Published, ReadOptions } from "../channels_api.ts";
import { ChannelError } from "../channels_errors.ts";
import type { ChannelLog, Entry, Notice, Page } from "../log/log_api.ts";
import { ONE, unavailable } from "./asking.ts";
import { NO_HEADERS } from "./headers.ts";
import type { Follower, Notices } from "./notices.ts";

const NAMES: Names<ReadOptions> = { since: true, onGap: true, signal: true };
const PAGE = { count: 64, bytes: 256 * 1024 };

/** An offset says nothing without its epoch. */
function isPlace(since: Partial<Published> | null): boolean {
  return Number.isSafeInteger(since?.offset) && typeof since?.epoch === "string";
}

/** Each message once, in order; take them with `for await`. */
export class LogReader implements ChannelReader, Follower {
  readonly stream: string;
  readonly #log: ChannelLog;
  readonly #notices: Notices;
  readonly #options: ReadOptions;
  readonly #opened: Promise<void>;
  #epoch = "";
  #offset = 0;
  #entries: readonly Entry[] = [];
  #at = 0;
  #unfollow: () => void = () => {};
  #wake: () => void = () => {};
  /** What was asked for last; it does not reject. */
  #last: Promise<unknown> = Promise.resolve();
  #isEnded = false;
  readonly #aborted = (): void => this.#end();

  /** @throws {OptionError} An option can't be used. */
  constructor(log: ChannelLog, notices: Notices, channel: string, options: ReadOptions) {
    checkNames("subscribe()", options, NAMES);
    callable("onGap", options.onGap);
    const { since } = options;
    if (since !== undefined && since !== "oldest" && !isPlace(since)) {
      const got = typeof since === "string" ? JSON.stringify(since) : nameOf(since);
      throw new OptionError("since", `since must be "oldest", or what publish() gave: { epoch, offset }, got ${got}`);
    }
    this.stream = channel;
    this.#log = log;
    this.#notices = notices;
    this.#options = options;
    this.#opened = unavailable(this.#open());
    this.#opened.catch(() => {});
    if (options.signal?.aborted === true) this.#end();
    else options.signal?.addEventListener("abort", this.#aborted, { once: true });
  }

  /** Fulfils when its place is known: what is published from then on is read. */
  get opened(): Promise<void> {
    return this.#opened;
  }

  heard({ epoch, top }: Notice): void {
    if (epoch !== this.#epoch || top > this.#offset) this.#wake();
  }

  /**
   * The next message.
   *
   * @throws {ChannelError} Messages are missing and there is no `onGap`, or the log failed.
   */
  next(): Promise<IteratorResult<ChannelMessage>> {
    // One at a time: two would read the same, and wait for one notice.
    const next = this.#last.then(() => this.#next());
    this.#last = next.catch(() => {});
    return next;
  }

  async #next(): Promise<IteratorResult<ChannelMessage>> {
    await this.#opened;
    while (!this.#isEnded) {
      if (this.#at < this.#entries.length) {
        const entry = this.#entries[this.#at++];
        this.#offset = entry.offset;
        if (entry.kind === "message") return { done: false, value: this.#messageOf(entry) };
        continue;
      }
      const woken = new Promise<void>((resolve) => this.#wake = resolve);
      const page = await unavailable(this.#log.read(this.stream, this.#offset, PAGE));
      if (!this.#take(page) && !this.#isEnded) await woken;
    }
    return { done: true, value: undefined };
  }

  /** Takes no more. */
  return(): Promise<IteratorResult<ChannelMessage>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #open(): Promise<void> {
    this.#unfollow = await this.#log.follow(this.stream, (notice) => this.heard(notice));
    if (this.#isEnded) return this.#unfollow();
    this.#notices.add(this);
    const { since } = this.#options;
    const [{ epoch, top }] = await this.#log.tops([this.stream]);
    this.#epoch = epoch;
    this.#offset = top;
    if (since === "oldest") this.#offset = (await this.#log.read(this.stream, 0, ONE)).first - 1;
    else if (since !== undefined) [this.#epoch, this.#offset] = [since.epoch, since.offset];
  }

  /** Takes what was read; false if there is nothing new. */
  #take(page: Page): boolean {
    const { epoch, first, top, entries, trimmedBy } = page;
    if (epoch !== this.#epoch || this.#offset > top) {
      this.#epoch = epoch;
      this.#offset = 0;
      this.#gap("epoch");
      return true;
    }
    if (first > this.#offset + 1) {
      this.#offset = first - 1;
      this.#gap(trimmedBy ?? "trimmed");
      return true;
    }
    this.#entries = entries;
    this.#at = 0;
    return entries.length > 0;
  }

  #gap(reason: ChannelGap["reason"]): void {
    const gap = { channel: this.stream, reason, epoch: this.#epoch, offset: this.#offset };
    if (this.#options.onGap === undefined) {
      this.#end();
      throw new ChannelError(
        "unavailable",
        `Messages of ${this.stream} are missing (${reason}), give an onGap to go on`,
      );
    }
    this.#options.onGap(gap);
  }

  #messageOf({ offset, data, headers, time }: Entry): ChannelMessage {
    return {
      channel: this.stream,
      epoch: this.#epoch,
      offset,
      // The log's own is not the application's to change.
      data: typeof data === "string" ? JSON.parse(data) : data.slice(),
      headers: headers ?? NO_HEADERS,
      time,
    };
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#options.signal?.removeEventListener("abort", this.#aborted);
    this.#notices.remove(this);
    this.#unfollow();
    this.#wake();
  }
}
