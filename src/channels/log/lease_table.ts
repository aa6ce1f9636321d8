/**
 * Leases in memory: who holds what, until when.
 *
 * @module
 */
import type { Lease, Taken } from "./log_api.ts";
import { byCode } from "./stream_table.ts";

/** A lease as it is kept. */
export interface KeptLease {
  readonly name: string;
  readonly value: string;
  readonly generation: number;
  /** When it expires, by the log's clock, in ms; Infinity for never. */
  readonly until: number;
}

/** Leases by group and name. */
export class LeaseTable {
  readonly #groups: Map<string, Map<string, KeptLease>> = new Map();

  /** A lease; null if nobody has it. */
  get(group: string, name: string): KeptLease | null {
    return this.#groups.get(group)?.get(name) ?? null;
  }

  /** Keeps a lease, in the place of the one of its name. */
  set(group: string, lease: KeptLease): void {
    let leases = this.#groups.get(group);
    if (leases === undefined) this.#groups.set(group, leases = new Map());
    leases.set(lease.name, lease);
  }

  /** Forgets a lease. */
  delete(group: string, name: string): void {
    const leases = this.#groups.get(group);
    if (leases === undefined) return;
    leases.delete(name);
    if (leases.size === 0) this.#groups.delete(group);
  }

  /** All of a group, by name. */
  list(group: string, now: number): Lease[] {
    const leases = this.#groups.get(group);
    if (leases === undefined) return [];
    return [...leases.values()].sort((a, b) => byCode(a.name, b.name)).map((lease) => shown(lease, now));
  }
}

/** What a lease becomes when it is taken. */
export function taken(
  held: KeptLease | null,
  name: string,
  value: string,
  until: number,
  now: number,
): { readonly lease: KeptLease; readonly taken: Taken } {
  const generation = held === null ? 1 : held.generation + 1;
  const previous = held === null ? null : shown(held, now);
  return { lease: { name, value, generation, until }, taken: { generation, previous } };
}

/** What a lease becomes when it is renewed; null if it may not be. */
export function renewed(
  held: KeptLease | null,
  generation: number,
  until: number,
  value: string | undefined,
): KeptLease | null {
  if (held === null || held.generation !== generation) return null;
  return { ...held, until, value: value ?? held.value };
}

function shown({ name, value, generation, until }: KeptLease, now: number): Lease {
  return { name, value, generation, expired: until <= now };
}
