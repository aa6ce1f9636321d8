/**
 * What the process uses, through `node:fs` and `node:process`, which all three runtimes have.
 *
 * @module
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import process from "node:process";
import type { ResourceUse } from "../../src/platform.ts";

/** Its size is the number of descriptors since Linux 6.2, and 0 before. */
export const DESCRIPTORS = "/proc/self/fd";
/** Holds the soft limits. */
export const LIMITS = "/proc/self/limits";

/** The garbage-collected heap; a limit of null is none that is known. */
export interface HeapUse {
  readonly used: number;
  readonly limit: number | null;
}

/** What differs between the runtimes. */
export interface ResourceSource {
  heap(): HeapUse;
  /** Why there is no limit of the heap. */
  readonly noHeapLimit?: string;
  /** Why these files can't be read; null if they may. */
  refusal?(): string | null;
}

type Member = keyof ResourceUse["missing"];

/** Reads what can be read, and says why the rest can't. */
export class ResourceReader {
  readonly #source: ResourceSource;
  readonly #folder: string;
  /** The soft limit when it was last read: without a descriptor it can't be. */
  #limit: number | null = null;

  /** @param folder Has an entry for each descriptor. */
  constructor(source: ResourceSource, folder: string = DESCRIPTORS) {
    this.#source = source;
    this.#folder = folder;
  }

  read(): ResourceUse {
    const missing: Partial<Record<Member, string>> = {};
    const attempt = <T>(member: Member, read: () => T): T | null => {
      try {
        return read();
      } catch (error) {
        missing[member] = (error as Error).message;
        return null;
      }
    };
    const descriptorLimit = attempt("descriptorLimit", () => this.#descriptorLimit());
    const descriptors = attempt("descriptors", () => this.#descriptors());
    const heap = attempt("heapUsed", () => this.#source.heap());
    const heapLimit = heap?.limit ?? null;
    if (heapLimit === null) missing.heapLimit = this.#source.noHeapLimit ?? missing.heapUsed ?? "The runtime has none";
    return {
      descriptors,
      descriptorLimit,
      heapUsed: heap?.used ?? null,
      heapLimit,
      rss: attempt("rss", readRss),
      missing,
    };
  }

  #descriptorLimit(): number {
    this.#check(LIMITS);
    try {
      const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync(LIMITS, "utf8"))!;
      return this.#limit = soft === "unlimited" ? Infinity : Number(soft);
    } catch (error) {
      if (isShortage(error) && this.#limit !== null) return this.#limit;
      throw error;
    }
  }

  #descriptors(): number {
    this.#check(this.#folder);
    const { size } = statSync(this.#folder);
    if (size > 0) return size;
    try {
      // Less the one that lists them.
      return readdirSync(this.#folder).length - 1;
    } catch (error) {
      // None is left to list them with: so many there are.
      if (isShortage(error) && this.#limit !== null) return this.#limit;
      throw error;
    }
  }

  #check(path: string): void {
    if (process.platform !== "linux") throw new Error(`${path} is Linux's, this is ${process.platform}`);
    const refusal = this.#source.refusal?.() ?? null;
    if (refusal !== null) throw new Error(refusal);
  }
}

/** Node and Bun throw without a descriptor left, Deno says 0. */
function readRss(): number {
  const rss = process.memoryUsage.rss();
  if (rss > 0) return rss;
  throw new Error("The resident memory can't be read without a free descriptor");
}

function isShortage(error: unknown): boolean {
  const { code } = error as { readonly code?: string };
  return code === "EMFILE" || code === "ENFILE";
}
