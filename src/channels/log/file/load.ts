/**
 * Reads entries from segments.
 *
 * @module
 */
import type { Entry } from "../log_api.ts";
import { isIntact, readEntry } from "./records.ts";
import type { FileSlot, Segment } from "./segment.ts";

/** Bytes between two entries that are read along rather than passed over. */
const GAP = 1 << 14;

/** Bytes that are read at once, where one entry has no more. */
const MOST = 1 << 20;

/** Entries that lie close to each other in one segment. */
interface Run {
  readonly segment: Segment;
  readonly from: number;
  to: number;
  readonly wanted: { readonly slot: FileSlot; readonly at: number; readonly index: number }[];
}

/** The entries of slots, in their order; null for one that can't be read as it was written. */
export async function load(slots: readonly FileSlot[], marker: number): Promise<(Entry | null)[]> {
  const entries: (Entry | null)[] = slots.map(({ entry }) => entry);
  // What is asked of a segment is asked at once: it may be gone later, with what it has been read from.
  await Promise.all(runsOf(slots).map((run) => loadRun(run, marker, entries)));
  return entries;
}

function runsOf(slots: readonly FileSlot[]): Run[] {
  const runs: Run[] = [];
  for (const [index, slot] of slots.entries()) {
    if (slot.entry !== null) continue;
    const { segment, at, length } = slot;
    const last = runs.at(-1);
    const joins = last?.segment === segment && at >= last.to && at - last.to <= GAP && at + length - last.from <= MOST;
    if (!joins) runs.push({ segment, from: at, to: at + length, wanted: [{ slot, at, index }] });
    else {
      last.to = at + length;
      last.wanted.push({ slot, at, index });
    }
  }
  return runs;
}

async function loadRun({ segment, from, to, wanted }: Run, marker: number, entries: (Entry | null)[]): Promise<void> {
  const bytes = new Uint8Array(to - from);
  const length = await segment.read(bytes, from);
  for (const { slot, at, index } of wanted) {
    const frame = bytes.subarray(at - from, at - from + slot.length);
    const isWhole = at - from + slot.length <= length;
    entries[index] = isWhole && isIntact(frame, marker) ? readEntry(frame) : null;
  }
}
