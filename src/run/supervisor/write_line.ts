/**
 * Lines of workers, handed on.
 *
 * @module
 */
import process from "node:process";

/** Writes a line to this process's own output; where nobody takes it for now, a promise asks the writer to wait. */
export function writeLine(stream: "stdout" | "stderr", line: string): Promise<void> | void {
  const out = process[stream];
  if (out.write(`${line}\n`)) return;
  return new Promise((resolve) => {
    const settle = (): void => {
      out.off("drain", settle).off("close", settle).off("error", settle);
      resolve();
    };
    out.on("drain", settle).on("close", settle).on("error", settle);
  });
}
