/** A raw WebSocket client over in-process sockets, that writes down each frame. */
import type { MemorySocket } from "../../adapters/memory/mod.ts";
import type { Conn } from "../../mod.ts";
import { concat } from "../../src/bytes.ts";
import {
  BINARY,
  CLOSE,
  closePayload,
  type Frame,
  frame,
  FrameReader,
  type FrameSpec,
  PING,
  PONG,
  TEXT,
} from "./ws_wire.ts";

/** How a raw peer behaves. */
export interface RawOptions {
  /** Answers the server's Close. @default true */
  answers?: boolean;
  /** Closes when the server does. @default true */
  closes?: boolean;
  /** Fields to add to the handshake. */
  headers?: Record<string, string>;
  /** Bytes right behind the handshake. */
  behind?: Uint8Array;
  path?: string;
}

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);

/** The bytes of a client's frame. */
export function masked(opcode: number, payload: string | Uint8Array = "", more: Partial<FrameSpec> = {}): Uint8Array {
  return frame({ opcode, payload: bytesOf(payload), mask: MASK, ...more });
}

/** Text as bytes; bytes as they are. */
export function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

/** Pieces as one. */
export function joined(...pieces: readonly Uint8Array[]): Uint8Array {
  return concat(pieces);
}

/** One raw connection that has asked for a WebSocket. */
export class RawPeer {
  readonly conn: Conn;
  readonly behaviour: RawOptions;
  /** The answer's head; before it has ended, all of it that is here. */
  head = "";
  /** Data frames, as text; bytes as `<length>`. */
  readonly messages: string[] = [];
  /** Every frame in order: `text hello`, `close 1001 going away`. */
  readonly seen: string[] = [];
  readonly frames: Frame[] = [];
  /** The server's Close. */
  close: { readonly code: number; readonly reason: string } | null = null;
  /** When it came, and when the input ended; -1 before. */
  closedAt = -1;
  endedAt = -1;
  end: "open" | "fin" | "reset" = "open";
  /** What was received and should not have been. */
  problem: Error | null = null;
  /** Sees each message, when all that has come with it is read: a Close right behind it is known. */
  onMessage: ((message: string) => void) | null = null;
  /** Sees the Close as it comes, before it is answered. */
  onClose: (() => void) | null = null;
  readonly #now: () => number;
  readonly #reader: FrameReader;
  #waiting: (() => void)[] = [];

  constructor(conn: Conn, now: () => number, behaviour: RawOptions) {
    this.conn = conn;
    this.#now = now;
    this.behaviour = behaviour;
    this.#reader = new FrameReader({ masked: false, deflate: true }, (one) => this.#frame(one));
    this.#follow();
  }

  /** Status of the answer; 0 before there is one. */
  get status(): number {
    return Number(this.head.split(" ")[1] ?? 0);
  }

  /** Our socket, with what a test may do to it; its `peer` is the server's. */
  get socket(): MemorySocket {
    return (this.conn as unknown as { readonly socket: MemorySocket }).socket;
  }

  /** Writes bytes as they are, without waiting. */
  write(...pieces: readonly Uint8Array[]): void {
    this.conn.write(joined(...pieces)).catch(() => {});
  }

  /** Sends messages, all in one write. */
  send(...messages: readonly (string | Uint8Array)[]): void {
    this.write(...messages.map((one) => masked(typeof one === "string" ? TEXT : BINARY, one)));
  }

  ping(data = ""): void {
    this.write(masked(PING, data));
  }

  pong(data: string | Uint8Array = ""): void {
    this.write(masked(PONG, data));
  }

  /** Sends a Close; without a code, an empty one. */
  sayClose(code?: number, reason = ""): void {
    this.write(masked(CLOSE, code === undefined ? "" : closePayload(code, reason)));
  }

  /** The next moment something arrives or the connection ends. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #follow(): Promise<void> {
    try {
      for await (const chunk of this.conn) this.#take(chunk);
      this.#over("fin");
      if (this.behaviour.closes !== false) await this.conn.close();
    } catch {
      this.#over("reset");
    }
  }

  #over(end: "fin" | "reset"): void {
    this.end = end;
    this.endedAt = this.#now();
    if (end === "fin" && this.#reader.partial) this.problem ??= new Error("half a frame at the end");
    this.#tell();
  }

  #take(chunk: Uint8Array): void {
    const known = this.messages.length;
    try {
      let at = 0;
      while (!this.head.endsWith("\r\n\r\n") && at < chunk.length) this.head += String.fromCharCode(chunk[at++]);
      if (this.status === 101) this.#reader.feed(chunk.subarray(at));
    } catch (error) {
      this.problem ??= error as Error;
    }
    for (const message of this.messages.slice(known)) this.onMessage?.(message);
    this.#tell();
  }

  #frame(one: Frame): void {
    const { opcode, payload } = one;
    this.frames.push(one);
    if (opcode === CLOSE) return this.#closed(payload);
    const text = opcode === BINARY ? `<${payload.length}>` : new TextDecoder().decode(payload);
    if (opcode < CLOSE) this.messages.push(text);
    this.seen.push(`${{ [TEXT]: "text", [BINARY]: "binary", [PING]: "ping", [PONG]: "pong" }[opcode]} ${text}`);
  }

  #closed(payload: Uint8Array): void {
    const code = payload.length === 0 ? 1005 : new DataView(payload.buffer, payload.byteOffset).getUint16(0);
    this.close = { code, reason: new TextDecoder().decode(payload.subarray(2)) };
    this.seen.push(`close ${code} ${this.close.reason}`.trimEnd());
    this.closedAt = this.#now();
    this.onClose?.();
    if (this.behaviour.answers !== false) this.write(masked(CLOSE, payload));
  }

  #tell(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

/** A handshake as text. */
export function handshake(path = "/", headers: Record<string, string> = {}): string {
  const fields = {
    host: "test",
    upgrade: "websocket",
    connection: "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `GET ${path} HTTP/1.1\r\n${lines}\r\n`;
}

/** Counts the writes that the server's end of this peer's connection gets from now on, and their sizes. */
export function writesOf(peer: RawPeer): number[] {
  const sizes: number[] = [];
  const socket = peer.socket.peer as MemorySocket & { writeMany?: (chunks: Uint8Array[]) => void };
  const write = socket.write;
  socket.write = (bytes) => {
    sizes.push(bytes.length);
    return write.call(socket, bytes);
  };
  return sizes;
}
