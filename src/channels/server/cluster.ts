/**
 * The instances that share a log: each has a lease, and who does not prolong it is lost.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { InstanceState } from "../channels_api.ts";
import type { ChannelLog, Lease } from "../log/log_api.ts";
import { ALL, tell } from "./control.ts";
import { type Deferred, deferred } from "./deferred.ts";
import { Rounds } from "./rounds.ts";
import { randomText } from "./signer.ts";

/** These leases are never forgotten: whoever finds one that has expired removes what hangs on it, and then the lease. */
const GROUP = "instances";

/** What is left of an instance that has left in order. */
const DOWN = "down";

/** A lease is prolonged so often in its time. */
const BEATS = 3;

/** Bytes of what tells one life of an instance from another. */
const LIFE_BYTES = 9;

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
  /** A life of an instance is over: removes all that hung on it. Rejects if it could not; then another one tries. */
  lost(instance: string, life: string): Promise<void>;
  /** The same of one that has left in order: what hung on it may hang on another one by now. */
  left(life: string): Promise<void>;
  /** This one was taken for lost: what hung on it is gone. */
  revived(): void;
}

/** This instance among the others. */
export class Cluster {
  readonly #world: ClusterWorld;
  #life = randomText(LIFE_BYTES);
  #generation = 0;
  /** While its life has no lease. */
  #reviving: Deferred<void> | null = null;
  #state: "up" | "draining" = "up";
  readonly #beats: Rounds;
  #isStopped = false;

  constructor(world: ClusterWorld) {
    this.#world = world;
    this.#beats = new Rounds({
      clock: world.clock,
      every: world.lease / BEATS,
      look: () => this.#beat(),
      isNeeded: () => true,
      failed: (error) => world.failed("Prolonging the lease of this instance failed", error),
    });
  }

  /** Which life of this instance it is: its name may be that of one that has died. */
  get life(): string {
    return this.#life;
  }

  /** Fulfils when its life has a lease: what hung on one without, nobody would find. Null where it has. */
  get held(): Promise<void> | null {
    return this.#reviving?.promise ?? null;
  }

  /** Takes the lease, and looks after the others. */
  async start(): Promise<void> {
    const { log } = this.#world;
    // Whoever has left something in a log that only one process has is dead, if it did not leave in order.
    if (!log.shared) await this.#reap(({ value, expired }) => value !== DOWN || expired);
    await this.#take();
    await this.#tell("up");
    this.#beats.begin();
  }

  /** It begins to leave. */
  async drain(): Promise<void> {
    if (this.#state === "draining" || this.#isStopped) return;
    this.#state = "draining";
    await this.#renew();
    await this.#tell("draining");
  }

  /** It leaves. What hangs on it is held for those who come back elsewhere; then the rest of it ends. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#beats.end();
    const { log, expiry } = this.#world;
    if (await log.renew(GROUP, this.#name, this.#generation, expiry, DOWN)) await this.#tell("down");
  }

  /** All that are known; of one with several lives the one that lives. */
  async instances(): Promise<InstanceState[]> {
    const states = new Map<string, InstanceState["state"]>();
    for (const lease of await this.#world.log.leases(GROUP)) {
      const [, instance] = livesOf(lease);
      const known = states.get(instance);
      const state = stateOf(lease);
      if (known === undefined || RANK[state] > RANK[known]) states.set(instance, state);
    }
    return [...states].sort(([a], [b]) => a < b ? -1 : 1).map(([instance, state]) => ({ instance, state }));
  }

  get #name(): string {
    return `${this.#life}:${this.#world.instance}`;
  }

  get #ttl(): number {
    return this.#world.log.shared ? this.#world.lease : Infinity;
  }

  async #take(): Promise<void> {
    this.#generation = (await this.#world.log.take(GROUP, this.#name, this.#state, this.#ttl)).generation;
  }

  #renew(): Promise<boolean> {
    return this.#world.log.renew(GROUP, this.#name, this.#generation, this.#ttl, this.#state);
  }

  async #beat(): Promise<void> {
    if (this.#world.log.shared && !await this.#renew() && !this.#isStopped) await this.#revive();
    await this.#reap(({ expired }) => expired);
  }

  /** It was taken for lost: whoever did so removes what hung on that life, and nothing of the next. */
  async #revive(): Promise<void> {
    this.#life = randomText(LIFE_BYTES);
    // Where taking its lease fails it is not prolonged as if nothing had been: generations begin anew with a life.
    this.#generation = 0;
    this.#reviving ??= deferred();
    await this.#take();
    this.#reviving.resolve();
    this.#reviving = null;
    this.#world.revived();
    await this.#tell("up");
  }

  async #reap(isDead: (lease: Lease) => boolean): Promise<void> {
    for (const lease of await this.#world.log.leases(GROUP)) {
      if (lease.name !== this.#name && isDead(lease) && !this.#isStopped) await this.#bury(lease);
    }
  }

  async #bury(lease: Lease): Promise<void> {
    const { log } = this.#world;
    // From now on it can't prolong it, and knows: else it would live on without what hung on it.
    const { generation, previous } = await log.take(GROUP, lease.name, lease.value, 0);
    const [life, instance] = livesOf(lease);
    // First what hangs on it: if this process dies meanwhile, another one finds it lost all the same.
    const isDown = lease.value === DOWN;
    if (previous !== null) await (isDown ? this.#world.left(life) : this.#world.lost(instance, life));
    const isMine = await log.release(GROUP, lease.name, generation);
    if (isMine && previous !== null && !isDown) await this.#tell("lost", instance);
  }

  async #tell(state: InstanceState["state"], instance: string = this.#world.instance): Promise<void> {
    await tell(this.#world.log, ALL, { type: "instance", instance, state });
  }
}

/** Of two lives of an instance that one counts whose state is higher. */
const RANK: Readonly<Record<InstanceState["state"], number>> = { up: 3, draining: 2, lost: 1, down: 0 };

function livesOf({ name }: Lease): readonly [life: string, instance: string] {
  const at = name.indexOf(":");
  return [name.slice(0, at), name.slice(at + 1)];
}

function stateOf({ value, expired }: Lease): InstanceState["state"] {
  if (value === DOWN) return DOWN;
  return expired ? "lost" : value === "draining" ? "draining" : "up";
}
