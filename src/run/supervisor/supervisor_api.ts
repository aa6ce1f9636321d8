/**
 * What users see of a supervisor.
 *
 * @module
 */
import { SluiceError } from "../../errors.ts";
import type { Address } from "../../endpoint.ts";
import type { FamilySnapshot } from "../../metric_snapshot.ts";
import type { SuperviseOptions } from "./supervise_options.ts";

/** The program could not be started: no worker became ready. */
export class StartFailedError extends SluiceError {
  /** The exit code that tells it: the first worker's, or 1. */
  readonly exitCode: number;

  /** Builds the error. */
  constructor(message: string, exitCode: number) {
    super("ERR_START", message);
    this.exitCode = exitCode;
  }
}

/** How one worker left. */
export interface LeftWorker {
  /** Its slot, from 1. */
  readonly slot: number;
  /** Its process. */
  readonly pid: number;
  /** Which reload has started it; 1 is the start. */
  readonly generation: number;
  /** Its exit code; null if a signal ended it. */
  readonly exitCode: number | null;
  /** The name of that signal, or null. */
  readonly signal: string | null;
  /** It had become ready: one that had not, and ends by the signal that it gets, has lost nothing. */
  readonly served: boolean;
  /** It did not end in time, and was killed. */
  readonly killed: boolean;
  /** The drain reports of its servers. */
  readonly reports: readonly object[];
}

/** How a reload or a stop went. */
export interface SuperviseReport {
  /** Which of the two. */
  readonly kind: "reload" | "stop";
  /** What asked for it. */
  readonly cause: string;
  /** Every worker was replaced, or has ended, and lost nothing. */
  readonly clean: boolean;
  /** False for a reload that was called off: the workers that were not replaced serve on. */
  readonly done: boolean;
  /** Why it was called off, or is not clean; empty if nothing was wrong. */
  readonly reason: string;
  /** The number of the start that it made, or found. */
  readonly generation: number;
  /** How long it took, in ms. */
  readonly duration: number;
  /** Those that left. */
  readonly workers: readonly LeftWorker[];
}

/** How a worker is. */
export interface WorkerStatus {
  /** Its slot, from 1. */
  readonly slot: number;
  /** Its process. */
  readonly pid: number;
  /** Which reload has started it; 1 is the start. */
  readonly generation: number;
  /** Where it is in its life. */
  readonly state: "starting" | "ready" | "leaving" | "killed" | "gone";
  /** It has said nothing for longer than `hangTimeout`. */
  readonly hangs: boolean;
  /** Milliseconds since it was started. */
  readonly age: number;
  /** How often a worker of this slot was replaced because it had died. */
  readonly restarts: number;
  /** Connections that were open when it was asked last, at most a second ago. */
  readonly connections: number;
  /** Connections that it has accepted. */
  readonly accepted: number;
  /** Requests that it has begun; null where it serves no HTTP. */
  readonly requests: number | null;
  /** Bytes of memory; null until it is known. */
  readonly rss: number | null;
}

/** How it all is. */
export interface SuperviseStatus {
  /** The option `name`. */
  readonly name: string;
  /** The supervisor's own process. */
  readonly pid: number;
  /** What it is at. */
  readonly state: "starting" | "running" | "reloading" | "stopping";
  /** The number of the last start: a reload makes a new one. */
  readonly generation: number;
  /** Milliseconds since it began. */
  readonly age: number;
  /** The sockets that it holds. */
  readonly addresses: readonly Address[];
  /** Those there are, the newest of a slot last. */
  readonly workers: readonly WorkerStatus[];
  /** Workers that there should be. */
  readonly wanted: number;
  /** How often a worker was replaced because it had died. */
  readonly restarts: number;
  /** How many reloads lost nothing, lost something, or were called off; and how long all took, in ms. */
  readonly reloads: Readonly<Record<"clean" | "unclean" | "calledOff" | "time", number>>;
  /** How the last reload went; null if there was none. */
  readonly lastReload: Omit<SuperviseReport, "workers"> | null;
}

/** What of a supervisor may change while it runs. */
export type ChangeOptions = Pick<
  SuperviseOptions,
  "command" | "workers" | "grace" | "readyTimeout" | "stable" | "hangTimeout" | "replaceHung"
>;

/** Workers that share sockets, and are replaced one after the other. */
export interface Supervisor {
  /**
   * Starts a worker in each slot; fulfils when one is ready at the least. `supervise()` has done so.
   *
   * @throws {StartFailedError} None became ready; nothing is left.
   */
  start(): Promise<void>;
  /**
   * A new worker for each slot, one after the other. Wishes that come while one runs are joined into one more.
   *
   * @param cause Why, for the report.
   */
  reload(cause: string): Promise<SuperviseReport>;
  /**
   * Drains all workers within one grace; called again it makes them cut.
   *
   * @param cause Why, for the report.
   * @param signal What workers get. @default "SIGTERM"
   */
  stop(cause: string, signal?: string): Promise<SuperviseReport>;
  /**
   * Changes limits of all workers' servers, those of `server.configure()`, and of workers that start from now on; gives
   * what was wrong, or null.
   */
  configure(limits: object): Promise<string | null>;
  /**
   * Changes how it runs them: times at once, the command and the number of workers with the next `reload()`.
   *
   * @throws {OptionError} An option can't be used; nothing changed.
   */
  change(options: ChangeOptions): void;
  /** How it is. */
  status(): SuperviseStatus;
  /**
   * What workers have counted with `Metrics`, added up: also those that are gone, so that counters don't fall when one is
   * replaced. `new Metrics({ supervisor })` serves it.
   */
  metrics(): Promise<readonly FamilySnapshot[]>;
}
