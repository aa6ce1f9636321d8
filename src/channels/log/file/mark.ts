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

/** A sector of a disk, which is written whole or not at all. */
const SIZE = 512;
const CHECKSUM = 8;

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
    const bytes = new Uint8Array(SIZE);
    if (await readFully(this.#file, bytes, 0) !== SIZE) return null;
    const text = new TextDecoder().decode(bytes);
    const body = text.slice(CHECKSUM);
    if (text.slice(0, CHECKSUM) !== checksum(body)) return null;
    return JSON.parse(body) as Marked;
  }

  /** Says it; `isSafe` waits for the disk. */
  async write(marked: Marked, isSafe: boolean): Promise<void> {
    const body = JSON.stringify(marked).padEnd(SIZE - CHECKSUM);
    await writeFully(this.#file, new TextEncoder().encode(checksum(body) + body), 0);
    if (isSafe) await this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

function checksum(body: string): string {
  return crc32c(new TextEncoder().encode(body)).toString(16).padStart(CHECKSUM, "0");
}
