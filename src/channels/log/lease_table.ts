/**
 * Leases in memory: who holds what, until when.
 *
 * @module
 */
import type { Lease, Taken } from "./log_api.ts";
import { byCode } from "./stream_table.ts";

/** How long a lease lasts, and is remembered, by the log's clock, in ms; Infinity for always. */
export interface LeaseEnds {
  /** When it expires. */
  readonly until: number;
  /** When it is forgotten. */
  readonly forgetAt: number;
}

/** A lease as it is kept. */
export interface KeptLease extends LeaseEnds {
  readonly name: string;
  readonly value: string;
  readonly generation: number;
}

/** Leases that are looked at with each one that is set: so that those that are over go as fast as others come. */
const LOOKS = 2;

/** Leases by group and name. One that is to be forgotten is not there any more, whether it has gone already or not. */
export class LeaseTable {
  readonly #groups: Map<string, Map<string, KeptLease>> = new Map();
  /** Those that are to be forgotten some time, with their groups. */
  readonly #mortal: Map<KeptLease, string> = new Map();
  #next: Iterator<[KeptLease, string]> | null = null;
  #size = 0;

  /** Leases in memory: some may be over that nobody has looked at yet. */
  get size(): number {
    return this.#size;
  }

  /** A lease; null if nobody has it. */
  get(group: string, name: string, now: number): KeptLease | null {
    return remembered(this.#groups.get(group)?.get(name), now);
  }

  /** Keeps a lease, in the place of the one of its name. */
  set(group: string, lease: KeptLease, now: number): void {
    this.delete(group, lease.name);
    let leases = this.#groups.get(group);
    if (leases === undefined) this.#groups.set(group, leases = new Map());
    leases.set(lease.name, lease);
    this.#size++;
    if (lease.forgetAt < Infinity) this.#mortal.set(lease, group);
    this.#lookAfter(now);
  }

  /** Forgets a lease. */
  delete(group: string, name: string): void {
    const leases = this.#groups.get(group);
    const lease = leases?.get(name);
    if (leases === undefined || lease === undefined) return;
    this.#mortal.delete(lease);
    this.#size--;
    leases.delete(name);
    if (leases.size === 0) this.#groups.delete(group);
  }

  /** All of a group, by name. */
  list(group: string, now: number): Lease[] {
    const leases = [...this.#groups.get(group)?.values() ?? []].filter((lease) => remembered(lease, now) !== null);
    return leases.sort((a, b) => byCode(a.name, b.name)).map((lease) => shown(lease, now));
  }

  /** Looks at the next ones in turn. */
  #lookAfter(now: number): void {
    for (let looks = 0; looks < LOOKS; looks++) {
      this.#next ??= this.#mortal.entries();
      const { value, done } = this.#next.next();
      if (done === true) {
        this.#next = null;
        return;
      }
      const [lease, group] = value as [KeptLease, string];
      if (lease.forgetAt <= now) this.delete(group, lease.name);
    }
  }
}

/** The lease, unless it is to be forgotten by now. */
export function remembered(lease: KeptLease | null | undefined, now: number): KeptLease | null {
  return lease === null || lease === undefined || lease.forgetAt <= now ? null : lease;
}

/** The ends of a lease that is held from now on. */
export function endsOf(now: number, ttl: number, linger: number): LeaseEnds {
  return { until: now + ttl, forgetAt: now + ttl + linger };
}

/** What a lease becomes when it is taken. @param first Generation of a first holder. */
export function taken(
  held: KeptLease | null,
  { name, value }: Pick<KeptLease, "name" | "value">,
  ends: LeaseEnds,
  now: number,
  first: number,
): { readonly lease: KeptLease; readonly taken: Taken } {
  const generation = held === null ? first : held.generation + 1;
  const previous = held === null ? null : shown(held, now);
  return { lease: { name, value, generation, ...ends }, taken: { generation, previous } };
}

/** What a lease becomes when it is renewed; null if it may not be. */
export function renewed(
  held: KeptLease | null,
  generation: number,
  ends: LeaseEnds,
  value: string | undefined,
): KeptLease | null {
  if (held === null || held.generation !== generation) return null;
  return { ...held, ...ends, value: value ?? held.value };
}

function shown({ name, value, generation, until }: KeptLease, now: number): Lease {
  return { name, value, generation, expired: until <= now };
}
