/**
 * What Redis, or the way to it, says, as the log's error.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { ChannelLogError } from "../log/log_errors.ts";

/** What Redis itself answers begins with a word like these: `OOM`, `READONLY`, `MOVED`, `NOSCRIPT`. */
const ANSWER = /^[A-Z][A-Z0-9]+ /;

/** A key has what this log has never written. */
const FOREIGN = /^(FOREIGN|WRONGTYPE) /;

/** An answer, and not the want of one: what was asked for was not done. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Error && ANSWER.test(error.message);
}

/** The server is older than that command. */
export function isUnknownCommand(error: unknown): boolean {
  return error instanceof Error && /unknown command/i.test(error.message);
}

/** Redis does not know a script by its name. */
export function isScriptUnknown(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOSCRIPT");
}

/** Its message, without the script that it happened in. */
export function saying(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  // Before Redis 7 a script's error is wrapped: `ERR Error running script (…): @user_script:1: -OOM command …`.
  const wrapped = /.*@user_script: ?\d+: -?(.*)$/s.exec(text);
  return (wrapped?.[1] ?? text).replace(/^ERR user_script:\d+: /, "").replace(
    /\.? script: [0-9a-f]+, on @user_script.*$/s,
    "",
  ).replace(/\.$/, "");
}

/** The log's error for something that failed. */
export function failed(what: string, error: unknown): ChannelLogError {
  if (error instanceof ChannelLogError) return error;
  const why = saying(error);
  const code = FOREIGN.test(why) ? "ERR_LOG_FOREIGN" : "ERR_LOG_FAILED";
  return new ChannelLogError(code, `Redis did not ${what}: ${why}`, { cause: error });
}

/** The log's error for an append that failed: only an answer says that nothing was kept. */
export function appendFailed(stream: string, error: unknown): ChannelLogError {
  if (error instanceof ChannelLogError || isAnswer(error)) return failed(`append to ${JSON.stringify(stream)}`, error);
  return unknown(stream, saying(error), error);
}

/** The log's error for an append whose outcome nobody knows. */
export function unknown(stream: string, why: string, cause?: unknown): ChannelLogError {
  const message = `Nobody knows whether Redis has appended to ${JSON.stringify(stream)}: ${why}; ` +
    "repeat it with the same id";
  return new ChannelLogError("ERR_LOG_UNKNOWN", message, { cause });
}

/** The log's error for a server that does not wait for disks as it is told. */
export function cannotWait(error: unknown): ChannelLogError {
  const why = isUnknownCommand(error) ? "it does not know WAITAOF, which came with Redis 7.2" : saying(error);
  const message = `Nothing was appended, Redis can't wait for disks: ${why}; leave waitAof out, or wait for replicas`;
  return new ChannelLogError("ERR_LOG_FAILED", message, { cause: error });
}

/** The log's error for what comes too late. */
export function closed(): ChannelLogError {
  return new ChannelLogError("ERR_LOG_CLOSED", "The log is closed");
}

/** The same promise, or a rejection with `late()` after so many ms; what it does then is nobody's business. */
export function bounded<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.setTimer(() => reject(late()), ms);
    promise.then(resolve, reject).finally(cancel);
  });
}
