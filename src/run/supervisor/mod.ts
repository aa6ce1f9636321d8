/**
 * Runs a program in several processes that share its sockets: a deploy is one process after the other, and nobody who
 * connects meanwhile is refused. `sluice run` is this on the command line.
 *
 * @example
 * ```ts
 * import { onStopSignals, supervise } from "@sluice/sluice/supervisor";
 *
 * const supervisor = await supervise({ command: ["node", "app.js"], workers: 2 });
 * process.on("SIGHUP", () => supervisor.reload("SIGHUP"));
 * await onStopSignals((name) => void supervisor.stop(name));
 * ```
 *
 * @module
 */
export { createSupervisor, supervise } from "./supervise.ts";
export { writeLine } from "./write_line.ts";
export { onStopSignals, signalExitCode } from "./stop_signals.ts";
export { type Answer, ask, type ControlCommand, controlNames, controlPath, ControlServer } from "./control.ts";
export type { SocketSetting, SuperviseOptions } from "./supervise_options.ts";
export {
  type ChangeOptions,
  type LeftWorker,
  StartFailedError,
  type SuperviseReport,
  type SuperviseStatus,
  type Supervisor,
  type WorkerStatus,
} from "./supervisor_api.ts";
export type { WorkerCommand } from "./worker.ts";
