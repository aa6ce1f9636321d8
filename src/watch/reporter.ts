/**
 * Keeps the last reports in a folder.
 *
 * @module
 */
import type { FileAccess } from "../files.ts";
import { reportOf, type ReportSources, reportText } from "./report.ts";
import type { ResourceKind } from "./watch_api.ts";
import type { ReportSettings } from "./watch_settings.ts";

/** What the names begin with. */
const PREFIX = "sluice-report-";
const SUFFIX = ".json";
/** A report that is not whole yet. */
const UNFINISHED = ".tmp";

/** What this needs of the watch. */
export interface ReporterHost {
  /** Files of the runtime. */
  files(): Promise<FileAccess>;
  tell(level: "warn" | "error", message: string, fields: object): void;
}

/** Writes one report for each episode, one after the other. */
export class Reporter {
  /** Path of the last one; null before. */
  last: string | null = null;
  readonly #settings: ReportSettings;
  readonly #host: ReporterHost;
  /** Kinds whose report is not on the disk yet: an episode that begins again meanwhile has no other. */
  readonly #pending: Set<ResourceKind> = new Set();
  #written: Promise<void> = Promise.resolve();

  constructor(settings: ReportSettings, host: ReporterHost) {
    this.#settings = settings;
    this.#host = host;
  }

  /** An episode begins. @param sources Called if it is worth a report. */
  begin(kind: ResourceKind, sources: () => ReportSources): void {
    const { kinds, maxBytes } = this.#settings;
    if (!kinds.includes(kind) || this.#pending.has(kind)) return;
    this.#pending.add(kind);
    const found = sources();
    const text = reportText(reportOf(found), maxBytes);
    this.#written = this.#written.then(() => this.#write(kind, found.wall, text));
  }

  async #write(kind: ResourceKind, wall: number, text: Uint8Array): Promise<void> {
    try {
      this.last = await this.#keep(await this.#host.files(), nameOf(wall, kind), text);
      this.#host.tell("warn", "A report was written", { kind, path: this.last });
    } catch (error) {
      this.#host.tell("error", "No report could be written", { kind, error });
    } finally {
      this.#pending.delete(kind);
    }
  }

  /** Puts it into the folder whole or not at all, and removes those that are too many. */
  async #keep(files: FileAccess, name: string, text: Uint8Array): Promise<string> {
    const { folder, keep } = this.#settings;
    await files.makeFolder(folder);
    const path = files.join(folder, name);
    try {
      await writeWhole(files, path + UNFINISHED, text);
      await files.rename(path + UNFINISHED, path);
    } catch (error) {
      // On a full disk what is left behind each time would make it worse.
      await files.remove(path + UNFINISHED).catch(() => {});
      throw error;
    }
    const names = (await files.list(folder)).filter((each) => each.startsWith(PREFIX) && each.endsWith(SUFFIX));
    // They begin with the time.
    for (const old of names.sort().slice(0, -keep)) await files.remove(files.join(folder, old));
    return path;
  }
}

/** Processes that share the folder don't overwrite each other. */
function nameOf(wall: number, kind: string): string {
  const time = new Date(wall).toISOString().replaceAll(/[:.]/g, "-");
  const apart = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
  return `${PREFIX}${time}-${kind}-${apart}${SUFFIX}`;
}

async function writeWhole(files: FileAccess, path: string, text: Uint8Array): Promise<void> {
  const file = await files.open(path, true);
  try {
    for (let at = 0; at < text.length;) at += await file.write(text.subarray(at), at);
  } catch (error) {
    await file.close().catch(() => {});
    throw error;
  }
  await file.close();
}
