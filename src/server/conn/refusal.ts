/**
 * Why a connection gives or takes nothing.
 *
 * @module
 */
import { ConnClosedError, DeadlineError, DrainedError, InUseError } from "../../errors.ts";
import type { Consumer } from "./conn.ts";
import type { ConnEnding } from "./ending.ts";
import type { ConnHost } from "./host.ts";
import type { Input } from "./input.ts";

/** What this needs of a connection. */
interface AskedConn {
  readonly host: Pick<ConnHost, "clock">;
  readonly times: { readonly readDeadline: number; readonly writeDeadline: number } | null;
  readonly consumer: Consumer | null;
  readonly ending: ConnEnding;
  readonly input: Input;
}

/** Why nobody else can have the bytes; null if nobody has them, or only somebody who counts what comes too late. */
export function takenBy(conn: AskedConn): InUseError | null {
  if (conn.consumer !== null && conn.consumer.spent !== true) {
    return new InUseError(
      "A consumer has this connection's bytes (lines(), framed(), a protocol), use that one, or end it first: " +
        "break out of its loop, await its return(), or call release()",
    );
  }
  return conn.input.isAwaited ? new InUseError("Another read() is pending on this connection, await it first") : null;
}

/**
 * Why there is nothing to wait for: an error, null for the end, undefined when waiting makes sense.
 *
 * @throws {InUseError} Somebody else has the bytes: the caller's mistake, which a promise might hide.
 */
export function readRefusal(conn: AskedConn): Error | null | undefined {
  const taken = takenBy(conn);
  if (taken !== null) throw taken;
  const { ending } = conn;
  if (ending.failure !== null) return ending.failure;
  if (ending.isClosedHere) return closedError();
  if (ending.isDrained) return drainedError();
  if (conn.input.isEnded || ending.isClosing || ending.isGone) return null;
  if (conn.times !== null && conn.host.clock.now() >= conn.times.readDeadline) {
    return new DeadlineError("The read deadline has passed, set a later one to read on");
  }
  return undefined;
}

/** Why nothing is written: the write deadline has passed; null while it has not. */
export function lateWrite({ times, host }: AskedConn): DeadlineError | null {
  if (times === null || times.writeDeadline === Infinity || host.clock.now() < times.writeDeadline) return null;
  return new DeadlineError("The write deadline has passed, set a later one to write on");
}

/** A drain, a timeout or its age has ended it. */
export function drainedError(): DrainedError {
  return new DrainedError(
    "The server has said goodbye on this connection at a quiet moment; its peer had not finished. A handler that still " +
      "works for it holds it with waitUntil()",
  );
}

/** It was closed here. */
export function closedError(): ConnClosedError {
  return new ConnClosedError("The connection is closed");
}
