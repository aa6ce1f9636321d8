/**
 * The simulated clients: as many as are asked for, connected again when their connection has ended.
 *
 * @module
 */
import { Agenda } from "./agenda.ts";
import { ClientError, type Connector, type LoadClient } from "./clients/load_client.ts";
import type { Random } from "./random.ts";
import type { FaultClass } from "./load_api.ts";
import { Worker, type WorkerHost } from "./worker.ts";

/** Attempts to connect that are under way at once: fewer than a server's usual accept queue (511) holds. */
const MAX_CONNECTING = 128;
/** Pause after the first attempt that was of no use, in ms; it doubles with each. */
const FIRST_PAUSE = 50;
/** Longest pause, in ms: a server that is dead costs one attempt a second for each client. */
const LONGEST_PAUSE = 1000;

/** What the crew needs of its owner. */
export interface CrewHost extends WorkerHost {
  /** Connected: requests may be sent. */
  opened(worker: Worker): void;
  /** An attempt to connect failed. */
  refused(fault: FaultClass, detail: string): void;
  /** Something failed that is not the server's doing. */
  broken(error: unknown): void;
  /** Calls `connectDue` at that time. */
  wake(at: number): void;
  /** The clock. */
  now(): number;
}

/** What became of connections. */
export interface CrewStats {
  opened: number;
  closedByServer: number;
  failed: number;
  bytesSent: number;
  bytesReceived: number;
}

/** All simulated clients; iterating gives those that may send. */
export class Crew {
  readonly stats: CrewStats = { opened: 0, closedByServer: 0, failed: 0, bytesSent: 0, bytesReceived: 0 };
  readonly #connector: Connector;
  readonly #host: CrewHost;
  readonly #random: Random;
  readonly #workers: Worker[] = [];
  readonly #away: Agenda<Worker> = new Agenda();
  /** Connections that are being closed. */
  readonly #closing: Set<LoadClient> = new Set();
  #wanted = 0;
  #untried = 0;
  #connecting = 0;
  #open = 0;
  #waiters: (() => void)[] = [];

  constructor(connector: Connector, host: CrewHost, random: Random) {
    this.#connector = connector;
    this.#host = host;
    this.#random = random;
  }

  /** How many may send. */
  get open(): number {
    return this.#open;
  }

  /** When the next one is due to connect. */
  get next(): number {
    return this.#connecting < MAX_CONNECTING ? this.#away.next : Infinity;
  }

  /** One of them. */
  at(index: number): Worker {
    return this.#workers[index];
  }

  *[Symbol.iterator](): IterableIterator<Worker> {
    for (const worker of this.#workers) if (worker.state === "open") yield worker;
  }

  /** From now on there are so many: more connect, or the last ones leave when they have their answers. */
  resize(wanted: number): void {
    const now = this.#host.now();
    this.#wanted = wanted;
    for (let index = this.#workers.length - 1; index >= wanted; index--) this.#dismiss(this.#workers[index]);
    for (let index = 0; index < wanted; index++) {
      if (index === this.#workers.length) this.#hire(now);
      else if (this.#workers[index].state === "gone") this.#comeBack(this.#workers[index], now);
    }
    this.connectDue(now);
  }

  /** The same, if that is not so already. */
  follow(wanted: number): void {
    if (wanted !== this.#wanted) this.resize(wanted);
  }

  /** Connects those whose time has come. */
  connectDue(now: number): void {
    while (this.#connecting < MAX_CONNECTING) {
      const worker = this.#away.take(now);
      if (worker === undefined) return;
      if (worker.state === "away") this.#connect(worker);
    }
  }

  /** One that may be leaving has no request under way. */
  rested(worker: Worker): void {
    const { client } = worker;
    if (worker.state !== "leaving" || worker.flying > 0 || client === null) return;
    this.#closing.add(client);
    const done = () => {
      this.#closing.delete(client);
      this.#tell();
    };
    client.close().then(done, done);
  }

  /** The connection of one has ended. */
  lost(worker: Worker, client: LoadClient): void {
    this.#count(client);
    worker.flying = 0;
    if (worker.state === "leaving") return this.#gone(worker);
    this.#open--;
    this.stats.closedByServer++;
    // One that gave answers was of use; else the server may be accepting and closing without end.
    worker.failures = worker.answers > 0 ? 0 : worker.failures + 1;
    this.#retry(worker);
  }

  /** Fulfils when every client's first attempt has an outcome. */
  async assembled(): Promise<void> {
    while (this.#untried > 0) await this.#change();
  }

  /** Fulfils when nobody is connected, and nobody tries to be. */
  async empty(): Promise<void> {
    while (this.#connecting > 0 || this.#closing.size > 0 || this.#workers.some(isHere)) await this.#change();
  }

  /** Drops what is left: those with requests under way, or all. */
  abort(all: boolean): void {
    this.#connector.close();
    for (const worker of this.#workers) if (all || worker.flying > 0) worker.client?.abort();
    if (!all) return;
    for (const client of this.#closing) client.abort();
    this.#closing.clear();
    this.#tell();
  }

  #hire(now: number): void {
    const worker = new Worker(this.#workers.length, this.#host);
    this.#workers.push(worker);
    this.#untried++;
    this.#away.add(now, worker);
  }

  #comeBack(worker: Worker, at: number): void {
    worker.state = "away";
    this.#away.add(at, worker);
  }

  #dismiss(worker: Worker): void {
    const { state } = worker;
    if (state === "leaving" || state === "gone") return;
    if (state === "open") this.#open--;
    worker.state = "leaving";
    if (state === "away") this.#gone(worker);
    else this.rested(worker);
  }

  #gone(worker: Worker): void {
    this.#tried(worker);
    worker.state = "gone";
    if (worker.index < this.#wanted) this.#comeBack(worker, this.#host.now());
    this.#tell();
  }

  #connect(worker: Worker): void {
    worker.state = "connecting";
    worker.isStillborn = false;
    this.#connecting++;
    this.#connector.open(worker).then(
      (client) => this.#connected(worker, client),
      (error) => this.#refused(worker, error),
    );
  }

  #connected(worker: Worker, client: LoadClient): void {
    this.#attempted(worker);
    this.stats.opened++;
    worker.flying = 0;
    worker.answers = 0;
    if (worker.state === "connecting") {
      worker.state = "open";
      this.#open++;
    }
    if (worker.isStillborn) return this.lost(worker, client);
    worker.client = client;
    if (worker.state === "leaving") this.rested(worker);
    else this.#host.opened(worker);
    this.#tell();
  }

  #refused(worker: Worker, error: unknown): void {
    this.#attempted(worker);
    if (worker.state === "leaving") return this.#gone(worker);
    worker.failures++;
    if (error instanceof ClientError) {
      this.stats.failed++;
      this.#host.refused(error.fault, error.message);
    } else {
      this.#host.broken(error);
    }
    this.#retry(worker);
  }

  #attempted(worker: Worker): void {
    this.#connecting--;
    this.#tried(worker);
    this.connectDue(this.#host.now());
  }

  #tried(worker: Worker): void {
    if (worker.isTried) return;
    worker.isTried = true;
    this.#untried--;
  }

  /** At once, or after a pause if the attempts before were of no use. */
  #retry(worker: Worker): void {
    const now = this.#host.now();
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (worker.failures - 1));
    const at = worker.failures === 0 ? now : now + pause * (0.5 + this.#random() / 2);
    this.#comeBack(worker, at);
    this.connectDue(now);
    this.#host.wake(at);
    this.#tell();
  }

  #count({ bytesSent, bytesReceived }: LoadClient): void {
    this.stats.bytesSent += bytesSent;
    this.stats.bytesReceived += bytesReceived;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #tell(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

function isHere({ client }: Worker): boolean {
  return client !== null;
}
