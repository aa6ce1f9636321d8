/**
 * What users see of a run.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { Logger } from "../../log.ts";
import type { Adapter } from "../../platform.ts";
import type { HookFunction } from "../drain/hooks.ts";
import type { DrainOptions } from "../serve_options.ts";
import type { DrainReport, HookResult } from "../drain/report.ts";
import type { Server } from "../server_api.ts";

/** A hook that runs after all servers have stopped. */
export interface RunHook {
  /** Its name. */
  readonly name: string;
  /** What to do. */
  readonly run: HookFunction;
  /** Longest that it may take, in ms. @default 1000, a tenth of grace at most */
  readonly timeout?: number;
}

/** How to run servers; drain options given here go before the servers' own, but for the lame duck of `lastScrape()`. */
export interface RunOptions extends DrainOptions {
  /** Signals that begin the drain, among SIGINT, SIGTERM, SIGHUP, SIGQUIT. @default ["SIGINT", "SIGTERM"] */
  signals?: readonly string[];
  /** Work for the end, when all servers have stopped; run in reverse order. @default none */
  hooks?: readonly RunHook[];
  /** End the process with the exit code. @default true */
  exit?: boolean;
  /** Sees the report before the process ends, which waits for it as far as `grace` goes. @default none */
  onReport?: (report: RunReport) => void | Promise<void>;
  /** Where records go. @default the first server's logger */
  logger?: Logger;
  /** The runtime's signals and exit. @default the runtime that runs this */
  adapter?: Adapter;
  /** Time, for tests. @default the machine's */
  clock?: Clock;
}

/** How a run ended. */
export interface RunReport {
  /** The first signal, or null if the servers were stopped by the program. */
  readonly signal: string | null;
  /** 0 clean; 1 something was cut or a hook failed; 128 + n a second signal. */
  readonly exitCode: number;
  /** True only if nothing was cut and no hook failed. */
  readonly clean: boolean;
  /** One for each server. */
  readonly reports: readonly DrainReport[];
  /** How its shutdown hooks went. */
  readonly hooks: readonly HookResult[];
}

/** What `run` takes: a server, or the promise of one that still starts. */
export type Runnable = Server | Promise<Server>;

/** Several servers. An array inside is a later stage: it stops when those before it have stopped. */
export type Runnables = readonly (Runnable | readonly Runnable[])[];
