/**
 * The folder of a log: the segment that is written to, those before it, and how far is acknowledged.
 *
 * @module
 */
import type { FileAccess } from "../../../files.ts";
import type { Mark } from "./mark.ts";
import { writeFully } from "./scan.ts";
import { makeSegment, type Segment, VERSION } from "./segment.ts";

/** What a store is made of. */
export interface StoreParts {
  readonly files: FileAccess;
  readonly folder: string;
  readonly mark: Mark;
  readonly marker: number;
  readonly boot: string | null;
  /** Bytes of a segment, behind which another one is begun. */
  readonly segmentBytes: number;
  /** What is written is on the disk when `write()` fulfils. */
  readonly isSafe: boolean;
  /** Life of streams that are not known, as it is now. */
  readonly epoch: () => string;
}

/** Where a group of records was written. */
export interface Placed {
  readonly segment: Segment;
  readonly at: number;
}

/** Writes groups of records, one group at a time. */
export class Store {
  readonly parts: StoreParts;
  /** By number. */
  readonly segments: Segment[];
  /** The last write has failed: what it has left behind does not count. */
  #isSuspect = false;
  /** What is behind the end of the active segment may stay there: nothing is written to it any more. */
  #isSealed: boolean;
  /** Written, but not on the disk. */
  #isDirty = false;

  constructor(parts: StoreParts, segments: Segment[], isSealed: boolean) {
    this.parts = parts;
    this.segments = segments;
    this.#isSealed = isSealed;
  }

  /** The segment that is written to. */
  get active(): Segment {
    return this.segments[this.segments.length - 1];
  }

  /** Bytes of all segments, and of those whose entries are kept. */
  get use(): { readonly bytes: number; readonly live: number } {
    let [bytes, live] = [0, 0];
    for (const segment of this.segments) {
      bytes += segment.length;
      live += segment.live;
    }
    return { bytes, live };
  }

  /**
   * Writes a group of records, to be acknowledged when this fulfils.
   *
   * @throws {Error} The file system's: nothing of it counts, and the next group may be tried.
   */
  async write(bytes: Uint8Array): Promise<Placed> {
    if (this.#isSuspect) await this.#mend();
    if (this.#isSealed || this.#isFull(bytes.length)) await this.roll();
    const segment = this.active;
    const at = segment.length;
    try {
      await writeFully(segment.file, bytes, at);
      if (this.parts.isSafe) await this.#sync(segment);
      await this.#say(at + bytes.length, false, false);
    } catch (error) {
      this.#isSuspect = true;
      throw error;
    }
    segment.length = at + bytes.length;
    this.#isDirty = !this.parts.isSafe;
    return { segment, at };
  }

  /** Brings what was written to the disk. */
  async flush(): Promise<void> {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    await this.#sync(this.active);
  }

  /** Begins another segment. The one before is as long as it is now, whatever stands behind that. */
  async roll(): Promise<void> {
    await this.flush();
    // Should it fail half way, the next segment may already say how long this one is.
    this.#isSealed = true;
    const before = this.segments.at(-1);
    const number = (before?.last ?? 0) + 1;
    const { files, folder, marker, epoch } = this.parts;
    const header = { version: VERSION, marker, epoch: epoch(), first: number, last: number, merged: null };
    this.segments.push(await makeSegment(files, folder, { ...header, before: before?.length ?? null }));
    this.#isSealed = false;
    this.#isSuspect = false;
    await this.#say(this.active.length, false, false);
  }

  /** Makes the first segment of a folder that has none: how far it is acknowledged is there before it. */
  async start(): Promise<void> {
    const { mark, marker, boot, isSafe } = this.parts;
    await mark.write({ segment: 0, length: 0, marker, boot, isRelaxed: !isSafe, isClean: false }, true);
    await this.roll();
  }

  /** Notes that it is in use, so that the next start knows whether the machine has stopped meanwhile. */
  async begin(): Promise<void> {
    // In both places: neither says any more that the log is closed.
    await this.#say(this.active.length, false, false);
    await this.#say(this.active.length, false, true);
  }

  /** Lets go of all files, everything being on the disk. */
  async close(): Promise<void> {
    try {
      // What stays there would be taken for acknowledged, which does no harm.
      if (this.#isSuspect) await this.active.file.truncate(this.active.length).catch(() => {});
      await this.flush();
      await this.#say(this.active.length, true, true);
    } finally {
      for (const segment of this.segments) await segment.close();
      await this.parts.mark.close();
    }
  }

  #isFull(more: number): boolean {
    const { length, start } = this.active;
    return length > start && length + more > this.parts.segmentBytes;
  }

  /** Cuts what a failed write has left; where that fails too, another segment is begun. */
  async #mend(): Promise<void> {
    const segment = this.active;
    try {
      await segment.file.truncate(segment.length);
      this.#isSuspect = false;
    } catch {
      await this.roll();
    }
  }

  /** The kernel may have dropped what it could not bring to the disk: nothing more is written behind it. */
  async #sync(segment: Segment): Promise<void> {
    try {
      await segment.file.sync();
    } catch (error) {
      this.#isSealed = true;
      throw error;
    }
  }

  #say(length: number, isClean: boolean, isSafe: boolean): Promise<void> {
    const { mark, marker, boot } = this.parts;
    const marked = { segment: this.active.first, length, marker, boot, isRelaxed: !this.parts.isSafe, isClean };
    return mark.write(marked, isSafe);
  }
}
