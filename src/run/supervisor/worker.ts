/**
 * One worker: a process that was started, what it tells, and its end.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { SluiceError } from "../../errors.ts";
import type { FamilySnapshot } from "../../metric_snapshot.ts";
import type { FromWorker, ServerState, SocketLane, ToWorker } from "../../parent.ts";
import { SUPERVISOR_VARIABLE, WORKER_VARIABLE } from "../../parent.ts";
import type { HeldSockets } from "./held_sockets.ts";
import { LineSplitter } from "./line_splitter.ts";
import { Outbox } from "./outbox.ts";
import { WORKER_STATES, type WorkerEvent, type WorkerState } from "./worker_states.ts";

/** Lines of its output that are kept for its last words. */
const KEPT_LINES = 12;
/** A line of a stack. */
const FRAME = /^\s+at \S/;
/** Longest wait for what a worker has counted, in ms: then it is what it said last. */
const COUNTED_IN_TIME = 1000;
/** Longest wait until a worker has heard why it is to leave, in ms: one that hangs hears nothing. */
const HEARD_IN_TIME = 500;

/** What to start. */
export interface WorkerCommand {
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Goes into its environment, in place of what is there. */
  readonly env: Readonly<Record<string, string>>;
}

/** Where a worker stands. */
export interface WorkerPlace {
  /** From 0. */
  readonly slot: number;
  readonly generation: number;
  /** What its servers are told as soon as they are there; null for what the program says. */
  readonly limits: object | null;
}

/** How a worker ended. */
export interface WorkerExit {
  /** Its exit code; null if a signal ended it. */
  readonly code: number | null;
  /** The name of that signal, or null. */
  readonly signal: string | null;
}

/** What a worker's owner hears of it. */
export interface WorkerEvents {
  /** A line that it wrote; a promise asks it to wait with more. */
  output(worker: Worker, stream: "stdout" | "stderr", line: string): Promise<void> | void;
  /** Its servers listen and take work: the first time. */
  ready(worker: Worker): void;
  /** Its process has ended. */
  ended(worker: Worker): void;
}

/** One process of a slot. */
export class Worker {
  readonly slot: number;
  readonly generation: number;
  readonly startedAt: number = performance.now();
  /** Fulfils when it has ended. */
  readonly exited: Promise<WorkerExit>;
  state: WorkerState = "starting";
  exit: WorkerExit | null = null;
  servers: readonly ServerState[] = [];
  rss: number | null = null;
  /** `run()` drains its servers at a signal. */
  drains = false;
  /** It has been ready. */
  hasServed = false;
  /** It was named as one that hangs. */
  isNamedHung = false;
  /** When it last said something, as `performance.now()` counts. */
  heardAt: number = performance.now();
  /** Of its servers. */
  readonly reports: object[] = [];
  /** What it has counted, as it said last. */
  counted: readonly FamilySnapshot[] = [];
  readonly #child: ChildProcess;
  readonly #lane: SocketLane;
  readonly #sockets: HeldSockets;
  readonly #events: WorkerEvents;
  readonly #words: string[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #outbox: Outbox = new Outbox();
  #lastId = 0;
  /** That have not been told yet. */
  #limits: object | null;
  readonly #configuring: Map<number, (error: string | null) => void> = new Map();
  readonly #counting: Map<number, () => void> = new Map();

  constructor(
    place: WorkerPlace,
    { command: [file, ...args], env }: WorkerCommand,
    sockets: HeldSockets,
    lane: SocketLane,
    events: WorkerEvents,
  ) {
    this.slot = place.slot;
    this.generation = place.generation;
    this.#limits = place.limits;
    this.#sockets = sockets;
    this.#lane = lane;
    this.#events = events;
    const number = String(place.slot + 1);
    // A group of its own: what a terminal sends to the whole group is the supervisor's to forward.
    this.#child = spawn(file, args, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe", "ipc", ...lane.stdio],
      env: {
        ...process.env,
        ...env,
        ...lane.variables,
        [WORKER_VARIABLE]: number,
        [SUPERVISOR_VARIABLE]: String(process.pid),
      },
    });
    lane.started();
    this.exited = this.#follow();
  }

  /** Its process; 0 if it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The end of what it wrote. */
  get lastWords(): string {
    return this.#words.join("\n");
  }

  /** Connections that are open. */
  get connections(): number {
    return this.servers.reduce((sum, { active }) => sum + active, 0);
  }

  /** Fulfils when it is ready, or never will be. */
  async settled(): Promise<boolean> {
    while (this.state === "starting") await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.state === "ready";
  }

  ping(shares: Readonly<Record<string, number>>): void {
    if (this.#outbox.isIdle) this.#say({ sluice: "ping", shares });
  }

  /**
   * Asks it to drain and end; the second time it cuts.
   *
   * @param why It has to know before: somebody serves in its place, or nobody holds its sockets any more.
   */
  async leave(signal: string, why: "succeeded" | "alone"): Promise<void> {
    const isFirst = this.state !== "leaving";
    this.#go("leave");
    if (isFirst) {
      this.#say({ sluice: why });
      await this.#outbox.emptied(HEARD_IN_TIME);
    }
    this.#signal(signal);
  }

  kill(): void {
    this.#go("kill");
    this.#signal("SIGKILL");
  }

  /** Changes limits of all its servers; fulfils with what was wrong, or null. */
  configure(limits: object): Promise<string | null> {
    if (this.state !== "ready" && this.state !== "starting") return Promise.resolve(null);
    return new Promise((resolve) => {
      const id = ++this.#lastId;
      this.#configuring.set(id, resolve);
      this.#say({ sluice: "configure", id, limits });
    });
  }

  /** Fulfils with what it has counted, or had when it said so last. */
  count(): Promise<readonly FamilySnapshot[]> {
    if (this.state === "gone" || this.state === "killed" || !this.#outbox.isIdle) return Promise.resolve(this.counted);
    return new Promise((resolve) => {
      const id = ++this.#lastId;
      const settle = (): void => {
        clearTimeout(late);
        this.#counting.delete(id);
        resolve(this.counted);
      };
      const late = setTimeout(settle, COUNTED_IN_TIME);
      this.#counting.set(id, settle);
      this.#say({ sluice: "count", id });
    });
  }

  #follow(): Promise<WorkerExit> {
    const child = this.#child;
    for (const stream of ["stdout", "stderr"] as const) this.#read(stream);
    child.on("message", (message) => this.#heard(message as FromWorker));
    return new Promise((resolve) => {
      child.once("error", (error) => {
        this.#words.push(`It can't be started: ${error.message}`);
        if (child.pid === undefined) resolve(this.#ended({ code: 127, signal: null }));
      });
      // Behind its output, if that ends in time: a grandchild may hold it for ever.
      child.once("exit", (code, signal) => {
        const exit = { code: code ?? null, signal: signal ?? null };
        const late = setTimeout(() => resolve(this.#ended(exit)), 200);
        child.once("close", () => {
          clearTimeout(late);
          resolve(this.#ended(exit));
        });
      });
    });
  }

  #read(stream: "stdout" | "stderr"): void {
    const lines = new LineSplitter((line) => {
      // Where it failed is in the log; here is room for what.
      if (!FRAME.test(line) && line.trim() !== "") this.#words.push(line);
      if (this.#words.length > KEPT_LINES) this.#words.shift();
      taken = this.#events.output(this, stream, line) ?? taken;
    });
    let taken: Promise<void> | null = null;
    const source = this.#child[stream]!;
    source.setEncoding("utf8").on("end", () => lines.end()).on("error", () => {}).on("data", (text: string) => {
      taken = null;
      lines.push(text);
      // Whoever reads slowly makes the worker wait, and not this process grow.
      if (taken === null) return;
      source.pause();
      (taken as Promise<void>).then(() => source.resume());
    });
  }

  #heard(message: FromWorker): void {
    if (typeof message !== "object" || message === null) return;
    this.heardAt = performance.now();
    if (message.sluice === "heard") this.#outbox.heard();
    else if (message.sluice === "open") void this.#open(message);
    else if (message.sluice === "report") this.reports.push(message.report);
    else if (message.sluice === "metrics") {
      this.counted = (message.snapshots as readonly (readonly FamilySnapshot[])[]).flat();
      this.#counting.get(message.id)?.();
    } else if (message.sluice === "configured") {
      this.#configuring.get(message.id)?.(message.error);
      this.#configuring.delete(message.id);
    } else if (message.sluice === "state") {
      this.servers = message.servers;
      this.drains = message.drains;
      this.rss = message.rss;
      if (message.ready && this.state === "starting") this.#go("ready");
    }
  }

  async #open({ id, wish }: Extract<FromWorker, { sluice: "open" }>): Promise<void> {
    // Before its first server can be there.
    if (this.#limits !== null) void this.configure(this.#limits);
    this.#limits = null;
    try {
      const socket = await this.#sockets.give(wish, this.generation);
      if (this.state === "gone") return;
      const opened = { sluice: "opened", id, address: socket.address } as const;
      this.#outbox.send(() => this.#lane.send(socket, opened, (message, handle) => this.#post(message, handle)));
    } catch (error) {
      const { code = "ERR_LISTEN", message } = error as Partial<SluiceError>;
      this.#say({ sluice: "refused", id, code, message: String(message) });
    }
  }

  #say(message: ToWorker): void {
    this.#outbox.send(() => this.#post(message));
  }

  #post(message: ToWorker, handle?: object): void {
    if (!this.#child.connected) return;
    // One that ends just now is seen by its exit.
    this.#child.send(message, handle as never, () => {});
  }

  #signal(name: string): void {
    if (this.state === "gone" || this.#child.pid === undefined || this.#child.exitCode !== null) return;
    try {
      // Not by the child object: under Deno that makes the signal sent the outcome, whatever the exit code.
      process.kill(this.#child.pid, name);
    } catch {
      // It has ended, and its exit has not been told yet.
    }
  }

  #ended(exit: WorkerExit): WorkerExit {
    this.exit = exit;
    this.servers = [];
    this.#lane.close();
    this.#outbox.close();
    for (const settle of this.#configuring.values()) settle(null);
    this.#configuring.clear();
    for (const settle of [...this.#counting.values()]) settle();
    this.#go("exit");
    this.#events.ended(this);
    return exit;
  }

  #go(event: WorkerEvent): void {
    const before = this.state;
    this.state = WORKER_STATES[before][event];
    if (this.state === before) return;
    for (const wake of this.#waiting.splice(0)) wake();
    if (this.state !== "ready") return;
    this.hasServed = true;
    this.#events.ready(this);
  }
}

/** How a process ended, in words. */
export function formatExit({ code, signal }: WorkerExit): string {
  return signal === null ? `exit code ${code}` : `ended by ${signal}`;
}
