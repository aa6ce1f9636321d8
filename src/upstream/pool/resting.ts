/**
 * How a member that nobody has is watched, and how one is ended.
 *
 * @module
 */
import { OptionError } from "../../errors.ts";
import type { Conn, Consumer } from "../../server/conn/conn.ts";

/** What is asked of a connection that rests: ours have all of it. */
export type RestingConn = Pick<Conn, "consume" | "release" | "abort">;

/** Whether a member is a connection of this library, whose bytes can be watched while nobody has it. */
export function isConn(conn: unknown): conn is RestingConn {
  const { consume, release, abort } = (conn ?? {}) as Partial<Record<keyof RestingConn, unknown>>;
  return typeof consume === "function" && typeof release === "function" && typeof abort === "function";
}

/**
 * Has the bytes of a connection that nobody has: whatever comes then, the peer's end or a word that nobody asked for,
 * makes it useless to the next one.
 */
export class Resting implements Consumer {
  readonly longLived = true;
  readonly #conn: RestingConn;
  #gone: ((reason: unknown) => void) | null;

  /** @param gone Called once, at once if something is there already. @throws {InUseError} Somebody has its bytes. */
  constructor(conn: RestingConn, gone: (reason: unknown) => void) {
    this.#conn = conn;
    this.#gone = gone;
    conn.consume(this);
  }

  data(): void {
    this.#end("It said something that nobody had asked for");
  }

  end(): void {
    this.#end("The peer has closed it");
  }

  closed(error?: Error): void {
    this.#end(error ?? "It is closed");
  }

  /** Its bytes are for whoever takes it. */
  wake(): void {
    if (this.#gone === null) return;
    this.#gone = null;
    this.#conn.release();
  }

  #end(reason: unknown): void {
    const gone = this.#gone;
    this.#gone = null;
    gone?.(reason);
  }
}

interface Closable {
  [Symbol.asyncDispose]?(): unknown;
  [Symbol.dispose]?(): unknown;
  close?(): unknown;
  abort?(reason?: unknown): unknown;
}

/** Ends a connection in the way that it has. @throws {OptionError} It has none. */
export function closeByItself(conn: unknown): unknown {
  const own = (conn ?? {}) as Closable;
  if (typeof own[Symbol.asyncDispose] === "function") return own[Symbol.asyncDispose]!();
  if (typeof own[Symbol.dispose] === "function") return own[Symbol.dispose]!();
  if (typeof own.close === "function") return own.close();
  throw new OptionError("close", "close is undefined, and the connection has no close() either: say how it is ended");
}
