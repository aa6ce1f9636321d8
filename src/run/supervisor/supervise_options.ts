/**
 * What a supervisor is told: documented, checked and defaulted in one place. All durations in ms.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import { checkNames, type Names } from "../../names.ts";
import type { Adapter } from "../../platform.ts";
import { duration, integer, text } from "../../validate.ts";
import type { WorkerCommand } from "./worker.ts";

/** A socket that the supervisor opens before its workers ask for it. */
export interface SocketSetting {
  /** Its name: `listen({ inherit: name })`. */
  readonly name: string;
  /** TCP port; 0 for any free one. */
  readonly port?: number;
  /** Address to bind. @default "::" */
  readonly host?: string;
  /** Path of a Unix socket, instead of port and host. @default none */
  readonly path?: string;
}

/** How a program is run in several processes. */
export interface SuperviseOptions {
  /** Program and arguments of each worker; asked for each start, so that it may change. */
  command: readonly string[] | (() => WorkerCommand);
  /** Name in status and logs. @default "app" */
  name?: string;
  /** Processes that serve at once. @default one for each core that the process may use */
  workers?: number;
  /** Longest that a worker may take from its SIGTERM to its end; then it is killed. @default 30000 */
  grace?: number;
  /** Longest that a new worker may take until its servers listen and are ready. @default 30000 */
  readyTimeout?: number;
  /** A new worker has to be ready for so long before the old one goes: one that is ready and dies at once is no successor. @default 500 */
  stable?: number;
  /** A worker that says nothing for so long is named as one that hangs: its event loop is blocked. 0 for never. @default 30000 */
  hangTimeout?: number;
  /** Kills and replaces a worker that hangs. @default false */
  replaceHung?: boolean;
  /** Sockets that workers find by name. Those of systemd are there as well. @default none */
  sockets?: readonly SocketSetting[];
  /** Where records go. @default JSON lines on stderr */
  logger?: Logger;
  /**
   * Gets each line that a worker writes; the worker waits for a promise. @default they go on to standard output and
   * standard error
   */
  onOutput?: (slot: number, stream: "stdout" | "stderr", line: string) => Promise<void> | void;
  /** The runtime's sockets. @default the runtime that runs this */
  adapter?: Adapter;
}

/** Checked. */
export interface SuperviseSettings {
  readonly command: () => WorkerCommand;
  readonly name: string;
  readonly workers: number;
  readonly grace: number;
  readonly readyTimeout: number;
  readonly stable: number;
  readonly hangTimeout: number;
  readonly replaceHung: boolean;
  readonly sockets: readonly SocketSetting[];
}

/** More is a mistake: each is a whole process. */
const MAX_WORKERS = 1024;

const NAMES: Names<SuperviseOptions> = {
  command: true,
  name: true,
  workers: true,
  grace: true,
  readyTimeout: true,
  stable: true,
  hangTimeout: true,
  replaceHung: true,
  sockets: true,
  logger: true,
  onOutput: true,
  adapter: true,
};
const SOCKET_NAMES: Names<SocketSetting> = { name: true, port: true, host: true, path: true };

/**
 * Checks them.
 *
 * @param cores How many this process may use.
 * @throws {OptionError} One can't be used; nothing was started.
 */
export function superviseSettings(options: SuperviseOptions, cores: () => number): SuperviseSettings {
  checkNames("supervise()", options, NAMES);
  const { command } = options;
  if (typeof command !== "function" && !(Array.isArray(command) && command.length > 0)) {
    throw new OptionError(
      "command",
      `command must be a program and its arguments, ["node", "app.js"], got ${JSON.stringify(command)}`,
    );
  }
  const sockets = options.sockets ?? [];
  for (const socket of sockets) checkSocket(socket);
  return {
    command: typeof command === "function" ? command : () => ({ command, env: {} }),
    name: text("name", options.name, "app"),
    workers: options.workers === undefined ? cores() : integer("workers", options.workers, 1, 1, MAX_WORKERS),
    grace: duration("grace", options.grace, 30_000),
    readyTimeout: duration("readyTimeout", options.readyTimeout, 30_000),
    stable: duration("stable", options.stable, 500),
    hangTimeout: duration("hangTimeout", options.hangTimeout, 30_000),
    replaceHung: options.replaceHung === true,
    sockets,
  };
}

function checkSocket(socket: SocketSetting): void {
  checkNames("sockets", socket, SOCKET_NAMES);
  text("sockets.name", socket.name as string | undefined ?? "", "");
  if (socket.path !== undefined && (socket.port !== undefined || socket.host !== undefined)) {
    throw new OptionError("sockets.path", `socket ${socket.name} has a path, which excludes port and host`);
  }
  if (socket.path === undefined) integer("sockets.port", socket.port, 0, 0, 65_535);
}
