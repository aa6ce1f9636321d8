/**
 * The reason of a Close that Sluice's own clients can read: how urgent it is, how long the other side waits for the
 * answer, and when to come back.
 *
 * @module
 */
import { OptionError } from "../errors.ts";

/**
 * The subprotocol by which a client with a native WebSocket says that it understands a farewell. It is offered behind
 * the protocols of the application.
 */
export const FAREWELL_PROTOCOL = "farewell.sluice";

/** The extension by which Sluice's own client says so (RFC 6455 §9): a server that doesn't know it passes it over. */
export const FAREWELL_EXTENSION = "x-sluice-farewell";

/** The longest `wait` and `retry` that a farewell can name, in ms: nine digits. */
export const MAX_FAREWELL_MS = 999_999_999;

/** The longest reason of a Close, in bytes of UTF-8: a control frame carries 125, the code takes two (RFC 6455 §5.5). */
export const MAX_REASON_BYTES = 123;

/** Flag, wait, retry and words. Numbers have one form only: no sign, no leading zero. */
const FAREWELL = /^(normal|urgent|deferred) wait=(0|[1-9]\d{0,8}) retry=(0|[1-9]\d{0,8})(?: (.+))?$/s;

/** `normal`: answer when your queue is empty; `urgent`: answer at once; `deferred`: go on until you are done. */
export type FarewellFlag = "normal" | "urgent" | "deferred";

/** What a server says to a client that understands it, in the reason of its Close. */
export interface Farewell {
  /** How urgent it is. */
  readonly flag: FarewellFlag;
  /** How long the server waits for the client's Close, in ms. */
  readonly wait: number;
  /** How long the client shall stay away before it connects again, in ms. */
  readonly retry: number;
  /** Words for people; empty for none. */
  readonly words: string;
}

/**
 * The reason of a Close that says `farewell`, at most 123 bytes of UTF-8. Fractions of a ms are rounded up, and words
 * that don't fit are cut at a character's edge.
 *
 * @throws {OptionError} `wait` or `retry` is not a number from 0 to `MAX_FAREWELL_MS`.
 */
export function formatFarewell(farewell: Omit<Farewell, "words"> & { readonly words?: string }): string {
  const head = `${farewell.flag} wait=${whole("wait", farewell.wait)} retry=${whole("retry", farewell.retry)}`;
  const words = cutReason(farewell.words ?? "", MAX_REASON_BYTES - head.length - 1);
  return words === "" ? head : `${head} ${words}`;
}

/** What the reason of a Close says, or null if it isn't a farewell. */
export function parseFarewell(reason: string): Farewell | null {
  const match = FAREWELL.exec(reason);
  if (match === null) return null;
  const [, flag, wait, retry, words = ""] = match;
  return { flag: flag as FarewellFlag, wait: Number(wait), retry: Number(retry), words };
}

function whole(option: string, ms: number): number {
  const rounded = Math.ceil(ms);
  if (rounded >= 0 && rounded <= MAX_FAREWELL_MS) return rounded;
  throw new OptionError(option, `${option} must be from 0 to ${MAX_FAREWELL_MS} ms, got ${ms}`);
}

/**
 * Words as far as they fit into a Close, cut at a character's edge: `encodeInto` writes whole characters only, and
 * U+FFFD for half a surrogate pair.
 */
export function cutReason(words: string, bytes: number = MAX_REASON_BYTES): string {
  const room = new Uint8Array(bytes);
  const { written } = new TextEncoder().encodeInto(words, room);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(room.subarray(0, written));
}

/** Whether a `Sec-WebSocket-Extensions` has the farewell, and what is left of it without; null for nothing. */
export function takeFarewell(field: string | null): { readonly farewell: boolean; readonly rest: string | null } {
  if (field === null || !field.includes(FAREWELL_EXTENSION)) return { farewell: false, rest: field };
  const elements = field.split(",");
  const others = elements.filter((element) => element.trim() !== FAREWELL_EXTENSION);
  return { farewell: others.length < elements.length, rest: others.length === 0 ? null : others.join(",") };
}
