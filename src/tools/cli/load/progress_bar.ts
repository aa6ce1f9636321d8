/**
 * One line on a terminal that tells how a load is getting on.
 *
 * @module
 */
import process from "node:process";
import type { LoadProgress } from "../../load/mod.ts";
import { count, plural, time } from "./numbers.ts";

/** Characters of the bar. */
const WIDTH = 20;
/** A terminal's width if it can't be told. */
const COLUMNS = 80;
/** Back to the line's beginning, and what is behind is wiped. */
const WIPE = "\r\x1b[K";

/** The line; `columns` is the terminal's width. */
export function progressLine(progress: LoadProgress, columns: number): string {
  const { share, clients, rate, p50, p99, faults } = progress;
  const full = Math.round(share * WIDTH);
  const bar = `[${"#".repeat(full)}${"-".repeat(WIDTH - full)}] ${String(Math.floor(share * 100)).padStart(3)} %`;
  const latency = `p50 ${time(p50)}, p99 ${time(p99)}`;
  const line = `${bar}  ${plural(clients, "client")}  ${count(rate)}/s  ${plural(faults, "fault")}  ${latency}`;
  return line.slice(0, Math.max(0, columns - 1));
}

/** Shows the line while it is told, on a terminal only. */
export class ProgressBar implements Disposable {
  readonly #out: NodeJS.WriteStream = process.stderr;
  #isShown = false;

  /** To be told; undefined if nobody would see it. */
  get show(): ((progress: LoadProgress) => void) | undefined {
    return this.#out.isTTY === true ? (progress) => this.#write(progress) : undefined;
  }

  [Symbol.dispose](): void {
    if (this.#isShown) this.#out.write(WIPE);
    this.#isShown = false;
  }

  #write(progress: LoadProgress): void {
    this.#isShown = true;
    // A terminal that doesn't know its width says 0.
    this.#out.write(WIPE + progressLine(progress, this.#out.columns || COLUMNS));
  }
}
