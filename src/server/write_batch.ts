/**
 * Small writes of one turn leave in one system call: connections that were written to are flushed together once the
 * turn's promise jobs have settled.
 *
 * @module
 */

/** A connection that was written to. */
export interface Flushable {
  flushNow(): void;
}

/** Promise jobs that may pass without a write before the turn counts as over: a `for await` needs about three. */
const QUIET_JOBS = 4;
/** A turn that goes on writing for so many jobs is flushed in its midst, so that it can't hold the others back. */
const MAX_JOBS = 512;
/** Room to gather a turn's small writes in; larger ones go out chunk by chunk. */
export const SCRATCH_BYTES: number = 64 * 1024;

const RESOLVED: Promise<void> = Promise.resolve();

/** Collects the connections that one turn wrote to. One per server. */
export class WriteBatch {
  /** Counts writes, so that the batch sees whether the turn still writes. */
  writes = 0;
  /** Gathers small writes; replaced when a socket still holds it. */
  scratch: Uint8Array = new Uint8Array(0);
  #dirty: Flushable[] = [];
  #spare: Flushable[] = [];
  #seen = 0;
  #quiet = 0;
  #jobs = 0;
  #scheduled = false;
  readonly #job: () => void = () => this.#run();

  add(connection: Flushable): void {
    this.#dirty.push(connection);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#jobs = 0;
    this.#quiet = 0;
    RESOLVED.then(this.#job);
  }

  /** The gathering buffer, empty. */
  takeScratch(): Uint8Array {
    if (this.scratch.length === 0) this.scratch = new Uint8Array(SCRATCH_BYTES);
    return this.scratch;
  }

  #run(): void {
    if (this.writes !== this.#seen) {
      this.#seen = this.writes;
      this.#quiet = 0;
    } else {
      this.#quiet++;
    }
    if (this.#quiet < QUIET_JOBS && ++this.#jobs < MAX_JOBS) {
      RESOLVED.then(this.#job);
      return;
    }
    this.#scheduled = false;
    const dirty = this.#dirty;
    this.#dirty = this.#spare;
    this.#spare = dirty;
    for (let i = 0; i < dirty.length; i++) dirty[i].flushNow();
    dirty.length = 0;
  }
}
