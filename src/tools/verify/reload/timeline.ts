/**
 * The parts of a run: reloads, kills, and the time between them.
 *
 * @module
 */
import { Tally } from "./tally.ts";

/** A reload, or the death of a worker, with what was counted in it. */
export interface Part {
  readonly kind: "reload" | "kill";
  /** Counted from 1, each kind for itself. */
  readonly number: number;
  /** When it began, in ms of the clock. */
  readonly at: number;
  /** When it was over; Infinity while it lasts. */
  until: number;
  /** Of a kill: ports of the clients whose connections the killed process held; null: nobody knows. */
  readonly held: ReadonlySet<number> | null;
  /** Of a kill: when the process was gone, and with it what it held; Infinity until then. */
  gone: number;
  readonly tally: Tally;
}

/** All parts in order. */
export class Timeline {
  readonly #parts: Part[] = [];
  /** What is counted outside of every part. */
  readonly between: Tally = new Tally();

  /** In order. */
  get parts(): readonly Part[] {
    return this.#parts;
  }

  /** A part begins; the one before it is over. */
  begins(kind: Part["kind"], now: number, held: ReadonlySet<number> | null = null): Part {
    this.ends(now);
    const number = this.#parts.filter((part) => part.kind === kind).length + 1;
    const part: Part = { kind, number, at: now, until: Infinity, held, gone: Infinity, tally: new Tally() };
    this.#parts.push(part);
    return part;
  }

  /** The process that was to be killed is gone: a large one takes its time on a busy machine. */
  gone(now: number): void {
    const last = this.#parts.at(-1);
    if (last !== undefined) last.gone = Math.min(last.gone, now);
  }

  /** The part that lasts is over. */
  ends(now: number): void {
    const last = this.#parts.at(-1);
    if (last === undefined || last.until < Infinity) return;
    last.until = now;
    this.gone(now);
  }

  /** The part in which something happened that lasted from `from` to `to`: where it ended, else where it began; or null. */
  partOf(from: number, to: number): Part | null {
    const last = this.#parts.findLast(({ at }) => at <= to);
    return last !== undefined && from <= last.until ? last : null;
  }

  /** Where that is counted. */
  tallyOf(from: number, to: number): Tally {
    return this.partOf(from, to)?.tally ?? this.between;
  }

  /**
   * The kill that ended a connection: it was asked for before it, ended at most `after` ms behind the process, and its
   * client's port is among those of that process, where both are known. Null if there is none.
   */
  killIn(begunAt: number, endedAt: number, after: number, port: number | null): Part | null {
    return this.#parts.findLast(({ kind, at, held, gone }) =>
      kind === "kill" && begunAt <= at && at <= endedAt && endedAt <= gone + after &&
      (held === null || port === null || held.has(port))
    ) ?? null;
  }
}
