/**
 * Output that can't hurt a server.
 *
 * @module
 */
import process from "node:process";

/** How long a reader who takes nothing may hold up the end of the process, in ms: within a drain's own margin. */
const WRITE_LIMIT = 100;

/** Writes one line; fulfils when the system has it, or nobody takes it. */
export type Print = (line: string) => Promise<void>;

/** Opens standard output. A reader who has gone away (EPIPE), here or of the log, ends the printing, not the program. */
export function openOutput(): Print {
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  return (line) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, WRITE_LIMIT);
      process.stdout.write(`${line}\n`, () => {
        clearTimeout(timer);
        resolve();
      });
    });
}
