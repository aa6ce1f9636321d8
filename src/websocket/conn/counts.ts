/**
 * What all WebSockets of one server have done, together.
 *
 * @module
 */

/** Applications have close codes of their own (RFC 6455 §7.4.2), and peers may send any: more than so many are one. */
const MAX_CODES = 32;

/** Counters since the server began. */
export class WebSocketCounts {
  /** Those that have begun. */
  began = 0;
  /** Those that are open. */
  active = 0;
  /** Messages that came. */
  received = 0;
  /** Messages that were sent. */
  sent = 0;
  /** Messages that were not sent: the peer was slow, or our Close was out. */
  dropped = 0;
  readonly #ends: Map<string, number> = new Map();

  /** How they ended: how many by which close code; `other` for those beyond the first 32. */
  get ends(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#ends);
  }

  /** One has begun. */
  begin(): void {
    this.began++;
    this.active++;
  }

  /** One has ended. */
  end(code: number): void {
    this.active--;
    const isKnown = this.#ends.has(String(code)) || this.#ends.size < MAX_CODES;
    const word = isKnown ? String(code) : "other";
    this.#ends.set(word, (this.#ends.get(word) ?? 0) + 1);
  }
}
