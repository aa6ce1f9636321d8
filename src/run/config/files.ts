/**
 * A configuration's files: how they are read, and how one hears that they have changed.
 *
 * @module
 */
import { lstatSync, readlinkSync, statSync, watch } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { resolve, sep } from "node:path";

/** Reads files, and tells of changes. */
export interface ConfigFiles {
  /** A file's text. It rejects with what the system says, or what is wrong with the file. */
  read(file: string): Promise<string>;
  /**
   * Hears of changes of the files that it follows, their replacement by others and changes of the links that lead to
   * them. It may hear of more than that.
   */
  watch(changed: () => void): FileWatch;
}

/** What is heard of. */
export interface FileWatch {
  /**
   * Looks where the files are now, which may be elsewhere: true if there is a folder that was not watched before. It
   * never rejects.
   */
  follow(files: readonly string[]): Promise<boolean>;
  /** Why some are not watched; null if all are. */
  readonly failed: Error | null;
  /** Ends it. Calling it twice is harmless. */
  close(): void;
}

/** Larger ones are a mistake, such as a wrong path. */
const MAX_BYTES = 1_048_576;
/** As many as the kernel follows. */
const MAX_LINKS = 40;

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "it may not be read",
  EPERM: "it may not be read",
  ENOTDIR: "a part of its path is no folder",
};

/** The file system, by whichever runtime this is. */
export const systemFiles: ConfigFiles = {
  async read(file) {
    try {
      const info = await stat(file);
      // Opening a pipe would wait for a writer.
      if (!info.isFile()) throw because("it is no file");
      if (info.size > MAX_BYTES) throw because(`it has ${info.size} bytes, and ${MAX_BYTES} at the most are read`);
      return decoded(await readFile(file));
    } catch (error) {
      const words = WORDS[(error as { code?: string }).code ?? ""];
      throw words === undefined ? error : because(words, error);
    }
  },
  watch: (changed) => new LinkWatch(changed),
};

/** The part of a sentence that says why. */
function because(reason: string, cause?: unknown): Error {
  return new Error(reason, { cause });
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw because("it is not UTF-8", error);
  }
}

/** One watch of a folder. */
interface Folder {
  /** The folder's own number: another one may take its name. */
  readonly inode: number;
  readonly names: Set<string>;
  /** Fulfils when it may be watched again. */
  readonly close: () => Promise<void>;
}

/**
 * Watches folders, not files: who replaces a file gives its name to another, and Kubernetes changes a link that a
 * folder above is. So every folder is watched in which a link is followed, and that in which the file is.
 */
class LinkWatch implements FileWatch {
  readonly #folders = new Map<string, Folder>();
  readonly #changed: () => void;
  #failed: Error | null = null;
  #isClosed = false;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  get failed(): Error | null {
    return this.#failed;
  }

  async follow(files: readonly string[]): Promise<boolean> {
    const wanted = namesByFolder(files);
    for (const [path, folder] of [...this.#folders]) {
      if (wanted.has(path) && inodeOf(path) === folder.inode) continue;
      this.#folders.delete(path);
      await folder.close();
    }
    if (this.#isClosed) return false;
    this.#failed = null;
    let isNew = false;
    for (const [path, names] of wanted) isNew = this.#enter(path, names) || isNew;
    return isNew;
  }

  close(): void {
    this.#isClosed = true;
    for (const { close } of this.#folders.values()) void close();
    this.#folders.clear();
  }

  #enter(path: string, names: Set<string>): boolean {
    const known = this.#folders.get(path);
    if (known !== undefined) {
      for (const name of names) known.names.add(name);
      return false;
    }
    try {
      const heard = (name: string | null): void => {
        if (name === null || names.has(name)) this.#changed();
      };
      this.#folders.set(path, { inode: inodeOf(path), names, close: watchFolder(path, heard) });
      return true;
    } catch (error) {
      this.#failed = error as Error;
      return false;
    }
  }
}

function inodeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.ino ?? -1;
}

/** In which folders which names lead to the files. */
function namesByFolder(files: readonly string[]): Map<string, Set<string>> {
  const names = new Map<string, Set<string>>();
  for (const file of files) {
    for (const [folder, name] of stepsTo(file)) names.set(folder, (names.get(folder) ?? new Set()).add(name));
  }
  return names;
}

/** Each link on the way to a file, and the file: a folder, and a name in it. */
function stepsTo(file: string): [folder: string, name: string][] {
  const steps: [string, string][] = [];
  let parts = split(resolve(file));
  let folder: string = sep;
  for (let links = 0; parts.length > 0;) {
    const [name, ...rest] = parts;
    const target = linkAt(resolve(folder, name));
    if (target !== null || rest.length === 0) steps.push([folder, name]);
    if (target !== null && ++links <= MAX_LINKS) {
      parts = [...split(resolve(folder, target)), ...rest];
      folder = sep;
    } else {
      folder = resolve(folder, name);
      parts = rest;
    }
  }
  return steps;
}

/** Where a link leads; null for what is no link, or not there. */
function linkAt(path: string): string | null {
  try {
    return lstatSync(path).isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return null;
  }
}

function split(path: string): string[] {
  return path.split(sep).filter((part) => part !== "");
}

/** What is used of Deno. */
interface DenoWatch {
  watchFs(path: string, options: { recursive: boolean }): DenoWatcher;
}

/** What is used of its watcher. */
interface DenoWatcher {
  [Symbol.asyncIterator](): AsyncIterator<{ readonly paths: readonly string[] }>;
  close(): void;
  /** Both are not among its types, yet there (2.9.6). They are about the wait that is pending. */
  unref?(): void;
  ref?(): void;
}

/** Hears the names of what changes in a folder; null for what has no name. It never keeps a process alive. */
function watchFolder(path: string, heard: (name: string | null) => void): () => Promise<void> {
  const { Deno } = globalThis as unknown as { Deno?: DenoWatch };
  if (Deno !== undefined) return watchOnDeno(Deno.watchFs(path, { recursive: false }), heard);
  const watcher = watch(path, { persistent: false }, (_, name) => heard(name));
  // The folder is gone, or cannot be watched any longer: who looks again will see.
  watcher.on("error", () => heard(null));
  return () => Promise.resolve(watcher.close());
}

/**
 * `node:fs` on Deno forgets after the first change that it was not to keep the process alive, and a watch of a path
 * hears nothing if it begins before the last one of that path is gone, which is some time after `close()` (2.9.6).
 */
function watchOnDeno(watcher: DenoWatcher, heard: (name: string | null) => void): () => Promise<void> {
  const events = watcher[Symbol.asyncIterator]();
  const listen = async (): Promise<void> => {
    for (;;) {
      const next = events.next();
      watcher.unref?.();
      const { done, value } = await next;
      if (done) return;
      for (const path of value.paths) heard(split(path).at(-1) ?? null);
    }
  };
  const over = listen().catch(() => heard(null));
  return async () => {
    // Whoever waits for the end must not be left alone by a process that ends.
    watcher.ref?.();
    try {
      watcher.close();
    } catch {
      // Its folder is gone, and it has ended by itself.
    }
    await over;
  };
}
