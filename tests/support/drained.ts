/** The line server of `programs/drain_server.ts` as a child process, and what it reported. */
import { assertEquals } from "@std/assert";
import type { RunReport } from "../../mod.ts";
import type { Setup } from "../programs/drain_server.ts";
import { Lag } from "./lag.ts";
import { type Exit, type Program, type StartOptions, startProgram } from "./processes.ts";
import { Swarm } from "./swarm.ts";

const PROGRAM = "tests/programs/drain_server.ts";

/** How the server ended. */
export interface Outcome extends Exit {
  readonly report: RunReport;
}

/** A running server with its clients; `await using` ends both. */
export class Drained implements AsyncDisposable {
  readonly program: Program;
  readonly swarm: Swarm;
  /** `performance.now()` at the last signal. */
  signalledAt = 0;
  /** How late timers come here; the server's will do likewise. */
  readonly lag: Lag = new Lag();
  #lagSince: () => number = () => 0;

  constructor(program: Program, port: number) {
    this.program = program;
    this.swarm = new Swarm(port);
    this.lag.begin();
  }

  signal(name: NodeJS.Signals = "SIGTERM"): void {
    this.signalledAt = performance.now();
    this.#lagSince = this.lag.mark();
    this.program.signal(name);
  }

  /** A bound of what has happened since the last signal, in ms, stretched by what the machine was late. */
  stretched(ms: number): number {
    return ms + 2 * this.#lagSince();
  }

  /** The server's end and report; asserts the exit code that the report announces, and `code`. */
  async outcome(code = 0, limit?: number): Promise<Outcome> {
    const exit = await this.program.exited(limit);
    // Who restarts servers in turn disposes of none of them.
    this.lag.end();
    const line = exit.stdout.split("\n").find((text) => text.startsWith("report "));
    assertEquals([exit.code, exit.signal], [code, null], `${exit.stdout.slice(0, 4000)}\n${exit.stderr.slice(-4000)}`);
    if (line === undefined) throw new Error(`no report from\n${exit.stdout}\n${exit.stderr}`);
    const report: RunReport = JSON.parse(line.slice("report ".length));
    assertEquals(report.exitCode, code);
    return { ...exit, report };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.lag.end();
    this.swarm[Symbol.dispose]();
    await this.program.kill();
  }
}

/** How a server ended that tells what its handlers have run, in a line of its own. */
export interface ToldOutcome<Ran> extends Outcome {
  readonly ran: Ran;
}

/** A running server of a protocol that tells what its handlers have run. */
export class DrainedTeller<Ran> extends Drained {
  get port(): number {
    return this.swarm.port;
  }

  override async outcome(code = 0, limit?: number): Promise<ToldOutcome<Ran>> {
    const outcome = await super.outcome(code, limit);
    const line = outcome.stdout.split("\n").find((text) => text.startsWith("ran "));
    return { ...outcome, ran: JSON.parse(line?.slice("ran ".length) ?? "null") };
  }

  /** The end of a server that a test is done with: SIGTERM, exit code 0. */
  async stop(): Promise<ToldOutcome<Ran>> {
    this.signal();
    return await this.outcome();
  }
}

/** Starts the program without waiting for its port. */
export function launch(setup: Setup = {}, options: StartOptions = {}): Program {
  return startProgram(PROGRAM, { ...options, args: [JSON.stringify(setup)] });
}

/** Starts the server on the runtime of this test. */
export async function drained(setup: Setup = {}, options: StartOptions = {}): Promise<Drained> {
  return await served(launch(setup, options), Drained);
}

/** A program that has told its port, with its clients; it is killed if it does not come to that. */
export async function served<T>(program: Program, Kind: new (program: Program, port: number) => T): Promise<T> {
  try {
    return new Kind(program, portOf(await program.line(/^port /)));
  } catch (error) {
    await program.kill();
    throw error;
  }
}

/** The number in `port N`. */
export function portOf(line: string): number {
  return Number(line.slice("port ".length));
}
