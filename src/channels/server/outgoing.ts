/**
 * A frame that goes to many: encoded once for each kind of connection.
 *
 * @module
 */
import { concat } from "../../bytes.ts";
import { SharedFrame } from "../../websocket/conn/shared_frame.ts";
import type { Entry } from "../log/log_api.ts";
import { withPayload } from "../wire/frames.ts";

const encoder = new TextEncoder();

/** One frame. */
export class Outgoing {
  readonly message: string | Uint8Array;
  /** Offset of a join, a leave or a loss; 0 of anything else. */
  readonly change: number;
  #shared: SharedFrame | null = null;
  #prefixed: Uint8Array | null = null;

  constructor(message: string | Uint8Array, change: number = 0) {
    this.message = message;
    this.change = change;
  }

  /** For WebSockets. */
  get shared(): SharedFrame {
    return this.#shared ??= new SharedFrame(this.message, true);
  }

  /** For TCP. */
  get prefixed(): Uint8Array {
    return this.#prefixed ??= prefixed(this.message);
  }

  /** Its size, about. */
  get size(): number {
    return this.message.length;
  }
}

/** A frame as it goes over TCP: its length and its kind first. */
export function prefixed(message: string | Uint8Array): Uint8Array {
  const isText = typeof message === "string";
  const body = isText ? encoder.encode(message) : message;
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(0, body.length + 1);
  head[4] = isText ? 0 : 1;
  return concat([head, body]);
}

/** The frame of what a channel has: a message, or a change of its members. @param nameJson The channel's name. */
export function frameOf(nameJson: string, entry: Entry): Outgoing {
  const isMessage = entry.kind === "message";
  const start = `["${isMessage ? "m" : "p"}",${nameJson},${entry.offset},`;
  const end = entry.headers === null ? "]" : `,${JSON.stringify(entry.headers)}]`;
  const { data } = entry;
  if (typeof data === "string") return new Outgoing(start + data + end, isMessage ? 0 : entry.offset);
  return new Outgoing(withPayload(`${start}null${end}`, data));
}
