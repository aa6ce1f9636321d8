/**
 * What happened when: slots of one length, and the steps of a ramp.
 *
 * @module
 */
import type { RampStage } from "./ramp.ts";
import { type Recorder, Tally } from "./recorder.ts";
import type { ProcessSample, RampStep, TimelineSlot } from "./load_api.ts";

/** A plot has no more points to show. */
export const MAX_SLOTS = 600;
/** Shorter slots would have nothing in them, in ms. */
const SHORTEST_SLOT = 100;
/** Lengths that divide a minute and an hour, in ms; beyond, multiples of the last. */
const LENGTHS: readonly number[] = [SHORTEST_SLOT, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];
/** A slot shorter than this part of a whole one says nothing of a rate: it is added to the one before. */
const LEAST_PART = 0.5;

interface Slot {
  readonly at: number;
  readonly tally: Tally;
  clients: number;
  server?: ProcessSample;
}

interface Stage extends RampStage {
  readonly tally: Tally;
}

/** Divides what a recorder counts among slots and steps. Times are in ms since the start and never go back. */
export class Timeline {
  readonly #recorder: Recorder;
  readonly #stages: readonly Stage[];
  readonly #slots: Slot[] = [];
  #length: number;
  #stage = 0;
  /** What has come since the last call of `take`. */
  readonly #taken: Tally = new Tally();
  /** The next moment at which a slot or a step ends. */
  edge = 0;

  /** For a load of `duration` ms, or one of unknown length, in which slots grow when there are too many. */
  constructor(recorder: Recorder, duration: number | null, stages: readonly RampStage[] = []) {
    this.#recorder = recorder;
    this.#length = slotLength(duration);
    this.#stages = stages.map((stage) => ({ ...stage, tally: new Tally() }));
    this.#open(0, 0);
    this.#setEdge();
  }

  /** Length of a slot in ms. */
  get length(): number {
    return this.#length;
  }

  /** Counts what has come so far to the slot and the step before `now`, and begins new ones. */
  roll(now: number, clients: number): void {
    this.#fold();
    if (now < this.edge) return;
    while (this.#stage < this.#stages.length - 1 && now >= this.#stages[this.#stage].to) this.#stage++;
    let last = this.#slots[this.#slots.length - 1];
    last.clients = clients;
    while (now >= last.at + this.#length) last = this.#open(last.at + this.#length, clients);
    this.#setEdge();
  }

  /** From here on nothing counts to a step. */
  endStages(): void {
    this.#fold();
    this.#stage = this.#stages.length;
    this.#setEdge();
  }

  /** What the server used, for the slot of that moment. */
  sample(sample: ProcessSample): void {
    this.#slots[this.#slots.length - 1].server = sample;
  }

  /** Gives what has come since the last call to `use`. */
  take<T>(use: (tally: Tally) => T): T {
    this.#fold();
    const result = use(this.#taken);
    this.#taken.reset();
    return result;
  }

  /** All slots; the last one ends at `end`. */
  slots(end: number): TimelineSlot[] {
    this.#fold();
    const slots = this.#slots;
    const last = slots[slots.length - 1];
    if (slots.length > 1 && end - last.at < this.#length * LEAST_PART) {
      const before = slots[slots.length - 2];
      before.tally.add(last.tally);
      before.server ??= last.server;
      slots.pop();
    }
    return slots.map(({ at, clients, tally, server }, index) => {
      const length = index < slots.length - 1 ? this.#length : end - at;
      return { at, clients, ...figures(tally, length), ...(server === undefined ? {} : { server }) };
    });
  }

  /** The steps that were begun; sending ended at `end`. */
  steps(end: number): RampStep[] {
    return this.#stages.filter(({ from }) => from < end)
      .map(({ load, from, to, tally }) => ({ load, ...figures(tally, Math.min(to, end) - from) }));
  }

  #fold(): void {
    const slot = this.#slots[this.#slots.length - 1].tally;
    const stage = this.#stages[this.#stage];
    if (stage === undefined) this.#recorder.fold(slot, this.#taken);
    else this.#recorder.fold(slot, this.#taken, stage.tally);
  }

  #open(at: number, clients: number): Slot {
    if (this.#slots.length === MAX_SLOTS) {
      this.#halve();
      const last = this.#slots[this.#slots.length - 1];
      if (at < last.at + this.#length) return last;
    }
    const slot: Slot = { at, clients, tally: new Tally() };
    this.#slots.push(slot);
    return slot;
  }

  /** Makes one slot of each two. */
  #halve(): void {
    const slots = this.#slots.splice(0);
    this.#length *= 2;
    for (let i = 0; i < slots.length; i += 2) {
      const [first, second] = [slots[i], slots[i + 1]];
      if (second !== undefined) {
        first.tally.add(second.tally);
        first.clients = second.clients;
        first.server = second.server ?? first.server;
      }
      this.#slots.push(first);
    }
  }

  #setEdge(): void {
    const last = this.#slots[this.#slots.length - 1];
    const stage = this.#stages[this.#stage];
    this.edge = Math.min(last.at + this.#length, stage?.to ?? Infinity);
  }
}

/** The shortest length of which there are not too many. */
function slotLength(duration: number | null): number {
  const least = (duration ?? 0) / MAX_SLOTS;
  const longest = LENGTHS[LENGTHS.length - 1];
  return LENGTHS.find((length) => length >= least) ?? longest * Math.ceil(least / longest);
}

function figures({ answered, faults, latencies }: Tally, length: number): Omit<RampStep, "load"> {
  const rate = length > 0 ? (answered * 1000) / length : 0;
  return { rate, p50: latencies.percentile(50), p99: latencies.percentile(99), faults };
}
