/**
 * What a protocol tells its connection: whether a message is unanswered, whether part of one is here, and whether its
 * peer has to wait. Said when it changes, and not before.
 *
 * @module
 */
import type { Conn } from "./conn.ts";

/** The account of one protocol on one connection. */
export class Boundary {
  readonly #conn: Pick<Conn, "report" | "pause" | "resume">;
  #isBusy = false;
  #isPartial = false;
  #isPaused = false;

  constructor(conn: Pick<Conn, "report" | "pause" | "resume">) {
    this.#conn = conn;
  }

  /** A complete message is unanswered. */
  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** The peer has to wait. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Tells how things stand. @param partial Part of a message is here. */
  report(busy: boolean, partial: boolean): void {
    if (busy === this.#isBusy && partial === this.#isPartial) return;
    this.#isBusy = busy;
    this.#isPartial = partial;
    this.#conn.report(busy, partial);
  }

  /** Tells, at the start, that nothing is here, unless something came at once. */
  begin(): void {
    if (!this.#isBusy && !this.#isPartial) this.#conn.report(false, false);
  }

  /** Makes the peer wait, or lets it go on. */
  press(full: boolean): void {
    if (full === this.#isPaused) return;
    this.#isPaused = full;
    if (full) this.#conn.pause();
    else this.#conn.resume();
  }

  /** The connection is somebody else's from now on, who starts anew. */
  forget(): void {
    this.#isBusy = this.#isPartial = this.#isPaused = false;
  }
}
