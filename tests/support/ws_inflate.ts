/**
 * permessage-deflate as the other side does it: `node:zlib`, kept apart from the adapters' own use of it.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from "node:zlib";

/** What ends every compressed message, and is not sent (RFC 7692 §7.2.1). */
const TAIL = new Uint8Array([0, 0, 255, 255]);

/** How one direction was agreed on. */
export interface Way {
  /** log2 of the window. */
  readonly windowBits: number;
  /** A message may refer to those before it. */
  readonly takeover: boolean;
}

/** Parameters of the accepted permessage-deflate: a value, or `""` for none. */
export type Parameters = ReadonlyMap<string, string>;

/** Each extension of a `Sec-WebSocket-Extensions` with its parameters. */
export function readExtensions(header: string): [name: string, Parameters][] {
  return header.split(",").map((one) => one.trim()).filter((one) => one !== "").map((one) => {
    const [name, ...rest] = one.split(";").map((part) => part.trim());
    const pairs = rest.map((part) => part.split("=")).map(([key, value = ""]) => [key, value] as const);
    return [name, new Map(pairs)];
  });
}

/** The two directions, `client` and `server` for what they send. */
export function waysOf(parameters: Parameters): { readonly client: Way; readonly server: Way } {
  const way = (side: "client" | "server") => ({
    windowBits: Number(parameters.get(`${side}_max_window_bits`) || 15),
    takeover: !parameters.has(`${side}_no_context_takeover`),
  });
  return { client: way("client"), server: way("server") };
}

/** One end's compressor and decompressor. */
export class Squeezer implements Disposable {
  readonly #out: Way;
  readonly #in: Way;
  readonly #deflate: DeflateRaw;
  readonly #inflate: InflateRaw;

  constructor(out: Way, into: Way) {
    this.#out = out;
    this.#in = into;
    this.#deflate = createDeflateRaw({ windowBits: out.windowBits, level: 1 });
    this.#inflate = createInflateRaw({ windowBits: into.windowBits });
  }

  async compress(data: Uint8Array): Promise<Uint8Array> {
    const flushed = await pass(this.#deflate, data);
    if (!this.#out.takeover) this.#deflate.reset();
    return flushed.subarray(0, flushed.length - TAIL.length);
  }

  /** Rejects if it isn't what the parameters allow: a distance beyond the window, or into a message forgotten. */
  async inflate(data: Uint8Array): Promise<Uint8Array> {
    const whole = await pass(this.#inflate, Buffer.concat([data, TAIL]));
    if (!this.#in.takeover) this.#inflate.reset();
    return whole;
  }

  [Symbol.dispose](): void {
    for (const stream of [this.#deflate, this.#inflate]) {
      // A stream that is closed within a write may tell of it.
      stream.on("error", () => {});
      stream.close();
    }
  }
}

function pass(stream: DeflateRaw | InflateRaw, data: Uint8Array): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  return new Promise<Uint8Array>((resolve, reject) => {
    stream.removeAllListeners("data").on("data", (chunk: Uint8Array) => chunks.push(chunk));
    stream.once("error", reject);
    stream.write(data);
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.removeListener("error", reject);
      resolve(Buffer.concat(chunks));
    });
  });
}
