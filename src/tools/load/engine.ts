/**
 * Runs a load: connects, sends while it may, waits for what is under way, closes.
 *
 * @module
 */
import type { Clock } from "@sluice/sluice";
import { Arrivals } from "./arrivals.ts";
import type { Connector, LoadClient } from "./clients/load_client.ts";
import { Crew, type CrewHost } from "./crew.ts";
import { Flights } from "./flights.ts";
import { ClosedPace, OpenPace, type Pace, type PaceHost, ThinkPace } from "./pace.ts";
import { Prober } from "./prober.ts";
import { Progress } from "./progress.ts";
import { RampClock, type RampStage, rampStages } from "./ramp.ts";
import { type Random, seeded } from "./random.ts";
import { Recorder } from "./recorder.ts";
import { Timeline } from "./timeline.ts";
import type { FaultClass, LoadEnd, LoadProgress, ResolvedLoadOptions, ServerProbe } from "./load_api.ts";
import type { Worker } from "./worker.ts";

/** How often time-outs are looked for and counts are added up, in ms. */
const BEAT = 100;
/** How long a close in good manners may take once everything is answered, in ms. */
const CLOSE_LIMIT = 2000;
/** Timers of runtimes have no finer grain, in ms. */
const TIMER_GRAIN = 1;

/** What an engine is made of. */
export interface EngineParts {
  readonly options: ResolvedLoadOptions;
  readonly seed: number;
  readonly connector: Connector;
  readonly clock: Clock;
  readonly server?: ServerProbe;
  readonly onProgress?: (progress: LoadProgress) => void;
}

/** What an engine leaves behind. Times in ms since the start. */
export interface EngineResult {
  readonly ended: LoadEnd;
  readonly sent: number;
  readonly failed: number;
  readonly unanswered: number;
  readonly unsent: number;
  /** When sending ended. */
  readonly sentUntil: number;
  /** When the last answer came, or sending ended if that was later. */
  readonly duration: number;
}

/** One load, run once. */
export class LoadEngine implements CrewHost, PaceHost {
  readonly crew: Crew;
  readonly recorder: Recorder = new Recorder();
  readonly timeline: Timeline;
  readonly prober: Prober | null;
  readonly #parts: EngineParts;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #flights: Flights = new Flights();
  readonly #progress: Progress | null;
  readonly #stages: readonly RampStage[];
  readonly #ramp: RampClock | null;
  readonly #limit: number;
  #pace: Pace;
  #phase: "opening" | "sending" | "draining" | "over" = "opening";
  #start: number;
  #end = Infinity;
  #sent = 0;
  #failed = 0;
  #lastAnswer = 0;
  #nextBeat = 0;
  /** The last time that somebody was connected, or no request was under way in the drain. */
  #lastAlive: number;
  #armedFor = Infinity;
  #disarm: () => void = () => {};
  #isEnding = false;
  #ended: (ended: LoadEnd) => void = () => {};
  #break: (error: unknown) => void = () => {};

  constructor(parts: EngineParts) {
    const { options, seed, connector, clock, server, onProgress } = parts;
    this.#parts = parts;
    this.#clock = clock;
    this.#random = seeded(seed);
    this.#limit = options.count ?? Infinity;
    this.#start = this.#lastAlive = clock.now();
    this.#stages = options.ramp === null ? [] : rampStages(options.ramp);
    this.#ramp = options.ramp === null ? null : new RampClock(this.#stages);
    this.crew = new Crew(connector, this, this.#random);
    this.timeline = new Timeline(this.recorder, options.duration, this.#stages);
    this.prober = server === undefined ? null : new Prober(server);
    this.#progress = onProgress === undefined ? null : new Progress(onProgress, options);
    this.#pace = new ClosedPace(this);
  }

  /** Runs the load to its end. */
  async run(): Promise<EngineResult> {
    const ended = new Promise<LoadEnd>((resolve, reject) => {
      this.#ended = resolve;
      this.#break = reject;
    });
    // What breaks while the crew assembles is thrown below.
    ended.catch(() => {});
    try {
      this.#nextBeat = this.now() + BEAT;
      this.crew.resize(this.#wanted(0));
      this.#arm();
      await Promise.race([this.crew.assembled(), ended]);
      this.#begin();
      return await this.#close(await ended);
    } finally {
      this.#phase = "over";
      this.#disarm();
      this.crew.abort(true);
    }
  }

  /** Ends it early; if it is at its end, it waits no longer for what is under way. */
  cancel(): void {
    if (this.#phase === "draining") this.crew.abort(true);
    this.#finish("cancelled");
  }

  now(): number {
    return this.#clock.now();
  }

  maySend(now: number): boolean {
    return this.#phase === "sending" && !this.#isEnding && now < this.#end;
  }

  send(worker: Worker, due: number, now: number): void {
    const token = this.#flights.take(worker.index, due, now);
    worker.flying++;
    this.#sent++;
    worker.client!.send(token);
    if (this.#sent >= this.#limit) this.#finish("count");
  }

  answered(worker: Worker, token: number): void {
    const now = this.#nowFor(worker);
    const elapsed = now - this.#start;
    // What came before this answer belongs to the slot before.
    if (elapsed >= this.timeline.edge) this.timeline.roll(elapsed, this.crew.open);
    this.recorder.answer(now - this.#flights.due(token));
    this.#flights.release(token);
    this.#lastAnswer = now;
    this.#pace.done(worker, now);
  }

  failed(worker: Worker, token: number, fault: FaultClass, detail: string): void {
    const now = this.#nowFor(worker);
    this.#failed++;
    this.recorder.fault(fault, detail, now - this.#start);
    this.#flights.release(token);
    this.#pace.done(worker, now);
  }

  idle(worker: Worker): void {
    if (worker.state === "leaving") this.crew.rested(worker);
    else if (worker.state === "open") this.#pace.idle(worker, this.#nowFor(worker));
  }

  opened(worker: Worker): void {
    if (this.#phase === "sending") this.#pace.opened(worker, this.now());
  }

  refused(fault: FaultClass, detail: string): void {
    if (this.#phase === "draining" || this.#phase === "over") return;
    this.recorder.fault(fault, detail, this.now() - this.#start);
  }

  broken(error: unknown): void {
    if (this.#phase === "opening" || this.#phase === "sending") this.#break(error);
  }

  lost(worker: Worker, client: LoadClient): void {
    this.crew.lost(worker, client);
  }

  wake(at: number): void {
    if (at < this.#armedFor) this.#armAt(at);
  }

  #finish(ended: LoadEnd): void {
    this.#isEnding = true;
    this.#ended(ended);
  }

  /** Everybody has tried to connect: time begins, unless nobody succeeded. */
  #begin(): void {
    const { options, server } = this.#parts;
    if (this.crew.open === 0) return this.#finish("unreachable");
    this.#start = this.#lastAlive = this.now();
    this.#nextBeat = this.#start + BEAT;
    this.#end = this.#start + (options.duration ?? Infinity);
    this.#pace = this.#makePace();
    this.#phase = "sending";
    server?.sample();
    for (const worker of this.crew) this.#pace.opened(worker, this.#start);
    this.#tick();
  }

  #makePace(): Pace {
    const { think, rate, pipeline, clients, duration } = this.#parts.options;
    if (think !== null) return new ThinkPace(this, think, pipeline, this.#random);
    const plan = this.#rateAt(rate);
    if (plan === null) return new ClosedPace(this);
    return new OpenPace(this, new Arrivals(plan), clients, this.#start, duration ?? Infinity);
  }

  #rateAt(rate: number | null): ((elapsed: number) => number) | null {
    if (rate !== null) return () => rate;
    if (this.#parts.options.ramp?.unit !== "rate") return null;
    const ramp = new RampClock(this.#stages);
    return (elapsed) => ramp.at(elapsed).load;
  }

  /** How many clients there should be. */
  #wanted(elapsed: number): number {
    const { ramp, clients } = this.#parts.options;
    return ramp?.unit === "clients" ? this.#ramp!.at(elapsed).load : clients;
  }

  #tick(): void {
    const now = this.now();
    const elapsed = now - this.#start;
    if (now >= this.#end) this.#finish("duration");
    else if (this.#phase === "sending") this.#steer(now, elapsed);
    if (now >= this.#nextBeat) this.#beat(now, elapsed);
    this.#arm();
  }

  #steer(now: number, elapsed: number): void {
    if (elapsed >= this.timeline.edge) this.timeline.roll(elapsed, this.crew.open);
    const { ramp } = this.#parts.options;
    if (ramp?.unit === "clients") this.crew.follow(this.#wanted(elapsed));
    this.crew.connectDue(now);
    this.#pace.tick(now);
  }

  #beat(now: number, elapsed: number): void {
    this.#nextBeat = now + BEAT;
    this.#flights.sweep(now - this.#parts.options.timeout, this.#expire);
    if (this.#phase === "opening") return;
    this.timeline.roll(elapsed, this.crew.open);
    this.prober?.beat(elapsed, this.timeline);
    this.#progress?.beat(elapsed, this.#sent, this.crew.open, this.recorder, this.timeline);
    this.#watchLife(now);
  }

  readonly #expire = (token: number, owner: number): void => {
    this.crew.at(owner).client?.expire(token);
  };

  /** Without an end by time, a server that is gone must be one; and a close must not take for ever. */
  #watchLife(now: number): void {
    const isDraining = this.#phase === "draining";
    if (isDraining ? this.#flights.size > 0 : this.crew.open > 0) this.#lastAlive = now;
    const silence = now - this.#lastAlive;
    if (isDraining && silence >= CLOSE_LIMIT) this.crew.abort(true);
    const { duration, timeout } = this.#parts.options;
    if (!isDraining && duration === null && silence >= timeout) this.#finish("unreachable");
  }

  /** Nothing new is sent; what is under way gets its time, unless somebody is in a hurry. */
  async #close(ended: LoadEnd): Promise<EngineResult> {
    const now = this.now();
    const sentUntil = Math.min(now, this.#end) - this.#start;
    this.#phase = "draining";
    this.#lastAlive = now;
    // What fell due up to now and was not sent is counted as such.
    this.#pace.tick(now);
    this.timeline.endStages();
    this.timeline.roll(now - this.#start, this.crew.open);
    this.#parts.connector.close();
    if (ended === "cancelled" || ended === "unreachable") this.crew.abort(false);
    this.crew.resize(0);
    await this.crew.empty();
    const unanswered = this.#flights.size;
    const unsent = ended === "count" ? 0 : this.#pace.unsent;
    const duration = Math.max(sentUntil, this.#lastAnswer - this.#start);
    return { ended, sent: this.#sent, failed: this.#failed, unanswered, unsent, sentUntil, duration };
  }

  /** One reading of the clock for the answers of a chunk and the requests that follow them. */
  #nowFor(worker: Worker): number {
    if (worker.stamp === 0) worker.stamp = this.#clock.now();
    return worker.stamp;
  }

  #arm(): void {
    const sending = this.#phase === "sending";
    const steering = sending ? Math.min(this.#end, this.#pace.next, this.crew.next, this.#nextStage()) : Infinity;
    this.#armAt(Math.min(this.#nextBeat, steering));
  }

  #nextStage(): number {
    const stage = this.#ramp?.at(this.now() - this.#start);
    return stage === undefined ? Infinity : this.#start + stage.to;
  }

  #armAt(at: number): void {
    if (this.#phase === "over") return;
    this.#disarm();
    this.#armedFor = at;
    this.#disarm = this.#clock.setTimer(this.#onTimer, Math.max(TIMER_GRAIN, at - this.now()));
  }

  readonly #onTimer = (): void => {
    this.#armedFor = Infinity;
    this.#tick();
  };
}
