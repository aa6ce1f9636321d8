/**
 * The server under test as a process: started in a group of its own, signalled by its id, and surely ended.
 *
 * @module
 */
import { StartError } from "@sluice/sluice/cli/kit";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { Tail } from "./tail.ts";

/** How much of the server's output is kept, in characters: enough for a stack trace. */
const OUTPUT_KEPT = 4096;
/** Longest wait for the rest of the output after the exit, in ms: a grandchild may hold the pipe for ever. */
const OUTPUT_WAIT = 200;

/** What to start. */
export interface ChildOptions {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Added to this process's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Its standard input stays open for as long as this process lives, and ends with it, however it ends. @default false */
  readonly holdsInput?: boolean;
}

/** How a process ended. */
export interface ChildExit {
  /** Exit code; null if a signal ended it. */
  readonly code: number | null;
  /** Name of the signal that ended it, or null. */
  readonly signal: string | null;
  /** When, as `performance.now()` counts. */
  readonly at: number;
}

const running = new Set<Child>();
let closed = false;

/** Kills every server that was started here and still runs, and lets no other start: this process is about to end. */
export function killAll(): void {
  closed = true;
  for (const child of running) child.kill();
}

/** A process that was started here. */
export class Child {
  /** Its process id, and the id of its group. */
  readonly pid: number;
  /** Fulfils when it has ended. */
  readonly exited: Promise<ChildExit>;
  readonly #process: ChildProcess;
  readonly #output: Tail = new Tail(OUTPUT_KEPT);
  readonly #outputEnd: Promise<void>;
  #exit: ChildExit | null = null;

  private constructor(child: ChildProcess) {
    this.#process = child;
    this.pid = child.pid!;
    this.#outputEnd = new Promise((resolve) => child.once("close", () => resolve()));
    // An end that dies closes its input with an error.
    child.stdin?.on("error", () => {});
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding("utf8").on("data", (text: string) => this.#output.push(text)).on("error", () => {});
    }
    running.add(this);
    this.exited = new Promise((resolve) => child.once("exit", (code, signal) => resolve(this.#ended(code, signal))));
  }

  /**
   * Starts a command, and fulfils when the process exists.
   *
   * @throws {StartError} There is no such program, or it may not be run.
   */
  static async start({ command: [file, ...args], env, holdsInput = false }: ChildOptions): Promise<Child> {
    if (closed) throw new StartError("No server is started any more: the program was told to end");
    const child = spawn(file, args, {
      detached: true,
      env: { ...process.env, ...env },
      stdio: [holdsInput ? "pipe" : "ignore", "pipe", "pipe"],
    });
    // An error later (a signal that could not be sent) is seen where it was tried.
    await new Promise<void>((resolve, reject) => {
      if (child.pid !== undefined) resolve();
      child.on("error", (error) => reject(startError(file, error)));
    });
    return new Child(child);
  }

  /** How it ended; null while it runs. */
  get exit(): ChildExit | null {
    return this.#exit;
  }

  /** The end of what it wrote to standard output and standard error. */
  get output(): string {
    return this.#output.text;
  }

  /** Sends a signal to the process alone, as a container's runtime does; nothing if it has ended. */
  signal(name: string): void {
    if (this.#exit !== null) return;
    // Not by the child object: under Deno that makes the signal sent the outcome, whatever the exit code.
    send(this.pid, name);
  }

  /** Kills the process and all others of its group. */
  kill(): void {
    send(-this.pid, "SIGKILL");
  }

  /** Waits for its end, at most so many ms; null if it has not ended by then. */
  async exitWithin(ms: number): Promise<ChildExit | null> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), ms));
    const exit = await Promise.race([this.exited, late]);
    clearTimeout(timer);
    return exit;
  }

  /** Kills what is left of it and lets go of its output. */
  async dispose(): Promise<void> {
    this.kill();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, OUTPUT_WAIT));
    await Promise.race([this.#outputEnd, late]);
    clearTimeout(timer);
    running.delete(this);
    this.#process.stdin?.destroy();
    this.#process.stdout?.destroy();
    this.#process.stderr?.destroy();
    this.#process.unref();
  }

  #ended(code: number | null, signal: string | null): ChildExit {
    // Bun gives undefined where Node gives null.
    return this.#exit = { code: code ?? null, signal: signal ?? null, at: performance.now() };
  }
}

function send(id: number, signal: string): void {
  try {
    process.kill(id, signal);
  } catch {
    // It has ended between the last event and now.
  }
}

function startError(file: string, error: Error & { readonly code?: string }): StartError {
  const words = error.code === "ENOENT" ? "there is no such program" : error.message;
  const hint = "The command stands behind --, as it is typed without a shell; for one: sh -c 'exec ...'";
  return new StartError(`${JSON.stringify(file)} can't be started: ${words}`, hint, { cause: error });
}
