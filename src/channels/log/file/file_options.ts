/**
 * Options of `fileLog()`.
 *
 * @module
 */
import { type Clock, systemClock } from "../../../clock.ts";
import { OptionError } from "../../../errors.ts";
import type { FileAccess } from "../../../files.ts";
import { type Logger, safeLogger, silentLogger } from "../../../log.ts";
import { checkNames, gotNumber, type Names } from "../../../names.ts";
import { checkParts, count, integer } from "../../../validate.ts";
import { MAX_IDLE_STREAMS } from "../memory_log.ts";

/** Options of `fileLog`. */
export interface FileLogOptions {
  /**
   * When an append is acknowledged. "always": when it is on the disk; appends that wait together go there together. A
   * number: when it is written, and the disk is told each so many ms. What was acknowledged then survives the death of
   * the process, but a stop of the machine may cost so many ms of it: that is told by another epoch. @default "always"
   */
  readonly sync?: "always" | number;
  /** Bytes of a file, behind which another one is begun. @default 67108864 */
  readonly segmentBytes?: number;
  /** Bytes of entries, the last ones, that are read from memory. @default 16777216 */
  readonly cacheBytes?: number;
  /**
   * Streams of which nothing is kept any more, but how far they have counted. Of more than so many the longest silent
   * are forgotten: they begin another epoch when they are written again, as do streams that were never written.
   * @default 100000
   */
  readonly maxIdleStreams?: number;
  /** Hears of damages, of what was cut off, and of a disk that does not take what it is given. @default nobody */
  readonly logger?: Logger;
  /** Time. @default the machine's */
  readonly clock?: Clock;
  /** Files. @default the runtime's */
  readonly files?: FileAccess;
}

const NAMES: Names<FileLogOptions> = {
  sync: true,
  segmentBytes: true,
  cacheBytes: true,
  maxIdleStreams: true,
  logger: true,
  clock: true,
  files: true,
};

/** The options, each with a value. */
export interface FileLogLimits {
  /** Null for "always". */
  readonly syncEvery: number | null;
  readonly segmentBytes: number;
  readonly cacheBytes: number;
  readonly maxIdleStreams: number;
  readonly logger: Required<Logger>;
  readonly clock: Clock;
  readonly files: FileAccess | null;
}

/** A day: whoever wants to sync less often does not want it at all. */
const MAX_SYNC = 86_400_000;

/** Checks and fills in. @throws {OptionError} An option is unknown or out of range. */
export function fileLogLimits(folder: string, options: FileLogOptions): FileLogLimits {
  if (typeof folder !== "string" || folder === "") {
    const got = typeof folder === "string" ? `""` : String(folder);
    throw new OptionError("folder", `folder must be the path of a folder, got ${got}`);
  }
  checkNames("fileLog()", options, NAMES);
  checkParts({ logger: options.logger, clock: options.clock });
  return {
    syncEvery: syncEvery(options.sync),
    segmentBytes: integer("segmentBytes", options.segmentBytes, 67_108_864, 4_096, 2 ** 40),
    cacheBytes: integer("cacheBytes", options.cacheBytes, 16_777_216, 0, 2 ** 40),
    maxIdleStreams: count("maxIdleStreams", options.maxIdleStreams, MAX_IDLE_STREAMS, 0),
    logger: safeLogger(options.logger ?? silentLogger),
    clock: options.clock ?? systemClock,
    files: options.files ?? null,
  };
}

function syncEvery(sync: unknown = "always"): number | null {
  if (sync === "always") return null;
  if (typeof sync === "number" && sync >= 0 && sync <= MAX_SYNC) return sync;
  throw new OptionError("sync", `sync must be "always", or from 0 to ${MAX_SYNC} milliseconds, got ${gotNumber(sync)}`);
}
