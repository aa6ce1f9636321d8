/**
 * What all load clients share: requests under way, and the ways to an end.
 *
 * @module
 */
import type { Conn } from "@sluice/sluice";
import type { FaultClass } from "../load_api.ts";
import type { ClientEvents, LoadClient } from "./load_client.ts";
import { InFlight } from "./in_flight.ts";

/** A connection with requests under way. */
export abstract class BaseClient implements LoadClient {
  protected readonly conn: Conn;
  protected readonly flight: InFlight;
  readonly #events: ClientEvents;
  readonly #pipeline: number;
  readonly #timeout: number;
  /** The engine is told nothing more. */
  protected isOver = false;
  /** No more requests: this connection is about to end. */
  protected isLast = false;
  /** What came before anything was asked; the next request is charged with it. */
  protected unasked: string | null = null;
  #told = 0;

  constructor(conn: Conn, events: ClientEvents, pipeline: number, timeout: number) {
    this.conn = conn;
    this.#events = events;
    this.#pipeline = pipeline;
    this.#timeout = timeout;
    this.flight = new InFlight(pipeline);
  }

  /** Writes request number `n`. */
  protected abstract write(n: number): void;
  /** Ends with good manners. */
  protected abstract leave(): Promise<unknown>;

  get room(): number {
    return this.isLast || this.isOver ? 0 : this.#pipeline - this.flight.size;
  }

  get bytesSent(): number {
    return this.conn.bytesWritten;
  }

  get bytesReceived(): number {
    return this.conn.bytesRead;
  }

  send(token: number): void {
    this.write(this.flight.push(token));
  }

  expire(_token: number): void {
    this.failAll("timeout", `No answer within ${this.#timeout} ms`);
    this.drop(false);
  }

  async close(): Promise<void> {
    this.finish(true);
    await this.leave();
  }

  abort(): void {
    this.drop(true);
  }

  /** The oldest request has its answer. */
  protected right(bytes: number): void {
    if (this.isOver) return;
    this.#told++;
    this.#events.answered(this.flight.shift(), bytes);
  }

  /** The oldest request has none, or a wrong one. */
  protected fail(fault: FaultClass, detail: string): void {
    if (this.isOver) return;
    this.#told++;
    this.#events.failed(this.flight.shift(), fault, detail);
  }

  /** The oldest request has a wrong answer. */
  protected wrong(detail: string): void {
    const { unasked } = this;
    this.unasked = null;
    this.fail("wrong", unasked === null ? detail : `Before this request, ${unasked} came that nobody had asked for`);
  }

  /** No request that is under way will have an answer. */
  protected failAll(fault: FaultClass, detail: string): void {
    // What the engine sends meanwhile must not be told of what it has no part in.
    this.isLast = true;
    while (!this.isOver && this.flight.size > 0) this.fail(fault, detail);
  }

  /** All that has come is judged. */
  protected settle(): void {
    if (this.#told === 0) return;
    this.#told = 0;
    if (this.room > 0) this.#events.idle();
  }

  /** The engine is told of the end. */
  protected finish(expected: boolean): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#events.closed(expected);
  }

  /** Drops the connection. */
  protected drop(expected: boolean): void {
    this.finish(expected);
    this.conn.abort();
  }

  /** The connection has ended: what is under way has failed. Orderly: by the peer's FIN or Close. */
  protected lose(orderly: boolean, fault: FaultClass, detail: string): void {
    const expected = orderly && this.flight.size === 0;
    this.failAll(fault, detail);
    this.finish(expected);
  }
}
