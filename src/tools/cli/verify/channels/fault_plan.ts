/**
 * Which fault comes next, by chance that repeats: of what can be made, each kind once before any comes again.
 *
 * @module
 */
import type { ChannelFault } from "../../../verify/mod.ts";
import type { Fault } from "../../../faults/mod.ts";

/** What is to be done. Times in ms. */
export interface PlannedFault {
  readonly kind: ChannelFault;
  /** Which instance, from 0, where it is about one. */
  readonly index: number;
  /** How long: a network's fault, or until a process that stands still goes on, or one that was killed is started again. */
  readonly ms: number;
  /** Of a process that stands still: clients lose their connections to it. */
  readonly cuts: boolean;
  /** Of the network. */
  readonly network: readonly Fault[];
  /** Rest before it, under load. */
  readonly rest: number;
}

/** Time under load before each fault: enough to be live again, and not always. */
const REST: readonly [least: number, most: number] = [300, 1500];
/** How long it lasts, by kind. */
const LASTS: Readonly<Record<ChannelFault, readonly [least: number, most: number]>> = {
  term: [0, 500],
  kill: [0, 1000],
  stop: [300, 4000],
  roll: [0, 200],
  reload: [0, 0],
  network: [300, 2500],
  engine: [0, 0],
};

type Dice = () => number;

const NETWORKS: readonly ((random: Dice) => readonly Fault[])[] = [
  (random) => [{ kind: "latency", ms: 20 + 180 * random(), jitter: 10 }],
  (random) => [{ kind: "reset", chance: 0.002 + 0.02 * random() }],
  (random) => [{ kind: "reset", afterBytes: 0, share: 0.2 + 0.8 * random() }],
  () => [{ kind: "partition" }],
  () => [{ kind: "refuse" }, { kind: "reset", chance: 0.01 }],
  (random) => [{ kind: "halfOpen" }, { kind: "reset", chance: 0.005 * random() }],
  (random) => [{ kind: "slice", bytes: 1 + Math.floor(200 * random()) }],
  (random) => [{ kind: "stall", share: random() }],
  (random) => [{ kind: "stall", share: 0.5, direction: random() < 0.5 ? "up" : "down" }],
];

/** Gives one after the other. @param kinds What can be made. */
export class FaultPlan {
  readonly #random: Dice;
  readonly #kinds: readonly ChannelFault[];
  readonly #instances: number;
  #deck: ChannelFault[] = [];
  #networks: (typeof NETWORKS)[number][] = [];

  constructor(random: Dice, kinds: readonly ChannelFault[], instances: number) {
    this.#random = random;
    this.#kinds = kinds;
    this.#instances = instances;
  }

  next(): PlannedFault {
    if (this.#deck.length === 0) this.#deck = this.#shuffled(this.#kinds);
    const kind = this.#deck.pop()!;
    return {
      kind,
      index: Math.floor(this.#random() * this.#instances),
      ms: this.#between(LASTS[kind]),
      cuts: this.#random() < 0.5,
      network: kind === "network" ? this.#network() : [],
      rest: this.#between(REST),
    };
  }

  #network(): readonly Fault[] {
    if (this.#networks.length === 0) this.#networks = this.#shuffled(NETWORKS);
    return this.#networks.pop()!(this.#random);
  }

  #between([least, most]: readonly [number, number]): number {
    return Math.round(least + this.#random() * (most - least));
  }

  #shuffled<T>(all: readonly T[]): T[] {
    const shuffled = [...all];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const other = Math.floor(this.#random() * (i + 1));
      [shuffled[i], shuffled[other]] = [shuffled[other], shuffled[i]];
    }
    return shuffled;
  }
}

/** A fault in a few words, for whoever watches, and to be found again in a log. */
export function describeFault({ kind, index, ms, cuts, network }: PlannedFault): string {
  const instance = `instance ${index + 1}`;
  if (kind === "network") return `network ${network.map((fault) => fault.kind).join(" and ")} for ${ms} ms`;
  if (kind === "roll") return "rolling restart";
  if (kind === "engine") return "engine restarted";
  if (kind === "reload") return `reload of ${instance}`;
  if (kind === "stop") return `${instance} stands still for ${ms} ms${cuts ? ", its connections are cut" : ""}`;
  return `${kind} of ${instance}, started again after ${ms} ms`;
}
