/**
 * permessage-deflate at work (RFC 7692 §7.2).
 *
 * @module
 */
import { UnsupportedError } from "../../errors.ts";
import type { Adapter, Deflater, Inflater } from "../../platform.ts";
import type { Role } from "../codec/mod.ts";
import { WebSocketError } from "../websocket_errors.ts";
import type { CompressionOptions } from "../websocket_api.ts";
import type { DeflateParams } from "./negotiate.ts";

/** What makes compressors: an adapter. */
export type Compressors = Pick<Adapter, "deflater" | "inflater">;

/** RFC 6455 §7.4.1: bytes that are not what their message says they are. */
const INVALID_PAYLOAD = 1007;
const TOO_BIG = 1009;

/** Whether permessage-deflate can be offered and accepted. */
export function canCompress(adapter: Compressors): boolean {
  return adapter.deflater !== undefined && adapter.inflater !== undefined;
}

/**
 * Compresses what one WebSocket sends and inflates what it receives. Each direction takes memory at its first use; one
 * without context takeover takes it only while it works.
 */
export class PerMessageDeflate {
  /** Messages below so many bytes shall be sent as they are: it is for the sender to look. */
  readonly threshold: number;
  /** Window of our compressor, 9 to 15. */
  readonly windowBits: number;
  readonly #deflater: Deflater;
  readonly #inflater: Inflater;
  /** Our compressor forgets after each message. */
  readonly #forgets: boolean;
  readonly #peerForgets: boolean;

  /** @throws {UnsupportedError} The adapter has no compressors. */
  constructor(adapter: Compressors, role: Role, params: DeflateParams, options: Required<CompressionOptions>) {
    const { deflater, inflater } = adapter;
    if (deflater === undefined || inflater === undefined) {
      throw new UnsupportedError("The adapter has no compressors: leave out the option compression");
    }
    const [ours, theirs] = role === "server"
      ? [serverSide(params), clientSide(params)]
      : [clientSide(params), serverSide(params)];
    this.threshold = options.threshold;
    this.windowBits = ours.windowBits;
    this.#forgets = ours.forgets;
    this.#peerForgets = theirs.forgets;
    this.#deflater = deflater({ windowBits: ours.windowBits, level: options.level, memLevel: options.memLevel });
    this.#inflater = inflater({ windowBits: theirs.windowBits });
  }

  /** The payload of one message, as a frame with RSV1 carries it. */
  compress(data: Uint8Array): Uint8Array {
    const payload = this.#deflater.push(data);
    if (this.#forgets) this.#deflater.reset();
    return payload;
  }

  /**
   * The message in a payload.
   *
   * @throws {WebSocketError} It is longer than `limit` (1009), or not deflate (1007). Nothing can be inflated after it.
   */
  inflate(data: Uint8Array, limit: number): Uint8Array {
    try {
      const message = this.#inflater.push(data, limit);
      if (this.#peerForgets) this.#inflater.reset();
      return message;
    } catch (cause) {
      this.#inflater.close();
      if (cause instanceof RangeError) {
        throw new WebSocketError(TOO_BIG, `Message is longer than ${limit} bytes when inflated`, { cause });
      }
      throw new WebSocketError(INVALID_PAYLOAD, "Message can't be inflated", { cause });
    }
  }

  /** The next message will refer to nothing before it: the peer got something that our compressor has not seen. */
  forget(): void {
    this.#deflater.reset();
  }

  /** Gives the memory back. Calling it twice is harmless. */
  close(): void {
    this.#deflater.close();
    this.#inflater.close();
  }
}

interface Side {
  readonly forgets: boolean;
  readonly windowBits: number;
}

function serverSide({ serverNoContextTakeover, serverMaxWindowBits }: DeflateParams): Side {
  return { forgets: serverNoContextTakeover, windowBits: windowOf(serverMaxWindowBits) };
}

function clientSide({ clientNoContextTakeover, clientMaxWindowBits }: DeflateParams): Side {
  return { forgets: clientNoContextTakeover, windowBits: windowOf(clientMaxWindowBits) };
}

/** A peer's compressor may have a window of 8; an inflater with a larger one does as well. */
function windowOf(bits: number): number {
  return Math.max(bits, 9);
}
