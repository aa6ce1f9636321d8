/**
 * The keeper of connections that belong to no server: those of a bare listener or of a client.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { ConnHost, ConnLimits } from "./host.ts";
import { Connection } from "./connection.ts";
import type { RawSocket } from "../../socket.ts";
import { GoodbyeQueue } from "./goodbye_queue.ts";
import { Habits } from "./dues.ts";
import { Moment } from "./moment.ts";
import { TimerQueue } from "./timers.ts";
import { WriteBatch } from "./write_batch.ts";

/** Numbers connections and shares a timer and a write batch among them. */
export class SoloHost implements ConnHost {
  readonly clock: Clock;
  readonly timers: TimerQueue;
  readonly moment: Moment;
  readonly batch: WriteBatch;
  readonly goodbyes: GoodbyeQueue;
  readonly limits: ConnLimits;
  readonly habits: Habits = new Habits();
  readonly onState = null;
  readonly goodbye = null;
  #count = 0;

  constructor(clock: Clock, limits: ConnLimits) {
    this.clock = clock;
    this.timers = new TimerQueue(clock);
    this.moment = new Moment(clock);
    this.batch = new WriteBatch(clock);
    this.goodbyes = new GoodbyeQueue(clock);
    this.limits = limits;
  }

  /** Begins a connection on a socket. */
  adopt(socket: RawSocket): Connection {
    const conn = new Connection(++this.#count, socket, this);
    conn.start();
    return conn;
  }

  unwritable(): void {}

  gone(): void {}

  released(): void {}

  waitUntil(work: Promise<unknown>): void {
    Promise.resolve(work).catch(() => {});
  }

  /** A client has no log: whoever wants to hear of it listens to the promise. */
  workFailed(): void {}
}
