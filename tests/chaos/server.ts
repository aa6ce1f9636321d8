/** The server of `programs/chaos_server.ts` as a child process: what it holds, and how it ended. */
import { readdirSync } from "node:fs";
import type { RunReport } from "../../mod.ts";
import type { ChaosPresent, ChaosSetup } from "../programs/chaos_server.ts";
import { type Exit, type Program, type RuntimeName, startProgram } from "../support/processes.ts";

const PROGRAM = "tests/programs/chaos_server.ts";

const GC_FLAGS: Readonly<Record<RuntimeName, readonly string[]>> = {
  node: ["--expose-gc"],
  deno: ["--v8-flags=--expose-gc"],
  bun: [],
};

/** What a server holds, and the descriptors that its process has. */
export interface Present extends ChaosPresent {
  readonly descriptors: number;
}

/** A running server; `await using` kills it. */
export class ChaosServer implements AsyncDisposable {
  readonly program: Program;
  readonly port: number;
  /** How it ended, as soon as it has. */
  exit: Exit | null = null;
  /** `performance.now()` then. */
  exitedAt = 0;

  constructor(program: Program, port: number) {
    this.program = program;
    this.port = port;
    program.exited(2_000_000_000).then((exit) => {
      this.exit = exit;
      this.exitedAt = performance.now();
    }, () => {});
  }

  async present(): Promise<Present> {
    this.program.type("present\n");
    const line = await this.program.line(/^present /);
    return { ...JSON.parse(line.slice("present ".length)), descriptors: this.descriptors() };
  }

  descriptors(): number {
    return readdirSync(`/proc/${this.program.pid}/fd`).length;
  }

  /** Its report; null if it gave none. */
  report(): RunReport | null {
    const line = this.program.stdout.split("\n").find((text) => text.startsWith("report "));
    return line === undefined ? null : JSON.parse(line.slice("report ".length));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program.kill();
  }
}

/** Starts it. */
export async function chaosServer(runtime: RuntimeName, setup: ChaosSetup, maxFiles: number): Promise<ChaosServer> {
  const args = [JSON.stringify(setup)];
  const program = startProgram(PROGRAM, { runtime, args, maxFiles, runtimeFlags: GC_FLAGS[runtime] });
  try {
    return new ChaosServer(program, Number((await program.line(/^port /)).slice("port ".length)));
  } catch (error) {
    await program.kill();
    throw error;
  }
}
