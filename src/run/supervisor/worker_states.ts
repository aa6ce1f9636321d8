/**
 * The life of a worker: every state, and what every event makes of it.
 *
 * @module
 */

/**
 * `starting` until all its servers listen and take work; `leaving` from its SIGTERM on, `killed` from its SIGKILL on;
 * `gone` when its process has ended.
 */
export type WorkerState = "starting" | "ready" | "leaving" | "killed" | "gone";

/** What happens to a worker. */
export type WorkerEvent = "ready" | "leave" | "kill" | "exit";

type Row = Readonly<Record<WorkerEvent, WorkerState>>;

/** The state after each event. */
export const WORKER_STATES: Readonly<Record<WorkerState, Row>> = {
  starting: { ready: "ready", leave: "leaving", kill: "killed", exit: "gone" },
  ready: { ready: "ready", leave: "leaving", kill: "killed", exit: "gone" },
  leaving: { ready: "leaving", leave: "leaving", kill: "killed", exit: "gone" },
  killed: { ready: "killed", leave: "killed", kill: "killed", exit: "gone" },
  gone: { ready: "gone", leave: "gone", kill: "gone", exit: "gone" },
};
