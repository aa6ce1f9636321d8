/**
 * What requests carry: a number that no other has, and a seeded pattern; both ends of it can be computed from the seed,
 * so that nothing is kept of a request but its number.
 *
 * @module
 */
import { seeded } from "../random.ts";
import type { LoadRange } from "../load_api.ts";
import { sameBytes } from "./same_bytes.ts";

const ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/** A prime: bytes shifted by the size of a buffer or a chunk are not the same bytes. */
const PERIOD = 65_521;

const encoder = new TextEncoder();

/** Spreads the bits of a number over 32 (the finaliser of MurmurHash3). */
export function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** Text of letters and digits, shared by all requests. */
export class Pattern {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly seed: number;
  readonly size: LoadRange;

  constructor(seed: number, size: LoadRange) {
    this.seed = seed;
    this.size = { min: Math.ceil(size.min), max: Math.floor(size.max) };
    const random = seeded(seed);
    const period = Array.from({ length: PERIOD }, () => ALPHABET[Math.floor(random() * ALPHABET.length)]).join("");
    // A content may begin anywhere in the first period.
    this.text = period.repeat(1 + Math.ceil(size.max / PERIOD));
    this.bytes = encoder.encode(this.text);
  }
}

/** The contents of one client's requests. */
export class Content {
  readonly #pattern: Pattern;
  readonly #client: number;
  readonly #key: number;

  constructor(pattern: Pattern, client: number) {
    this.#pattern = pattern;
    this.#client = client;
    this.#key = mix(pattern.seed ^ mix(client + 1));
  }

  /** Bytes of request `n`'s content. */
  size(n: number): number {
    const { min, max } = this.#pattern.size;
    return min === max ? min : min + mix(this.#key + n) % (max - min + 1);
  }

  /** The content of request `n`: ASCII. */
  text(n: number): string {
    const label = this.#label(n);
    const at = this.#offset(n);
    return label + this.#pattern.text.slice(at, at + this.size(n) - label.length);
  }

  /** Whether `length` bytes from `at` on are the content of request `n` from its byte `from` on. */
  matches(n: number, from: number, bytes: Uint8Array, at: number, length: number): boolean {
    if (from + length > this.size(n)) return false;
    const label = this.#label(n);
    let i = 0;
    for (; i < length && from + i < label.length; i++) {
      if (bytes[at + i] !== label.charCodeAt(from + i)) return false;
    }
    return sameBytes(bytes, at + i, this.#pattern.bytes, this.#offset(n) + from + i - label.length, length - i);
  }

  /** Where its part of the pattern begins. */
  #offset(n: number): number {
    return mix(this.#key ^ Math.imul(n + 1, 0x9e3779b1)) % PERIOD;
  }

  /** Client and number, where there is room for them. */
  #label(n: number): string {
    const label = `${this.#client}.${n} `;
    return label.length <= this.size(n) ? label : "";
  }
}
