/**
 * The supervisor: slots with a worker each, reloads one slot at a time, deaths, and the stop.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { formatAddress } from "../../address.ts";
import type { Logger } from "../../log.ts";
import { type FamilySnapshot, MetricSum } from "../../metric_snapshot.ts";
import type { HeldSockets } from "./held_sockets.ts";
import { sharesOf } from "./shares.ts";
import type { SuperviseSettings } from "./supervise_options.ts";
import {
  type ChangeOptions,
  type LeftWorker,
  StartFailedError,
  type SuperviseReport,
  type SuperviseStatus,
  type Supervisor,
  type WorkerStatus,
} from "./supervisor_api.ts";
import { formatExit, type Worker, type WorkerExit, type WorkerPlace } from "./worker.ts";

/** A worker that dies sooner after its start has died young (ms): the next one may die as well. */
const YOUNG = 5000;
/** Wait before a worker is replaced that died young, in ms: doubled each time, up to the longest. */
const BACKOFF = 100;
const LONGEST_BACKOFF = 10_000;
/** What a worker may take that was told to leave at once, in ms. */
const CUT_TIME = 1000;
/** How often workers are asked how they are, in ms. */
const PING_EVERY = 1000;

/** What a supervisor needs of its surroundings. */
export interface SupervisorParts {
  /** Starts a worker. */
  readonly start: (place: WorkerPlace, settings: SuperviseSettings, ended: (worker: Worker) => void) => Worker;
  /** Checks changed options. */
  readonly check: (options: ChangeOptions) => SuperviseSettings;
  /** The sockets that are held for them. */
  readonly sockets: Pick<HeldSockets, "addresses" | "unused" | "prune" | "close">;
  readonly log: Required<Logger>;
  readonly pid: number;
  /** Tells the system's service manager how it goes. */
  readonly notify: (...state: string[]) => Promise<void>;
  /** The system's monotonic clock, in ms. */
  readonly monotonic: () => number;
}

/** One place for a worker. */
interface Slot {
  readonly number: number;
  worker: Worker | null;
  /** Its successor, on trial. */
  candidate: Worker | null;
  restarts: number;
  /** How many have died young, one after the other. */
  youngDeaths: number;
  cancelRestart: (() => void) | null;
}

function emptySlot(number: number): Slot {
  return { number, worker: null, candidate: null, restarts: 0, youngDeaths: 0, cancelRestart: null };
}

/** Workers in slots. */
export class SlotSupervisor implements Supervisor {
  #settings: SuperviseSettings;
  readonly #parts: SupervisorParts;
  #slots: readonly Slot[];
  readonly #startedAt: number = systemClock.now();
  #state: SuperviseStatus["state"] = "starting";
  #generation = 1;
  #reload: Promise<SuperviseReport> | null = null;
  /** The next one: whoever wishes for a reload while one runs gets a whole one behind it. */
  #nextReload: Promise<SuperviseReport> | null = null;
  #lastReload: SuperviseReport | null = null;
  #stop: Promise<SuperviseReport> | null = null;
  #started: Promise<void> | null = null;
  /** Why a worker could not be started at all. */
  #fault = "";
  /** Those that were asked to leave, and what becomes of them. */
  readonly #leaving: Map<Worker, Promise<LeftWorker>> = new Map();
  #cancelPing: () => void = () => {};
  /** What those have counted that are gone. */
  readonly #goneCounts: MetricSum = new MetricSum();
  readonly #reloads = { clean: 0, unclean: 0, calledOff: 0, time: 0 };
  #restarts = 0;
  /** What workers that start are told of; null for what their program says. */
  #limits: object | null = null;

  constructor(settings: SuperviseSettings, parts: SupervisorParts) {
    this.#settings = settings;
    this.#parts = parts;
    this.#slots = Array.from({ length: settings.workers }, (_, number) => emptySlot(number));
  }

  start(): Promise<void> {
    return this.#started ??= this.#startAll();
  }

  async #startAll(): Promise<void> {
    this.#ping();
    const fates = await Promise.all(this.#slots.map(async (slot) => {
      const worker = slot.worker = this.#launch(slot);
      return { slot, worker, fate: worker === null ? this.#fault : await this.#fateOf(worker, 0) };
    }));
    if (this.#stop !== null) return;
    if (fates.every(({ fate }) => fate !== null)) {
      const [{ worker, fate }] = fates;
      await this.stop("start");
      throw new StartFailedError(`No worker became ready: ${fate}`, worker?.exit?.code || 1);
    }
    this.#state = "running";
    void this.#parts.notify("READY=1");
    for (const { slot, worker, fate } of fates) this.#repair(slot, worker, fate);
    for (const { name, socket } of this.#parts.sockets.unused) {
      const address = formatAddress(socket.address);
      this.#parts.log.warn(`Nobody listens on the socket ${name}: clients wait there for ever`, { address });
    }
    for (const { worker } of fates) if (worker?.state === "ready" && !worker.drains) this.#warnUndrained(worker);
  }

  /** A program without `run()` is ended by the signal, whatever it has under way. */
  #warnUndrained({ slot, pid }: Worker): void {
    const advice = "its program has not called run(), so it may not drain when it is told to leave";
    this.#parts.log.warn(`Worker ${slot + 1}: ${advice}`, { pid });
  }

  reload(cause: string): Promise<SuperviseReport> {
    if (this.#stop !== null) return Promise.resolve(this.#report("reload", cause, 0, [], "It stops"));
    // First what begins: its workers are nobody's successors yet.
    if (this.#state === "starting") return this.start().then(() => this.reload(cause), () => this.reload(cause));
    if (this.#reload === null) return this.#reload = this.#runReload(cause);
    return this.#nextReload ??= this.#reload.then(() => {
      this.#nextReload = null;
      return this.reload(cause);
    });
  }

  stop(cause: string, signal: string = "SIGTERM"): Promise<SuperviseReport> {
    if (this.#stop !== null) {
      for (const worker of this.#alive()) void this.#cut(worker, signal);
      return this.#stop;
    }
    this.#parts.log.info("Stopping", { cause });
    return this.#stop = this.#runStop(cause, signal);
  }

  change(options: ChangeOptions): void {
    this.#settings = this.#parts.check(options);
  }

  async configure(limits: object): Promise<string | null> {
    this.#limits = limits;
    const faults = await Promise.all(this.#slots.map(({ worker }) => worker?.configure(limits) ?? null));
    return faults.find((fault) => fault !== null) ?? null;
  }

  async metrics(): Promise<readonly FamilySnapshot[]> {
    const alive = this.#alive();
    const counted = await Promise.all(alive.map((worker) => worker.count()));
    const sum = new MetricSum();
    // Of one that has gone meanwhile all is among theirs.
    for (const [i, worker] of alive.entries()) {
      if (worker.state !== "gone") sum.add(counted[i], String(worker.slot + 1));
    }
    sum.add(this.#goneCounts.families, "");
    return sum.families;
  }

  status(): SuperviseStatus {
    const { name } = this.#settings;
    const { pid, sockets } = this.#parts;
    const last = this.#lastReload;
    return {
      name,
      pid,
      state: this.#state,
      generation: this.#generation,
      age: Math.round(systemClock.now() - this.#startedAt),
      addresses: sockets.addresses,
      workers: this.#slots.flatMap((slot) => this.#statusOf(slot)),
      wanted: this.#settings.workers,
      restarts: this.#restarts,
      reloads: { ...this.#reloads },
      lastReload: last === null ? null : withoutWorkers(last),
    };
  }

  // Starting.

  /** Null if it can't be started at all: `#fault` says why. */
  #launch(slot: Slot): Worker | null {
    const place = { slot: slot.number, generation: this.#generation, limits: this.#limits };
    try {
      return this.#parts.start(place, this.#settings, (worker) => this.#ended(slot, worker));
    } catch (error) {
      this.#fault = (error as Error).message;
      return null;
    }
  }

  /** Null when it has been ready for so long; else what is wrong with it. */
  async #fateOf(worker: Worker, stable: number): Promise<string | null> {
    const { readyTimeout } = this.#settings;
    const isSettled = await this.#within(worker.settled(), readyTimeout);
    if (isSettled === undefined) return `not ready after ${readyTimeout} ms`;
    if (!isSettled) return this.#deathOf(worker);
    if (stable === 0 || await this.#within(worker.exited, stable) === undefined) return null;
    return `ready, and then ${this.#deathOf(worker)}`;
  }

  #deathOf(worker: Worker): string {
    const words = worker.lastWords;
    const end = worker.exit === null ? "told to leave" : formatExit(worker.exit);
    return words === "" ? end : `${end}\n${words.replaceAll(/^/gm, "  | ")}`;
  }

  /** A worker that is not ready in time goes, and one that has died meanwhile gets a successor. */
  #repair(slot: Slot, worker: Worker | null, fate: string | null): void {
    const place = { worker: slot.number + 1, pid: worker?.pid ?? 0 };
    if (fate !== null) this.#parts.log.error("A worker did not become ready", { ...place, reason: fate });
    if (worker === null || worker.state === "gone") this.#restart(slot, true);
    else if (fate !== null) void this.#see(worker, "SIGTERM", "succeeded");
  }

  // Deaths.

  #ended(slot: Slot, worker: Worker): void {
    this.#leaving.delete(worker);
    this.#goneCounts.retire(worker.counted);
    // Whoever has begun to start all sees to those that die then.
    if (slot.worker !== worker || this.#stop !== null || this.#state === "starting") return;
    const place = { worker: slot.number + 1, pid: worker.pid };
    this.#parts.log.error(`Worker ${slot.number + 1} has died, ${formatExit(worker.exit!)}`, place);
    // A successor on trial takes its place.
    if (slot.candidate !== null) return;
    this.#restart(slot, systemClock.now() - worker.startedAt < YOUNG);
  }

  #restart(slot: Slot, isYoung: boolean): void {
    slot.youngDeaths = isYoung ? slot.youngDeaths + 1 : 0;
    const wait = isYoung ? Math.min(LONGEST_BACKOFF, BACKOFF * 2 ** (slot.youngDeaths - 1)) : 0;
    slot.cancelRestart = systemClock.setTimer(() => {
      slot.cancelRestart = null;
      if (this.#stop !== null || slot.candidate !== null || !this.#slots.includes(slot)) return;
      slot.restarts++;
      this.#restarts++;
      void this.#tryOn(slot);
    }, wait);
  }

  async #tryOn(slot: Slot): Promise<void> {
    const worker = slot.worker = this.#launch(slot);
    if (worker === null) {
      this.#parts.log.error(`Worker ${slot.number + 1} can't be started`, { reason: this.#fault });
      return this.#restart(slot, true);
    }
    const fate = await this.#fateOf(worker, 0);
    if (fate === null) this.#parts.log.info(`Worker ${slot.number + 1} serves again`, { pid: worker.pid });
    else if (this.#stop === null && slot.worker === worker && worker.state !== "gone") {
      await this.#see(worker, "SIGTERM", "succeeded");
    }
  }

  // Reloading.

  async #runReload(cause: string): Promise<SuperviseReport> {
    const began = systemClock.now();
    this.#state = "reloading";
    this.#generation++;
    void this.#parts.notify("RELOADING=1", `MONOTONIC_USEC=${Math.round(this.#parts.monotonic() * 1000)}`);
    this.#parts.log.info(`Reload: generation ${this.#generation}`, { cause });
    const left: LeftWorker[] = [];
    const { workers } = this.#settings;
    const there = this.#slots.length;
    const added = Array.from({ length: Math.max(0, workers - there) }, (_, i) => emptySlot(there + i));
    this.#slots = [...this.#slots, ...added];
    let reason = "";
    for (const slot of this.#slots.slice(0, workers)) {
      reason = await this.#replace(slot, left);
      if (reason !== "") break;
    }
    if (reason === "") await this.#shrink(workers, left);
    this.#slots = this.#slots.filter((slot) => slot.worker !== null || !added.includes(slot));
    if (reason === "" && this.#stop === null) this.#prune();
    // Nothing of it is left: its number is the next one's.
    else if (left.length === 0 && !this.#hasGeneration(this.#generation)) this.#generation--;
    const report = this.#report("reload", cause, systemClock.now() - began, left, reason);
    this.#lastReload = report;
    this.#reloads[!report.done ? "calledOff" : report.clean ? "clean" : "unclean"]++;
    this.#reloads.time += report.duration;
    this.#reload = null;
    if (this.#stop === null) {
      this.#state = "running";
      void this.#parts.notify("READY=1");
    }
    this.#tellReload(report);
    return report;
  }

  /** A new worker in the place of the old one; gives why not, or nothing. */
  async #replace(slot: Slot, left: LeftWorker[]): Promise<string> {
    if (this.#stop !== null) return "It stops";
    const candidate = slot.candidate = this.#launch(slot);
    if (candidate === null) return `the new worker ${slot.number + 1} can't be started: ${this.#fault}`;
    const fate = await this.#fateOf(candidate, this.#settings.stable);
    if (this.#stop !== null) return "It stops";
    const old = slot.worker;
    if (fate !== null) {
      // It may have accepted already: it drains what it has.
      if (candidate.state !== "gone") await this.#see(candidate, "SIGTERM", "succeeded");
      slot.candidate = null;
      if (old === null || old.state === "gone") this.#restart(slot, true);
      return `the new worker ${slot.number + 1}: ${fate}`;
    }
    slot.cancelRestart?.();
    slot.cancelRestart = null;
    slot.worker = candidate;
    slot.candidate = null;
    if (candidate.state === "gone") this.#restart(slot, true);
    if (old !== null && old.state !== "gone") left.push(await this.#see(old, "SIGTERM", "succeeded"));
    return "";
  }

  /** Slots that are too many. */
  async #shrink(workers: number, left: LeftWorker[]): Promise<void> {
    for (const slot of this.#slots.slice(workers)) {
      if (this.#stop !== null) return;
      slot.cancelRestart?.();
      this.#slots = this.#slots.filter((one) => one !== slot);
      const { worker } = slot;
      if (worker !== null && worker.state !== "gone") left.push(await this.#see(worker, "SIGTERM", "succeeded"));
    }
  }

  /** Sockets that the new workers don't listen on: whoever connects there would wait for ever. */
  #prune(): void {
    for (const address of this.#parts.sockets.prune(this.#generation)) {
      this.#parts.log.info(`Closed ${formatAddress(address)}, which nobody listens on any more`);
    }
  }

  #hasGeneration(generation: number): boolean {
    return this.#alive().some((worker) => worker.generation === generation);
  }

  /** Asks a worker to leave, once, and waits until it has. */
  #see(worker: Worker, signal: string, why: "succeeded" | "alone"): Promise<LeftWorker> {
    const seen = this.#leaving.get(worker) ?? this.#seeOff(worker, signal, why);
    this.#leaving.set(worker, seen);
    return seen;
  }

  async #seeOff(worker: Worker, signal: string, why: "succeeded" | "alone"): Promise<LeftWorker> {
    void worker.leave(signal, why);
    const exit = await this.#within(worker.exited, this.#settings.grace);
    if (exit !== undefined) return leftOf(worker, exit, false);
    this.#parts.log.warn(`Worker ${worker.slot + 1} has not ended within the grace, killed`, { pid: worker.pid });
    worker.kill();
    return leftOf(worker, await worker.exited, true);
  }

  /** Told once more, it cuts; whoever does not even then is killed. */
  async #cut(worker: Worker, signal: string): Promise<void> {
    await worker.leave(signal, "alone");
    if (await this.#within(worker.exited, CUT_TIME) === undefined) worker.kill();
  }

  #tellReload({ done, clean, reason, duration, workers }: SuperviseReport): void {
    const { log } = this.#parts;
    const fields = { duration: Math.round(duration), replaced: workers.length };
    if (!done) log.error(`Reload called off: ${reason}`, fields);
    else if (!clean) log.warn(`Reloaded: ${reason}`, fields);
    else log.info("Reloaded, nothing was lost", fields);
  }

  // Stopping.

  async #runStop(cause: string, signal: string): Promise<SuperviseReport> {
    const began = systemClock.now();
    this.#state = "stopping";
    const told = this.#parts.notify("STOPPING=1");
    for (const slot of this.#slots) slot.cancelRestart?.();
    const alive = this.#alive();
    // Workers have them still; whoever closes last loses what is left in the queue, as a program alone would.
    this.#parts.sockets.close();
    const left = await Promise.all(alive.map((worker) => this.#see(worker, signal, "alone")));
    this.#cancelPing();
    await told;
    const report = this.#report("stop", cause, systemClock.now() - began, left, "");
    this.#parts.log.info(report.clean ? "Stopped, nothing was lost" : `Stopped: ${report.reason}`);
    return report;
  }

  #alive(): Worker[] {
    const all = [...this.#slots.flatMap(({ worker, candidate }) => [worker, candidate]), ...this.#leaving.keys()];
    return [...new Set(all)].filter((worker): worker is Worker => worker !== null && worker.state !== "gone");
  }

  // Looking after them.

  #ping(): void {
    this.#cancelPing = systemClock.setTimer(() => {
      const alive = this.#alive();
      const shares = sharesOf(alive.filter(({ state }) => state === "ready").map(({ servers }) => servers));
      for (const worker of alive) {
        worker.ping(worker.state === "ready" ? shares : {});
        this.#checkHang(worker);
      }
      if (this.#stop === null || this.#alive().length > 0) this.#ping();
    }, PING_EVERY);
  }

  #checkHang(worker: Worker): void {
    const { replaceHung, hangTimeout } = this.#settings;
    const hangs = this.#hangs(worker);
    if (hangs === worker.isNamedHung) return;
    worker.isNamedHung = hangs;
    const place = { worker: worker.slot + 1, pid: worker.pid };
    if (!hangs) return void this.#parts.log.info(`Worker ${worker.slot + 1} answers again`, place);
    this.#parts.log.error(`Worker ${worker.slot + 1} hangs: it has said nothing for ${hangTimeout} ms`, place);
    if (replaceHung && worker.state === "ready") worker.kill();
  }

  #hangs(worker: Worker): boolean {
    const { hangTimeout } = this.#settings;
    return hangTimeout > 0 && worker.state === "ready" && systemClock.now() - worker.heardAt > hangTimeout;
  }

  #statusOf(slot: Slot): WorkerStatus[] {
    return [slot.worker, slot.candidate].filter((worker): worker is Worker => worker !== null).map((worker) => ({
      slot: slot.number + 1,
      pid: worker.pid,
      generation: worker.generation,
      state: worker.state,
      hangs: this.#hangs(worker),
      age: Math.round(systemClock.now() - worker.startedAt),
      restarts: slot.restarts,
      connections: worker.connections,
      accepted: worker.servers.reduce((sum, { accepted }) => sum + accepted, 0),
      requests: worker.servers.reduce<number | null>(
        (sum, { requests }) => requests === undefined ? sum : (sum ?? 0) + requests,
        null,
      ),
      rss: worker.rss,
    }));
  }

  /** What a promise gives, or undefined if it takes longer. */
  async #within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
    let cancel = (): void => {};
    const late = new Promise<undefined>((resolve) => cancel = systemClock.setTimer(() => resolve(undefined), ms));
    try {
      return await Promise.race([promise, late]);
    } finally {
      cancel();
    }
  }

  #report(
    kind: SuperviseReport["kind"],
    cause: string,
    duration: number,
    workers: readonly LeftWorker[],
    reason: string,
  ): SuperviseReport {
    const fault = reason || faultOf(workers);
    return {
      kind,
      cause,
      clean: fault === "",
      done: reason === "",
      reason: fault,
      generation: this.#generation,
      duration: Math.round(duration),
      workers,
    };
  }
}

function leftOf(worker: Worker, { code: exitCode, signal }: WorkerExit, killed: boolean): LeftWorker {
  const { pid, generation, reports, hasServed: served } = worker;
  return { slot: worker.slot + 1, pid, generation, exitCode, signal, served, killed, reports };
}

/** What a worker lost, or how it ended otherwise than it should. */
function faultOf(workers: readonly LeftWorker[]): string {
  const faults = workers.filter(({ exitCode, served, killed }) => killed || (served && exitCode !== 0));
  return faults.map(({ slot, exitCode, signal, killed }) =>
    `worker ${slot} ${killed ? "was killed" : formatExit({ code: exitCode, signal })}`
  ).join(", ");
}

function withoutWorkers({ workers: _, ...rest }: SuperviseReport): Omit<SuperviseReport, "workers"> {
  return rest;
}
