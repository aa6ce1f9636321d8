/**
 * Cuts connections that make no progress.
 *
 * @module
 */
import { type Conn, DeadlineError } from "../../mod.ts";
import type { Aged } from "./busy_view.ts";
import type { WatchedConn, WatchedServer } from "./watch_api.ts";
import type { CutSettings } from "./watch_settings.ts";

/** What was cut at one sample. */
export interface CutRecord {
  /** Those that were cut, the one that stood still longest first. */
  readonly connections: readonly WatchedConn[];
  /** Others that may be cut, and wait for the next sample. */
  readonly left: number;
}

/** Cuts as many as it may, and tells which. */
export class Cutter {
  readonly #settings: CutSettings;
  readonly #failed: (error: unknown) => void;
  /** How many there were. */
  count = 0;

  /** @param failed Hears what `exempt` throws, once at each sample. */
  constructor(settings: CutSettings, failed: (error: unknown) => void) {
    this.#settings = settings;
    this.#failed = failed;
  }

  /** @param stalled Those that may be cut, the longest first. @returns Null if none was. */
  cut(stalled: readonly Aged[], overloaded: boolean): CutRecord | null {
    const { when, atMost } = this.#settings;
    if (stalled.length === 0 || (when === "overloaded" && !overloaded)) return null;
    const open = connectionsOf(stalled);
    const connections: WatchedConn[] = [];
    const failures: unknown[] = [];
    let left = 0;
    for (const { server, conn } of stalled) {
      const found = open.get(server)?.get(conn.id);
      // Who was said goodbye to meanwhile has a limit of its own.
      if (found === undefined || this.#isExempt(conn, failures)) continue;
      if (connections.length >= atMost) left++;
      else {
        found.abort(new DeadlineError(`The connection made no progress for ${Math.round(conn.age)} ms, and was cut`));
        connections.push(conn);
      }
    }
    // It fails of all of them mostly, and there may be thousands.
    if (failures.length > 0) this.#failed(failures[0]);
    this.count += connections.length;
    return connections.length === 0 ? null : { connections, left };
  }

  #isExempt(conn: WatchedConn, failures: unknown[]): boolean {
    try {
      return this.#settings.exempt?.(conn) === true;
    } catch (error) {
      failures.push(error);
      return true;
    }
  }
}

/** The open connections of those servers that have some that are meant, by number. */
function connectionsOf(meant: readonly Aged[]): Map<WatchedServer, Map<number, Conn>> {
  const found = new Map<WatchedServer, Map<number, Conn>>();
  for (const { server } of meant) {
    if (found.has(server)) continue;
    found.set(server, new Map(Array.from(server.connections ?? [], (conn) => [conn.id, conn])));
  }
  return found;
}
