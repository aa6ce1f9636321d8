/**
 * One simulated client: a connection, and another one when that has ended.
 *
 * @module
 */
import type { ClientEvents, LoadClient } from "./clients/load_client.ts";
import type { FaultClass } from "./load_api.ts";

/** `away`: not connected, and about to try. `leaving`: it is `gone` as soon as its connection is. */
export type WorkerState = "away" | "connecting" | "open" | "leaving" | "gone";

/** What a worker needs of those it works for; called synchronously. */
export interface WorkerHost {
  /** A right answer. */
  answered(worker: Worker, token: number): void;
  /** No right answer. */
  failed(worker: Worker, token: number, fault: FaultClass, detail: string): void;
  /** There is room for another request. */
  idle(worker: Worker): void;
  /** Its connection is over. */
  lost(worker: Worker, client: LoadClient): void;
}

/** A simulated client. */
export class Worker implements ClientEvents {
  readonly index: number;
  readonly #host: WorkerHost;
  state: WorkerState = "away";
  client: LoadClient | null = null;
  /** Its connection ended before anybody had it. */
  isStillborn = false;
  /** Its first attempt to connect has an outcome. */
  isTried = false;
  /** Requests of this connection that are under way. */
  flying = 0;
  /** Right answers of this connection. */
  answers = 0;
  /** Attempts in a row that were of no use. */
  failures = 0;
  /** Requests that it may send before it has to think; negative: nobody has said yet. */
  credits = -1;
  /** It stands in the queue of those with room. */
  isQueued = false;
  /** The clock's time of the answers that are being told, or 0: they come in one chunk and are read in one turn. */
  stamp = 0;

  constructor(index: number, host: WorkerHost) {
    this.index = index;
    this.#host = host;
  }

  /** How many requests it may send now. */
  get room(): number {
    return this.state === "open" && this.client !== null ? this.client.room : 0;
  }

  answered(token: number, _bytes: number): void {
    this.flying--;
    this.answers++;
    this.#host.answered(this, token);
  }

  failed(token: number, fault: FaultClass, detail: string): void {
    this.flying--;
    this.#host.failed(this, token, fault, detail);
  }

  idle(): void {
    this.#host.idle(this);
    this.stamp = 0;
  }

  closed(): void {
    const { client } = this;
    this.stamp = 0;
    this.client = null;
    if (client === null) this.isStillborn = true;
    else this.#host.lost(this, client);
  }
}
