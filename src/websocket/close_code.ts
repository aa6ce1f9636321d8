/**
 * Which close codes go over the wire (RFC 6455 §7.4, and IANA's registry of close codes).
 *
 * @module
 */
import { OptionError } from "../errors.ts";

/** What Sluice closes with by itself (RFC 6455 §7.4.1). */
export const NORMAL = 1000;
export const GOING_AWAY = 1001;
export const INTERNAL_ERROR = 1011;
export const TRY_AGAIN_LATER = 1013;

/** What a Close without a code counts as, and an end without a Close; never on the wire. */
export const NO_STATUS = 1005;
export const ABNORMAL = 1006;

/** Whether a peer may close with this code: registered and meant for the wire, or 3000 to 4999. */
export function isReceivable(code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/** Whether this code may be sent: the same that may be received, since both ends can be ours. */
export function isSendable(code: number): boolean {
  return Number.isInteger(code) && isReceivable(code);
}

/**
 * Checks what an application wants to close with.
 *
 * @throws {OptionError} The code isn't for the wire.
 */
export function checkCode(code: number): void {
  if (isSendable(code)) return;
  throw new OptionError("code", `Close code ${code} can't be sent: use 1000 to 1003, 1007 to 1014, or 3000 to 4999`);
}
