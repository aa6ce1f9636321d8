/**
 * What was acknowledged of a log, and whether it is all there afterwards.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { AppendOptions, ChannelLog, Entry, Page } from "../../src/channels/log/log_api.ts";

const KEEP = { size: 100_000, bytes: 1 << 28, age: 3_600_000 };

interface Told {
  epoch: string;
  readonly texts: Map<number, string>;
  readonly removed: Set<number>;
  readonly ids: Map<string, number>;
  /** Entries behind this one are kept for certain. */
  size: number;
}

/** Writes to a log by chance, and remembers what it was told. */
export class Story {
  readonly #streams: Map<string, Told> = new Map();
  readonly #below: (limit: number) => number;
  #count = 0;

  /** @param below Chance. */
  constructor(below: (limit: number) => number) {
    this.#below = below;
  }

  /** Entries that were acknowledged. */
  get acknowledged(): number {
    return [...this.#streams.values()].reduce((sum, { texts }) => sum + texts.size, 0);
  }

  /** Names of its streams. */
  get streams(): string[] {
    return [...this.#streams.keys()];
  }

  /** Epoch of a stream when it was last written. */
  epochOf(stream: string): string {
    return this.#streams.get(stream)!.epoch;
  }

  /** So many appends and removes at once. What is rejected is nobody's. */
  async write(log: ChannelLog, count: number, keep: Partial<typeof KEEP> = {}): Promise<void> {
    const streams = 5;
    const calls = Array.from({ length: count }, () => {
      const stream = `s-${this.#below(streams)}`;
      const told = this.#streams.get(stream);
      if (told !== undefined && this.#below(8) === 0) return this.#remove(log, stream, told);
      return this.#append(log, stream, { ...KEEP, ...keep });
    });
    await Promise.all(calls);
  }

  async #append(log: ChannelLog, stream: string, keep: typeof KEEP): Promise<void> {
    const text = `${this.#count++} ${"x".repeat(this.#below(120))}`;
    const id = this.#below(3) === 0 ? `id-${this.#count}` : undefined;
    const options: AppendOptions = { keep, dedupeAge: 3_600_000, ...(id === undefined ? {} : { id }) };
    const done = await log.append(stream, { kind: "message", data: text, headers: null }, options).catch(() => null);
    if (done === null) return;
    this.acknowledge(stream, done.epoch, done.offset, text, keep.size, id);
  }

  async #remove(log: ChannelLog, stream: string, told: Told): Promise<void> {
    const offset = 1 + this.#below(told.texts.size);
    // It may be gone from now on, whatever the answer.
    told.removed.add(offset);
    await log.remove(stream, offset).catch(() => {});
  }

  /** An entry was acknowledged. */
  acknowledge(stream: string, epoch: string, offset: number, text: string, size = KEEP.size, id?: string): void {
    let told = this.#streams.get(stream);
    if (told === undefined || told.epoch !== epoch) {
      told = { epoch, texts: new Map(), removed: new Set(), ids: new Map(), size };
      this.#streams.set(stream, told);
    }
    told.size = Math.min(told.size, size);
    told.texts.set(offset, text);
    if (id !== undefined) told.ids.set(id, offset);
  }

  /**
   * Whether all that was acknowledged is there. Gives the streams that have another epoch: of those all may be lost.
   */
  async check(log: ChannelLog): Promise<string[]> {
    const lost: string[] = [];
    for (const [stream, told] of this.#streams) {
      const page = await log.read(stream, 0, { count: 1_000_000, bytes: 1 << 30 });
      if (page.epoch === told.epoch) await this.#checkStream(log, stream, told, page);
      else lost.push(stream);
      checkOrder(page);
    }
    return lost;
  }

  async #checkStream(log: ChannelLog, stream: string, told: Told, { top, first, entries }: Page): Promise<void> {
    const last = Math.max(...told.texts.keys());
    assert(top >= last, `${stream} ends at ${top}, ${last} was acknowledged`);
    assert(
      first <= Math.max(1, top - told.size + 1) || told.removed.size > 0,
      `${stream} begins at ${first} of ${top}`,
    );
    const there = new Map(entries.map((entry: Entry) => [entry.offset, entry.data]));
    for (const [offset, text] of told.texts) {
      if (told.removed.has(offset)) continue;
      if (offset >= first) assertEquals(there.get(offset), text, `${stream} ${offset}`);
    }
    for (const [id, offset] of [...told.ids].slice(-3)) {
      const again = await log.append(stream, { kind: "message", data: "again", headers: null }, {
        keep: KEEP,
        id,
        dedupeAge: 3_600_000,
      });
      assertEquals([again.offset, again.duplicate], [offset, true], `${stream} ${id}`);
    }
  }
}

/** Offsets go up, and none is behind the top. */
function checkOrder({ top, first, entries }: Page): void {
  let last = first - 1;
  for (const { offset } of entries) {
    assert(offset > last && offset <= top, `${offset} behind ${last}, top ${top}`);
    last = offset;
  }
}
