/**
 * A file log whose folder is open: what it has in memory, and what it does.
 *
 * @module
 */
import { wallOf } from "../../../clock.ts";
import { UnsupportedError } from "../../../errors.ts";
import type { FileAccess, FolderLock } from "../../../files.ts";
import { defaultAdapter } from "../../../runtime.ts";
import { Semaphore } from "../../../sync.ts";
import { Followers } from "../followers.ts";
import { LeaseTable } from "../lease_table.ts";
import type { Appended, AppendOptions, Entry, Lease, NewEntry, Notice, Page, ReadLimit, Taken } from "../log_api.ts";
import { ChannelLogError } from "../log_errors.ts";
import { emptyPage, headOf, topOf } from "../memory_log.ts";
import { newEpoch, StreamTable } from "../stream_table.ts";
import { Cache } from "./cache.ts";
import { appending, forgetting, hits, losing, releasing, removing, renewing, taking, type Told } from "./changes.ts";
import type { FileLogLimits } from "./file_options.ts";
import { GroupWriter } from "./group_writer.ts";
import { load } from "./load.ts";
import { Mark } from "./mark.ts";
import { merge, worthMerging } from "./merge.ts";
import type { Damage } from "./records.ts";
import { recover, type Recovered } from "./recover.ts";
import type { FileState } from "./replay.ts";
import type { FileSlot, Segment } from "./segment.ts";
import { Store } from "./store.ts";

/** Opens a folder. @throws {ChannelLogError} It can't be opened, is not known, or another process has it. */
export async function openLog(folder: string, limits: FileLogLimits): Promise<OpenedLog> {
  try {
    const files = limits.files ?? await filesOfRuntime();
    await files.makeFolder(folder);
    const lock = await lockOf(files, folder);
    if (lock === null) throw held(folder);
    try {
      return await openHeld({ folder, limits, files, lock });
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw failed("open", folder, error);
  }
}

/** @throws {ChannelLogError} The folder's path leaves no room for the name of a socket in it. */
async function lockOf(files: FileAccess, folder: string): Promise<FolderLock | null> {
  try {
    return await files.lock(folder);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENAMETOOLONG") throw error;
    const words =
      `Cannot open the log in ${folder}: its path is too long for the Unix socket in it that says whose it is`;
    throw new ChannelLogError("ERR_LOG_FAILED", `${words}, use a folder with a shorter path`, { cause: error });
  }
}

interface Held {
  readonly folder: string;
  readonly limits: FileLogLimits;
  readonly files: FileAccess;
  readonly lock: FolderLock;
}

/** What is in memory of a folder, and how it is written to. */
interface Parts extends Held {
  readonly store: Store;
  readonly state: FileState;
  readonly groups: GroupWriter;
  /** Damages that were told. */
  readonly known: Damage[];
}

async function openHeld(held: Held): Promise<OpenedLog> {
  const { files, folder } = held;
  const mark = await Mark.open(files, folder);
  const segments: Segment[] = [];
  try {
    return await openMarked(held, mark, segments);
  } catch (error) {
    for (const segment of segments) await segment.close();
    await mark.close();
    throw error;
  }
}

/** @param segments Is filled with what has been opened. */
async function openMarked(held: Held, mark: Mark, segments: Segment[]): Promise<OpenedLog> {
  const { files, folder, limits } = held;
  const { maxIdleStreams, segmentBytes, syncEvery, logger } = limits;
  const streams = new StreamTable<FileSlot>(newEpoch(), maxIdleStreams, (slot) => slot.drop());
  const state: FileState = { streams, leases: new LeaseTable(), time: 0 };
  const [boot, marked] = [await files.bootId(), await mark.read()];
  const found = await recover({ files, folder, state, marked, boot, logger, segments });
  const parts = { files, folder, mark, boot, segmentBytes, isSafe: syncEvery === null, epoch: () => streams.epoch };
  const store = new Store({ ...parts, marker: found.marker ?? newMarker() }, segments, found.isSealed);
  if (segments.length === 0) await store.start();
  const groups = new GroupWriter({ store, state, limits });
  if (found.loss !== null) await tellLoss(found.loss, { folder, limits, store, groups });
  // Not before: what was acknowledged is known from what it says until now.
  await store.begin();
  return new OpenedLog({ ...held, store, state, groups, known: [...found.known, ...found.loss?.damages ?? []] });
}

async function tellLoss(
  loss: NonNullable<Recovered["loss"]>,
  { folder, limits, store, groups }: Pick<Parts, "folder" | "limits" | "store" | "groups">,
): Promise<void> {
  await groups.runAlone(losing(loss.streams, loss.damages));
  await store.flush();
  limits.logger.error("acknowledged entries of the log are lost: streams have another epoch", {
    folder,
    streams: loss.streams?.length ?? "all",
  });
}

/** A log while its folder is open. */
export class OpenedLog {
  readonly #parts: Parts;
  readonly #cache: Cache;
  readonly #followers: Followers = new Followers();
  /**
   * One page at a time: it may be a read for each of its entries, and they share the runtime's few threads with what is
   * being written. Of 5,000 clients who come back the first pages kept every append waiting for 250 ms (issue 15).
   */
  readonly #reading: Semaphore = new Semaphore(1);
  #merging: Promise<void> | null = null;
  #isForgetting = false;
  #isClosing = false;
  /** The segment that was written to when room could last not be given back: it is tried again with the next one. */
  #mergeFailedAt = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#cache = new Cache(parts.limits.cacheBytes);
    parts.groups.written = (changes) => this.#written(changes);
    this.#mergeSoon();
  }

  append(stream: string, entry: NewEntry, options: AppendOptions): Promise<Appended> {
    return this.#parts.groups.run(appending(stream, entry, options, this.#told(stream)));
  }

  async read(stream: string, after: number, limit: ReadLimit): Promise<Page> {
    const { slots, page } = this.#pick(stream, after, limit);
    const entries = slots.map(({ entry }) => entry);
    if (entries.every(isThere)) return { ...page, entries };
    const free = await this.#reading.acquire();
    try {
      return await this.#readFiles(stream, after, limit);
    } finally {
      free();
    }
  }

  async #readFiles(stream: string, after: number, limit: ReadLimit): Promise<Page> {
    while (true) {
      const { slots, page } = this.#pick(stream, after, limit);
      const entries = await this.#load(slots);
      if (entries.every(isThere)) return { ...page, entries };
      // What was trimmed meanwhile is not lost.
      const damages = slots.filter((slot, index) => entries[index] === null && !slot.isGone).map(damageOf);
      if (damages.length > 0) await this.#lose(damages, [stream]);
    }
  }

  /** What is to be read, and all else that a page says. */
  #pick(stream: string, after: number, limit: ReadLimit): { slots: readonly FileSlot[]; page: Omit<Page, "entries"> } {
    const { streams } = this.#parts.state;
    const kept = streams.get(stream);
    if (kept === undefined) return { slots: [], page: emptyPage(streams.epoch) };
    kept.trim(this.#now());
    const { slots, complete } = kept.pick(after, limit);
    return { slots, page: { ...headOf(kept), complete } };
  }

  tops(streams: readonly string[]): readonly Pick<Page, "epoch" | "top">[] {
    return streams.map((name) => topOf(this.#parts.state.streams, name));
  }

  follow(stream: string, heard: (notice: Notice) => void): () => void {
    // It is known from now on, so that its epoch stays as long as somebody follows it.
    const { streams } = this.#parts.state;
    streams.open(stream);
    const leave = this.#followers.add(stream, heard);
    return () => {
      leave();
      if (!this.#followers.has(stream)) streams.unfollowed(stream);
    };
  }

  remove(stream: string, offset: number): Promise<boolean> {
    return this.#parts.groups.run(removing(stream, offset));
  }

  streams(prefix: string, limit: number): readonly string[] {
    return this.#parts.state.streams.names(prefix, limit);
  }

  take(
    group: string,
    name: string,
    value: string,
    ttl: number,
    linger: number = Infinity,
    first: number = 1,
  ): Promise<Taken> {
    return this.#parts.groups.run(taking(group, name, value, { ttl, linger }, first));
  }

  renew(
    group: string,
    name: string,
    generation: number,
    ttl: number,
    value?: string,
    linger: number = Infinity,
  ): Promise<boolean> {
    return this.#parts.groups.run(renewing(group, name, generation, { ttl, linger }, value));
  }

  release(group: string, name: string, generation: number): Promise<boolean> {
    return this.#parts.groups.run(releasing(group, name, generation));
  }

  leases(group: string): readonly Lease[] {
    return this.#parts.state.leases.list(group, this.#now());
  }

  /** Waits for what is under way, and lets go of the folder. Called once, when nothing more is asked. */
  async close(): Promise<void> {
    const { groups, store, lock, folder } = this.#parts;
    this.#isClosing = true;
    this.#followers.clear();
    // Behind all who wait to read.
    await this.#reading.acquire();
    await groups.end();
    await this.#merging;
    try {
      await store.close();
    } catch (error) {
      throw failed("close", folder, error);
    } finally {
      await lock.release();
    }
  }

  #told(stream: string): Told {
    return (slot, entry, epoch) => {
      if (!slot.isGone) this.#cache.put(slot, entry);
      if (this.#followers.has(stream)) this.#followers.tell(stream, { epoch, top: entry.offset, entry });
    };
  }

  /** A group was written: looks after what has become old meanwhile. */
  #written(changes: number): void {
    const { state, groups } = this.#parts;
    for (let looks = 0; looks < changes; looks++) state.streams.lookAfter(state.time, this.#followers);
    this.#mergeSoon();
    if (this.#isForgetting || state.streams.surplus().length === 0) return;
    this.#isForgetting = true;
    groups.runAlone(forgetting((name) => this.#followers.has(name)))
      .catch(() => {}).finally(() => this.#isForgetting = false);
  }

  async #load(slots: readonly FileSlot[]): Promise<(Entry | null)[]> {
    const { store, folder } = this.#parts;
    if (slots.every(({ entry }) => entry !== null)) return slots.map(({ entry }) => entry);
    try {
      return await load(slots, store.parts.marker);
    } catch (error) {
      throw failed("read", folder, error);
    }
  }

  async #lose(damages: readonly Damage[], streams: readonly string[]): Promise<void> {
    const { limits, folder, groups, known } = this.#parts;
    limits.logger.error("entries of the log can't be read: their streams have another epoch", {
      folder,
      streams,
      damages,
    });
    await groups.runAlone(losing(streams, damages));
    known.push(...damages);
  }

  /** Gives room back, in the background, where that is worth it. */
  #mergeSoon(): void {
    const { store, limits, folder } = this.#parts;
    if (this.#merging !== null || this.#isClosing || this.#mergeFailedAt === store.active.first) return;
    const count = worthMerging(store.segments, limits.segmentBytes);
    if (count === 0) return;
    this.#merging = this.#merge(count).catch((error: unknown) => {
      this.#mergeFailedAt = store.active.first;
      limits.logger.warn("room of the log could not be given back", { folder, error });
    }).finally(() => this.#merging = null);
  }

  async #merge(count: number): Promise<void> {
    const { store, state, known } = this.#parts;
    const isKnown = (damage: Damage) => known.some((one) => contains(one, damage));
    const mayGoOn = () => !this.#isClosing;
    const damages = await merge(store, state, { count, now: this.#now(), isKnown, mayGoOn });
    if (damages.length === 0) return;
    const isHit = (slot: FileSlot) => damages.some((damage) => hits(damage, slot));
    const lost = [...state.streams.values()].filter((kept) => kept.all().some(isHit));
    await this.#lose(damages, lost.map(({ name }) => name));
  }

  #now(): number {
    const { state, limits } = this.#parts;
    return Math.max(state.time, wallOf(limits.clock));
  }
}

function isThere(entry: Entry | null): entry is Entry {
  return entry !== null;
}

function damageOf({ segment, at, length }: FileSlot): Damage {
  return { first: segment.first, last: segment.last, from: at, to: at + length };
}

function contains(known: Damage, { first, last, from, to }: Damage): boolean {
  return known.first === first && known.last === last && known.from <= from && to <= known.to;
}

async function filesOfRuntime(): Promise<FileAccess> {
  const files = (await defaultAdapter()).files?.();
  if (files === undefined) {
    throw new UnsupportedError("This runtime has no files: use memoryLog() or a log of your own");
  }
  return await files;
}

/** A number that nobody can guess, and that is not zero as empty parts of a disk are. */
function newMarker(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] || 1;
}

function held(folder: string): ChannelLogError {
  return new ChannelLogError(
    "ERR_LOG_HELD",
    `Another process has the log in ${folder}, or another fileLog() of this one: one has it at a time, close that one ` +
      "or use a folder of its own",
  );
}

/** The file system's error as the log's own. */
function failed(what: string, folder: string, error: unknown): unknown {
  if (error instanceof ChannelLogError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new ChannelLogError("ERR_LOG_FAILED", `Cannot ${what} the log in ${folder}: ${reason}`, { cause: error });
}
