/**
 * Programs under test: started on a given runtime, watched by line, signalled by their real process id.
 *
 * Uses `node:child_process`, which the three runtimes have, so that a test on any of them can drive a program on any
 * other. Every wait is bounded, and a program that a test forgets is killed when the tests' own process ends.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { realpathSync } from "node:fs";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The runtimes that Sluice serves. */
export type RuntimeName = "node" | "deno" | "bun";

/** All of them, in the order of the suite. */
export const runtimeNames: readonly RuntimeName[] = ["node", "deno", "bun"];

/** Top of the repository, ending in a slash. */
export const root: string = fileURLToPath(new URL("../../", import.meta.url));

/** What lets node run TypeScript: in a run of the suite its types are erased already. */
export const LOADER: string = pathToFileURL(
  root +
    (process.env.SLUICE_TEST_ERASED === undefined ? "node_modules/tsx/dist/loader.mjs" : "tests/runner/loader.mjs"),
).href;

/** How long a wait may last where the caller does not say, in milliseconds: for what hangs, on a busy machine too. */
const DEFAULT_TIMEOUT = 60_000;

/** The runtime that runs this file. */
export function runtimeName(): RuntimeName {
  const names = process.versions as Record<string, string | undefined>;
  return names.deno !== undefined ? "deno" : names.bun !== undefined ? "bun" : "node";
}

/**
 * Path of a runtime's executable. Links are resolved and wrappers avoided, so that the process id of the child is the
 * one that must get a signal.
 */
export function runtimePath(runtime: RuntimeName): string {
  if (runtime === "node") return runtimeName() === "node" ? process.execPath : "node";
  return realpathSync(root + (runtime === "deno" ? "node_modules/deno/deno" : "node_modules/bun/bin/bun.exe"));
}

/** How a program is started. */
export interface StartOptions {
  /** @default the runtime that runs the test */
  readonly runtime?: RuntimeName;
  /** Arguments of the program. */
  readonly args?: readonly string[];
  /** Flags of the runtime, before the program: `--expose-gc`, `--smol`. */
  readonly runtimeFlags?: readonly string[];
  /** The program is JavaScript: node runs it without a loader. */
  readonly plain?: boolean;
  /** Deno's permissions. @default ["-A"] */
  readonly permissions?: readonly string[];
  /** Added to the environment of the test. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default the top of the repository */
  readonly cwd?: string;
  /** Limit on open descriptors (`ulimit -n`). */
  readonly maxFiles?: number;
  /** One core to run on (`taskset -c`). */
  readonly core?: number;
}

/** How a program ended and what it said. */
export interface Exit {
  /** Exit code, or null if a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Milliseconds from start to end. */
  readonly duration: number;
}

/** A program under test; `await using` kills it at the end of the block. */
export interface Program extends AsyncDisposable {
  readonly runtime: RuntimeName;
  readonly pid: number;
  /** All standard output so far. */
  readonly stdout: string;
  /** All standard error so far. */
  readonly stderr: string;
  /** Next line of standard output that was not taken yet and matches; lines before it are taken too. */
  line(match?: string | RegExp, timeout?: number): Promise<string>;
  /** Writes to standard input. */
  type(text: string): void;
  /** Closes standard input. */
  closeInput(): void;
  signal(name: NodeJS.Signals): void;
  /** Waits for the end; `timeout` in milliseconds. */
  exited(timeout?: number): Promise<Exit>;
  /** Kills it if it still runs, and waits until it is gone. */
  kill(): Promise<Exit>;
}

/** The command line that runs `program` on a runtime. */
export function commandLine(program: string, options: StartOptions = {}): string[] {
  const runtime = options.runtime ?? runtimeName();
  const flags = options.runtimeFlags ?? [];
  const args = options.args ?? [];
  const path = runtimePath(runtime);
  switch (runtime) {
    case "node":
      return [path, ...(options.plain === true ? [] : ["--import", LOADER]), ...flags, program, ...args];
    case "deno":
      return [path, "run", "--quiet", ...(options.permissions ?? ["-A"]), ...flags, program, ...args];
    case "bun":
      return [path, "run", ...flags, program, ...args];
  }
}

/** Starts a program; `program` is a path, relative to `cwd` or absolute. */
export function startProgram(program: string, options: StartOptions = {}): Program {
  return startCommand(commandLine(program, options), options);
}

/** Starts any command in the same harness. */
export function startCommand(command: readonly string[], options: StartOptions = {}): Program {
  const [file, ...args] = wrap(command, options);
  const child = spawn(file, args, {
    cwd: options.cwd ?? root,
    env: { ...process.env, NO_COLOR: "1", ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  return new RunningProgram(child, options.runtime ?? runtimeName(), command);
}

/** Fails with `what` if `promise` takes longer than `ms` milliseconds. */
export async function within<T>(promise: Promise<T>, ms: number, what: () => string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what()}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Each wrapper replaces itself by the command (`exec`), so the process id stays the program's. */
function wrap(command: readonly string[], options: StartOptions): string[] {
  let wrapped = [...command];
  if (options.core !== undefined) wrapped = ["taskset", "-c", String(options.core), ...wrapped];
  if (options.maxFiles !== undefined) {
    wrapped = ["/bin/sh", "-c", `ulimit -n ${options.maxFiles} && exec "$0" "$@"`, ...wrapped];
  }
  return wrapped;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

interface Waiter {
  readonly matches: (line: string) => boolean;
  readonly resolve: (line: string) => void;
  readonly reject: (error: Error) => void;
}

class RunningProgram implements Program {
  readonly runtime: RuntimeName;
  readonly pid: number;
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #ended: Promise<Exit>;
  #taken = 0;
  #gone = false;
  #waiters: Waiter[] = [];

  constructor(child: ChildProcess, runtime: RuntimeName, command: readonly string[]) {
    this.#child = child;
    this.runtime = runtime;
    this.pid = child.pid ?? -1;
    this.#name = command.join(" ");
    running.add(child);
    child.stdin?.on("error", () => {});
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#serveWaiters();
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => this.stderr += text);
    this.#ended = this.#end();
    this.#ended.catch(() => {});
  }

  line(match: string | RegExp = /^/, timeout: number = DEFAULT_TIMEOUT): Promise<string> {
    const matches = (line: string) => typeof match === "string" ? line.includes(match) : match.test(line);
    return this.#next(matches, timeout, () => `a line like ${match} from ${this.#describe()}`);
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  closeInput(): void {
    this.#child.stdin?.end();
  }

  signal(name: NodeJS.Signals): void {
    // Not child.kill(): under Deno it makes the signal sent the outcome, whatever the exit code.
    process.kill(this.pid, name);
  }

  exited(timeout: number = DEFAULT_TIMEOUT): Promise<Exit> {
    return within(this.#ended, timeout, () => `the end of ${this.#describe()}`);
  }

  async kill(): Promise<Exit> {
    try {
      if (!this.#gone && this.pid > 0) this.signal("SIGKILL");
    } catch {
      // It ended by itself between the last event and now.
    }
    return await this.exited();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #next(matches: (line: string) => boolean, timeout: number, what: () => string): Promise<string> {
    let waiter: Waiter | undefined;
    const found = new Promise<string>((resolve, reject) => {
      waiter = { matches, resolve, reject };
      this.#waiters.push(waiter);
      this.#serveWaiters();
    });
    try {
      return await within(found, timeout, what);
    } finally {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
    }
  }

  #end(): Promise<Exit> {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#gone = true;
        running.delete(this.#child);
        this.#serveWaiters();
      };
      this.#child.once("error", (error) => {
        done();
        reject(error);
      });
      this.#child.once("close", (code, signal) => {
        done();
        const duration = performance.now() - started;
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr, duration });
      });
    });
  }

  #serveWaiters(): void {
    while (this.#waiters.length > 0) {
      const waiter = this.#waiters[0];
      const line = this.#takeLine();
      if (line === undefined) break;
      if (!waiter.matches(line)) continue;
      this.#waiters.shift();
      waiter.resolve(line);
    }
    if (!this.#gone) return;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Error(`ended: ${this.#describe()}`));
  }

  #takeLine(): string | undefined {
    const end = this.stdout.indexOf("\n", this.#taken);
    if (end < 0) return undefined;
    const line = this.stdout.slice(this.#taken, end);
    this.#taken = end + 1;
    return line;
  }

  #describe(): string {
    return `${this.#name} (pid ${this.pid})\n--- stdout\n${this.stdout}\n--- stderr\n${this.stderr}`;
  }
}
