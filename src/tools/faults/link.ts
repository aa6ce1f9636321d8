/**
 * One connection through the proxy: its two ends, and what passes between them.
 *
 * @module
 */
import { type Clock, type Conn, ConnResetError, type Consumer } from "@sluice/sluice";
import type { Effects } from "./effect.ts";
import { Pipe, type PipeOwner } from "./pipe.ts";
import { randomOf } from "./random.ts";
import type { Tally } from "./tally.ts";

/** Between the last byte before a fault's reset and the reset, in ms: a receiver shall find the byte first. */
const RESET_PAUSE = 10;
/** In a drain: an upstream that has got our FIN and is silent for so long (ms) has nothing more to say. */
const LAST_WORDS = 1000;

/** What a connection needs of its proxy. */
export interface LinkHost {
  readonly clock: Clock;
  readonly tally: Tally;
  readonly seed: number;
  /** Nothing passes on any connection before this time on the clock. */
  readonly closedUntil: number;
}

/** One end: what its connection tells goes to the pipe out of it. */
class Side implements Consumer {
  /** A proxy knows no messages: it may be silent for long, and patience ends it. */
  readonly longLived = true;
  /** What faults hold up passes in its own time. */
  readonly timesGoodbye = true;
  readonly conn: Conn;
  readonly out: Pipe;
  readonly into: Pipe;
  readonly #link: Link;
  ended = false;
  isGone = false;

  constructor(conn: Conn, out: Pipe, into: Pipe, link: Link) {
    this.conn = conn;
    this.out = out;
    this.into = into;
    this.#link = link;
  }

  get buffered(): number {
    return this.out.queued;
  }

  data(chunk: Uint8Array): void {
    this.#link.heard(this.out);
    this.out.receive(chunk);
    this.#link.report();
  }

  end(): void {
    this.ended = true;
    this.out.end();
    this.#link.tidy();
  }

  closed(error?: Error): void {
    this.isGone = true;
    this.into.stop();
    if (error !== undefined) this.#link.broken(this.out);
    this.#link.tidy();
  }

  goodbye(): Promise<void> {
    return this.#link.goodbye();
  }
}

/** A client's connection and the upstream's. */
export class Link implements PipeOwner {
  readonly clock: Clock;
  readonly tally: Tally;
  /** The client's number, counted from 1: it decides what goes wrong here. */
  readonly number: number;
  /** Fulfils when both ends are gone. */
  readonly over: Promise<void>;
  readonly #host: LinkHost;
  readonly #client: Side;
  readonly #upstream: Side;
  #resolveOver: () => void = () => {};
  #resolveGoodbye: (() => void) | null = null;
  #cancel: (() => void) | null = null;
  #isLifted = false;
  #isDraining = false;
  #isReset = false;
  /** The client spoke last. */
  #isOwed = false;

  constructor(client: Conn, upstream: Conn, effects: Effects, host: LinkHost) {
    this.clock = host.clock;
    this.tally = host.tally;
    this.#host = host;
    this.number = client.id;
    this.over = new Promise((resolve) => this.#resolveOver = resolve);
    const up = new Pipe("up", client, upstream, effects.up, randomOf(host.seed, client.id, 0), this);
    const down = new Pipe("down", upstream, client, effects.down, randomOf(host.seed, client.id, 1), this);
    this.#client = new Side(client, up, down, this);
    this.#upstream = new Side(upstream, down, up, this);
  }

  /** No partition holds up one that is to end. */
  get closedUntil(): number {
    return this.#isLifted ? 0 : this.#host.closedUntil;
  }

  /** Begins. */
  start(): void {
    this.tally.connections.open++;
    this.#upstream.conn.consume(this.#upstream);
    this.#client.conn.consume(this.#client);
    this.kick();
  }

  /** Other faults from now on. */
  apply(effects: Effects): void {
    this.#client.out.apply(effects.up);
    this.#upstream.out.apply(effects.down);
  }

  /** Looks again at what may pass. */
  kick(): void {
    this.#client.out.kick();
    this.#upstream.out.kick();
  }

  /** What holds things up for ever does so no more: a drain begins. */
  lift(): void {
    this.#isLifted = true;
    this.#client.out.lift();
    this.#upstream.out.lift();
  }

  /** Drops both ends. */
  abort(reason: unknown): void {
    this.#client.conn.abort(reason);
    this.#upstream.conn.abort(reason);
  }

  reset(): void {
    if (this.#isReset) return;
    this.#isReset = true;
    this.tally.faults.reset++;
    for (const side of [this.#client, this.#upstream]) {
      side.conn.flush().catch(() => {});
      side.out.stop();
    }
    this.#after(RESET_PAUSE, () => this.abort(new ConnResetError("A fault asked for a reset")));
  }

  changed(): void {
    this.report();
    this.tidy();
  }

  /** Notes who spoke last. */
  heard(from: Pipe): void {
    this.#isOwed = from === this.#client.out;
  }

  /** Tells a drain whether an answer may be owed, or something is on its way. */
  report(): void {
    if (this.#isDraining) return;
    const busy = this.#isOwed || this.#client.out.isBusy || this.#upstream.out.isBusy;
    this.#client.conn.report(busy, false);
  }

  /** One end was reset. */
  broken(out: Pipe): void {
    this.#isReset = true;
    out.break();
  }

  /** Ends what nobody else will end, and itself when both ends are gone. */
  tidy(): void {
    const client = this.#client;
    const upstream = this.#upstream;
    if (this.#resolveGoodbye !== null && upstream.out.isDone) this.#resolveGoodbye();
    if (client.isGone && upstream.isGone) return this.#finish();
    if (client.isGone) this.#endOrphan(upstream);
    else if (upstream.isGone) this.#endOrphan(client);
  }

  /** In a drain: what came passes, the upstream gets a FIN, and the client its last words. */
  goodbye(): Promise<void> {
    this.#isDraining = true;
    this.lift();
    return new Promise((resolve) => {
      this.#resolveGoodbye = resolve;
      // A turn for what waits in the kernel: a timer may come before it on a machine whose cores are taken.
      this.clock.soon(() => this.clock.soon(() => this.#closeInput()));
    });
  }

  #closeInput(): void {
    // What comes now waits in the kernel, and is counted as late.
    this.#client.conn.pause();
    this.#client.out.end();
    if (this.#upstream.out.isDone) this.#resolveGoodbye?.();
    else this.#awaitLastWords(-1);
  }

  #awaitLastWords(seen: number): void {
    const { bytes, isBusy } = this.#upstream.out;
    if (bytes === seen && !isBusy && !this.#client.out.isBusy) return this.#resolveGoodbye?.();
    this.#after(LAST_WORDS, () => this.#awaitLastWords(bytes));
  }

  /** The other side is gone, and this one is or will be done: its socket is not kept. */
  #endOrphan(side: Side): void {
    if (this.#isDraining) side.conn.close();
    else if (side.ended && side.into.isDone) side.conn.closeWrite().catch(() => {});
  }

  #finish(): void {
    this.#client.out.stop();
    this.#upstream.out.stop();
    this.#cancel?.();
    this.#resolveGoodbye?.();
    this.tally.connections.open--;
    this.tally.connections[this.#isReset ? "reset" : "ended"]++;
    this.#resolveOver();
  }

  #after(ms: number, fn: () => void): void {
    this.#cancel?.();
    this.#cancel = this.clock.setTimer(fn, ms);
  }
}
