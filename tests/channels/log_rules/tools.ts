/**
 * What the rules of logs write, and how they wait.
 *
 * @module
 */
import { assert } from "@std/assert";
import type {
  AppendOptions,
  ChannelLog,
  Entry,
  NewEntry,
  Notice,
  Page,
  Retention,
} from "../../../src/channels/log/log_api.ts";
import { within } from "../../support/processes.ts";

/** Keeps all that a test writes. */
export const ALL: Retention = { size: 100_000, bytes: 1 << 28, age: 3_600_000 };

/** As much as there is. */
export const WHOLE = { count: 100_000, bytes: 1 << 28 };

/** How long to wait for what comes by itself, in ms. */
const PATIENCE = 20_000;

/** A message. */
export function message(data: string | Uint8Array, headers: Record<string, string> | null = null): NewEntry {
  return { kind: "message", data, headers };
}

/** Options of an append that keeps all, or what is said. */
export function keeping(keep: Partial<Retention> = {}, id?: string, dedupeAge: number = 600_000): AppendOptions {
  return { keep: { ...ALL, ...keep }, ...(id === undefined ? {} : { id }), dedupeAge };
}

/** Appends each text, one after the other. */
export async function say(log: ChannelLog, stream: string, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await log.append(stream, message(text), keeping());
}

/** Everything that is kept behind `after`. */
export function all(log: ChannelLog, stream: string, after = 0): Promise<Page> {
  return log.read(stream, after, WHOLE);
}

/** Offsets of entries. */
export function offsets(entries: readonly Entry[]): number[] {
  return entries.map(({ offset }) => offset);
}

/** Data of entries that are text. */
export function texts(entries: readonly Entry[]): string[] {
  return entries.map(({ data }) => typeof data === "string" ? data : `${data.length} bytes`);
}

/** The numbers from 1 to `last`, or from `first`. */
export function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** What a follower has heard. */
export class Heard {
  readonly notices: Notice[] = [];
  #waiting: (() => void)[] = [];

  /** Given to `follow()`. */
  readonly hear = (notice: Notice): void => {
    this.notices.push(notice);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  };

  /** Offsets that were told. */
  get tops(): number[] {
    return this.notices.map(({ top }) => top);
  }

  /** Waits until a notice has told of `top`. */
  async reach(top: number): Promise<void> {
    while (!this.notices.some((notice) => notice.top >= top)) {
      const next = new Promise<void>((resolve) => this.#waiting.push(resolve));
      await within(next, PATIENCE, () => `a notice of ${top}, heard ${this.tops}`);
    }
  }

  /** Notices come in order, each tells of something new, and an entry that is given is the one at the top. */
  check(): void {
    let last = 0;
    for (const { top, entry } of this.notices) {
      assert(top > last, `told of ${top} behind ${last}`);
      assert(entry === null || entry.offset === top, `the entry ${entry?.offset} at ${top}`);
      last = top;
    }
  }
}
