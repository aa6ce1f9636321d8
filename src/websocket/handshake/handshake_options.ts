/**
 * What a handshake is told, checked.
 *
 * @module
 */
import type { CompressionOptions } from "../websocket_api.ts";
import type { OriginRule } from "./origin.ts";

/** Checked options of a server's handshake. */
export interface ServerHandshakeOptions {
  readonly protocols: readonly string[] | ((offered: readonly string[]) => string | null | undefined);
  readonly origins: OriginRule;
  /** The user's fields, each with its CRLF. */
  readonly lines: string;
  /** Null for none. */
  readonly compression: Required<CompressionOptions> | null;
}

/** Checked options of a client's handshake. */
export interface ClientHandshakeOptions {
  readonly protocols: readonly string[];
  /** Null for none. */
  readonly origin: string | null;
  /** The user's fields, each with its CRLF. */
  readonly lines: string;
  /** Null for none. */
  readonly compression: Required<CompressionOptions> | null;
}
