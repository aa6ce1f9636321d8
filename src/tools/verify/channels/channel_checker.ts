/**
 * The account of channels: takes what clients did and saw, one event after the other, and says what was lost. It touches
 * no socket and no timer.
 *
 * Each publisher numbers what it publishes to a channel from 1 on: that is a source. A subscriber must see the numbers of
 * each source in order and once, and the offsets of the channel without a hole. A declared gap excuses what had been
 * published when it was heard of, and nothing else.
 *
 * @module
 */
import { Blamed } from "./blamed.ts";
import { CallChecker } from "./call_checker.ts";
import type { ChannelLossName, ChannelVerdict } from "./channel_api.ts";
import { LetterChecker } from "./letter_checker.ts";

/** Acknowledged, by a server that does not say where. */
const SOMEWHERE = -1;

/** A message as a subscriber sees it. */
export interface CheckedMessage {
  /** Who published it. */
  readonly publisher: string;
  /** Its number among those of this publisher in this channel. */
  readonly seq: number;
  /** Its place in the channel; null: the server has none. */
  readonly offset: number | null;
}

/** What one publisher publishes to one channel. */
interface Source {
  readonly publisher: string;
  /** Highest number that was begun. */
  sent: number;
  /** By number: offset that was acknowledged, or `SOMEWHERE`. */
  readonly acknowledged: number[];
  /** By number: offset where a subscriber saw it first. */
  readonly seen: number[];
  /** Begun, and not answered yet. */
  readonly open: Set<number>;
  /** Up to here there may be two lives of the log in which a message has a place. */
  ambiguousTo: number;
}

/** A message that seems to be at two places: none if a new life is declared yet. */
interface Misplaced {
  readonly source: Source;
  readonly seq: number;
  readonly detail: string;
}

/** How far one subscriber is in one source. */
interface Follow {
  /** Highest number in this life of the log. */
  last: number;
  /** Highest number in the lives before it. */
  before: number;
  /** Up to here a gap, or the beginning, excuses what is missing. */
  excusedTo: number;
  /** Passed over without excuse. */
  readonly missing: Set<number>;
  /** Passed over with one. */
  readonly excused: (readonly [from: number, to: number])[];
}

interface Channel {
  readonly sources: Map<string, Source>;
}

/** One subscriber in one channel. */
interface Place {
  /** Offset of what came last; null: it may go on anywhere. */
  at: number | null;
  readonly follows: Map<Source, Follow>;
}

/** What a message is to a subscriber. */
type Arrival = "fresh" | "late" | "again";

/** Takes events, and gives a verdict. */
export class ChannelChecker {
  readonly #channels: Map<string, Channel> = new Map();
  readonly #subscribers: Map<string, Map<string, Place>> = new Map();
  readonly #blamed: Blamed = new Blamed();
  /** Direct messages. */
  readonly letters: LetterChecker = new LetterChecker(this.#blamed);
  /** Calls. */
  readonly calls: CallChecker = new CallChecker(this.#blamed);
  readonly #gaps: Record<string, number> = {};
  readonly #misplaced: Misplaced[] = [];
  #published = 0;
  #acknowledged = 0;
  #refused = 0;
  #delivered = 0;
  #repeated = 0;

  /** Messages acknowledged so far. */
  get acknowledgedSoFar(): number {
    return this.#acknowledged;
  }

  /** Messages handed out so far. */
  get deliveredSoFar(): number {
    return this.#delivered;
  }

  /** Gaps declared so far. */
  get gapsSoFar(): number {
    return Object.values(this.#gaps).reduce((sum, count) => sum + count, 0);
  }

  /** A publisher begins to publish its next message to a channel. @returns The message's number. */
  sending(channel: string, publisher: string): number {
    const source = this.#source(channel, publisher);
    source.open.add(++source.sent);
    this.#published++;
    return source.sent;
  }

  /** The server says that it has a message. @param offset Where; null: it does not say. */
  acknowledged(channel: string, publisher: string, seq: number, offset: number | null): void {
    const source = this.#source(channel, publisher);
    if (!source.open.delete(seq)) return;
    this.#acknowledged++;
    source.acknowledged[seq] = offset ?? SOMEWHERE;
    const seen = source.seen[seq];
    if (offset === null || seen === undefined || seen === offset) return;
    const detail = `${nameOf(channel, publisher, seq)} was acknowledged at ${offset}, and seen at ${seen}`;
    this.#misplaced.push({ source, seq, detail });
  }

  /** The server, or the client, says that it was not published: nothing is promised. */
  refused(channel: string, publisher: string, seq: number): void {
    if (this.#source(channel, publisher).open.delete(seq)) this.#refused++;
  }

  /**
   * A subscriber is there, and owed everything that is published from here on.
   *
   * @param offset Behind which it begins; null: it is not said.
   */
  subscribed(subscriber: string, channel: string, offset: number | null = null): void {
    const place = this.#place(subscriber, channel);
    this.#excuse(place, channel);
    place.at = offset;
  }

  /** A subscriber is handed a message that nobody here has published: it has its place all the same. */
  passed(subscriber: string, channel: string, offset: number): void {
    const place = this.#place(subscriber, channel);
    this.#step(subscriber, place, offset, "a message of somebody else");
    place.at = offset;
  }

  /** A subscriber is handed a message. */
  received(subscriber: string, channel: string, message: CheckedMessage): void {
    this.#delivered++;
    const place = this.#place(subscriber, channel);
    const source = this.#source(channel, message.publisher);
    const arrival = this.#arrive(followOf(place, source), message.seq);
    const name = nameOf(channel, message.publisher, message.seq);
    if (arrival === "again") this.blame("duplicated", `${name} came to ${subscriber} again`);
    else if (arrival === "late") this.blame("reordered", `${name} came to ${subscriber} behind a later one`);
    if (message.offset === null) return;
    if (arrival === "fresh") this.#step(subscriber, place, message.offset, name);
    if (arrival !== "again") this.#compare(subscriber, channel, source, message, message.offset);
    place.at = Math.max(place.at ?? 0, message.offset);
  }

  /**
   * A subscriber is told that messages are missing.
   *
   * @param offset Behind which it goes on; null: it is not said.
   */
  gap(subscriber: string, channel: string, reason: string, offset: number | null): void {
    this.#gaps[reason] = (this.#gaps[reason] ?? 0) + 1;
    const place = this.#place(subscriber, channel);
    this.#excuse(place, channel);
    place.at = offset;
    if (reason !== "epoch") return;
    this.letters.logLost();
    for (const source of this.#channel(channel).sources.values()) source.ambiguousTo = source.sent;
    for (const follow of place.follows.values()) {
      follow.before = Math.max(follow.before, follow.last);
      follow.last = 0;
    }
  }

  /** Who is there, as one client sees it when it has had time to settle. @param when After how long, in words. */
  members(watcher: string, expected: readonly string[], seen: readonly string[], when: string = ""): void {
    const words = `as ${watcher} sees it${when}`;
    const wanted = new Set(expected);
    const listed = new Set<string>();
    for (const name of seen) {
      if (listed.has(name)) this.blame("memberTwice", `${name}, ${words}`);
      else if (!wanted.has(name)) this.blame("memberZombie", `${name}, ${words}`);
      listed.add(name);
    }
    for (const name of wanted) if (!listed.has(name)) this.blame("memberMissing", `${name}, ${words}`);
  }

  /** Something else was lost. @param detail What and whose, in words. */
  blame(name: ChannelLossName, detail: string): void {
    this.#blamed.add(name, detail);
  }

  /** Whether everything that was begun is answered, and everything acknowledged has been handed out, or is excused. */
  get isSettled(): boolean {
    for (const { sources } of this.#channels.values()) {
      for (const { open } of sources.values()) if (open.size > 0) return false;
    }
    if (!this.letters.isSettled || !this.calls.isSettled) return false;
    return this.#eachOwed(() => false);
  }

  /** What was found. Call it when all is over: what has not come by then is lost. */
  verdict(): ChannelVerdict {
    const all = new Blamed(this.#blamed);
    this.#eachOwed((subscriber, channel, publisher, seq) => {
      all.add("lost", `${nameOf(channel, publisher, seq)} never came to ${subscriber}`);
      return true;
    });
    for (const { source, seq, detail } of this.#misplaced) if (seq > source.ambiguousTo) all.add("misplaced", detail);
    for (const [channel, { sources }] of this.#channels) {
      for (const { publisher, open } of sources.values()) {
        for (const seq of open) all.add("unanswered", nameOf(channel, publisher, seq));
      }
    }
    this.letters.conclude(all);
    this.calls.conclude(all);
    return {
      letters: this.letters.figures,
      calls: this.calls.figures,
      published: this.#published,
      acknowledged: this.#acknowledged,
      refused: this.#refused,
      delivered: this.#delivered,
      gaps: { ...this.#gaps },
      repeated: this.#repeated,
      losses: all.losses,
      details: all.told(),
    };
  }

  /** Tells of each message that is acknowledged and still owed to a subscriber, until `tell` says false; false then. */
  #eachOwed(tell: (subscriber: string, channel: string, publisher: string, seq: number) => boolean): boolean {
    for (const [subscriber, places] of this.#subscribers) {
      for (const [channel, place] of places) {
        for (const source of this.#channel(channel).sources.values()) {
          for (const seq of owedOf(followOf(place, source), source)) {
            if (!tell(subscriber, channel, source.publisher, seq)) return false;
          }
        }
      }
    }
    return true;
  }

  #arrive(follow: Follow, seq: number): Arrival {
    const wasMissing = follow.missing.delete(seq);
    if (seq <= follow.last) {
      return wasMissing || follow.excused.some(([from, to]) => from <= seq && seq <= to) ? "late" : "again";
    }
    if (seq <= follow.before) this.#repeated++;
    const excusedTo = Math.min(follow.excusedTo, seq - 1);
    if (excusedTo > follow.last) follow.excused.push([follow.last + 1, excusedTo]);
    for (let each = Math.max(follow.last, excusedTo) + 1; each < seq; each++) follow.missing.add(each);
    follow.last = seq;
    return "fresh";
  }

  /** The next place must follow the last one. */
  #step(subscriber: string, { at }: Place, offset: number, name: string): void {
    if (at === null || offset === at + 1) return;
    const how = offset > at ? `${offset - at - 1} before` : `the channel went back from ${at} to ${offset} with`;
    this.blame("undeclaredGap", `${how} ${name}, as ${subscriber} sees it`);
  }

  /** All subscribers must see a message at one place, and there it must have been acknowledged. */
  #compare(subscriber: string, channel: string, source: Source, { seq }: CheckedMessage, offset: number): void {
    const known = source.acknowledged[seq] > 0 ? source.acknowledged[seq] : source.seen[seq];
    source.seen[seq] ??= offset;
    if (known === undefined || known === offset) return;
    const detail = `${nameOf(channel, source.publisher, seq)} came to ${subscriber} at ${offset}, and is at ${known}`;
    this.#misplaced.push({ source, seq, detail });
  }

  #excuse(place: Place, channel: string): void {
    for (const source of this.#channel(channel).sources.values()) followOf(place, source).excusedTo = source.sent;
  }

  #channel(name: string): Channel {
    let channel = this.#channels.get(name);
    if (channel === undefined) this.#channels.set(name, channel = { sources: new Map() });
    return channel;
  }

  #source(channel: string, publisher: string): Source {
    const { sources } = this.#channel(channel);
    let source = sources.get(publisher);
    if (source === undefined) {
      source = { publisher, sent: 0, acknowledged: [], seen: [], open: new Set(), ambiguousTo: 0 };
      sources.set(publisher, source);
    }
    return source;
  }

  #place(subscriber: string, channel: string): Place {
    let places = this.#subscribers.get(subscriber);
    if (places === undefined) this.#subscribers.set(subscriber, places = new Map());
    let place = places.get(channel);
    if (place === undefined) places.set(channel, place = { at: null, follows: new Map() });
    return place;
  }
}

function followOf({ follows }: Place, source: Source): Follow {
  let follow = follows.get(source);
  if (follow === undefined) {
    follows.set(source, follow = { last: 0, before: 0, excusedTo: 0, missing: new Set(), excused: [] });
  }
  return follow;
}

/** What was acknowledged, has not come and is not excused. */
function* owedOf(follow: Follow, { acknowledged, sent }: Source): Generator<number> {
  for (const seq of follow.missing) if (acknowledged[seq] !== undefined) yield seq;
  for (let seq = Math.max(follow.last, follow.excusedTo) + 1; seq <= sent; seq++) {
    if (acknowledged[seq] !== undefined) yield seq;
  }
}

function nameOf(channel: string, publisher: string, seq: number): string {
  return `message ${seq} of ${publisher} in ${channel}`;
}
