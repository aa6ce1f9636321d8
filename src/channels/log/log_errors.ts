/**
 * The error of logs.
 *
 * @module
 */
import { SluiceError } from "../../errors.ts";

/**
 * What went wrong: the log is closed; it could not write, read or reach what it keeps its entries in; another process
 * has what it needs for itself alone; what it finds there is not its own, or of a version that it does not know.
 */
export type ChannelLogCode =
  | "ERR_LOG_CLOSED"
  | "ERR_LOG_FAILED"
  | "ERR_LOG_UNKNOWN"
  | "ERR_LOG_HELD"
  | "ERR_LOG_FOREIGN";

/** A log has not done what it was asked; `cause` is the error of the file system, or of the engine. */
export class ChannelLogError extends SluiceError {
  /** What went wrong. */
  declare readonly code: ChannelLogCode;

  /** Builds the error. */
  constructor(code: ChannelLogCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
