/**
 * What becomes of a connection whose handler has thrown.
 *
 * @module
 */
import { Canceled } from "../../context/mod.ts";
import { ConnClosedError, ConnResetError, DeadlineError, DrainTimeoutError, FrameError } from "../../errors.ts";
import type { Logger } from "../../log.ts";
import { formatAddress } from "../../address.ts";
import type { Connection } from "./connection.ts";

/** Whose fault it was, as a counter's name. */
export type FailureKind = "handlerErrors" | "peerErrors";

/** What this needs of the server. */
interface Owner {
  readonly name: string;
  readonly state: string;
  readonly log: Logger;
}

/** Ends the connection as the error deserves, and says what to count. */
export function endFailed(conn: Connection, error: unknown, server: Owner): FailureKind | null {
  const record = { server: server.name, conn: conn.id, peer: formatAddress(conn.remote) };
  if (error instanceof FrameError) {
    const { code, message: reason } = error;
    server.log.info("Peer broke the framing, closing its connection", { ...record, code, reason });
    conn.close();
    return "peerErrors";
  }
  if (isOwnEnd(error) && (conn.ending.failure !== null || conn.ending.isEnding || server.state !== "running")) {
    server.log.debug("Connection ended under its handler", { ...record, error });
    if (conn.ending.isClosing) conn.close();
    else conn.abort(error);
    return null;
  }
  server.log.error("Handler failed, dropping its connection", { ...record, error });
  conn.abort(error);
  return "handlerErrors";
}

/** Errors that a handler sees because its connection or context ended, rather than by its own fault. */
function isOwnEnd(error: unknown): boolean {
  const kinds = [ConnClosedError, ConnResetError, DeadlineError, DrainTimeoutError, Canceled];
  return kinds.some((kind) => error instanceof kind) || (error instanceof Error && error.name === "AbortError");
}
