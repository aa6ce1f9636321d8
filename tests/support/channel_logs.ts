/** A model of a log of channels, its publishers, subscribers and members, that does right or has one flaw. */
import {
  ChannelChecker,
  type ChannelLossName,
  type ChannelVerdict,
  noChannelLosses,
} from "../../src/tools/verify/mod.ts";
import { dice } from "./dice.ts";

/** What can be wrong with it, and what that is found as: at least one of them, and nothing else. */
export const FLAWS = {
  "acknowledges what it does not keep": ["lost", "misplaced"],
  "loses what it has kept, with its place": ["lost", "undeclaredGap"],
  "skips a message for one subscriber": ["lost", "undeclaredGap"],
  "never tells one subscriber the end": ["lost"],
  "appends a message twice": ["duplicated", "misplaced"],
  "hands a message out twice": ["duplicated"],
  "hands messages out again after a reconnect": ["duplicated", "undeclaredGap"],
  "appends messages of a publisher in another order": ["reordered"],
  "hands messages out in another order": ["reordered", "undeclaredGap"],
  "hides that it has trimmed": ["lost", "undeclaredGap"],
  "declares a gap that is too small": ["lost", "undeclaredGap"],
  "begins anew without a word": ["lost", "undeclaredGap", "misplaced", "duplicated", "reordered"],
  "acknowledges at another place": ["misplaced"],
  "never answers a publisher": ["unanswered"],
  "forgets a member": ["memberMissing"],
  "keeps a member that is gone": ["memberZombie"],
  "lists a member twice": ["memberTwice"],
} as const satisfies Readonly<Record<string, readonly ChannelLossName[]>>;

/** One of them. */
export type Flaw = keyof typeof FLAWS;

/** Classes with something in them. */
export function countsOf({ losses }: ChannelVerdict): Partial<Record<ChannelLossName, number>> {
  return Object.fromEntries(
    Object.keys(noChannelLosses()).map((name) => name as ChannelLossName)
      .filter((name) => losses[name] > 0).map((name) => [name, losses[name]]),
  );
}

const CHANNELS = ["verify:1", "verify:2"];
const PUBLISHERS = ["p1", "p2", "p3"];
const STEPS = 400;
/** From here to there something of each flaw happens, and there is time to find it. */
const FLAWED = [100, 300] as const;

interface Kept {
  readonly publisher: string;
  readonly seq: number;
}

/** One channel. */
interface Stream {
  epoch: number;
  /** Everything of this life, by offset less 1; undefined: its place is all that is left. */
  entries: (Kept | undefined)[];
  first: number;
}

interface Reader {
  readonly name: string;
  /** By channel. */
  readonly at: Map<string, { epoch: number; offset: number }>;
  /** It takes nothing at the moment. */
  isAway: boolean;
  /** It is never told the end. */
  isDeaf: boolean;
}

class Model {
  readonly checker = new ChannelChecker();
  readonly #flaw: Flaw | null;
  readonly #roll: (below: number) => number;
  readonly #streams = new Map(CHANNELS.map((name): [string, Stream] => [name, { epoch: 1, entries: [], first: 1 }]));
  readonly #readers: Reader[] = [];
  #step = 0;
  #flaws = 0;

  constructor(seed: number, flaw: Flaw | null) {
    this.#flaw = flaw;
    this.#roll = dice(seed);
    for (const name of ["s1", "s2", "s3"]) this.#subscribe(name);
  }

  /** Null: there was no occasion for its flaw. */
  run(): ChannelVerdict | null {
    for (this.#step = 0; this.#step < STEPS; this.#step++) this.#act();
    // The end: everybody is back, publishes once more, and takes all there is.
    for (const reader of this.#readers) reader.isAway = false;
    for (const channel of CHANNELS) for (const publisher of PUBLISHERS) this.#publish(channel, publisher);
    for (const reader of this.#readers) this.#take(reader);
    this.#members();
    return this.#flaw !== null && this.#flaws === 0 ? null : this.checker.verdict();
  }

  #act(): void {
    const roll = this.#roll(100);
    const reader = this.#readers[this.#roll(this.#readers.length)];
    if (roll < 60) this.#publish(this.#one(CHANNELS), this.#one(PUBLISHERS));
    else if (roll < 85) this.#take(reader);
    else if (roll < 93) reader.isAway = !reader.isAway;
    else if (roll < 96) this.#trim(this.#one(CHANNELS));
    else if (roll < 97) this.#beginAnew(this.#one(CHANNELS));
    else if (roll < 98) this.#subscribe(`s${this.#readers.length + 1}`);
    else this.#members();
  }

  /** The flaw is to happen now: once in a while in the middle of the run. */
  #has(flaw: Flaw, always = false): boolean {
    if (this.#flaw !== flaw || this.#step < FLAWED[0]) return false;
    if (!always && (this.#step > FLAWED[1] || (this.#flaws > 0 && this.#roll(4) > 0))) return false;
    this.#flaws++;
    return true;
  }

  #publish(channel: string, publisher: string): void {
    const stream = this.#streams.get(channel)!;
    const seq = this.checker.sending(channel, publisher);
    if (this.#roll(20) === 0) return this.checker.refused(channel, publisher, seq);
    if (this.#has("never answers a publisher")) return;
    const message = { publisher, seq };
    if (this.#has("acknowledges what it does not keep")) {
      return this.checker.acknowledged(channel, publisher, seq, stream.entries.length + 1);
    }
    if (this.#has("appends messages of a publisher in another order")) {
      const next = this.checker.sending(channel, publisher);
      this.#append(channel, { publisher, seq: next });
      return this.#append(channel, message);
    }
    this.#append(channel, message);
    if (this.#has("appends a message twice")) stream.entries.push(message);
  }

  #append(channel: string, message: Kept): void {
    const { entries } = this.#streams.get(channel)!;
    entries.push(message);
    const offset = entries.length + (this.#has("acknowledges at another place") ? 1 : 0);
    this.checker.acknowledged(channel, message.publisher, message.seq, offset);
    if (this.#has("loses what it has kept, with its place")) entries[entries.length - 1] = undefined;
  }

  #take(reader: Reader): void {
    if (reader.isAway || reader.isDeaf) return;
    for (const [channel, at] of reader.at) {
      const stream = this.#streams.get(channel)!;
      if (at.epoch !== stream.epoch) {
        Object.assign(at, { epoch: stream.epoch, offset: stream.first - 1 });
        this.checker.gap(reader.name, channel, "epoch", at.offset);
      }
      if (at.offset < stream.first - 1) this.#miss(reader, channel, stream, at);
      this.#hand(reader, channel, stream, at);
    }
  }

  /** What it has not seen is gone. */
  #miss(reader: Reader, channel: string, { first }: Stream, at: { offset: number }): void {
    const hides = this.#has("hides that it has trimmed");
    const small = first - 2 > at.offset && this.#has("declares a gap that is too small");
    if (small) this.checker.gap(reader.name, channel, "trimmed", first - 2);
    else if (!hides) this.checker.gap(reader.name, channel, "trimmed", first - 1);
    at.offset = first - 1;
  }

  #hand(reader: Reader, channel: string, { entries, first }: Stream, at: { offset: number }): void {
    if (at.offset >= first && this.#has("hands messages out again after a reconnect")) at.offset--;
    const behind = entries.slice(at.offset).flatMap((entry, i) =>
      entry === undefined ? [] : [[at.offset + i + 1, entry] as const]
    );
    if (behind.length > 1 && this.#has("skips a message for one subscriber")) {
      behind.splice(this.#roll(behind.length - 1), 1);
    }
    if (behind.length > 0 && this.#has("hands a message out twice")) behind.push(behind[0]);
    const swaps = behind.length > 1 && behind[0][1].publisher === behind[1][1].publisher;
    if (swaps && this.#has("hands messages out in another order")) behind.unshift(...behind.splice(1, 1));
    if (this.#has("never tells one subscriber the end")) reader.isDeaf = true;
    at.offset = entries.length;
    if (reader.isDeaf) return;
    for (const [offset, { publisher, seq }] of behind) {
      this.checker.received(reader.name, channel, { publisher, seq, offset });
    }
  }

  #trim(channel: string): void {
    const stream = this.#streams.get(channel)!;
    stream.first = Math.max(stream.first, stream.entries.length - this.#roll(10));
  }

  #beginAnew(channel: string): void {
    const stream = this.#streams.get(channel)!;
    const hides = this.#has("begins anew without a word", this.#step <= FLAWED[1]);
    if (!hides) stream.epoch++;
    else for (const reader of this.#readers) reader.at.get(channel)!.offset = 0;
    Object.assign(stream, { entries: [], first: 1 });
  }

  #subscribe(name: string): void {
    const at = new Map<string, { epoch: number; offset: number }>();
    for (const [channel, { epoch, entries }] of this.#streams) {
      at.set(channel, { epoch, offset: entries.length });
      this.checker.subscribed(name, channel, entries.length);
    }
    this.#readers.push({ name, at, isAway: false, isDeaf: false });
  }

  #members(): void {
    const there = ["m1", "m2", "m3"].slice(this.#roll(3));
    const seen = [...there].reverse();
    if (this.#has("forgets a member", true)) seen.pop();
    if (this.#has("keeps a member that is gone", true)) seen.push("m4");
    if (this.#has("lists a member twice", true)) seen.push(seen[0]);
    this.checker.members("s1", there, seen);
  }

  #one(all: readonly string[]): string {
    return all[this.#roll(all.length)];
  }
}

/** Plays a run by chance, with a flaw in its middle or without one; null if there was no occasion for the flaw. */
export function flawedRun(seed: number, flaw: Flaw | null): ChannelVerdict | null {
  return new Model(seed, flaw).run();
}
