/**
 * The server under test: its command with a port of its own, started and waited for.
 *
 * @module
 */
import { formatDuration, StartError } from "@sluice/sluice/cli/kit";
import { Child, type ChildExit } from "./child.ts";
import { formatPlace, freePort, isTaken, type Place } from "./places.ts";

/** What stands for the port in the command. */
export const PORT_MARK = "{port}";
/** The same for a second one, of those that speak frames over TCP as well. */
const TCP_PORT_MARK = "{tcp-port}";
/** Wait between two looks whether it listens, in ms. */
const LOOK_EVERY = 20;

/** How to start it. */
export interface SubjectOptions {
  /** Program and arguments; `{port}` in them is replaced. */
  readonly command: readonly string[];
  /** Where it listens; port 0: a free one is chosen for each start. */
  readonly place: Place;
  /** Where it listens besides; port 0 as above. @default nowhere */
  readonly tcpPlace?: Place | null;
  /** Longest wait until it listens, in ms. */
  readonly readyTimeout: number;
}

/** A running server. */
export interface Subject {
  readonly child: Child;
  /** Where it listens. */
  readonly place: Place;
  /** Where it listens besides; null: nowhere. */
  readonly tcpPlace: Place | null;
}

/**
 * Starts the command and waits until it listens.
 *
 * @throws {StartError} It can't be started, does not listen in time, or somebody else listens there.
 */
export async function startSubject(options: SubjectOptions): Promise<Subject> {
  const place = await resolvePlace(options.place);
  const tcpPlace = options.tcpPlace == null ? null : await resolvePlace(options.tcpPlace);
  const places = tcpPlace === null ? [place] : [place, tcpPlace];
  for (const each of places) {
    if (!(await isTaken(each))) continue;
    throw new StartError(
      `Somebody listens on ${formatPlace(each)} already`,
      "Stop it, or choose another place with --port",
    );
  }
  const [port, tcpPort] = [place, tcpPlace].map((each) => each?.port === undefined ? "" : String(each.port));
  const command = options.command.map((word) => word.replaceAll(PORT_MARK, port).replaceAll(TCP_PORT_MARK, tcpPort));
  const env = { ...port === "" ? {} : { PORT: port }, ...tcpPort === "" ? {} : { TCP_PORT: tcpPort } };
  const child = await Child.start({ command, env });
  try {
    for (const each of places) await listening(child, each, options.readyTimeout);
    return { child, place, tcpPlace };
  } catch (error) {
    await child.dispose();
    throw error;
  }
}

/** A server's last words, as they are shown. */
export function lastWords(child: Child): string {
  const output = child.output.trimEnd();
  return output === "" ? "The server wrote nothing" : `The server wrote:\n${output.replaceAll(/^/gm, "  | ")}`;
}

/** How a process ended, in words. */
export function formatExit({ code, signal }: Pick<ChildExit, "code" | "signal">): string {
  return signal === null ? `exit code ${code}` : `ended by ${signal}`;
}

async function resolvePlace(place: Place): Promise<Place> {
  if (place.path !== undefined || place.port !== 0) return place;
  return { ...place, port: await freePort(place.hostname ?? "127.0.0.1") };
}

async function listening(child: Child, place: Place, limit: number): Promise<void> {
  const started = performance.now();
  while (!(await isTaken(place))) {
    const exit = await child.exitWithin(LOOK_EVERY);
    if (exit !== null) {
      throw new StartError(`The server ended before it listened: ${formatExit(exit)}`, lastWords(child));
    }
    if (performance.now() - started > limit) throw notListening(child, place, limit);
  }
}

function notListening(child: Child, place: Place, limit: number): StartError {
  const hint =
    `It must listen where it is told: {port} in the command and PORT in its environment, or see --port and ` +
    `--unix; --ready-timeout gives it more time\n${lastWords(child)}`;
  return new StartError(`Nobody listens on ${formatPlace(place)} after ${formatDuration(limit)}`, hint);
}
