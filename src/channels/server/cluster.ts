/**
 * The instances that share a log: each has a lease, and who does not prolong it is lost.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { InstanceState } from "../channels_api.ts";
import type { ChannelLog, Lease } from "../log/log_api.ts";
import { ALL, tell } from "./control.ts";

const GROUP = "instances";

/** What is left of an instance that has left in order. */
const DOWN = "down";

/** A lease is prolonged so often in its time. */
const BEATS = 3;

/** What it needs. */
export interface ClusterWorld {
  readonly log: ChannelLog;
  readonly clock: Clock;
  readonly instance: string;
  /** How long an instance may be silent, in ms. */
  readonly lease: number;
  /** How long its sessions, and their memberships, outlive it when it leaves in order, in ms. */
  readonly expiry: number;
  failed(what: string, error: unknown): void;
  /** An instance is lost: removes all that hung on it. Rejects if it could not; then another one tries. */
  lost(instance: string): Promise<void>;
  /** This one was taken for lost: what hung on it is gone. */
  revived(): void;
}

/** This instance among the others. */
export class Cluster {
  readonly #world: ClusterWorld;
  #generation = 0;
  #state: "up" | "draining" = "up";
  #cancel: () => void = () => {};
  #isStopped = false;

  constructor(world: ClusterWorld) {
    this.#world = world;
  }

  /** Takes the lease, and looks after the others. */
  async start(): Promise<void> {
    const { log } = this.#world;
    // Whoever has left something in a log that only one process has is dead, if it did not leave in order.
    if (!log.shared) await this.#reap(({ value, expired }) => value !== DOWN || expired);
    await this.#take();
    await this.#tell("up");
    this.#wait();
  }

  /** It begins to leave. */
  async drain(): Promise<void> {
    if (this.#state === "draining" || this.#isStopped) return;
    this.#state = "draining";
    await this.#world.log.renew(GROUP, this.#world.instance, this.#generation, this.#ttl, this.#state);
    await this.#tell("draining");
  }

  /** It leaves. What hangs on it is held for those who come back elsewhere; then it is lost. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#cancel();
    const { log, instance, expiry } = this.#world;
    if (await log.renew(GROUP, instance, this.#generation, expiry, DOWN)) await this.#tell("down");
  }

  /** All that are known. */
  async instances(): Promise<InstanceState[]> {
    const leases = await this.#world.log.leases(GROUP);
    return leases.map(({ name, value, expired }) => ({
      instance: name,
      state: value === DOWN ? DOWN : expired ? "lost" : value === "draining" ? "draining" : "up",
    }));
  }

  get #ttl(): number {
    return this.#world.log.shared ? this.#world.lease : Infinity;
  }

  async #take(): Promise<void> {
    const { log, instance } = this.#world;
    this.#generation = (await log.take(GROUP, instance, this.#state, this.#ttl)).generation;
  }

  #wait(): void {
    if (this.#isStopped) return;
    const { clock, lease } = this.#world;
    const later = clock.setIdleTimer ?? clock.setTimer;
    this.#cancel = later.call(clock, () => void this.#beat(), lease / BEATS);
  }

  async #beat(): Promise<void> {
    const { log, instance } = this.#world;
    try {
      if (log.shared && !await log.renew(GROUP, instance, this.#generation, this.#ttl) && !this.#isStopped) {
        await this.#take();
        await this.#tell("up");
        this.#world.revived();
      }
      await this.#reap(({ expired }) => expired);
    } catch (error) {
      this.#world.failed("Prolonging the lease of this instance failed", error);
    }
    this.#wait();
  }

  async #reap(isDead: (lease: Lease) => boolean): Promise<void> {
    const { log, instance } = this.#world;
    for (const lease of await log.leases(GROUP)) {
      if ((lease.name === instance && this.#generation > 0) || !isDead(lease)) continue;
      // First what hangs on it: if this process dies meanwhile, another one finds it lost all the same.
      await this.#world.lost(lease.name);
      const isMine = await log.release(GROUP, lease.name, lease.generation);
      if (isMine && lease.value !== DOWN) await this.#tell("lost", lease.name);
    }
  }

  async #tell(state: InstanceState["state"], instance: string = this.#world.instance): Promise<void> {
    await tell(this.#world.log, ALL, { type: "instance", instance, state });
  }
}
