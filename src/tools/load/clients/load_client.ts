/**
 * A load client as the engine sees it: one connection that sends requests and judges their answers.
 *
 * @module
 */
import { type Adapter, type Clock, type ContextParent, SluiceError } from "@sluice/sluice";
import type { FaultClass, ResolvedLoadOptions } from "../load_api.ts";

/** What a client tells the engine, always synchronously. */
export interface ClientEvents {
  /** The request with this token has its right answer, of so many bytes. */
  answered(token: number, bytes: number): void;
  /** The request with this token has no right answer. */
  failed(token: number, fault: FaultClass, detail: string): void;
  /** After the answers of a chunk: there is room for another request. The first one may be sent when `open()` fulfils. */
  idle(): void;
  /**
   * The connection is over and every token has been told, apart from those under way at our own `close()` or `abort()`.
   * Expected: it ended by us, or in good order by the server with nothing under way.
   */
  closed(expected: boolean): void;
}

/** One connection. */
export interface LoadClient {
  /** How many more requests may be sent now. */
  readonly room: number;
  /** Bytes given to the connection. */
  readonly bytesSent: number;
  /** Bytes that came. */
  readonly bytesReceived: number;
  /** Writes one request; those of one turn leave in one write. */
  send(token: number): void;
  /** The request with this token took too long: all under way fail, and the connection is dropped. */
  expire(token: number): void;
  /** Ends with good manners; what is under way is not told any more. */
  close(): Promise<void>;
  /** Drops the connection; what is under way is not told any more. */
  abort(): void;
}

/** What of the options matters to a client, checked and defaulted. */
export interface ResolvedClientOptions extends
  Pick<
    ResolvedLoadOptions,
    "pipeline" | "size" | "method" | "headers" | "body" | "check" | "timeout"
  > {
  /** Makes the contents repeatable. */
  readonly seed: number;
  /** The runtime's sockets. */
  readonly adapter?: Adapter;
  /** Time, for tests. */
  readonly clock?: Clock;
  /** Ends attempts to connect. */
  readonly context?: ContextParent;
}

/** Makes clients of one target. */
export interface Connector {
  /**
   * Connects. A server that speaks or ends first may be told of before this fulfils.
   *
   * @throws {ClientError} No connection, or no handshake.
   */
  open(events: ClientEvents): Promise<LoadClient>;
  /** Gives up attempts that are under way. */
  close(): void;
}

/** A client could not connect. */
export class ClientError extends SluiceError {
  /** How it is counted. */
  readonly fault: FaultClass;

  /** Builds the error. */
  constructor(fault: FaultClass, message: string, options?: ErrorOptions) {
    super("ERR_LOAD_CLIENT", message, options);
    this.fault = fault;
  }
}
