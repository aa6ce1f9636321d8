/**
 * Lets clients of channels loose on instances of a server, makes faults by chance, and accounts for every message.
 *
 * @module
 */
import { systemClock } from "@sluice/sluice";
import { type Fault, type FaultProxy, startFaultProxy } from "../../../faults/mod.ts";
import {
  type ChannelFault,
  type ChannelLine,
  type ChannelReport,
  channelSpeech,
  type ChannelStage,
  type Speech,
  startChannels,
  tcpSpeech,
} from "../../../verify/mod.ts";
import { BusyProcesses, stretchOf } from "../busy.ts";
import { diceFor } from "../dice.ts";
import { formatPlace, type Place } from "../places.ts";
import { busy, pause } from "../round.ts";
import { runReloadText, runText } from "../shell_command.ts";
import type { VerifySettings } from "../verify_options.ts";
import type { ChannelSettings } from "./channel_options.ts";
import { FaultPlan, type PlannedFault } from "./fault_plan.ts";
import { Instances } from "./instances.ts";

/** Who is there is asked behind so many faults, and at the end. */
const PRESENCE_EVERY = 4;
/** Time under load behind the last fault, and where there are none between two looks, in ms. */
const LAST_REST = 1000;

/** Dice for what is by chance: what happens in one does not change the others. */
const DICE = { plan: 1, clients: 2, reconnects: 3, devices: 4 } as const;

/** Who watches. */
export interface ChannelEvents {
  /** Clients are let loose; `abort` ends them at once. */
  started(abort: () => void): void;
  /** A fault is made, so many ms after clients were let loose. */
  fault(fault: PlannedFault, at: number): void;
}

/**
 * Starts the instances, lets the clients loose, makes faults for as long as was asked, and accounts.
 *
 * @param speech What clients speak; channels if nothing is said.
 * @throws {StartError} An instance can't be started.
 * @throws {VerifyError} The clients can't get to work with them.
 */
export async function runChannels(
  settings: VerifySettings,
  events: ChannelEvents,
  interrupted: () => boolean,
  speech: Speech = channelSpeech(settings.channel!.path, diceFor(settings.seed, DICE.reconnects)),
): Promise<ChannelReport> {
  const channel = settings.channel!;
  const { seed } = settings;
  await using _busy = await BusyProcesses.start(settings.busy);
  await using instances = await Instances.start(settings, channel.instances, channel.extras.includes("tcp"));
  await using network = new Network();
  const lines: ChannelLine[] = [{ host: await network.open(instances.place, seed), speech }];
  if (instances.tcpPlace !== null) {
    lines.push({ host: await network.open(instances.tcpPlace, seed), speech: tcpSpeech(diceFor(seed, DICE.devices)) });
  }
  const stage = stageOf(settings, channel, lines);
  const run = new ChannelRun(settings, channel, instances, network, stage, events);
  events.started(() => stage.end());
  try {
    await busy(stage, instances.subjects);
    await run.play(interrupted);
    return stage.report({ command: settings.command.join(" "), instances: channel.instances });
  } finally {
    stage.end();
  }
}

/** What lies between clients and servers: the same faults on all ways. */
class Network implements AsyncDisposable {
  readonly #proxies: FaultProxy[] = [];

  /** A way to a place; gives where it begins. */
  async open(upstream: Place, seed: number): Promise<string> {
    const proxy = await startFaultProxy({ upstream, seed });
    this.#proxies.push(proxy);
    const { hostname, port } = proxy.address as { readonly hostname: string; readonly port: number };
    return formatPlace({ hostname, port });
  }

  set(faults: readonly Fault[]): void {
    for (const proxy of this.#proxies) proxy.set(faults);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#proxies.map((proxy) => proxy[Symbol.asyncDispose]()));
  }
}

function stageOf(
  { clients, seed, busy }: VerifySettings,
  { channels, prefix, token, rate, settle, extras }: ChannelSettings,
  lines: readonly ChannelLine[],
): ChannelStage {
  return startChannels({
    clock: systemClock,
    random: diceFor(seed, DICE.clients),
    lines,
    extras,
    clients,
    channels,
    prefix,
    token,
    rate,
    settle: settle * stretchOf(busy),
    stretch: stretchOf(busy),
    // Not by the seed: what an earlier run with it has left in a log is of that run.
    run: Math.random().toString(36).slice(2, 8),
  });
}

class ChannelRun {
  readonly #settings: VerifySettings;
  readonly #channel: ChannelSettings;
  readonly #instances: Instances;
  readonly #network: Network;
  readonly #stage: ChannelStage;
  readonly #events: ChannelEvents;

  constructor(
    settings: VerifySettings,
    channel: ChannelSettings,
    instances: Instances,
    network: Network,
    stage: ChannelStage,
    events: ChannelEvents,
  ) {
    this.#settings = settings;
    this.#channel = channel;
    this.#instances = instances;
    this.#network = network;
    this.#stage = stage;
    this.#events = events;
    instances.blame = (name, detail) => stage.checker.blame(name, detail);
  }

  /** All of it, until the end or an interruption. */
  async play(interrupted: () => boolean): Promise<void> {
    const { faults, instances, duration } = this.#channel;
    const begun = performance.now();
    let made = 0;
    // What was never made is not proven.
    const isLong = () => performance.now() - begun >= duration && made >= faults.length;
    const isOver = () => interrupted() || this.#stage.failure !== null || isLong();
    if (faults.length === 0) await this.#stage.pause(duration);
    const plan = faults.length === 0 ? null : new FaultPlan(diceFor(this.#settings.seed, DICE.plan), faults, instances);
    while (plan !== null && !isOver()) {
      const fault = plan.next();
      await this.#stage.pause(fault.rest);
      if (isOver()) break;
      this.#events.fault(fault, performance.now() - begun);
      await this.#make(fault);
      if (++made % PRESENCE_EVERY === 0) await this.#stage.checkPresence();
    }
    if (interrupted()) return;
    await this.#stage.pause(LAST_REST);
    await this.#instances.mend();
    await this.#stage.settle();
    this.#stage.end();
    await this.#instances.stopAll();
  }

  async #make(fault: PlannedFault): Promise<void> {
    const { tally, checker } = this.#stage;
    tally.begins(fault.kind);
    const failure = await this.#acts[fault.kind](fault);
    if (typeof failure === "string") checker.blame("faultFailed", `${fault.kind}: ${failure}`);
    await this.#instances.mend();
    tally.ends();
  }

  readonly #acts: Readonly<Record<ChannelFault, (fault: PlannedFault) => Promise<string | null | void>>> = {
    term: ({ index, ms }) => this.#instances.restart(index, ms, false),
    kill: ({ index, ms }) => this.#instances.kill(index, ms),
    stop: ({ index, ms, cuts }) => this.#instances.freeze(index, ms, cuts),
    roll: async ({ ms }) => {
      for (const index of this.#instances.subjects.keys()) await this.#instances.restart(index, ms, true);
    },
    reload: ({ index }) => this.#reload(index),
    network: async ({ ms, network }) => {
      this.#network.set(network);
      await pause(ms);
      this.#network.set([]);
    },
    engine: () => runText(this.#channel.engineCommand!, {}, stretchOf(this.#settings.busy)),
  };

  async #reload(index: number): Promise<string | null> {
    const { command, signal, wait } = this.#settings.reload!;
    const subject = this.#instances.subjects[index];
    if (command !== null) return await runReloadText(command, subject, stretchOf(this.#settings.busy));
    subject.child.signal(signal);
    await subject.child.exitWithin(wait);
    return null;
  }
}
