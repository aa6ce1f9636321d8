/**
 * Processes that burn a machine's time beside the server: it is starved, as machines are while a deploy is under way.
 *
 * @module
 */
import process from "node:process";
import { Child } from "./child.ts";

/** Burns time, in turns that are long enough to take all of it; ends when its input does, so surely with its parent. */
const PROGRAM = `
process.stdin.on("end", () => process.exit()).on("error", () => process.exit()).resume();
const burn = () => {
  for (const end = Date.now() + 100; Date.now() < end;);
  setTimeout(burn, 0);
};
burn();
`;
/** Most that waits are stretched: the last of many processes is not slower than that. */
const MOST_STRETCH = 10;

/** Processes that run until they are disposed. */
export class BusyProcesses implements AsyncDisposable {
  readonly #children: Child[] = [];

  private constructor() {}

  /** Starts so many, on the runtime of this process. */
  static async start(count: number): Promise<BusyProcesses> {
    const all = new BusyProcesses();
    try {
      for (let i = 0; i < count; i++) {
        all.#children.push(await Child.start({ command: evaluated(PROGRAM), env: {}, holdsInput: true }));
      }
      return all;
    } catch (error) {
      await all[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Kills them all. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#children.map((child) => child.dispose()));
  }
}

/** How many times longer a wait may be while so many processes burn time. */
export function stretchOf(busy: number): number {
  return Math.min(1 + busy, MOST_STRETCH);
}

/** The command line that runs a program's text on this runtime. */
function evaluated(text: string): string[] {
  return [process.execPath, "Deno" in globalThis ? "eval" : "-e", text];
}
