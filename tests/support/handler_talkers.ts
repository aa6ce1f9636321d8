/**
 * Clients of WebSockets that a pattern of handlers is judged by: a raw one, ours in two manners, and a foreign one.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connectWebSocket, type WebSocketConn } from "../../src/websocket/mod.ts";
import { type Caller, type CallerEnd, LIMIT, type Peer, Watch } from "./handler_peer.ts";
import type { Scene } from "./handlers.ts";
import { CLOSE, closePayload, type Frame, frame, FrameReader, PING, PONG, TEXT } from "./ws_wire.ts";

/**
 * `raw` writes down each frame; `sluice` takes messages in a loop, `asking` only when it has asked something; `foreign`
 * is the package `ws` on Node and the runtime's own elsewhere.
 */
export type TalkerKind = "raw" | "sluice" | "asking" | "foreign";

/** One WebSocket as its client sees it. `saw` has a line for each message, `end` is the code of the Close. */
export interface Talker extends Caller {
  readonly messages: readonly string[];
  send(text: string): void;
  /** Sends, and waits for the next message. */
  ask(text: string): Promise<void>;
}

const MASK = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);
const HEAD_END = "\r\n\r\n";
/** Longer than any case. */
const FOR_EVER = 60_000;
const HANDSHAKE = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/** Opens a client of this kind. */
export function openTalker(kind: TalkerKind, scene: Scene<Talker>): Promise<Talker> {
  if (kind === "raw") return RawTalker.open(scene);
  return kind === "foreign" ? ForeignTalker.open(scene) : SluiceTalker.open(scene, kind === "sluice");
}

/** What all of them share: messages, the end, and those who wait. */
abstract class BaseTalker implements Talker {
  readonly messages: string[] = [];
  end: CallerEnd = "open";
  readonly #watch: Watch = new Watch();

  get saw(): string {
    return this.messages.map((message) => `${message}\n`).join("");
  }

  abstract send(text: string): void;
  abstract leave(): void;
  abstract drop(): void;

  async ask(text: string): Promise<void> {
    const { length } = this.messages;
    this.send(text);
    await this.until("an answer", () => this.messages.length > length || this.end !== "open");
  }

  dispose(): void {
    this.drop();
  }

  until(what: string, ready: () => boolean, limit: number = LIMIT): Promise<void> {
    return this.#watch.until(what, ready, limit, () => `${this.saw} (${this.end})`);
  }

  async over(limit?: number): Promise<CallerEnd> {
    await this.until("its end", () => this.end !== "open", limit);
    return this.end;
  }

  protected note(message: string): void {
    this.messages.push(message);
    this.tell();
  }

  protected tell(): void {
    this.#watch.tell();
  }

  protected ended(end: CallerEnd): void {
    if (this.end === "open") this.end = end;
    this.#watch.tell();
  }
}

/** Frames by hand. */
export class RawTalker extends BaseTalker {
  readonly peer: Peer;
  /** Every frame, such as `text hello`, `ping`, `close 1001`. */
  readonly frames: string[] = [];
  /** Answers a Close. */
  answersClose = true;
  readonly #reader: FrameReader = new FrameReader({ masked: false }, (one) => this.#frame(one));
  #head: string | null = "";
  #code = "1006";
  #said = false;

  constructor(peer: Peer) {
    super();
    this.peer = peer;
    peer.onChunk = (chunk) => this.#take(chunk);
    peer.over(FOR_EVER).then((end) => this.ended(end === "fin" ? this.#code : `${this.#code}, ${end}`), () => {});
  }

  static async open(scene: Scene<Talker>): Promise<RawTalker> {
    const talker = new RawTalker(await scene.peer());
    talker.peer.send(HANDSHAKE);
    await talker.until("the handshake's answer", () => talker.#head === null || talker.end !== "open");
    return talker;
  }

  send(text: string): void {
    this.#write(TEXT, Buffer.from(text));
  }

  ping(): void {
    this.#write(PING, new Uint8Array(0));
  }

  leave(): void {
    this.#close(closePayload(1000));
  }

  drop(): void {
    this.peer.drop();
  }

  #close(payload: Uint8Array): void {
    if (this.#said) return;
    this.#said = true;
    this.#write(CLOSE, payload);
  }

  #write(opcode: number, payload: Uint8Array): void {
    this.peer.send(frame({ opcode, payload, mask: MASK }));
  }

  #take(chunk: Uint8Array): void {
    let rest = chunk;
    if (this.#head !== null) {
      const before = this.#head.length;
      const text = this.#head + Buffer.from(chunk).toString("latin1");
      const end = text.indexOf(HEAD_END);
      this.#head = end < 0 ? text : null;
      if (end < 0) return;
      if (!text.startsWith("HTTP/1.1 101 ")) throw new Error(text);
      rest = chunk.subarray(end + HEAD_END.length - before);
      this.tell();
    }
    this.#reader.feed(rest);
  }

  #frame({ opcode, payload }: Frame): void {
    const text = new TextDecoder().decode(payload);
    if (opcode === CLOSE) {
      this.#code = String(payload.length < 2 ? 1005 : payload[0] << 8 | payload[1]);
      this.frames.push(`close ${this.#code}`);
      if (this.answersClose) this.#close(payload);
      return;
    }
    this.frames.push(`${{ [TEXT]: "text", [PING]: "ping", [PONG]: "pong" }[opcode] ?? "binary"} ${text}`.trimEnd());
    if (opcode === PING) this.#write(PONG, payload);
    else if (opcode !== PONG) this.note(text);
  }
}

/** `connectWebSocket()`. */
class SluiceTalker extends BaseTalker {
  readonly #ws: WebSocketConn;

  constructor(ws: WebSocketConn, loops: boolean) {
    super();
    this.#ws = ws;
    ws.closed.then(({ code, wasClean }) => this.ended(wasClean ? `${code}` : `${code}, unclean`));
    if (loops) this.#loop();
    else this.ask = (text) => this.#ask(text);
  }

  static async open(scene: Scene<Talker>, loops: boolean): Promise<SluiceTalker> {
    const { address, tls } = scene;
    const port = address.transport === "tcp" ? `:${address.port}` : "";
    const socketPath = address.transport === "unix" ? address.path : undefined;
    const url = `${tls === undefined ? "ws" : "wss"}://127.0.0.1${port}/`;
    return new SluiceTalker(await connectWebSocket(url, { tls, socketPath }), loops);
  }

  send(text: string): void {
    this.#ws.send(text).catch(() => {});
  }

  leave(): void {
    this.#ws.close();
  }

  drop(): void {
    this.#ws.abort();
  }

  async #loop(): Promise<void> {
    for await (const message of this.#ws) this.note(String(message));
  }

  /** As every client of requests and answers is written. */
  async #ask(text: string): Promise<void> {
    await this.#ws.send(text);
    const { done, value } = await this.#ws.next();
    if (!done) this.note(String(value));
  }
}

/** The part of a browser's WebSocket that is used, and what `ws` adds. */
interface ForeignSocket {
  addEventListener(type: string, fn: (event: { data: unknown; code: number; wasClean: boolean }) => void): void;
  send(text: string): void;
  close(code?: number): void;
  terminate?(): void;
}

/** Somebody else's client. */
class ForeignTalker extends BaseTalker {
  readonly #ws: ForeignSocket;

  constructor(ws: ForeignSocket) {
    super();
    this.#ws = ws;
    ws.addEventListener("message", ({ data }) => this.note(String(data)));
    ws.addEventListener("close", ({ code, wasClean }) => this.ended(wasClean ? `${code}` : `${code}, unclean`));
    ws.addEventListener("error", () => {});
  }

  static async open(scene: Scene<Talker>): Promise<ForeignTalker> {
    const { address } = scene;
    if (address.transport !== "tcp") throw new Error("A foreign client knows TCP alone");
    const Foreign = await foreignClass();
    const ws = new Foreign(`ws://127.0.0.1:${address.port}/`);
    const talker = new ForeignTalker(ws);
    await new Promise<void>((resolve) => {
      ws.addEventListener("open", () => resolve());
      ws.addEventListener("close", () => resolve());
    });
    return talker;
  }

  send(text: string): void {
    this.#ws.send(text);
  }

  leave(): void {
    this.#ws.close(1000);
  }

  drop(): void {
    if (this.#ws.terminate === undefined) this.#ws.close();
    else this.#ws.terminate();
  }
}

async function foreignClass(): Promise<new (url: string) => ForeignSocket> {
  const isNode = !("Deno" in globalThis || "Bun" in globalThis);
  const found = isNode ? (await import("ws")).WebSocket : globalThis.WebSocket;
  return found as unknown as new (url: string) => ForeignSocket;
}
