/**
 * How far a folder has acknowledged, in a small file of its own: so that a segment which is cut there is not taken for
 * one that ends there, and a stop of the machine is told from one of the process.
 *
 * @module
 */
import { crc32c } from "../../../crc32c.ts";
import type { FileAccess, OpenFile } from "../../../files.ts";
import { readFully, writeFully } from "./scan.ts";

const FILE = "acknowledged";

/** A sector of a disk, which is written whole or not at all, as a rule. */
const SIZE = 512;
const CHECKSUM = 8;

/** It stands in two places in turn: where one was being written when all ended, the other says how it was before. */
const PLACES = [0, 4096] as const;

/** What it says. */
export interface Marked {
  /** First number of the segment that is written to. */
  readonly segment: number;
  /** Bytes of it that were acknowledged. */
  readonly length: number;
  /** Marker of the folder's records. */
  readonly marker: number;
  /** Start of the machine in which it was written; null where that can't be told. */
  readonly boot: string | null;
  /** It acknowledges before it is on the disk. */
  readonly isRelaxed: boolean;
  /** The log was closed, and everything is on the disk. */
  readonly isClean: boolean;
}

/** The file, kept open. */
export class Mark {
  readonly #file: OpenFile;
  /** Counts what was written, so that the later one is known. */
  #count = 0;

  private constructor(file: OpenFile) {
    this.#file = file;
  }

  /** Opens or makes it. */
  static async open(files: FileAccess, folder: string): Promise<Mark> {
    const isThere = (await files.list(folder)).includes(FILE);
    return new Mark(await files.open(files.join(folder, FILE), !isThere));
  }

  /** What it says; null if it says nothing that can be believed. */
  async read(): Promise<Marked | null> {
    let last: Marked | null = null;
    for (const place of PLACES) {
      const said = await this.#readAt(place);
      if (said === null || said.count < this.#count) continue;
      this.#count = said.count;
      last = said.marked;
    }
    return last;
  }

  /** Says it; `isSafe` waits for the disk. */
  async write(marked: Marked, isSafe: boolean): Promise<void> {
    const count = ++this.#count;
    const body = JSON.stringify({ count, marked }).padEnd(SIZE - CHECKSUM);
    await writeFully(this.#file, new TextEncoder().encode(checksum(body) + body), PLACES[count % PLACES.length]);
    if (isSafe) await this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #readAt(place: number): Promise<{ readonly count: number; readonly marked: Marked } | null> {
    const bytes = new Uint8Array(SIZE);
    if (await readFully(this.#file, bytes, place) !== SIZE) return null;
    const text = new TextDecoder().decode(bytes);
    const body = text.slice(CHECKSUM);
    return text.slice(0, CHECKSUM) === checksum(body) ? JSON.parse(body) : null;
  }
}

function checksum(body: string): string {
  return crc32c(new TextEncoder().encode(body)).toString(16).padStart(CHECKSUM, "0");
}
