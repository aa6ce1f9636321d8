/**
 * What can go wrong with channels.
 *
 * @module
 */
import { SluiceError } from "../errors.ts";
import type { ChannelCode } from "./wire/frames.ts";

/** A channel, or a client's wish, can't be served; `reason` says why in the words of the wire. */
export class ChannelError extends SluiceError {
  /** Why, in one word. */
  readonly reason: ChannelCode;

  /** Builds the error. */
  constructor(reason: ChannelCode, message: string, options?: ErrorOptions) {
    super(`ERR_CHANNEL_${reason.toUpperCase().replaceAll("-", "_")}`, message, options);
    this.reason = reason;
  }
}
