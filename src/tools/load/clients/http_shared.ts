/**
 * What the HTTP clients of one target know together.
 *
 * @module
 */

/** Longest body that is kept to compare others with; of longer ones the rest is not compared. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;

/** The first right answer. */
export interface FirstAnswer {
  readonly status: number;
  /** Length of its body. */
  readonly length: number;
  /** Its body, as far as it is kept. */
  readonly body: Uint8Array;
}

/** Known answers of one target. */
export class HttpShared {
  /** What the others are compared with; null while there is none. */
  first: FirstAnswer | null = null;
  /** The last right answer byte for byte: another one like it needs no parser. Null if there is none. */
  known: Uint8Array | null = null;
}

/** Gathers a body that others will be compared with. */
export class BodyKeeper {
  readonly #parts: Uint8Array[] = [];
  #kept = 0;

  add(part: Uint8Array): void {
    const room = MAX_KEPT_BYTES - this.#kept;
    if (room === 0) return;
    // A view would keep all of its chunk alive, and slice() of a runtime's own class may be one.
    const bytes = new Uint8Array(part.subarray(0, room));
    this.#parts.push(bytes);
    this.#kept += bytes.length;
  }

  take(): Uint8Array {
    const body = new Uint8Array(this.#kept);
    let at = 0;
    for (const part of this.#parts) {
      body.set(part, at);
      at += part.length;
    }
    return body;
  }
}
