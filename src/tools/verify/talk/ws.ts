/**
 * A WebSocket: the opening handshake as the first message, then messages that are answered with messages.
 *
 * @module
 */
import { ResponseHead, ResponseParser } from "@sluice/sluice/http";
import { contentOf, cut, encode, join, short, type Talk, type TalkEvents, type TalkOptions } from "./talk.ts";
import { clientFrame, codeOf, FrameReader, NO_CODE, OPCODES, type ServerFrame } from "./ws_frames.ts";

/** Code of a client that is done (RFC 6455 §7.4.1). */
const DONE = 1000;

/** One connection that speaks WebSocket. */
export class WsTalk implements Talk {
  readonly greeting: Uint8Array;
  readonly #options: TalkOptions;
  readonly #events: TalkEvents;
  readonly #parser: ResponseParser = new ResponseParser();
  readonly #frames: FrameReader = new FrameReader();
  /** What the next answers must be. */
  readonly #expected: string[] = [];
  #number = 0;
  #state: "handshake" | "open" | "closed" | "broken" = "handshake";
  /** A Close was sent from here. */
  #left = false;
  /** The message whose last fragment is still to come; null outside. */
  #fragments: Uint8Array[] | null = null;

  constructor(options: TalkOptions, events: TalkEvents) {
    this.#options = options;
    this.#events = events;
    const key = btoa(String.fromCharCode(...Array.from({ length: 16 }, () => Math.floor(options.random() * 256))));
    this.greeting = encode(
      `GET ${options.path} HTTP/1.1\r\nHost: ${options.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
  }

  get partial(): boolean {
    if (this.#state === "handshake") return this.#parser.partial;
    return this.#state === "open" && (this.#fragments !== null || this.#frames.buffered > 0);
  }

  message(size: number): Uint8Array {
    return this.#frame(OPCODES.text, encode(this.#content(size)));
  }

  upload(size: number, pieces: number): readonly Uint8Array[] {
    const parts = cut(encode(this.#content(size)), pieces);
    const { random } = this.#options;
    return parts.map((part, i) =>
      clientFrame(i === 0 ? OPCODES.text : OPCODES.continuation, part, random, i === parts.length - 1)
    );
  }

  stream(): null {
    return null;
  }

  leave(): Uint8Array {
    this.#left = true;
    return this.#frame(OPCODES.close, Uint8Array.of(DONE >> 8, DONE & 255));
  }

  feed(chunk: Uint8Array): void {
    if (this.#state === "handshake") this.#handshake(chunk);
    else if (this.#state === "open") this.#frames.feed(chunk, (frame) => this.#take(frame));
  }

  end(): void {}

  #content(size: number): string {
    const content = contentOf(this.#options.client, ++this.#number, size);
    this.#expected.push(content);
    return content;
  }

  #frame(opcode: number, payload: Uint8Array): Uint8Array {
    return clientFrame(opcode, payload, this.#options.random);
  }

  #handshake(chunk: Uint8Array): void {
    this.#parser.feed(chunk);
    try {
      let event = this.#parser.next();
      while (event instanceof ResponseHead && event.status < 200 && event.status !== 101) event = this.#parser.next();
      if (!(event instanceof ResponseHead)) return;
      if (event.status === 101) return this.#open();
      this.#refused(`the handshake was answered with status ${event.status}`, event.status);
    } catch (error) {
      this.#refused(`the handshake's answer is not HTTP: ${(error as Error).message}`, 0);
    }
  }

  #open(): void {
    this.#state = "open";
    const rest = this.#parser.rest();
    this.#events.answered("", 101);
    this.#events.opened();
    if (rest.length > 0) this.feed(rest);
  }

  #refused(fault: string, status: number): void {
    this.#state = "broken";
    this.#events.answered(fault, status);
    this.#events.lastWords(null);
  }

  #take(frame: ServerFrame): void {
    if (this.#state !== "open") return;
    const { opcode, payload, fin } = frame;
    if (opcode === OPCODES.close) this.#close(payload);
    else if (opcode === OPCODES.ping) this.#events.reply(this.#frame(OPCODES.pong, payload), false);
    else if (opcode < OPCODES.close) this.#data(payload, fin);
  }

  #close(payload: Uint8Array): void {
    this.#state = "closed";
    const code = codeOf(payload);
    this.#events.lastWords(code);
    if (!this.#left) {
      const echoed = code === NO_CODE ? new Uint8Array(0) : payload.slice(0, 2);
      this.#events.reply(this.#frame(OPCODES.close, echoed), true);
    }
  }

  #data(payload: Uint8Array, fin: boolean): void {
    (this.#fragments ??= []).push(payload);
    if (!fin) return;
    const message = join(this.#fragments);
    this.#fragments = null;
    this.#events.flowed();
    const expected = this.#expected.shift();
    if (expected === undefined) return;
    const text = this.#options.expect === "any" ? expected : new TextDecoder().decode(message);
    const right = text === expected;
    this.#events.answered(right ? "" : `${short(text)} is not an echo of ${short(expected)}`, 0);
  }
}
