/**
 * One round of one scenario: start, load, signal, and the account of what was lost.
 *
 * @module
 */
import { Dialer, systemClock } from "@sluice/sluice";
import {
  BLAMED,
  connectOver,
  expectationIn,
  type Ledger,
  type Loss,
  type LossCounts,
  LOSSES,
  noLosses,
  type RoundReport,
  type Scenario,
  type ScenarioRun,
  type ScenarioWorld,
  type StopResult,
  VerifyError,
} from "../../verify/mod.ts";
import { BusyProcesses, stretchOf } from "./busy.ts";
import type { Child } from "./child.ts";
import { diceFor } from "./dice.ts";
import type { VerifySettings } from "./verify_options.ts";
import { connectTo, formatPlace, type Place } from "./places.ts";
import { forgive, stopServer } from "./stop.ts";
import { formatExit, lastWords, startSubject, type Subject } from "./subject.ts";

/** How many losses of a class are told one by one: the others are alike. */
const MOST_DETAILS = 3;
/** Longest wait between the moment when all clients are busy and the signal, in ms: it comes at any moment of theirs. */
const LATEST_SIGNAL = 100;
/** Longest wait of a client for its connection, in ms. */
const CONNECT_LIMIT = 5000;
/** Longest wait for the word that the server has ended, in ms. */
const CRASH_TOLD = 200;

/** A round's report, and the end of what the server wrote. */
export interface RoundResult {
  readonly report: RoundReport;
  readonly output: string;
}

/**
 * Starts the server, lets the clients loose, stops it, and accounts.
 *
 * @throws {StartError} The server can't be started.
 * @throws {VerifyError} The clients can't get to work with it.
 */
export async function runRound(scenario: Scenario, round: number, settings: VerifySettings): Promise<RoundResult> {
  await using _busy = await BusyProcesses.start(settings.busy);
  const subject = await startSubject(settings);
  const { child } = subject;
  const world = worldOf(settings, subject.place, scenario, round);
  const run = scenario.start(world);
  try {
    await busy(run, [subject]);
    await pause(world.random() * LATEST_SIGNAL);
    const expectation = expectationIn(scenario.expectation, world.stretch);
    const stop = await stopServer(child, { ...settings, expectation, signalled: () => run.signalled() });
    run.gone(forgive(stop, settings.exitCodes));
    await run.finished;
    return { report: reportOf(scenario, round, run.ledger, stop), output: lastWords(child) };
  } finally {
    run.abort();
    await child.dispose();
  }
}

/** The world of a scenario whose clients connect to a place. */
export function worldOf(
  settings: VerifySettings,
  place: Place,
  { name }: { readonly name: string },
  round: number,
): ScenarioWorld {
  const { kind, clients, grace, path, uploadPath, streamPath, expect, bigSize, think, seed } = settings;
  const { roundTrip, jitter, busy } = settings;
  const [clock, stretch] = [systemClock, stretchOf(busy)];
  const random = diceFor(seed, [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 0), round);
  const dialer = new Dialer({ ...place, connectTimeout: CONNECT_LIMIT * stretch });
  const dial = () => connectTo(dialer);
  return {
    kind,
    connect: roundTrip === 0 ? dial : () => connectOver({ clock, random, roundTrip, jitter }, dial),
    clock,
    random,
    clients,
    grace,
    host: place.path === undefined ? formatPlace(place) : "localhost",
    path,
    uploadPath,
    streamPath,
    expect,
    bigSize,
    think,
    roundTrip: roundTrip * (1 + jitter),
    stretch,
  };
}

/**
 * Fulfils when the clients are busy.
 *
 * @throws {VerifyError} They can't get there, or the server went before it was asked to.
 */
export async function busy(run: Pick<ScenarioRun, "ready">, subjects: readonly Subject[]): Promise<void> {
  const endings = subjects.map(async ({ child }) => {
    await child.exited;
    throw endedEarly(child);
  });
  for (const ending of endings) ending.catch(() => {});
  try {
    await Promise.race([run.ready, ...endings]);
  } catch (error) {
    // What clients see of a crash may be told before the crash.
    for (const { child } of subjects) if (await child.exitWithin(CRASH_TOLD) !== null) throw endedEarly(child);
    throw error;
  }
}

function endedEarly(child: Child): VerifyError {
  const words = formatExit(child.exit!);
  return new VerifyError(`The server ended under load, before the signal: ${words}\n${lastWords(child)}`);
}

/** Waits so many ms. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function reportOf({ name }: Scenario, round: number, ledger: Ledger, stop: StopResult): RoundReport {
  return {
    scenario: name,
    round,
    losses: countsOf(ledger),
    details: detailsOf(ledger),
    messages: ledger.messages(),
    stop,
    clean: ledger.clean,
  };
}

/** Losses by class; what the scenario forgives is left out: it shows in what was sent and not answered. */
export function countsOf(ledger: Ledger): LossCounts {
  const counts = noLosses();
  for (const { name, blamed } of ledger.losses()) if (blamed || !BLAMED.has(name)) counts[name]++;
  return counts;
}

/** What the server is to blame for, in words; the first ones of each class. */
export function detailsOf(ledger: Ledger): string[] {
  const blamed = ledger.losses().filter((loss) => loss.blamed);
  return LOSSES.flatMap(({ name, words }) => {
    const first = blamed.filter((loss) => loss.name === name).slice(0, MOST_DETAILS);
    return first.map((loss) => `${words} (${whoAndWhen(loss)}): ${loss.detail}`);
  });
}

function whoAndWhen({ client, at }: Loss): string {
  const who = client === 0 ? "server" : `client ${client}`;
  return at === null ? who : `${who}, ${Math.abs(Math.round(at))} ms ${at < 0 ? "before" : "after"} the signal`;
}
