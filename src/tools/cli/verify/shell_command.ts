/**
 * Commands that people give as text: what reloads a server, or restarts an engine.
 *
 * @module
 */
import { formatDuration } from "@sluice/sluice/cli/kit";
import { Child } from "./child.ts";
import { formatExit, PORT_MARK, type Subject } from "./subject.ts";

/** What stands for the server's process in a reload's command. */
const PID_MARK = "{pid}";

/** Longest time that one may take, in ms. */
const COMMAND_LIMIT = 60_000;

/** Runs a text by `sh`; what was wrong about it in words, or null. @param stretch How many times longer it may take. */
export async function runText(
  text: string,
  env: Readonly<Record<string, string>>,
  stretch: number,
): Promise<string | null> {
  const limit = COMMAND_LIMIT * stretch;
  const child = await Child.start({ command: ["sh", "-c", text], env });
  try {
    const exit = await child.exitWithin(limit);
    if (exit === null) return `its command still ran after ${formatDuration(limit)}`;
    if (exit.code === 0) return null;
    const words = child.output.trim();
    return `its command ended with ${formatExit(exit)}${words === "" ? "" : `: ${words}`}`;
  } finally {
    await child.dispose();
  }
}

/** Runs what reloads a server, with its port and its process filled in. */
export function runReloadText(text: string, { child, place }: Subject, stretch: number): Promise<string | null> {
  const port = place.port === undefined ? "" : String(place.port);
  const filled = text.replaceAll(PORT_MARK, port).replaceAll(PID_MARK, String(child.pid));
  return runText(filled, port === "" ? {} : { PORT: port }, stretch);
}
