/**
 * An outbox in a file, for clients that are no pages.
 *
 * @module
 */
import { concat } from "../../../bytes.ts";
import { InUseError, OptionError, UnsupportedError } from "../../../errors.ts";
import type { FileAccess, FolderLock, OpenFile } from "../../../files.ts";
import { checkNames, type Names } from "../../../names.ts";
import { defaultAdapter } from "../../../runtime.ts";
import { yesOrNo } from "../../../validate.ts";
import type { Outbox, OutboxLimits } from "../../client/client_api.ts";
import { outboxLimits } from "../../client/outbox.ts";

/** Everything that `fileOutbox()` takes. */
export interface FileOutboxOptions extends OutboxLimits {
  /** Messages that may wait. @default 1000 */
  readonly maxQueued?: number;
  /** Bytes they may have together. @default 1048576 */
  readonly maxQueuedBytes?: number;
  /**
   * A message counts as kept when it is on the disk, and survives the end of the machine; otherwise when it is written,
   * and survives that of the process. @default false
   */
  readonly sync?: boolean;
  /** Files. @default the runtime's */
  readonly files?: FileAccess;
}

const NAMES: Names<FileOutboxOptions> = { maxQueued: true, maxQueuedBytes: true, sync: true, files: true };

const NAME = "outbox";
/** A file that is larger than this, and than twice what is in it, is written anew. */
const MAX_WASTE = 65_536;

/** What waits to be written: as many as there are go at once. */
interface Batch {
  readonly lines: string[];
  readonly written: Promise<void>;
}

/**
 * Keeps what was not acknowledged in a file, so that it survives a crash of its process: the next one that has the
 * folder says it. One process, and in it one client, has a folder at a time.
 *
 * @param folder Its folder, which is made where it is not there.
 * @throws {OptionError} Synchronously: an option can't be used.
 * @throws {InUseError} By `client.on("error")`: another client has the folder.
 * @throws {OptionError} By `client.on("error")`: there can't be a folder there.
 * @example
 * ```ts
 * const client = new ChannelClient("wss://example.net/channels", { outbox: fileOutbox("/var/lib/sensor/outbox") });
 * ```
 */
export function fileOutbox(folder: string, options: FileOutboxOptions = {}): Outbox {
  if (typeof folder !== "string" || folder === "") {
    throw new OptionError("folder", `folder must be the path of a folder, got ${JSON.stringify(folder)}`);
  }
  checkNames("fileOutbox()", options, NAMES);
  const { sync, files, ...limits } = options;
  return new FileOutbox(folder, outboxLimits(limits), yesOrNo("sync", sync, false), files ?? null);
}

/** Lines of a journal: what was saved, and what was removed. */
class FileOutbox implements Outbox {
  readonly maxQueued: number;
  readonly maxQueuedBytes: number;
  readonly #folder: string;
  readonly #sync: boolean;
  #files: FileAccess | null;
  #lock: FolderLock | null = null;
  #file: OpenFile | null = null;
  /** Lines of what is saved, by key. */
  readonly #kept: Map<number, string> = new Map();
  /** Bytes of the file, and of what is kept. */
  #size = 0;
  #keptSize = 0;
  #batch: Batch | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(folder: string, limits: Required<OutboxLimits>, sync: boolean, files: FileAccess | null) {
    this.#folder = folder;
    this.maxQueued = limits.maxQueued;
    this.maxQueuedBytes = limits.maxQueuedBytes;
    this.#sync = sync;
    this.#files = files;
  }

  async load(): Promise<Iterable<readonly [number, string | Uint8Array]>> {
    const files = this.#files ??= await runtimeFiles();
    await files.makeFolder(this.#folder).catch((cause) => {
      const words = `The folder of the outbox, ${JSON.stringify(this.#folder)}, can't be made: ${cause.message}`;
      throw new OptionError("folder", words, { cause });
    });
    this.#lock = await files.lock(this.#folder);
    if (this.#lock === null) {
      throw new InUseError(
        `The outbox ${JSON.stringify(this.#folder)} is another client's: give each a folder of its own`,
      );
    }
    if ((await files.list(this.#folder)).includes(NAME)) await this.#read(files);
    await this.#rewrite(files);
    return [...this.#kept.values()].map((line) => entryOf(line) as readonly [number, string]);
  }

  save(key: number, frame: string | Uint8Array): Promise<void> {
    const line = JSON.stringify(typeof frame === "string" ? [key, frame] : [key, null, toBase64(frame)]);
    this.#keep(key, line);
    return this.#append(line);
  }

  remove(key: number): Promise<void> {
    this.#forget(key);
    return this.#append(JSON.stringify([key]));
  }

  async close(): Promise<void> {
    await this.#last.catch(() => {});
    const file = this.#file;
    this.#file = null;
    await file?.close();
    await this.#lock?.release();
  }

  #keep(key: number, line: string): void {
    this.#forget(key);
    this.#kept.set(key, line);
    this.#keptSize += line.length;
  }

  #forget(key: number): void {
    this.#keptSize -= this.#kept.get(key)?.length ?? 0;
    this.#kept.delete(key);
  }

  async #read(files: FileAccess): Promise<void> {
    const file = await files.open(files.join(this.#folder, NAME), false);
    try {
      const lines = new TextDecoder().decode(await readAll(file)).split("\n");
      // What follows the last end of a line was being written when its process died: nobody was told that it is kept.
      lines.pop();
      for (const line of lines) {
        const entry = entryOf(line);
        if (entry === null) continue;
        if (entry[1] === undefined) this.#forget(entry[0]);
        else this.#keep(entry[0], line);
      }
    } finally {
      await file.close();
    }
  }

  /** A file that has what is kept and nothing else takes the place of the old one. */
  async #rewrite(files: FileAccess): Promise<void> {
    const path = files.join(this.#folder, NAME);
    const fresh = await files.open(`${path}.new`, true);
    const bytes = new TextEncoder().encode([...this.#kept.values()].map((line) => `${line}\n`).join(""));
    await writeAll(fresh, bytes, 0);
    await fresh.sync();
    await files.rename(`${path}.new`, path);
    await files.syncFolder(this.#folder);
    const old = this.#file;
    this.#file = fresh;
    this.#size = bytes.length;
    await old?.close();
  }

  #append(line: string): Promise<void> {
    if (this.#batch === null) {
      const lines: string[] = [];
      const written = this.#last.catch(() => {}).then(() => this.#write(lines));
      this.#last = written;
      this.#batch = { lines, written };
    }
    this.#batch.lines.push(line);
    return this.#batch.written;
  }

  async #write(lines: readonly string[]): Promise<void> {
    this.#batch = null;
    const file = this.#file;
    if (file === null) throw new InUseError("The outbox is closed");
    if (this.#size > MAX_WASTE && this.#size > 2 * this.#keptSize) return await this.#rewrite(this.#files!);
    const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
    try {
      await writeAll(file, bytes, this.#size);
      if (this.#sync) await file.sync();
    } catch (error) {
      // What is half there must not be taken for kept by and by.
      await file.truncate(this.#size).catch(() => {});
      throw error;
    }
    this.#size += bytes.length;
  }
}

async function runtimeFiles(): Promise<FileAccess> {
  const files = await (await defaultAdapter()).files?.();
  if (files === undefined) throw new UnsupportedError("This runtime has no files: use memoryOutbox()");
  return files;
}

async function readAll(file: OpenFile): Promise<Uint8Array> {
  const whole = new Uint8Array(await file.size());
  const parts: Uint8Array[] = [];
  for (let at = 0; at < whole.length;) {
    const read = await file.read(whole.subarray(at), at);
    if (read === 0) break;
    parts.push(whole.subarray(at, at + read));
    at += read;
  }
  return concat(parts);
}

async function writeAll(file: OpenFile, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at), position + at);
}

/** What a line says; without a frame it was removed. Null for a line that says nothing. */
function entryOf(
  line: string,
): readonly [key: number, frame: string | Uint8Array] | readonly [key: number, undefined] | null {
  try {
    const [key, text, base64] = JSON.parse(line) as [number, string | null | undefined, string | undefined];
    if (!Number.isSafeInteger(key)) return null;
    return [key, base64 === undefined ? text ?? undefined : fromBase64(base64)] as [number, string];
  } catch {
    return null;
  }
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}
