/**
 * What a WebSocket client says and hears on the wire (RFC 6455): made beforehand, byte for byte.
 *
 * @module
 */
import { concat } from "../../../src/bytes.ts";
import { bytesOf } from "./answers.ts";
import type { WebSocketJob } from "./jobs.ts";
import { Block, discard, NOTHING, open, Poll, receive, received } from "./libc.ts";

type Kind = WebSocketJob["kind"];

/** Key and answer of RFC 6455 section 1.3. */
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/** So many handshakes at a time, so that no accept queue overflows. */
const BATCH = 64;
const HANDSHAKE_MS = 10_000;
const TURN_MS = 100;
/** Of a head. */
const END = "\r\n\r\n";
const FIN = 128;
const MASKED = 128;
const OPCODES: Record<Kind, number> = { text: 1, binary: 2 };
/** That of RFC 6455 section 5.7; any will do here, but for zeros, which would spare the server its work. */
const MASK = [0x37, 0xfa, 0x21, 0x3d];
const latin1 = new TextDecoder("latin1");

/** Messages as a client sends them in one go, and as the server must send them back. */
export interface Round {
  readonly block: Block;
  readonly answer: Uint8Array;
}

/** Messages that differ from each other. */
export function makeRound(kind: Kind, size: number, count: number): Round {
  const messages = Array.from({ length: count }, (_, n) => makeMessage(kind, size, n));
  const block = new Block(concat(messages.map((message) => frame(kind, message, true))));
  return { block, answer: concat(messages.map((message) => frame(kind, message, false))) };
}

/** Texts as a client sends them in one go. */
export function textFrame(...texts: readonly string[]): Uint8Array {
  return concat(texts.map((text) => frame("text", bytesOf(text), true)));
}

/** Reads a server's frames on one connection, wherever the pieces end. */
export class FrameReader {
  /** Bytes of the payload that are still to come; null in a head. */
  #left: number | null = null;
  #head: number[] = [];
  #text = "";

  /** Messages that end in these bytes: texts, and no pings. */
  count(bytes: Uint8Array, length: number): number {
    let messages = 0;
    this.#read(bytes, length, false, () => messages++);
    return messages;
  }

  /** The same with their words, of one byte a letter. */
  texts(bytes: Uint8Array, length: number): string[] {
    const texts: string[] = [];
    this.#read(bytes, length, true, (text) => texts.push(text));
    return texts;
  }

  #read(bytes: Uint8Array, length: number, kept: boolean, ended: (text: string) => void): void {
    for (let at = 0; at < length;) {
      if (this.#left === null) {
        this.#head.push(bytes[at++]);
        this.#left = sizeOf(this.#head);
      } else {
        const taken = Math.min(this.#left, length - at);
        if (kept) this.#text += latin1.decode(bytes.subarray(at, at + taken));
        this.#left -= taken;
        at += taken;
      }
      if (this.#left === 0) this.#end(ended);
    }
  }

  #end(ended: (text: string) => void): void {
    const [first] = this.#head;
    const text = this.#text;
    this.#left = null;
    this.#head = [];
    this.#text = "";
    if ((first & 15) === OPCODES.text) ended(text);
  }
}

/** The payload's length in a server's frame; null while the head is not whole. */
function sizeOf(head: readonly number[]): number | null {
  if (head.length < 2) return null;
  const short = head[1] & 127;
  const more = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (head.length < 2 + more) return null;
  return more === 0 ? short : head.slice(2).reduce((size, byte) => size * 256 + byte, 0);
}

/** Takes what a server says together with its handshake's answer. */
export type Early = (fd: number, bytes: Uint8Array) => void;

/** WebSockets that are open: handshakes in batches. */
export function openWebSockets(port: number, count: number, path?: string, early?: Early): number[] {
  const all: number[] = [];
  for (let left = count; left > 0; left -= BATCH) {
    const fds = Array.from({ length: Math.min(BATCH, left) }, () => open(port));
    shakeHands(port, fds, path, early);
    all.push(...fds);
  }
  return all;
}

/** Makes WebSockets of connections. No extension is offered: nothing is compressed. */
export function shakeHands(port: number, fds: readonly number[], path: string = "/ws", early?: Early): void {
  const request = new Block(bytesOf(requestText(port, path)));
  const poll = new Poll();
  const heads = new Map(fds.map((fd) => [fd, ""]));
  for (const fd of fds) {
    poll.add(fd);
    request.send(fd);
  }
  const end = performance.now() + HANDSHAKE_MS;
  while (heads.size > 0) {
    if (performance.now() > end) throw new Error(`${heads.size} handshakes got no answer`);
    const ready = poll.wait(TURN_MS);
    for (let i = 0; i < ready; i++) takeHead(poll.fd(i), heads, early);
  }
  poll.close();
}

/** Takes what has come of an answer of which `at` bytes are there; returns where the rest begins. */
export function takeAnswer(fd: number, answer: Uint8Array, at: number, checked: boolean): number {
  const length = checked ? receive(fd) : discard(fd);
  if (length === NOTHING) return at;
  if (length <= 0) throw new Error(`the server closed a WebSocket (${length})`);
  if (at + length > answer.length) throw new Error(`${at + length} bytes for an answer of ${answer.length}`);
  if (checked) compare(answer, at, length);
  return at + length;
}

function compare(answer: Uint8Array, at: number, length: number): void {
  for (let i = 0; i < length; i++) {
    if (received[i] !== answer[at + i]) throw new Error(`wrong byte ${received[i]} at ${at + i} of an answer`);
  }
}

function requestText(port: number, path: string): string {
  const fields = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${KEY}`,
    "Sec-WebSocket-Version: 13",
  ];
  return [`GET ${path} HTTP/1.1`, `Host: 127.0.0.1:${port}`, ...fields, "", ""].join("\r\n");
}

function takeHead(fd: number, heads: Map<number, string>, early?: Early): void {
  const length = receive(fd);
  if (length === NOTHING) return;
  if (length <= 0) throw new Error(`the server closed a connection in its handshake (${length})`);
  // Others are still waited for, and this one is spoken to already.
  if (!heads.has(fd) && early !== undefined) return early(fd, received.subarray(0, length));
  const text = heads.get(fd) + latin1.decode(received.subarray(0, length));
  heads.set(fd, text);
  const end = text.indexOf(END) + END.length;
  if (end < END.length) return;
  const [head, rest] = [text.slice(0, end), text.slice(end)];
  const agreed = head.startsWith("HTTP/1.1 101 ") && head.includes(ACCEPT) && (rest === "" || early !== undefined);
  if (!agreed || /sec-websocket-extensions/i.test(head)) throw new Error(`a handshake answered with ${text}`);
  if (rest !== "") early!(fd, bytesOf(rest));
  heads.delete(fd);
}

function makeMessage(kind: Kind, size: number, n: number): Uint8Array {
  const byte = kind === "text" ? (i: number) => 33 + (i * 7 + n) % 90 : (i: number) => (i * 7 + n) % 251;
  return Uint8Array.from({ length: size }, (_, i) => byte(i));
}

function frame(kind: Kind, message: Uint8Array, masked: boolean): Uint8Array {
  const { length } = message;
  const head = [FIN | OPCODES[kind]];
  if (length < 126) head.push(length);
  else if (length < 65_536) head.push(126, length >> 8, length & 255);
  else head.push(127, 0, 0, 0, 0, length >>> 24, length >> 16 & 255, length >> 8 & 255, length & 255);
  if (!masked) return concat([Uint8Array.from(head), message]);
  head[1] |= MASKED;
  return concat([Uint8Array.from([...head, ...MASK]), message.map((byte, i) => byte ^ MASK[i & 3])]);
}
