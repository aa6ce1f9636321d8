/**
 * What a client says to a server and understands of it, kind by kind, without a socket.
 *
 * @module
 */

/** What came from the server. All are called synchronously. */
export interface TalkEvents {
  /** The handshake is done: messages may be sent. */
  opened(): void;
  /** An answer is whole; `fault` says why it is not right, empty if it is. `status` is HTTP's, or 0. */
  answered(fault: string, status: number): void;
  /** Part of something long has arrived. */
  flowed(): void;
  /** The server has said that it will end the connection; the code of a Close, null for another goodbye. */
  lastWords(code: number | null): void;
  /** These bytes are to be sent at once: a Pong, or the answer to a Close. */
  reply(bytes: Uint8Array, closing: boolean): void;
}

/** One connection's protocol. */
export interface Talk {
  /** What is sent first, as a message of its own; null for nothing. */
  readonly greeting: Uint8Array | null;
  /** Part of an answer has arrived, and the rest has not. */
  readonly partial: boolean;
  /** The bytes of the next message, about `size` bytes long, at least as long as its number. */
  message(size: number): Uint8Array;
  /** The next message as the pieces of an upload: at least two. */
  upload(size: number, pieces: number): readonly Uint8Array[];
  /** The request of something long; null if the connection itself is it. */
  stream(): Uint8Array | null;
  /** What is sent to leave; null if FIN is all that there is to say. */
  leave(): Uint8Array | null;
  /** Takes bytes from the server. */
  feed(chunk: Uint8Array): void;
  /** The server's FIN: it completes what has no other end. */
  end(): void;
}

/** What all kinds want to know. */
export interface TalkOptions {
  /** Number of the client, part of what it sends. */
  readonly client: number;
  /** Text of the Host field. */
  readonly host: string;
  /** Request target, or target of the WebSocket. */
  readonly path: string;
  /** Request target of uploads. */
  readonly uploadPath: string;
  /** Request target of something long. */
  readonly streamPath: string;
  /** "echo": an answer must carry what was sent. */
  readonly expect: "echo" | "any";
  /** The next random number in [0, 1). */
  random(): number;
  /** Hears what is odd about the server. */
  remark(text: string): void;
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
/** The alphabet so often that any start still has a whole piece behind it. */
const PATTERN: string = LETTERS.repeat(64);

/** Text for a message: its client, its number, then letters up to `size` bytes. */
export function contentOf(client: number, number: number, size: number): string {
  const head = `${client}.${number}`;
  const missing = size - head.length - 1;
  if (missing <= 0) return head;
  const from = number % LETTERS.length;
  const piece = PATTERN.slice(from, PATTERN.length - LETTERS.length + from);
  return `${head} ${piece.repeat(Math.ceil(missing / piece.length)).slice(0, missing)}`;
}

/** Cuts bytes into so many pieces of about the same length. */
export function cut(bytes: Uint8Array, pieces: number): Uint8Array[] {
  const size = Math.max(1, Math.ceil(bytes.length / pieces));
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
  return parts;
}

/** The arrays as one. */
export function join(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0];
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Text as UTF-8. */
export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Long texts in short, for a report. */
export function short(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}
