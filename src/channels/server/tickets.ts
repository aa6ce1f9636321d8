/**
 * What clients keep for us, signed: where they are in a channel, and which session they are.
 *
 * A position is `<offset>.<epoch>.<signature>`. The signature is that of the channel and the epoch (the two are its
 * grant), so that one serves all subscribers, and no message has to be signed. The offset is the client's own word: a
 * lower one shows it no more than the channel's history, which it may read, and one beyond the end is a gap.
 *
 * A session's ticket is `<id>.<signature>`, signed together with its user.
 *
 * @module
 */
import type { Signer } from "./signer.ts";

const POSITION = "position";
const SESSION = "session";

/** A position of ours, as a client gave it. */
export interface Position {
  readonly epoch: string;
  readonly offset: number;
}

/** Epoch and signature: what follows the offset in a position. */
export async function grantOf(signer: Signer, channel: string, epoch: string): Promise<string> {
  return `${epoch}.${await signer.sign(POSITION, `${channel}\0${epoch}`)}`;
}

/** What a position says; null if it is none of ours for this channel. */
export async function readPosition(signer: Signer, channel: string, position: unknown): Promise<Position | null> {
  const match = typeof position === "string" ? /^(0|[1-9]\d{0,15})\.([^.]{1,64})\.([\w-]{22})$/.exec(position) : null;
  if (match === null || !Number.isSafeInteger(Number(match[1]))) return null;
  const [, offset, epoch, mac] = match;
  return await signer.believes(POSITION, `${channel}\0${epoch}`, mac) ? { epoch, offset: Number(offset) } : null;
}

/** A session's ticket. */
export async function ticketOf(signer: Signer, id: string, user: string): Promise<string> {
  return `${id}.${await signer.sign(SESSION, `${id}\0${user}`)}`;
}

/** The session that a ticket is for; null if it is none of ours, or another user's. */
export async function readTicket(signer: Signer, ticket: unknown, user: string): Promise<string | null> {
  const match = typeof ticket === "string" ? /^([\w-]{16,64})\.([\w-]{22})$/.exec(ticket) : null;
  if (match === null) return null;
  return await signer.believes(SESSION, `${match[1]}\0${user}`, match[2]) ? match[1] : null;
}
