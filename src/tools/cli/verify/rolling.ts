/**
 * A rolling restart: two instances behind a balancer, restarted in turn under load.
 *
 * @module
 */
import {
  addLosses,
  Ledger,
  type LossCounts,
  type RoundReport,
  type Scenario,
  type ScenarioRun,
  type StopResult,
} from "../../verify/mod.ts";
import { Balancer } from "./balancer.ts";
import { BusyProcesses, stretchOf } from "./busy.ts";
import type { VerifySettings } from "./verify_options.ts";
import { busy, countsOf, detailsOf, pause, type RoundResult, worldOf } from "./round.ts";
import { forgive, stopServer } from "./stop.ts";
import { lastWords, startSubject, type Subject } from "./subject.ts";

const INSTANCES = 2;
/** Time in ms between taking an instance out and its signal: what the kernel has accepted for it must reach it. */
const OUT_BEFORE_SIGNAL = 100;
/** Time in ms under load with all instances in, before each restart. */
const BETWEEN = 300;
/** Time in ms at the end in which clients may still connect, all instances in: newcomers come for a second after it. */
const LAST_CLIENTS = 1200;

/** The stop of one instance. */
export interface InstanceStop {
  /** Number of the instance, counted from 1. */
  readonly instance: number;
  readonly stop: StopResult;
}

/** Restarts each instance once, then stops all of them, under the load of one scenario. */
export async function runRolling(scenario: Scenario, round: number, settings: VerifySettings): Promise<RoundResult> {
  await using _busy = await BusyProcesses.start(settings.busy);
  await using rolling = await Rolling.start(settings);
  const world = worldOf(settings, rolling.place, scenario, round);
  const run = scenario.start(world);
  try {
    await busy(run, rolling.subjects);
    for (let index = 0; index < INSTANCES; index++) {
      await pause(BETWEEN);
      await rolling.restart(index, scenario);
    }
    run.signalled();
    await pause(LAST_CLIENTS + 2 * world.roundTrip);
    const refused = rolling.refused + run.ledger.counts().refused;
    await rolling.stopAll(scenario);
    // How each instance went is judged one by one.
    run.gone({ took: 0, code: 0, signal: null });
    await run.finished;
    return { report: rolling.report(scenario, round, run, refused), output: rolling.output };
  } finally {
    run.abort();
  }
}

class Rolling implements AsyncDisposable {
  readonly #settings: VerifySettings;
  readonly #balancer: Balancer;
  readonly #subjects: Subject[] = [];
  readonly #stops: InstanceStop[] = [];
  /** What instances that are gone have written. */
  readonly #words: string[] = [];

  private constructor(settings: VerifySettings, balancer: Balancer) {
    this.#settings = settings;
    this.#balancer = balancer;
  }

  static async start(settings: VerifySettings): Promise<Rolling> {
    const rolling = new Rolling(settings, await Balancer.listen(settings.place.hostname!, stretchOf(settings.busy)));
    try {
      for (let index = 0; index < INSTANCES; index++) await rolling.#launch(index);
      return rolling;
    } catch (error) {
      await rolling[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The instances that run now. */
  get subjects(): readonly Subject[] {
    return this.#subjects;
  }

  get place(): Balancer["place"] {
    return this.#balancer.place;
  }

  get refused(): number {
    return this.#balancer.refused;
  }

  get output(): string {
    return [...new Set(this.#words)].join("\n");
  }

  async restart(index: number, scenario: Scenario): Promise<void> {
    await this.#stop(index, scenario);
    await this.#launch(index);
  }

  async stopAll(scenario: Scenario): Promise<void> {
    await Promise.all(this.#subjects.map((_, index) => this.#stop(index, scenario)));
  }

  report({ name, expectation }: Scenario, round: number, { ledger }: ScenarioRun, refused: number): RoundReport {
    const judged = this.#stops.map(({ instance, stop }) => this.#judge(instance, stop, expectation));
    const worst = judged.find(({ clean }) => !clean)?.stop ?? slowest(this.#stops);
    const unserved = refused === 0 ? [] : [`${refused} connections were refused while an instance was restarted`];
    return {
      scenario: name,
      round,
      losses: addLosses([countsOf(ledger), ...judged.map(({ losses }) => losses)]),
      details: [...unserved, ...judged.flatMap(({ details }) => details), ...detailsOf(ledger)],
      messages: ledger.messages(),
      stop: worst,
      clean: ledger.clean && refused === 0 && judged.every(({ clean }) => clean),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#subjects.map(({ child }) => child.dispose()));
    await this.#balancer[Symbol.asyncDispose]();
  }

  async #launch(index: number): Promise<void> {
    this.#subjects[index] = await startSubject(this.#settings);
    this.#balancer.putIn(index, this.#subjects[index].place);
  }

  async #stop(index: number, { expectation }: Scenario): Promise<void> {
    const { child } = this.#subjects[index];
    await this.#balancer.takeOut(index);
    await pause(OUT_BEFORE_SIGNAL);
    const stop = await stopServer(child, { ...this.#settings, expectation, signalled: () => {} });
    this.#stops.push({ instance: index + 1, stop });
    await child.dispose();
    this.#words.push(lastWords(child));
  }

  #judge(instance: number, stop: StopResult, expectation: Scenario["expectation"]): Judged {
    const ledger = new Ledger(expectation, this.#settings.grace);
    ledger.signalled(0);
    ledger.stopped(forgive(stop, this.#settings.exitCodes));
    const details = ledger.losses().map(({ detail }) => `instance ${instance}: ${detail}`);
    return { stop, losses: countsOf(ledger), details, clean: ledger.clean };
  }
}

interface Judged {
  readonly stop: StopResult;
  readonly losses: LossCounts;
  readonly details: readonly string[];
  readonly clean: boolean;
}

function slowest(stops: readonly InstanceStop[]): StopResult {
  return stops.map(({ stop }) => stop).reduce((a, b) => (b.took ?? Infinity) > (a.took ?? Infinity) ? b : a);
}
