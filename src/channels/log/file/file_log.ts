/**
 * A log in files of one folder, for one process at a time.
 *
 * @module
 */
import type {
  Appended,
  AppendOptions,
  ChannelLog,
  Lease,
  NewEntry,
  Notice,
  Page,
  ReadLimit,
  Taken,
} from "../log_api.ts";
import { ChannelLogError } from "../log_errors.ts";
import { type FileLogLimits, fileLogLimits, type FileLogOptions } from "./file_options.ts";
import type { OpenedLog } from "./opened_log.ts";

/** A log in files. */
export interface FileLog extends ChannelLog {
  /**
   * Opens the folder now, rather than at the first use.
   *
   * @throws {ChannelLogError} `ERR_LOG_HELD`: another process has it; `ERR_LOG_FOREIGN`: its files are of a version
   * that is not known; `ERR_LOG_FAILED`: they can't be read or written.
   */
  open(): Promise<void>;
}

/**
 * A log in files of one folder, which is made where it is not there: what was acknowledged is there after any death of
 * the process. One process has the folder at a time; it is opened at the first use, or by `open()`.
 *
 * @param folder Its path: on a disk of this machine, and short enough for a Unix socket in it.
 * @throws {OptionError} An option is unknown or out of range.
 * @example
 * ```ts
 * const log = fileLog("/var/lib/chat");
 * await log.open();
 * ```
 */
export function fileLog(folder: string, options: FileLogOptions = {}): FileLog {
  return new LazyFileLog(folder, fileLogLimits(folder, options));
}

/** Opens its folder, and loads what that takes, when somebody asks for something. */
class LazyFileLog implements FileLog {
  readonly name = "file";
  readonly shared = false;
  readonly #folder: string;
  readonly #limits: FileLogLimits;
  #opened: OpenedLog | null = null;
  #opening: Promise<OpenedLog> | null = null;
  #closing: Promise<void> | null = null;
  /** Calls that wait for the opening: those behind them do, too, so that all keep their order. */
  #early = 0;

  constructor(folder: string, limits: FileLogLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  open(): Promise<void> {
    return this.#ask(() => Promise.resolve());
  }

  append(stream: string, entry: NewEntry, options: AppendOptions): Promise<Appended> {
    return this.#ask((log) => log.append(stream, entry, options));
  }

  read(stream: string, after: number, limit: ReadLimit): Promise<Page> {
    return this.#ask((log) => log.read(stream, after, limit));
  }

  tops(streams: readonly string[]): Promise<readonly Pick<Page, "epoch" | "top">[]> {
    return this.#ask((log) => Promise.resolve(log.tops(streams)));
  }

  follow(stream: string, heard: (notice: Notice) => void): Promise<() => void> {
    return this.#ask((log) => Promise.resolve(log.follow(stream, heard)));
  }

  remove(stream: string, offset: number): Promise<boolean> {
    return this.#ask((log) => log.remove(stream, offset));
  }

  streams(prefix: string, limit: number): Promise<readonly string[]> {
    return this.#ask((log) => Promise.resolve(log.streams(prefix, limit)));
  }

  take(group: string, name: string, value: string, ttl: number, linger?: number, first?: number): Promise<Taken> {
    return this.#ask((log) => log.take(group, name, value, ttl, linger, first));
  }

  renew(
    group: string,
    name: string,
    generation: number,
    ttl: number,
    value?: string,
    linger?: number,
  ): Promise<boolean> {
    return this.#ask((log) => log.renew(group, name, generation, ttl, value, linger));
  }

  release(group: string, name: string, generation: number): Promise<boolean> {
    return this.#ask((log) => log.release(group, name, generation));
  }

  leases(group: string): Promise<readonly Lease[]> {
    return this.#ask((log) => Promise.resolve(log.leases(group)));
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  #ask<T>(call: (log: OpenedLog) => Promise<T>): Promise<T> {
    if (this.#closing !== null) return Promise.reject(closed(this.#folder));
    if (this.#opened !== null && this.#early === 0) return call(this.#opened);
    this.#early++;
    return this.#ready().then((log) => {
      this.#early--;
      return call(log);
    }, (error: unknown) => {
      this.#early--;
      throw error;
    });
  }

  #ready(): Promise<OpenedLog> {
    return this.#opening ??= this.#open().catch((error: unknown) => {
      // Whoever asks next tries again.
      this.#opening = null;
      throw error;
    });
  }

  async #open(): Promise<OpenedLog> {
    const { openLog } = await import("./opened_log.ts");
    return this.#opened = await openLog(this.#folder, this.#limits);
  }

  async #close(): Promise<void> {
    // One that could not be opened has nothing to let go of.
    const log = await this.#opening?.catch(() => null);
    await log?.close();
  }
}

function closed(folder: string): ChannelLogError {
  return new ChannelLogError("ERR_LOG_CLOSED", `The log in ${folder} is closed: nothing is kept or read any more`);
}
