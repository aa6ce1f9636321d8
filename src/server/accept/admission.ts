/**
 * Who is let in: limits on connections in all, per address and per second. It only counts; the server acts.
 *
 * @module
 */
import type { Address } from "../../endpoint.ts";
import { addressKey } from "../../address.ts";
import type { Connection } from "../conn/connection.ts";
import { restAt } from "../conn/rest.ts";
import type { AdmissionLimits } from "../serve_options.ts";

/** Which limit a connection met. */
export type AdmissionReason = "maxConnections" | "maxConnectionsPerIp" | "admit" | "acceptRate";

/** How long a connection waits until the user's `admit` is asked again, in ms: soon for a client, cheap for us. */
const ADMIT_INTERVAL = 100;

/** The count of connections, and a token bucket for the rate. */
export class Admission {
  limits: AdmissionLimits;
  #total = 0;
  readonly #perKey: Map<string, number> = new Map();
  readonly #failed: (error: unknown) => void;
  #tokens: number;
  #filledAt: number;

  /** @param failed Hears what the user's `admit` throws. */
  constructor(limits: AdmissionLimits, now: number, failed: (error: unknown) => void) {
    this.limits = limits;
    this.#failed = failed;
    this.#tokens = limits.acceptBurst;
    this.#filledAt = now;
  }

  get total(): number {
    return this.#total;
  }

  /** Lets a connection in and counts it, or says which limit it met. */
  enter(socket: { readonly remote: Address }, now: number): AdmissionReason | null {
    const { maxConnections, maxConnectionsPerIp, acceptRate } = this.limits;
    if (this.#total >= maxConnections) return "maxConnections";
    if (maxConnectionsPerIp !== Infinity && this.#held(socket.remote) >= maxConnectionsPerIp) {
      return "maxConnectionsPerIp";
    }
    if (!this.#admits()) return "admit";
    if (acceptRate !== Infinity && !this.#takeToken(now)) return "acceptRate";
    this.force(socket);
    return null;
  }

  /** Counts a connection in, whatever the limits say. */
  force(socket: { readonly remote: Address }): void {
    this.#total++;
    if (this.limits.maxConnectionsPerIp === Infinity) return;
    const key = this.keyOf(socket.remote);
    this.#perKey.set(key, (this.#perKey.get(key) ?? 0) + 1);
  }

  leave(socket: { readonly remote: Address }): void {
    this.#total--;
    if (this.#perKey.size === 0) return;
    const key = this.keyOf(socket.remote);
    const held = this.#perKey.get(key);
    if (held === undefined) return;
    if (held === 1) this.#perKey.delete(key);
    else this.#perKey.set(key, held - 1);
  }

  /** Counts everybody anew, after limits changed. */
  recount(sockets: Iterable<{ readonly remote: Address }>, now: number): void {
    this.#perKey.clear();
    this.#total = 0;
    for (const socket of sockets) this.force(socket);
    this.#tokens = Math.min(this.#tokens, this.limits.acceptBurst);
    this.#filledAt = now;
  }

  /** Which addresses count as one. */
  keyOf(remote: Address): string {
    return addressKey(remote, this.limits.ipv6Prefix);
  }

  /** Milliseconds until time may let the next one in; Infinity if only a connection's end can. */
  untilNext(now: number): number {
    this.#fill(now);
    const untilToken = this.#tokens >= 1 ? 0 : (1 - this.#tokens) / this.limits.acceptRate * 1000;
    if (this.limits.admit !== null) return Math.max(untilToken, ADMIT_INTERVAL);
    return untilToken === 0 ? Infinity : untilToken;
  }

  #admits(): boolean {
    try {
      return this.limits.admit === null || this.limits.admit() !== false;
    } catch (error) {
      this.#failed(error);
      return true;
    }
  }

  #held(remote: Address): number {
    return remote.transport === "unix" ? 0 : this.#perKey.get(this.keyOf(remote)) ?? 0;
  }

  #takeToken(now: number): boolean {
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #fill(now: number): void {
    const { acceptRate, acceptBurst } = this.limits;
    if (acceptRate === Infinity) {
      this.#tokens = acceptBurst;
    } else {
      this.#tokens = Math.min(acceptBurst, this.#tokens + (now - this.#filledAt) / 1000 * acceptRate);
    }
    this.#filledAt = now;
  }
}

/** Whom to close so that another may come in: the connection that has been silent longest among those at rest that `matches`; null if none is. */
export function longestIdle(
  connections: Iterable<Connection>,
  now: number,
  matches: (conn: Connection) => boolean,
): Connection | null {
  let longest: Connection | null = null;
  for (const conn of connections) {
    if (conn.ending.isEnding || !matches(conn) || restAt(conn) > now) continue;
    if (longest === null || conn.rhythm.last < longest.rhythm.last) longest = conn;
  }
  return longest;
}
