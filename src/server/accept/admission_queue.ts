/**
 * What happens to connections that met a limit: they wait for their turn, or are turned away with a last word.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { RawSocket } from "../../socket.ts";
import type { Admission, AdmissionReason } from "./admission.ts";
import type { ConnHost } from "../conn/host.ts";
import { Connection } from "../conn/connection.ts";
import { ReadAhead } from "./read_ahead.ts";

/** Turned-away connections that may linger at once; beyond it they are reset, so that a flood costs nothing. */
const MAX_LINGERING = 256;

/** A socket that waits for its turn. */
interface Waiting {
  readonly socket: RawSocket;
  readonly ahead: ReadAhead;
}

/** Those who wait are read ahead, so that whoever leaves gives up the place. */
export class AdmissionQueue {
  readonly rejected: Record<AdmissionReason | "queueFull", number> = {
    maxConnections: 0,
    maxConnectionsPerIp: 0,
    admit: 0,
    acceptRate: 0,
    queueFull: 0,
  };
  readonly #clock: Clock;
  readonly #admission: Admission;
  readonly #admit: (socket: RawSocket, ahead: ReadAhead) => void;
  #waiting: Waiting[] = [];
  #cancelTimer: (() => void) | null = null;
  #lingering = 0;
  /** Somebody waits for more than an end of one of the own address's connections. */
  #isBlocked = false;
  #ids = 0;

  constructor(clock: Clock, admission: Admission, admit: (socket: RawSocket, ahead: ReadAhead) => void) {
    this.#clock = clock;
    this.#admission = admission;
    this.#admit = admit;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Whether a newcomer has to wait behind others. */
  get isBlocked(): boolean {
    return this.#isBlocked && this.#waiting.length > 0;
  }

  /** Numbers connections, the turned-away ones too. */
  nextId(): number {
    return ++this.#ids;
  }

  /** Lets a socket wait, for what `reason` says; false if the queue is full. */
  push(socket: RawSocket, reason: AdmissionReason): boolean {
    if (this.#waiting.length >= this.#admission.limits.maxQueue) return false;
    const waiting: Waiting = { socket, ahead: new ReadAhead(socket, () => this.#leave(waiting)) };
    this.#waiting.push(waiting);
    this.#isBlocked ||= reason !== "maxConnectionsPerIp";
    this.#awaitTime();
    return true;
  }

  /** Lets in whom the limits allow, in order of arrival; those over their own address's limit go on waiting. */
  admit(): void {
    if (this.#waiting.length === 0) return;
    const now = this.#clock.now();
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#isBlocked = false;
    for (let i = 0; i < waiting.length; i++) {
      const { socket, ahead } = waiting[i];
      const reason = this.#admission.enter(socket, now);
      if (reason === null) {
        this.#admit(socket, ahead);
      } else {
        this.#waiting.push(waiting[i]);
        if (reason === "maxConnectionsPerIp") continue;
        this.#waiting.push(...waiting.slice(i + 1));
        this.#isBlocked = true;
        break;
      }
    }
    this.#awaitTime();
  }

  #leave(left: Waiting): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting !== left);
    left.socket.destroy();
  }

  /** Turns a socket away: last word, FIN, and it lingers so that the word arrives. */
  reject(socket: RawSocket, reason: AdmissionReason | "queueFull", host: ConnHost): void {
    this.rejected[reason]++;
    if (this.#lingering >= MAX_LINGERING) return socket.destroy();
    this.#lingering++;
    const conn = new Connection(this.nextId(), socket, host);
    conn.start();
    try {
      const { rejectWith } = this.#admission.limits;
      const words = typeof rejectWith === "function" ? rejectWith() : rejectWith;
      void conn.write(words);
    } catch {
      // What the user's function does wrong costs its words: whoever is turned away is so without them.
    }
    conn.close().then(() => this.#lingering--);
  }

  /** Drops everybody; returns how many. */
  close(): number {
    this.#cancelTimer?.();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { socket } of waiting) socket.destroy();
    return waiting.length;
  }

  /** With a rate limit, or the user's `admit`, time lets the next one in, not only a connection's end. */
  #awaitTime(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    if (this.#waiting.length === 0) return;
    const delay = this.#admission.untilNext(this.#clock.now());
    if (delay < Infinity) this.#cancelTimer = this.#clock.setTimer(() => this.admit(), Math.ceil(delay));
  }
}
