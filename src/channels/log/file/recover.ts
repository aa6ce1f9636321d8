/**
 * Finds what a folder has: reads its segments, cuts what was being written when the process ended, and tells what has
 * been lost of what was acknowledged.
 *
 * @module
 */
import type { FileAccess } from "../../../files.ts";
import type { Logger } from "../../../log.ts";
import { ChannelLogError } from "../log_errors.ts";
import type { Marked } from "./mark.ts";
import { type Damage, readRecord, type SegmentHeader } from "./records.ts";
import { type FileState, type Loss, Replay } from "./replay.ts";
import { scan } from "./scan.ts";
import { readHeader, Segment, segmentNumbers, VERSION } from "./segment.ts";

/** Files that were being made when the process ended. */
const UNFINISHED = /\.tmp$/;

/** What a folder has. */
export interface Recovered {
  /** Marker of the folder's records; null where nothing is known of one. */
  readonly marker: number | null;
  /** What was lost; null for nothing. */
  readonly loss: Loss | null;
  /** Damages that were told before. */
  readonly known: readonly Damage[];
  /** Nothing may be appended to the last segment: its header can't be read. */
  readonly isSealed: boolean;
}

/** Where it looks, and what it fills. */
export interface RecoverOptions {
  readonly files: FileAccess;
  readonly folder: string;
  readonly state: FileState;
  /** How far it had acknowledged; null if that can't be read. */
  readonly marked: Marked | null;
  /** This start of the machine. */
  readonly boot: string | null;
  readonly logger: Required<Logger>;
  /** Is filled with what is found, by number: the last is the one that may be written to, unless it is damaged. */
  readonly segments: Segment[];
}

interface Found {
  readonly segment: Segment;
  readonly header: SegmentHeader | null;
  readonly size: number;
}

/** Reads all segments. @throws {ChannelLogError} They are of a version that is not known. */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const { state, marked } = options;
  const found = await findSegments(options);
  const marker = found.find(({ header }) => header !== null)?.header?.marker ?? marked?.marker ?? null;
  const replay = new Replay(state);
  let number = 1;
  for (const [index, one] of found.entries()) {
    if (one.segment.first !== number) {
      options.logger.error("a segment of the log is missing", { folder: options.folder, segment: number });
      replay.loseAll();
    }
    number = one.segment.last + 1;
    const sealed = one.header?.merged ?? found[index + 1]?.header?.before ?? null;
    await play(one, sealed, index === found.length - 1, marker ?? 0, replay, options);
  }
  if ((found.length > 0 || marked !== null) && isDoubtful(options, number - 1)) replay.loseAll();
  const loss = replay.loss();
  return { marker, loss, known: replay.known, isSealed: found.at(-1)?.header === null };
}

/** Whether acknowledged entries may be missing of which the segments can't tell. */
function isDoubtful({ marked, boot, folder, logger }: RecoverOptions, last: number): boolean {
  if (marked === null) {
    logger.error("how far the log had acknowledged can't be read", { folder });
    return true;
  }
  if (marked.segment > last) {
    logger.error("the last segment of the log is missing", { folder, segment: marked.segment });
    return true;
  }
  const hasStopped = boot === null || marked.boot !== boot;
  if (!marked.isRelaxed || marked.isClean || !hasStopped) return false;
  logger.warn("the machine has stopped before the log was on the disk", { folder });
  return true;
}

async function findSegments(options: RecoverOptions): Promise<Found[]> {
  const { files, folder, marked, segments } = options;
  const names = await files.list(folder);
  for (const name of names.filter((name) => UNFINISHED.test(name))) await files.remove(files.join(folder, name));
  const numbered = names.flatMap((name) => {
    const numbers = segmentNumbers(name);
    return numbers === null ? [] : [{ ...numbers, path: files.join(folder, name) }];
  }).sort((a, b) => a.first - b.first || b.last - a.last);
  const found: Found[] = [];
  for (const one of numbered) {
    // What was merged, and could not be removed any more.
    if (one.last <= (found.at(-1)?.segment.last ?? 0)) await files.remove(one.path);
    else {
      const opened = await openSegment(files, one);
      segments.push(opened.segment);
      found.push(opened);
    }
  }
  const last = found.at(-1);
  // It was being made, and nothing was written to it yet.
  if (last?.header === null && marked !== null && marked.segment < last.segment.first) {
    await last.segment.close();
    await files.remove(last.segment.path);
    segments.pop();
    found.pop();
  }
  return found;
}

async function openSegment(files: FileAccess, one: { first: number; last: number; path: string }): Promise<Found> {
  const file = await files.open(one.path, false);
  try {
    const read = await readHeader(file);
    if (read !== null && read.header.version !== VERSION) throw foreign(one.path, read.header.version);
    const segment = new Segment(one, one.path, file, read?.end ?? 0);
    return { segment, header: read?.header ?? null, size: await file.size() };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function foreign(path: string, version: number): ChannelLogError {
  return new ChannelLogError(
    "ERR_LOG_FOREIGN",
    `The log's file ${path} has version ${version} of its format, this one reads ${VERSION} alone`,
  );
}

async function play(
  { segment, header, size }: Found,
  sealed: number | null,
  isLast: boolean,
  marker: number,
  replay: Replay,
  { folder, marked, logger }: RecoverOptions,
): Promise<void> {
  const { first, last, path, start } = segment;
  const own = isLast && marked?.segment === first ? marked.length : start;
  const acknowledged = sealed ?? own;
  replay.begin(header);
  const range = {
    file: segment.file,
    from: start,
    to: sealed === null ? size : Math.min(sealed, size),
    marker,
    acknowledged,
  };
  const end = await scan(range, {
    record(frame, at) {
      const record = readRecord(frame);
      if (record !== null) replay.play(record, segment, at, frame.length);
    },
    damage(from, to) {
      logger.error("a part of the log can't be read", { folder, file: path, from, to });
      replay.damage({ first, last, from, to });
    },
  });
  replay.end();
  segment.length = sealed ?? end;
  if (sealed !== null || end === size) return;
  if (end >= acknowledged) {
    logger.warn("what was being written to the log at its end is cut", { folder, file: path, at: end });
  }
  if (isLast) await segment.file.truncate(end);
}
