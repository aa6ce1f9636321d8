/**
 * Files in memory that know what a disk would have of them, and break in every way that files do.
 *
 * @module
 */
import type { FileAccess, FolderLock, OpenFile } from "../../src/files.ts";

/** Of a disk, what is written whole or not at all. */
const SECTOR = 512;

/** What goes wrong; each is asked at each call. */
export interface FileFaults {
  /** Bytes that all files may have together. */
  room?: number;
  /** Of a write so many bytes are taken, one at least. */
  shorten?: (length: number) => number;
  /** Of a read likewise. */
  shortenRead?: (length: number) => number;
  /** So many turns later. */
  delay?: (what: string, path: string) => number;
  /** An error for this call, before it has done anything. */
  refuse?: (what: string, path: string) => string | null;
}

interface Data {
  /** As the process sees it. */
  bytes: Uint8Array;
  length: number;
  /** As it was when it was last brought to the disk. */
  durable: Uint8Array;
}

/** An error as a file system gives it. */
export class FileSystemError extends Error {
  readonly code: string;

  constructor(code: string, what: string) {
    super(`${code}: ${what}`);
    this.name = "FileSystemError";
    this.code = code;
  }
}

/** A file system; all paths are names. */
export class MemoryFiles implements FileAccess {
  readonly faults: FileFaults = {};
  /** Calls by what they do. */
  readonly calls: Record<string, number> = {};
  /** Start of the machine. */
  boot: string | null = "boot-1";
  #names: Map<string, Data> = new Map();
  #durableNames: Map<string, Data> = new Map();
  #isHeld = false;
  #open = 0;
  /** Nothing happens any more: the process has died. */
  #isDead = false;

  /** Files that are open. */
  get openFiles(): number {
    return this.#open;
  }

  /** Names of all files. */
  get names(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** What a file has. */
  content(name: string): Uint8Array {
    const { bytes, length } = this.#names.get(name)!;
    return bytes.slice(0, length);
  }

  /** Gives a file other bytes, behind everybody's back. */
  damage(name: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const data = this.#names.get(name)!;
    const bytes = change(this.content(name));
    Object.assign(data, { bytes, length: bytes.length, durable: bytes.slice() });
  }

  /** Removes a file, behind everybody's back. */
  drop(name: string): void {
    this.#names.delete(name);
    this.#durableNames.delete(name);
  }

  /** The process dies, and what it does from now on has no effect: the files as the next one finds them. */
  killed(): MemoryFiles {
    this.#isDead = true;
    const next = new MemoryFiles();
    next.boot = this.boot;
    for (const [name, data] of this.#names) next.#put(name, data.bytes.slice(0, data.length));
    return next;
  }

  /** The machine stops: of what was not brought to the disk each sector may be there, or not. */
  stopped(below: (limit: number) => number): MemoryFiles {
    this.#isDead = true;
    const next = new MemoryFiles();
    next.boot = this.boot === null ? null : `${this.boot}+`;
    const names = below(2) === 0 ? this.#names : this.#durableNames;
    for (const [name, data] of names) next.#put(name, torn(data, below));
    return next;
  }

  join(_folder: string, name: string): string {
    return name;
  }

  makeFolder(): Promise<void> {
    return this.#do("makeFolder", "", () => {});
  }

  list(): Promise<readonly string[]> {
    return this.#do("list", "", () => [...this.#names.keys()]);
  }

  open(path: string, isNew: boolean): Promise<OpenFile> {
    return this.#do("open", path, () => {
      let data = this.#names.get(path);
      if (isNew) {
        if (data !== undefined) Object.assign(data, { bytes: new Uint8Array(0), length: 0 });
        else this.#names.set(path, data = { bytes: new Uint8Array(0), length: 0, durable: new Uint8Array(0) });
      }
      if (data === undefined) throw new FileSystemError("ENOENT", path);
      return this.#opened(path, data);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do("rename", from, () => {
      const data = this.#names.get(from);
      if (data === undefined) throw new FileSystemError("ENOENT", from);
      this.#names.delete(from);
      this.#names.set(to, data);
    });
  }

  remove(path: string): Promise<void> {
    return this.#do("remove", path, () => void this.#names.delete(path));
  }

  syncFolder(): Promise<void> {
    return this.#do("syncFolder", "", () => void (this.#durableNames = new Map(this.#names)));
  }

  lock(): Promise<FolderLock | null> {
    return this.#do("lock", "", () => {
      if (this.#isHeld) return null;
      this.#isHeld = true;
      return {
        release: () => {
          this.#isHeld = false;
          return Promise.resolve();
        },
      };
    });
  }

  bootId(): Promise<string | null> {
    return Promise.resolve(this.boot);
  }

  #put(name: string, bytes: Uint8Array): void {
    const data = { bytes, length: bytes.length, durable: bytes.slice() };
    this.#names.set(name, data);
    this.#durableNames.set(name, data);
  }

  #opened(path: string, data: Data): OpenFile {
    this.#open++;
    let isOpen = true;
    const act = <T>(what: string, work: () => T): Promise<T> =>
      this.#do(what, path, () => {
        if (!isOpen) throw new FileSystemError("EBADF", `${what} ${path}`);
        return work();
      });
    return {
      read: (into, position) => act("read", () => this.#read(data, into, position)),
      write: (bytes, position) => act("write", () => this.#write(data, bytes, position)),
      sync: () => act("sync", () => void (data.durable = data.bytes.slice(0, data.length))),
      truncate: (length) => act("truncate", () => resize(data, length)),
      size: () => act("size", () => data.length),
      close: () =>
        act("close", () => {
          isOpen = false;
          this.#open--;
        }),
    };
  }

  #read(data: Data, into: Uint8Array, position: number): number {
    const there = Math.max(0, Math.min(into.length, data.length - position));
    const length = there > 1 ? this.faults.shortenRead?.(there) ?? there : there;
    into.set(data.bytes.subarray(position, position + length));
    return length;
  }

  #write(data: Data, bytes: Uint8Array, position: number): number {
    const wanted = bytes.length > 1 ? this.faults.shorten?.(bytes.length) ?? bytes.length : bytes.length;
    const others = [...this.#names.values()].reduce((sum, { length }) => sum + length, 0) - data.length;
    const room = (this.faults.room ?? Infinity) - others - position;
    const isOver = position + wanted <= data.length;
    const length = isOver ? wanted : Math.min(wanted, room);
    if (length <= 0) throw new FileSystemError("ENOSPC", "no space left on device, write");
    if (position + length > data.length) resize(data, position + length);
    data.bytes.set(bytes.subarray(0, length), position);
    return length;
  }

  /** In a later turn, as files do it. */
  async #do<T>(what: string, path: string, work: () => T): Promise<T> {
    for (let turns = 1 + (this.faults.delay?.(what, path) ?? 0); turns > 0; turns--) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (this.#isDead) return new Promise(() => {});
    this.calls[what] = (this.calls[what] ?? 0) + 1;
    const refusal = this.faults.refuse?.(what, path) ?? null;
    // The one who is asked may have killed the process.
    if (this.#isDead) return new Promise(() => {});
    if (refusal !== null) throw new FileSystemError(refusal, `${what} ${path}`);
    return work();
  }
}

function resize(data: Data, length: number): void {
  if (length > data.bytes.length) {
    const larger = new Uint8Array(Math.max(length, data.bytes.length * 2));
    larger.set(data.bytes.subarray(0, data.length));
    data.bytes = larger;
  }
  if (length < data.length) data.bytes.fill(0, length, data.length);
  data.length = length;
}

function torn({ bytes, length, durable }: Data, below: (limit: number) => number): Uint8Array {
  const [least, most] = [Math.min(length, durable.length), Math.max(length, durable.length)];
  const size = least + below(most - least + 1);
  const result = new Uint8Array(size);
  for (let at = 0; at < size; at += SECTOR) {
    const source = below(2) === 0 ? bytes.subarray(0, length) : durable;
    result.set(source.subarray(at, Math.min(at + SECTOR, size)), at);
  }
  return result;
}
