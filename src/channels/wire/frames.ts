/**
 * The frames that channels speak, over a WebSocket (subprotocol `channels.sluice`) or a TCP connection; for both sides.
 *
 * A frame is a JSON array whose first element is its word. Where `data` is bytes, the frame is binary: two bytes with
 * the length of the array's JSON, the JSON with null for `data`, and the bytes. `data` is at index 3 in every frame that
 * has it. Over TCP each frame follows its length in four bytes and one byte that says which it is: 0 text, 1 binary.
 *
 * From the client:
 *
 * | frame | what it says |
 * | --- | --- |
 * | `["hello", 1, token, session, subscriptions]` | First of all. `session` is what a `welcome` gave, or null. |
 * | `["sub", subscriptions]` | `subscriptions` is a list of `[name, positions, options]`: a channel, or a pattern that ends in `*`; `positions` is an object from channel to position, or null for "from now on"; of a pattern with positions, a channel without one is new, and begins with its oldest message; `options` may have `since: "oldest"`, for where there is no position, and `member: data`. |
 * | `["unsub", names]` | Ends subscriptions; `unsubbed` answers it. |
 * | `["pub", seq, channel, data, headers?]` | Publishes. |
 * | `["msg", seq, null, data, headers?]` | For `onMessage`. |
 * | `["call", seq, [method, ms], data, headers?]` | For `onCall`; `ms` is how long the caller waits, 0 for ever. |
 * | `["cancel", seq]` | Nobody waits for that call any more. |
 * | `["ack", ids]` | The application has dealt with these direct messages. |
 * | `["nack", id, ms]` | It has not: give it again in so many ms. |
 * | `["token", token]` | A fresh token. |
 *
 * `pub` and `msg` share one sequence per session, whose numbers rise; `call` has numbers of its own. What was not answered
 * when a connection ends is said again on the next, with its number, in order; what was answered is not, so a number may be
 * missing there. A session goes on for as long as its client keeps what `welcome` gave: whoever is welcomed with the
 * same again goes on with its numbers, with another one it begins anew, from 1.
 *
 * A channel that was asked for by several names, its own and patterns that match it, is sent once. The first of them says
 * where it begins. Each later one goes on where the channel is by then, whatever `positions` and `since` it has: the
 * `subbed` that answers it says that place, and no other reason than the first one's. Whoever wants to go back ends all
 * names of the channel, waits for `unsubbed`, and asks anew. What is sent ends with the last of the names.
 *
 * From the server:
 *
 * | frame | what it says |
 * | --- | --- |
 * | `["welcome", session, resumed, user, instance, maxMessageBytes]` | Answers `hello`. A message's data may have `maxMessageBytes`; a frame 32 KiB more, beyond which the connection is closed with 1009. |
 * | `["subbed", name, channel, grant, offset, reason]` | What follows of that channel begins behind `offset`; a position of it is `<offset>.<grant>`. With a `reason` what was asked for is gone: a gap. |
 * | `["watch", name]` | A pattern is subscribed; each channel that it matches has a `subbed` of its own, now or later. |
 * | `["live", channel]` | What was missed is all sent. |
 * | `["unsubbed", names]` | Nothing more comes of these: they may be subscribed again. |
 * | `["refused", name, code, message, channel?]` | No such subscription; with `channel` it is there, and leaves this one out. |
 * | `["gap", channel, grant, offset, reason]` | Messages up to `offset` are missing here: the position is a new one. |
 * | `["m", channel, offset, data, headers?]` | A message. |
 * | `["p", channel, offset, { type, member, user, instance, data }]` | `join`, `leave` of a member, or `lost`: an instance with all its members. |
 * | `["members", channel, offset, list]` | Who is there; what comes behind `offset` changes it. |
 * | `["d", id, attempt, data, headers?]` | A direct message, to be acknowledged. |
 * | `["ok", seq, offset, duplicate]` | Published, or handled (then without the rest). |
 * | `["no", seq, code, message]` | Not published, or not handled. With `unavailable` nobody knows, with `draining` its instance takes nothing more: it is to be said again, and what was said behind it is answered so as well, until it was. |
 * | `["answer", seq, null, data]` | Of a call. |
 * | `["failed", seq, code, message]` | A call has no answer. With `draining` it was not taken, since its instance is about to leave: it is to be asked again. |
 * | `["token"]` | The token ends soon: say a fresh one. |
 * | `["bye", offsets]` | Nothing more comes from this instance: up to these offsets, by channel, all was sent. |
 * | `["error", code, message]` | What was wrong; the Close follows. |
 *
 * @module
 */

/** The subprotocol. */
export const CHANNELS_PROTOCOL = "channels.sluice";
/** Version of the frames. */
export const VERSION = 1;

/** Where a frame's data is. */
const DATA = 3;

/**
 * Bytes that a frame may have beside its data: more than any name and headers that are allowed, every character of them
 * as JSON's longest escape.
 */
export const FRAME_BYTES: number = 32 * 1024;

/** A frame as both sides handle it: the array, with bytes in the place of data where they are bytes. */
export type Frame = readonly unknown[];

/** Why a connection is closed; a client does not come back by itself but after `expired`. */
export const CLOSE_CODES = {
  /** A frame that is none, or at the wrong time. */
  protocol: 4400,
  /** The token is no good. */
  unauthorized: 4401,
  /** The token's time is over: come back with another. */
  expired: 4402,
  /** The session was revoked. */
  revoked: 4403,
  /** The session goes on in another connection. */
  fenced: 4409,
  /** Too many frames, subscriptions or bytes. */
  flood: 4429,
} as const;

/** What `refused`, `no`, `failed` and `error` say, always with words of their own. */
export type ChannelCode =
  | "bad-frame"
  | "bad-channel"
  | "bad-position"
  | "bad-session"
  | "unauthorized"
  | "forbidden"
  | "expired"
  | "revoked"
  | "fenced"
  | "too-large"
  | "too-many"
  | "no-handler"
  | "handler-failed"
  | "timeout"
  | "canceled"
  | "unavailable"
  | "draining";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Bytes of a text, or of bytes. */
export function sizeOf(data: string | Uint8Array): number {
  return typeof data === "string" ? encoder.encode(data).length : data.length;
}

/** A frame to be sent: text, or bytes where its data is bytes. */
export function encodeFrame(frame: Frame): string | Uint8Array {
  const data = frame[DATA];
  if (!(data instanceof Uint8Array)) return JSON.stringify(frame);
  return withPayload(JSON.stringify(frame.map((part, index) => index === DATA ? null : part)), data);
}

/** A frame with bytes: its JSON has null for them. */
export function withPayload(json: string, data: Uint8Array): Uint8Array {
  const head = encoder.encode(json);
  if (head.length > 0xffff) throw new RangeError(`A frame may have 65535 bytes of head, got ${head.length}`);
  const bytes = new Uint8Array(2 + head.length + data.length);
  bytes.set([head.length >> 8, head.length]);
  bytes.set(head, 2);
  bytes.set(data, 2 + head.length);
  return bytes;
}

/** What was received; null if it is no frame. Bytes in it are a view of what is given. */
export function decodeFrame(message: string | Uint8Array): Frame | null {
  try {
    if (typeof message === "string") return asFrame(JSON.parse(message));
    const end = 2 + (message[0] << 8 | message[1]);
    if (!(end <= message.length)) return null;
    const frame = asFrame(JSON.parse(decoder.decode(message.subarray(2, end))));
    if (frame === null) return null;
    const whole = [...frame];
    while (whole.length < DATA) whole.push(null);
    whole[DATA] = message.subarray(end);
    return whole;
  } catch {
    return null;
  }
}

function asFrame(value: unknown): Frame | null {
  return Array.isArray(value) && typeof value[0] === "string" ? value : null;
}
