/**
 * Makes supervisors of what the runtime has: its sockets, processes and service manager.
 *
 * @module
 */
import { uptime } from "node:os";
import process from "node:process";
import { UnsupportedError } from "../../errors.ts";
import type { Address } from "../../endpoint.ts";
import { jsonLogger, safeLogger } from "../../log.ts";
import type { SocketHolder } from "../../parent.ts";
import { defaultAdapter } from "../../runtime.ts";
import { availableCores } from "./cores.ts";
import { HeldSockets, type NamedSocket } from "./held_sockets.ts";
import { type SocketSetting, type SuperviseOptions, superviseSettings } from "./supervise_options.ts";
import { SlotSupervisor } from "./supervisor.ts";
import type { Supervisor } from "./supervisor_api.ts";
import { Worker } from "./worker.ts";
import { writeLine } from "./write_line.ts";

/**
 * Starts the workers, and fulfils when one is ready at the least.
 *
 * @param options What to start, how often, and how long things may take; durations in ms.
 * @throws {OptionError} An option can't be used; nothing was started.
 * @throws {ListenError} A socket of `sockets` can't be opened.
 * @throws {StartFailedError} No worker became ready; its message has the last words of one.
 * @throws {UnsupportedError} The runtime can't hold sockets for others.
 * @example
 * ```ts
 * const supervisor = await supervise({ command: ["node", "app.js"], workers: 2 });
 * const report = await supervisor.reload("a new version");
 * if (!report.done) console.error(report.reason);
 * ```
 */
export async function supervise(options: SuperviseOptions): Promise<Supervisor> {
  const supervisor = await createSupervisor(options);
  await supervisor.start();
  return supervisor;
}

/**
 * As `supervise()`, and starts nothing yet: `start()` does, so that signals can be heard meanwhile.
 *
 * @throws {OptionError} An option can't be used; nothing was opened.
 * @throws {ListenError} A socket of `sockets` can't be opened.
 */
export async function createSupervisor(options: SuperviseOptions): Promise<Supervisor> {
  const settings = superviseSettings(options, availableCores);
  const adapter = options.adapter ?? await defaultAdapter();
  if (adapter.holder === undefined) {
    throw new UnsupportedError(`The adapter ${adapter.name} can't hold sockets for other processes`);
  }
  const holder = await adapter.holder();
  const sockets = new HeldSockets(holder, await openNamed(holder, settings.sockets));
  const log = safeLogger(options.logger ?? jsonLogger());
  holder.beat();
  const output = options.onOutput ?? ((_slot, stream, line) => writeLine(stream, line));
  return new SlotSupervisor(settings, {
    sockets,
    log,
    pid: process.pid,
    notify: (...state) => holder.notify(...state),
    // In steps of 10 ms where it is read from a file: never before the wish that it is compared with.
    monotonic: () => uptime() * 1000 + 10,
    check: (changed) => superviseSettings({ ...options, ...changed }, availableCores),
    start: (place, { command }, ended) =>
      new Worker(place, command(), sockets, holder.lane(), {
        output: (worker, stream, line) => output(worker.slot + 1, stream, line),
        ready: ({ slot, pid, generation }) => log.info(`Worker ${slot + 1} is ready`, { pid, generation }),
        ended,
      }),
  });
}

/** All or none. */
async function openNamed(holder: SocketHolder, settings: readonly SocketSetting[]): Promise<NamedSocket[]> {
  const named: NamedSocket[] = holder.passed().map(({ name, socket }) => ({ name, socket, wanted: socket.address }));
  try {
    for (const setting of settings) {
      // What systemd holds under that name, or at that place, is that socket.
      if (named.some(({ name }) => name === setting.name)) continue;
      const wanted = addressOf(setting);
      const socket = await holder.bind({ address: wanted, name: null, nth: 0 });
      named.push({ name: setting.name, socket, wanted });
    }
    return named;
  } catch (error) {
    for (const { socket } of named) socket.close();
    throw error;
  }
}

function addressOf({ port = 0, host = "::", path }: SocketSetting): Address {
  return path === undefined ? { transport: "tcp", hostname: host, port } : { transport: "unix", path };
}
