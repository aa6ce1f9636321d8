/**
 * One end of a WebSocket that does what a test says, right or wrong, and writes down what came: raw `node:net`, the
 * frames of `ws_wire.ts`, and nothing of Sluice.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, randomBytes } from "node:crypto";
import net from "node:net";
import { within } from "./rig.ts";
import { type Parameters, readExtensions, Squeezer, waysOf } from "./ws_inflate.ts";
import {
  CLOSE,
  closePayload,
  CONTINUATION,
  type Frame,
  frame,
  FrameReader,
  type FrameSpec,
  PING,
  TEXT,
} from "./ws_wire.ts";

/** What came: a message, a control frame, or the end of the input. */
export type Item =
  | { readonly type: "text" | "binary" | "ping" | "pong"; readonly payload: Uint8Array; readonly compressed?: boolean }
  | { readonly type: "close"; readonly code: number; readonly reason: string }
  | { readonly type: "end"; readonly how: "fin" | "reset" }
  | { readonly type: "broken"; readonly problem: string };

/** What a Close without a code counts as. */
export const NO_CODE = 1005;

const KEY_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const HEAD_END = "\r\n\r\n";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** How a client's end is opened. */
export interface ConnectOptions {
  readonly path?: string;
  /** `Sec-WebSocket-Extensions` to ask for. */
  readonly offer?: string;
}

/** One end. */
export class WsPeer implements Disposable {
  readonly socket: net.Socket;
  readonly role: "client" | "server";
  /** Head of the other side's request or answer. */
  head = "";
  /** A Close or the end has come. */
  isOver = false;
  #items: Item[] = [];
  #wake: (() => void) | null = null;
  #reader: FrameReader | null = null;
  #squeezer: Squeezer | null = null;
  #parts: Frame[] = [];
  #ended = false;
  #broken = false;

  constructor(socket: net.Socket, role: "client" | "server") {
    this.socket = socket;
    this.role = role;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
    socket.on("end", () => this.#end("fin"));
    socket.on("error", () => this.#end("reset"));
    socket.on("close", () => this.#end("fin"));
  }

  /** A client that has its 101. */
  static async connect(port: number, options: ConnectOptions = {}): Promise<WsPeer> {
    const socket = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const peer = new WsPeer(socket, "client");
    const key = randomBytes(16).toString("base64");
    const extensions = options.offer === undefined ? "" : `Sec-WebSocket-Extensions: ${options.offer}\r\n`;
    socket.write(
      `GET ${
        options.path ?? "/"
      } HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n${extensions}\r\n`,
    );
    await peer.#headed();
    const accept = peer.field("sec-websocket-accept");
    if (!peer.head.startsWith("HTTP/1.1 101 ") || accept !== acceptOf(key)) throw new Error(`refused: ${peer.head}`);
    return peer;
  }

  /** A server's end of an accepted socket, before its 101. */
  static async accept(socket: net.Socket): Promise<WsPeer> {
    const peer = new WsPeer(socket, "server");
    await peer.#headed();
    return peer;
  }

  /** Sends the 101 and begins. */
  welcome(extensions = ""): void {
    const accept = acceptOf(this.field("sec-websocket-key") ?? "");
    const line = extensions === "" ? "" : `Sec-WebSocket-Extensions: ${extensions}\r\n`;
    this.agree(extensions);
    this.socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n${line}\r\n`,
    );
  }

  /** Takes permessage-deflate into use, as the server's answer has it. */
  agree(extensions: string): Parameters | null {
    const found = readExtensions(extensions).find(([name]) => name === "permessage-deflate");
    if (found === undefined) return null;
    const { client, server } = waysOf(found[1]);
    this.#squeezer = this.role === "client" ? new Squeezer(client, server) : new Squeezer(server, client);
    return found[1];
  }

  /** The target of the request. */
  get path(): string {
    return this.head.split(" ")[1];
  }

  /** A field of the head, by its name in lower case. */
  field(name: string): string | null {
    const lines = this.head.split("\r\n").slice(1).map((line) => [line.split(":")[0].toLowerCase(), line] as const);
    const found = lines.find(([key]) => key === name);
    return found === undefined ? null : found[1].slice(name.length + 1).trim();
  }

  /** The bytes of a frame as this side must send it, unless the spec says otherwise. */
  bytes(spec: FrameSpec): Uint8Array {
    return frame({ mask: this.role === "client" ? randomKey() : null, ...spec });
  }

  write(bytes: Uint8Array): void {
    if (!this.#ended || this.socket.writable) this.socket.write(bytes);
  }

  /** Sends a message in frames of `fragment` bytes, or in one; compressed if that was agreed on. */
  async message(opcode: number, payload: Uint8Array, fragment = 0): Promise<void> {
    const rsv1 = this.#squeezer !== null;
    const data = this.#squeezer === null ? payload : await this.#squeezer.compress(payload);
    const size = fragment === 0 ? Math.max(1, data.length) : fragment;
    const frames = [this.bytes({ opcode, rsv1, fin: data.length <= size, payload: data.subarray(0, size) })];
    for (let at = size; at < data.length; at += size) {
      const fin = at + size >= data.length;
      frames.push(this.bytes({ opcode: CONTINUATION, fin, payload: data.subarray(at, at + size) }));
    }
    this.write(Buffer.concat(frames));
  }

  close(code: number, reason = ""): void {
    this.write(this.bytes({ opcode: CLOSE, payload: code === NO_CODE ? undefined : closePayload(code, reason) }));
  }

  /** The next item; inflated. */
  async next(limit?: number): Promise<Item> {
    if (this.#items.length === 0) {
      await within("what comes next", new Promise<void>((resolve) => this.#wake = resolve), limit);
    }
    const item = this.#items.shift()!;
    if (!("compressed" in item) || item.compressed !== true) return checked(item);
    try {
      return checked({ ...item, payload: await this.#squeezer!.inflate(item.payload) });
    } catch (error) {
      return { type: "broken", problem: `not inflated: ${(error as Error).message}` };
    }
  }

  /** Nothing is waiting to be taken. */
  get isQuiet(): boolean {
    return this.#items.length === 0 && this.#reader?.partial !== true;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
    this.#squeezer?.[Symbol.dispose]();
  }

  async #headed(): Promise<void> {
    const headed = new Promise<void>((resolve) => this.#wake = resolve);
    if (!this.head.endsWith(HEAD_END)) await within("a head", headed);
    if (!this.head.endsWith(HEAD_END)) throw new Error(`no head but ${JSON.stringify(this.head)}`);
  }

  #take(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#reader === null) {
      const before = this.head.length;
      const text = this.head + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1");
      const end = text.indexOf(HEAD_END);
      this.head = end < 0 ? text : text.slice(0, end + HEAD_END.length);
      if (end < 0) return;
      rest = chunk.subarray(this.head.length - before);
      this.#begin();
    }
    try {
      if (!this.#broken) this.#reader!.feed(rest);
    } catch (error) {
      this.#broken = true;
      this.#add({ type: "broken", problem: (error as Error).message });
    }
  }

  #begin(): void {
    const answer = this.role === "client" ? this.field("sec-websocket-extensions") : null;
    const deflate = answer !== null && this.agree(answer) !== null;
    const offered = this.role === "server" && (this.field("sec-websocket-extensions") ?? "") !== "";
    this.#reader = new FrameReader(
      { masked: this.role === "server", deflate: deflate || offered },
      (one) => this.#frame(one),
    );
    this.#signal();
  }

  #frame(one: Frame): void {
    if (one.opcode === CLOSE) return this.#add(closeItem(one.payload));
    if (one.opcode > CLOSE) return this.#add({ type: one.opcode === PING ? "ping" : "pong", payload: one.payload });
    this.#parts.push(one);
    if (!one.fin) return;
    const [{ opcode, rsv1 }] = this.#parts;
    const payload = this.#parts.length === 1 ? one.payload : Buffer.concat(this.#parts.map((part) => part.payload));
    this.#parts = [];
    if (rsv1 && this.#squeezer === null) return this.#add({ type: "broken", problem: "RSV1 that was not agreed on" });
    this.#add({ type: opcode === TEXT ? "text" : "binary", payload, compressed: rsv1 });
  }

  #end(how: "fin" | "reset"): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#reader?.partial === true) this.#add({ type: "broken", problem: "half a frame at the end" });
    this.#add({ type: "end", how });
  }

  #add(item: Item): void {
    if (item.type === "close" || item.type === "end") this.isOver = true;
    this.#items.push(item);
    this.#signal();
  }

  #signal(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

/** Any key will do: nobody is deceived here. */
function randomKey(): Uint8Array {
  const word = Math.random() * 0x100000000;
  return Uint8Array.of(word >>> 24, word >>> 16, word >>> 8, word);
}

function acceptOf(key: string): string {
  return createHash("sha1").update(key + KEY_SUFFIX).digest("base64");
}

function closeItem(payload: Uint8Array): Item {
  if (payload.length === 0) return { type: "close", code: NO_CODE, reason: "" };
  if (payload.length === 1) return { type: "broken", problem: "a Close with half a code" };
  const code = new DataView(payload.buffer, payload.byteOffset).getUint16(0);
  try {
    return { type: "close", code, reason: utf8.decode(payload.subarray(2)) };
  } catch {
    return { type: "broken", problem: `Close ${code} with a reason that is no UTF-8` };
  }
}

/** Text must be UTF-8. */
function checked(item: Item): Item {
  try {
    if (item.type === "text") utf8.decode(item.payload);
    return item;
  } catch {
    return { type: "broken", problem: "text that is no UTF-8" };
  }
}
