/**
 * Brings changes to the disk in groups: all that have come while one group was being written are the next one, and
 * share its write and its sync.
 *
 * @module
 */
import { wallOf } from "../../../clock.ts";
import { ChannelLogError } from "../log_errors.ts";
import { type Commit, Draft, type Plan } from "./draft.ts";
import type { FileLogLimits } from "./file_options.ts";
import { RecordWriter } from "./records.ts";
import type { FileState } from "./replay.ts";
import type { Store } from "./store.ts";

/** Bytes, behind which a group is closed: what is in memory twice, and may be lost together. */
const GROUP_BYTES = 1 << 22;

/** Changes likewise: a turn has so much to do and no more. */
const GROUP_CHANGES = 1_000;

/** What a group writer works with. */
export interface GroupParts {
  readonly store: Store;
  readonly state: FileState;
  readonly limits: FileLogLimits;
}

interface Change {
  readonly plan: Plan<unknown>;
  /** It is a group of its own. */
  readonly isAlone: boolean;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

interface Planned {
  readonly change: Change;
  readonly commit: Commit<unknown>;
}

/** Writes groups, one after the other. */
export class GroupWriter {
  /** Hears that a group of so many changes was written. */
  written: (changes: number) => void = () => {};
  readonly #parts: GroupParts;
  readonly #writer: RecordWriter;
  #waiting: Change[] = [];
  #writing: Promise<void> | null = null;
  #cancelSync: (() => void) | null = null;
  #syncing: Promise<void> | null = null;
  /** It was told that nothing can be written: once, until something can. */
  #isFailing = false;

  constructor(parts: GroupParts) {
    this.#parts = parts;
    this.#writer = new RecordWriter(parts.store.parts.marker);
  }

  /** Writes a change with others, and gives what it comes to. @throws {ChannelLogError} It could not be written. */
  run<T>(plan: Plan<T>): Promise<T> {
    return this.#enter(plan, false);
  }

  /** The same for a change that nothing else may be written with. */
  runAlone<T>(plan: Plan<T>): Promise<T> {
    return this.#enter(plan, true);
  }

  /** Waits for all changes under way, and syncs no more by itself. */
  async end(): Promise<void> {
    while (this.#writing !== null) await this.#writing;
    this.#cancelSync?.();
    await this.#syncing;
  }

  #enter<T>(plan: Plan<T>, isAlone: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ plan, isAlone, resolve: resolve as (value: never) => void, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    // What is called in this turn comes along.
    await null;
    while (this.#waiting.length > 0) {
      const planned = this.#planGroup();
      try {
        await this.#write(planned);
      } catch (error) {
        this.#refuse(planned, error);
      }
    }
    this.#writing = null;
  }

  /** Takes as many as go into one group. */
  #planGroup(): Planned[] {
    const { state, limits } = this.#parts;
    this.#writer.clear();
    state.time = Math.max(state.time, wallOf(limits.clock));
    const draft = new Draft(this.#writer, state, state.time);
    const planned: Planned[] = [];
    let taken = 0;
    for (const change of this.#waiting) {
      const isFull = taken >= GROUP_CHANGES || this.#writer.length > GROUP_BYTES;
      if (taken > 0 && (change.isAlone || isFull)) break;
      taken++;
      const { length } = this.#writer;
      try {
        planned.push({ change, commit: change.plan(draft) });
      } catch (error) {
        // Too large for memory, for example: nothing of it may stay.
        this.#writer.cut(length);
        change.reject(this.#failed(error));
      }
      if (change.isAlone) break;
    }
    this.#waiting = this.#waiting.slice(taken);
    return planned;
  }

  async #write(planned: readonly Planned[]): Promise<void> {
    const { store } = this.#parts;
    const { written } = this.#writer;
    const placed = written.length === 0 ? { segment: store.active, at: 0 } : await store.write(written);
    if (written.length > 0) this.#wentWell();
    for (const { change, commit } of planned) this.#commit(change, () => commit(placed));
    this.written(planned.length);
  }

  #wentWell(): void {
    this.#syncLater();
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#parts.limits.logger.info("the log can be written again", { folder: this.#parts.store.parts.folder });
  }

  /** Each change has its effect, whatever one of those that hear of it does. */
  #commit(change: Change, commit: () => unknown): void {
    try {
      change.resolve(commit() as never);
    } catch (error) {
      change.reject(error);
    }
  }

  #refuse(planned: readonly Planned[], error: unknown): void {
    const { store, limits } = this.#parts;
    if (!this.#isFailing) limits.logger.error("the log can't be written", { folder: store.parts.folder, error });
    this.#isFailing = true;
    for (const { change } of planned) change.reject(this.#failed(error));
  }

  #failed(error: unknown): ChannelLogError {
    const message = error instanceof Error ? error.message : String(error);
    const { folder } = this.#parts.store.parts;
    return new ChannelLogError("ERR_LOG_FAILED", `Cannot write to the log in ${folder}: ${message}`, { cause: error });
  }

  /** Where appends are acknowledged before they are on the disk: brings them there in a while. */
  #syncLater(): void {
    const { store, limits } = this.#parts;
    if (limits.syncEvery === null || this.#cancelSync !== null) return;
    this.#cancelSync = limits.clock.setTimer(() => {
      this.#cancelSync = null;
      this.#syncing = store.flush().catch((error: unknown) => {
        limits.logger.critical("acknowledged entries of the log could not be brought to the disk", {
          folder: store.parts.folder,
          error,
        });
      }).finally(() => this.#syncing = null);
    }, limits.syncEvery);
  }
}
