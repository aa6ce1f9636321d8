/**
 * A message that is encoded, and compressed, once for many receivers.
 *
 * @module
 */
import { frameBytes } from "../codec/mod.ts";
import type { PerMessageDeflate } from "../deflate/mod.ts";
import type { WebSocketMessage } from "../websocket_api.ts";

const encoder = new TextEncoder();

/** One message as a server's frame, in as many forms as its receivers need. */
export class SharedFrame {
  readonly #opcode: 1 | 2;
  readonly #payload: Uint8Array;
  readonly #compress: boolean;
  #plain: Uint8Array | null = null;
  /** By the window that the receiver's side has. */
  readonly #deflated: Map<number, Uint8Array> = new Map();

  constructor(message: WebSocketMessage, compress: boolean) {
    this.#opcode = typeof message === "string" ? 1 : 2;
    this.#payload = typeof message === "string" ? encoder.encode(message) : message;
    this.#compress = compress;
  }

  /** Its bytes for a receiver with this agreement. */
  bytesFor(deflate: PerMessageDeflate | null): Uint8Array {
    if (deflate === null || !this.#compress || this.#payload.length < deflate.threshold) {
      return this.#plain ??= frameBytes(this.#opcode, this.#payload, false);
    }
    const { windowBits } = deflate;
    let bytes = this.#deflated.get(windowBits);
    if (bytes === undefined) {
      deflate.forget();
      bytes = frameBytes(this.#opcode, deflate.compress(this.#payload), true);
      this.#deflated.set(windowBits, bytes);
    }
    // What its own compressor sends next must not refer to what it didn't compress.
    deflate.forget();
    return bytes;
  }
}
