/**
 * permessage-deflate as the package `ws` has it.
 *
 * Its files are named, because Bun has a module of its own under the package's name.
 *
 * @module
 */
import { createRequire } from "node:module";

/** Options of its constructor. */
export interface WsOptions {
  readonly isServer: boolean;
  readonly threshold?: number;
  readonly maxPayload?: number;
  readonly serverNoContextTakeover?: boolean;
  readonly clientNoContextTakeover?: boolean;
  readonly serverMaxWindowBits?: number;
  readonly clientMaxWindowBits?: number;
}

type Callback = (error: Error | null, data?: Uint8Array) => void;

interface WsDeflate {
  offer(): Record<string, unknown>;
  accept(offers: unknown): Record<string, unknown>;
  compress(data: Uint8Array, fin: boolean, callback: Callback): void;
  decompress(data: Uint8Array, fin: boolean, callback: Callback): void;
  cleanup(): void;
}

const NAME = "permessage-deflate";
const require = createRequire(import.meta.url);
const Deflate: new (options: WsOptions) => WsDeflate = require("../../node_modules/ws/lib/permessage-deflate.js");
const extension: {
  parse(field: string): Record<string, unknown>;
  format(extensions: Record<string, unknown>): string;
} = require("../../node_modules/ws/lib/extension.js");

/** One end of a connection, with promises. */
export class WsEnd {
  readonly #deflate: WsDeflate;

  constructor(options: WsOptions) {
    this.#deflate = new Deflate({ threshold: 0, ...options });
  }

  /** The field of a client's offer. */
  offer(): string {
    return extension.format({ [NAME]: this.#deflate.offer() });
  }

  /** Takes the peer's field. A server gives the answer's; null if it takes no offer. */
  accept(field: string): string | null {
    try {
      return extension.format({ [NAME]: [this.#deflate.accept(extension.parse(field)[NAME])] });
    } catch {
      return null;
    }
  }

  compress(data: Uint8Array): Promise<Uint8Array> {
    return this.#call((callback) => this.#deflate.compress(data, true, callback));
  }

  inflate(payload: Uint8Array): Promise<Uint8Array> {
    return this.#call((callback) => this.#deflate.decompress(payload, true, callback));
  }

  close(): void {
    this.#deflate.cleanup();
  }

  #call(begin: (callback: Callback) => void): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      begin((error, data) => error === null ? resolve(new Uint8Array(data!)) : reject(error));
    });
  }
}
