/**
 * Instances of the servers under test behind a balancer: stopped, killed, frozen and started again, each on its port.
 *
 * @module
 */
import { type ChannelLossName, SCENARIOS, type StopResult } from "../../../verify/mod.ts";
import { Balancer } from "../balancer.ts";
import { stretchOf } from "../busy.ts";
import type { Place } from "../places.ts";
import { pause } from "../round.ts";
import { forgive, stopServer } from "../stop.ts";
import { formatExit, lastWords, startSubject, type Subject } from "../subject.ts";
import type { VerifySettings } from "../verify_options.ts";

/** Time in ms between taking an instance out and its signal: what the kernel has accepted for it must reach it. */
const OUT_BEFORE_SIGNAL = 100;

const { expectation: ORDERLY } = SCENARIOS.find(({ name }) => name === "ping-pong")!;

/** Hears what an instance did wrong. */
export type Blame = (name: ChannelLossName, detail: string) => void;

/** All of them. */
export class Instances implements AsyncDisposable {
  readonly #settings: VerifySettings;
  readonly #balancer: Balancer;
  /** For devices; null: there are none. */
  readonly #tcp: Balancer | null;
  readonly #subjects: Subject[] = [];
  #blame: Blame = () => {};

  private constructor(settings: VerifySettings, balancer: Balancer, tcp: Balancer | null) {
    this.#settings = settings;
    this.#balancer = balancer;
    this.#tcp = tcp;
  }

  /** Starts so many. @param onTcp They listen for devices as well. @throws {StartError} One can't be started. */
  static async start(settings: VerifySettings, count: number, onTcp: boolean = false): Promise<Instances> {
    const hostname = settings.place.hostname!;
    const listen = () => Balancer.listen(hostname, stretchOf(settings.busy));
    const instances = new Instances(settings, await listen(), onTcp ? await listen() : null);
    const tcpPlace = onTcp ? { hostname, port: 0 } : null;
    try {
      for (let index = 0; index < count; index++) await instances.#launch(index, settings.place, tcpPlace);
      return instances;
    } catch (error) {
      await instances[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Those that run now. */
  get subjects(): readonly Subject[] {
    return this.#subjects;
  }

  /** Where clients find them. */
  get place(): Place {
    return this.#balancer.place;
  }

  /** Where devices find them; null: nowhere. */
  get tcpPlace(): Place | null {
    return this.#tcp?.place ?? null;
  }

  /** Who hears from now on what they do wrong. */
  set blame(blame: Blame) {
    this.#blame = blame;
  }

  /** Asks one to go, and starts it again so many ms after it has gone. @param isOut Newcomers go elsewhere before. */
  async restart(index: number, ms: number, isOut: boolean): Promise<void> {
    if (isOut) {
      await this.#takeOut(index);
      await pause(OUT_BEFORE_SIGNAL);
    }
    await this.#stop(index);
    await this.#relaunch(index, ms);
  }

  /** Kills one, and starts it again so many ms later. */
  async kill(index: number, ms: number): Promise<void> {
    const { child } = this.#subjects[index];
    child.kill();
    await child.exited;
    await this.#relaunch(index, ms);
  }

  /** Lets one stand still for so long: newcomers go elsewhere, as a health check would see to. */
  async freeze(index: number, ms: number, cuts: boolean): Promise<void> {
    const { child } = this.#subjects[index];
    child.signal("SIGSTOP");
    await this.#takeOut(index);
    if (cuts) {
      this.#balancer.cut(index);
      this.#tcp?.cut(index);
    }
    await pause(ms);
    child.signal("SIGCONT");
    this.#putIn(index);
  }

  /** Those that have ended by themselves are blamed, and started again; all that run are in. */
  async mend(): Promise<void> {
    for (const [index, { child }] of this.#subjects.entries()) {
      if (child.exit !== null) {
        this.#blame("ended", `instance ${index + 1}: ${formatExit(child.exit)}\n${lastWords(child)}`);
        await this.#relaunch(index, 0);
      } else this.#putIn(index);
    }
  }

  /** Asks all to go. */
  async stopAll(): Promise<void> {
    await Promise.all(this.#subjects.map((_, index) => this.#stop(index)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#subjects.map(({ child }) => child.dispose()));
    await this.#balancer[Symbol.asyncDispose]();
    await this.#tcp?.[Symbol.asyncDispose]();
  }

  async #launch(index: number, place: Place, tcpPlace: Place | null): Promise<void> {
    this.#subjects[index] = await startSubject({ ...this.#settings, place, tcpPlace });
    this.#putIn(index);
  }

  #putIn(index: number): void {
    const { place, tcpPlace } = this.#subjects[index];
    this.#balancer.putIn(index, place);
    if (tcpPlace !== null) this.#tcp?.putIn(index, tcpPlace);
  }

  async #takeOut(index: number): Promise<void> {
    await Promise.all([this.#balancer.takeOut(index), this.#tcp?.takeOut(index)]);
  }

  async #relaunch(index: number, ms: number): Promise<void> {
    const { child, place, tcpPlace } = this.#subjects[index];
    await this.#takeOut(index);
    await child.dispose();
    await pause(ms);
    await this.#launch(index, place, tcpPlace);
  }

  async #stop(index: number): Promise<void> {
    const { child } = this.#subjects[index];
    if (child.exit !== null) return;
    const stop = await stopServer(child, { ...this.#settings, expectation: ORDERLY, signalled: () => {} });
    this.#judge(index, forgive(stop, this.#settings.exitCodes));
  }

  #judge(index: number, { took, code, signal }: StopResult): void {
    const { child } = this.#subjects[index];
    if (took === null) {
      this.#blame(
        "stillThere",
        `instance ${index + 1} after ${this.#settings.grace} ms (--grace)\n${lastWords(child)}`,
      );
    } else if (code !== 0) {
      this.#blame("exitCode", `instance ${index + 1}: ${formatExit({ code, signal })}\n${lastWords(child)}`);
    }
  }
}
