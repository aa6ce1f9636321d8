/**
 * The changes that a file log makes, as plans: what is written of each, and what it does once it is.
 *
 * @module
 */
import { sizeOf } from "../../../text_size.ts";
import { endsOf, type KeptLease, renewed, taken } from "../lease_table.ts";
import type { Appended, AppendOptions, Entry, NewEntry, Taken } from "../log_api.ts";
import { newEpoch } from "../stream_table.ts";
import type { Draft, Plan } from "./draft.ts";
import type { Damage } from "./records.ts";
import type { FileState } from "./replay.ts";
import { FileSlot } from "./segment.ts";

/** An entry that was appended, with what it takes to tell of it. */
export type Told = (slot: FileSlot, entry: Entry, epoch: string) => void;

/** Appends an entry; `told` hears of it, unless it was there already. */
export function appending(stream: string, entry: NewEntry, options: AppendOptions, told: Told): Plan<Appended> {
  const { keep, id, dedupeAge } = options;
  return (draft) => {
    const { writer, now, state } = draft;
    const to = draft.stream(stream);
    const { epoch } = to;
    const known = id === undefined ? 0 : to.find(id, now);
    if (known > 0) return () => ({ epoch, offset: known, duplicate: true });
    const place = { offset: to.top + 1, time: now, size: sizeOf(entry.data) };
    const until = now + dedupeAge;
    const from = writer.append(stream, entry, place, keep, id, until);
    const length = writer.length - from;
    to.top = place.offset;
    if (id !== undefined) to.remember(id, place.offset);
    return ({ segment, at }) => {
      const kept = state.streams.open(stream);
      const slot = new FileSlot(place, segment, at + from, length);
      kept.push(slot, keep, now);
      if (id !== undefined) kept.remember(id, place.offset, until, now);
      told(slot, entryOf(entry, place), epoch);
      return { epoch, offset: place.offset, duplicate: false };
    };
  };
}

/** The caller may use its own anew when the append is over. */
function entryOf({ kind, data, headers }: NewEntry, { offset, time }: { offset: number; time: number }): Entry {
  const own = typeof data === "string" ? data : data.slice();
  return { kind, data: own, headers: headers === null ? null : { ...headers }, offset, time };
}

/** Removes an entry. */
export function removing(stream: string, offset: number): Plan<boolean> {
  return ({ writer, now, state }) => {
    const kept = state.streams.get(stream);
    kept?.trim(now);
    if (kept === undefined || kept.at(offset) === null) return () => false;
    writer.remove(stream, offset);
    return () => kept.remove(offset) !== null;
  };
}

/** How long a lease lasts, and is remembered behind that, in ms. */
export interface LeaseTimes {
  readonly ttl: number;
  readonly linger: number;
}

/** Takes a lease. @param first Generation of a first holder. */
export function taking(
  group: string,
  name: string,
  value: string,
  { ttl, linger }: LeaseTimes,
  first: number,
): Plan<Taken> {
  return (draft) => {
    const { now } = draft;
    const result = taken(draft.lease(group, name), { name, value }, endsOf(now, ttl, linger), now, first);
    putLease(draft, group, result.lease);
    return () => {
      draft.state.leases.set(group, result.lease, now);
      return result.taken;
    };
  };
}

/** Renews a lease. */
export function renewing(
  group: string,
  name: string,
  generation: number,
  { ttl, linger }: LeaseTimes,
  value: string | undefined,
): Plan<boolean> {
  return (draft) => {
    const { now } = draft;
    const lease = renewed(draft.lease(group, name), generation, endsOf(now, ttl, linger), value);
    if (lease === null) return () => false;
    putLease(draft, group, lease);
    return () => {
      draft.state.leases.set(group, lease, now);
      return true;
    };
  };
}

function putLease(draft: Draft, group: string, lease: KeptLease): void {
  draft.writer.lease(group, lease);
  draft.setLease(group, lease.name, lease);
}

/** Gives a lease back. */
export function releasing(group: string, name: string, generation: number): Plan<boolean> {
  return (draft) => {
    if (draft.lease(group, name)?.generation !== generation) return () => false;
    draft.writer.release(group, name);
    draft.setLease(group, name, null);
    return () => {
      draft.state.leases.delete(group, name);
      return true;
    };
  };
}

/** Tells that entries were lost: another epoch for these streams, or for all. In a group of its own. */
export function losing(streams: readonly string[] | null, damages: readonly Damage[]): Plan<void> {
  return ({ writer, state }) => {
    const epoch = newEpoch();
    writer.loss({ epoch, streams, damages });
    return () => {
      for (const kept of lostOf(state, streams)) {
        kept.epoch = epoch;
        for (const slot of kept.all()) {
          if (damages.some((damage) => hits(damage, slot))) kept.remove(slot.offset);
        }
      }
      state.streams.epoch = epoch;
    };
  };
}

function lostOf({ streams }: FileState, names: readonly string[] | null) {
  if (names === null) return [...streams.values()];
  return names.flatMap((name) => streams.get(name) ?? []);
}

/** Whether an entry stands where a segment is damaged. */
export function hits({ first, last, from, to }: Damage, { segment, at, length }: FileSlot): boolean {
  return segment.first === first && segment.last === last && at < to && at + length > from;
}

/** Forgets streams that are silent for long. In a group of its own. */
export function forgetting(isFollowed: (stream: string) => boolean): Plan<void> {
  return ({ writer, state }) => {
    const names = state.streams.surplus().map(({ name }) => name).filter((name) => !isFollowed(name));
    if (names.length === 0) return () => {};
    const epoch = newEpoch();
    writer.forget(epoch, names);
    return () => {
      for (const name of names) state.streams.delete(name);
      // Whoever asks for one of these must not be told the epoch in which it had counted further.
      state.streams.epoch = epoch;
    };
  };
}
