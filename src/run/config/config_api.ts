/**
 * What users see of a configuration. Types only.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { ConfigError } from "./config_error.ts";
import type { StandardSchema } from "./standard_schema.ts";

/** Options of `loadConfig()`; durations in ms. */
export interface ConfigOptions<T> {
  /** What the configuration must be: a schema of Valibot, Zod, ArkType or any other that follows Standard Schema. */
  readonly schema: StandardSchema<T>;
  /** Applies changes of the file, and of the files that it takes secrets from. @default false */
  readonly watch?: boolean;
  /** Variables that `${NAME}` stands for. @default the environment of the process */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Silence after a change before the file is read: editors write in several steps. @default 100 */
  readonly debounce?: number;
  /**
   * Looks so often by itself as well, since some file systems tell nobody of changes (NFS, some mounts of containers);
   * 0 for never. @default 5000
   */
  readonly poll?: number;
  /** Where it tells of changes that were applied or refused. @default JSON lines on stderr */
  readonly logger?: Logger;
  /** Time, for tests. @default the machine's */
  readonly clock?: Clock;
}

/**
 * Hears of a change, with the paths of the file that differ: `limits.maxConnections`, `sockets[0]`. A hook that throws,
 * or whose promise rejects, refuses it.
 */
export type ConfigHook<T> = (next: T, previous: T, changedPaths: readonly string[]) => unknown;

/** How a configuration fares, for status pages and metrics. */
export interface ConfigStatus {
  /** The file, as a whole path. */
  readonly file: string;
  /** When the values that are in use were read. */
  readonly loadedAt: Date;
  /** Changes that were applied. */
  readonly applied: number;
  /** Changes that were refused. */
  readonly refused: number;
  /** Why what the file has now is not in use; null if it is. */
  readonly error: ConfigError | null;
  /** When that was found; null if there is no error. */
  readonly failedAt: Date | null;
}

/** A configuration that was read and checked. */
export interface Config<T> {
  /** The values in use. They are frozen; another object takes their place when a change is applied. */
  readonly value: T;
  /** How it fares. */
  readonly status: ConfigStatus;
  /**
   * Calls a hook at each change, one after the other in the order in which they were added; the next change waits for
   * the promises of all. `value` is still the previous one while they run. If one fails, those before it are called once
   * more, last one first, to go back, and the previous values stay in use: a change is applied by all or by none.
   *
   * @returns Takes the hook away.
   */
  onChange(hook: ConfigHook<T>): () => void;
  /**
   * Reads the file now, whether it is watched or not, and applies what has changed. A hook can't wait for it: it is
   * the hook that is waited for.
   *
   * @throws {ConfigError} It can't be used, or a hook refused it; the previous values stay in use.
   */
  reload(): Promise<T>;
  /** Watches no longer. Calling it twice is harmless. */
  close(): void;
  /** The same as `close()`. */
  [Symbol.dispose](): void;
}
