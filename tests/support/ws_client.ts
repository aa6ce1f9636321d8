/**
 * One raw WebSocket client that writes down what it saw, made for thousands in one process: `node:net`, the frames of
 * `ws_wire.ts`, and nothing of Sluice.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type ClientOptions, NetClient } from "./swarm.ts";
import { BINARY, CLOSE, CONTINUATION, type Frame, frame, FrameReader, PING, PONG, TEXT } from "./ws_wire.ts";

/** How a client behaves. */
export interface WsClientOptions extends ClientOptions {
  /** Answers a Close with its own. @default true */
  readonly answersClose?: boolean;
}

/** What a Close said. */
export interface SeenClose {
  readonly code: number;
  readonly reason: string;
}

/** A message as it came: text, or bytes. */
export type Received = string | Uint8Array;

const HEAD_END = "\r\n\r\n";
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** How far our sight of a Close may be behind its coming, in ms: room for a machine whose cores are taken. */
const SIGHT = 40;

/** The bytes of a client's message. */
export function messageBytes(data: string | Uint8Array): Uint8Array {
  const isText = typeof data === "string";
  return frame({ opcode: isText ? TEXT : BINARY, payload: isText ? Buffer.from(data) : data, mask: MASK });
}

/** One WebSocket as its client sees it. */
export class WsClient {
  readonly net: NetClient;
  readonly path: string;
  /** Head of the answer; complete when `answered`. */
  head = "";
  /** Messages sent, those of them that are owed an answer, and messages received. */
  sent = 0;
  owed = 0;
  received = 0;
  pings = 0;
  /** The server's Close, and when it came (`performance.now()`). */
  close: SeenClose | null = null;
  closedAt = 0;
  /** What was received and should not have been. */
  problem: Error | null = null;
  /** Takes each message. */
  onMessage: ((message: Received) => void) | null = null;
  /** Called when the Close is here, before it is answered. */
  onClose: (() => void) | null = null;
  readonly #options: WsClientOptions;
  readonly #reader: FrameReader;
  #parts: Frame[] = [];
  #said = false;

  constructor(port: number, path: string, options: WsClientOptions = {}) {
    this.path = path;
    this.#options = options;
    this.#reader = new FrameReader({ masked: false }, (one) => this.#frame(one));
    this.net = new NetClient(port, options);
    // Before the other's listeners, which wake those who wait for what is noted here.
    if (options.reads !== "never") this.net.socket.prependListener("data", (chunk: Uint8Array) => this.#take(chunk));
    this.net.socket.once("connect", () => this.net.socket.write(handshake(path), "latin1"));
  }

  /** Status of the answer; 0 before it is here. */
  get status(): number {
    return this.head.endsWith(HEAD_END) ? Number(this.head.split(" ")[1]) : 0;
  }

  /** It may send, as far as it can know. */
  get isOpen(): boolean {
    return this.net.isOpen && this.status === 101 && this.close === null && !this.#said;
  }

  /** A frame or a message has begun and not ended. */
  get partial(): boolean {
    return this.#reader.partial || this.#parts.length > 0;
  }

  /** Fulfils when the answer is here; fails unless it is 101. */
  async opened(limit?: number): Promise<void> {
    await this.net.until("an answer", () => this.status !== 0 || !this.net.isOpen, limit);
    if (this.status !== 101) throw new Error(`no WebSocket but ${JSON.stringify(this.head)}, ${this.net.end}`);
    if (!this.head.toLowerCase().includes(`sec-websocket-accept: ${ACCEPT.toLowerCase()}`)) throw new Error(this.head);
  }

  /** Sends messages in one write. */
  send(...messages: readonly (string | Uint8Array)[]): void {
    this.sent += messages.length;
    this.write(messages.length === 1 ? messageBytes(messages[0]) : Buffer.concat(messages.map(messageBytes)));
  }

  /** Counts messages just sent as owed, unless a Close was here already or follows within `SIGHT`. */
  confirm(messages: number): void {
    setTimeout(() => setImmediate(() => this.isOpen && (this.owed += messages)), SIGHT);
  }

  /** Writes bytes as they are. */
  write(bytes: Uint8Array): void {
    this.net.socket.write(bytes);
  }

  /** Sends a Close, once. */
  sayClose(code: number): void {
    if (this.#said) return;
    this.#said = true;
    this.write(frame({ opcode: CLOSE, payload: Uint8Array.of(code >> 8, code & 255), mask: MASK }));
  }

  /** Reads so many bytes per millisecond from now on; made for `reads: "never"`. */
  readAt(rate: number): void {
    const { socket } = this.net;
    socket.on("data", (chunk: Uint8Array) => {
      this.#take(chunk);
      socket.pause();
      setTimeout(() => socket.resume(), chunk.length / rate);
    });
    this.net.look();
  }

  /** What a test prints about a client that failed. */
  describe(): string {
    const parts = [`${this.path}: ${this.net.end}, close ${this.close?.code ?? "none"}`];
    parts.push(`${this.sent} sent, ${this.owed} owed, ${this.received} received`);
    if (this.partial) parts.push("cut in a message");
    if (this.status !== 101) parts.push(`head ${JSON.stringify(this.head.slice(0, 100))}`);
    if (this.problem !== null) parts.push(this.problem.message);
    return parts.join(", ");
  }

  #take(chunk: Uint8Array): void {
    if (this.problem !== null) return;
    let rest = chunk;
    if (this.status === 0) {
      const before = this.head.length;
      const text = this.head + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
      const end = text.indexOf(HEAD_END);
      this.head = end < 0 ? text : text.slice(0, end + HEAD_END.length);
      rest = chunk.subarray(this.head.length - before);
    }
    if (this.status !== 101) return;
    try {
      this.#reader.feed(rest);
    } catch (error) {
      this.problem = error as Error;
    }
  }

  #frame(one: Frame): void {
    const { opcode, payload } = one;
    if (opcode === CLOSE) return this.#closed(payload);
    if (opcode === PING) {
      this.pings++;
      return this.write(frame({ opcode: PONG, payload, mask: MASK }));
    }
    if (opcode === PONG) return;
    if (one.fin && opcode !== CONTINUATION) return this.#message(opcode, payload);
    this.#parts.push(one);
    if (!one.fin) return;
    const [first] = this.#parts;
    const whole = Buffer.concat(this.#parts.map((part) => part.payload));
    this.#parts = [];
    this.#message(first.opcode, whole);
  }

  #message(opcode: number, payload: Uint8Array): void {
    this.received++;
    this.onMessage?.(opcode === TEXT ? utf8.decode(payload) : payload);
  }

  #closed(payload: Uint8Array): void {
    const code = payload.length < 2 ? 1005 : payload[0] << 8 | payload[1];
    this.close = { code, reason: utf8.decode(payload.subarray(2)) };
    this.closedAt = performance.now();
    this.onClose?.();
    if (this.#options.answersClose !== false) this.sayClose(code);
  }
}

function handshake(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;
}
