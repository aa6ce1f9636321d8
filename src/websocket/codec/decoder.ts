/**
 * The sans-IO decoder of frames (RFC 6455 §5): fed with bytes, it gives messages and control frames.
 *
 * @module
 */
import { ByteParts, ownBytes } from "./byte_parts.ts";
import { Burst } from "./burst.ts";
import { type ControlEvent, controlEvent } from "./control.ts";
import { BINARY, CLOSE, MAX_HEADER, type Role } from "./header.ts";
import { FrameHead } from "./frame_head.ts";
import { mask, rotateKey } from "./mask.ts";
import { decodeText, TextParts } from "./utf8.ts";
import { Window } from "./window.ts";

/** A message, as bare text or bytes, or a control frame. */
export type FrameEvent = string | Uint8Array | ControlEvent;

/** What a {@linkcode FrameDecoder} needs to know. */
export interface DecoderOptions {
  /** Our role: a server takes masked frames only, a client unmasked ones only. */
  readonly role: Role;
  /** Size of a message, inflated: over it 1009. */
  readonly maxMessageBytes: number;
  /** Frames of one message: over it 1008. */
  readonly maxFragments: number;
  /** Inflates a compressed message, up to `limit` bytes; null if compression wasn't agreed on. */
  readonly inflate: ((data: Uint8Array, limit: number) => Uint8Array) | null;
}

/** Between frames, in the payload of a data frame, in that of a control frame, or nothing more is decoded. */
type State = 0 | 1 | 2 | 3;
const HEAD = 0;
const DATA = 1;
const CONTROL = 2;
const DEAD = 3;

const NOTHING: Uint8Array = new Uint8Array(0);

/**
 * Decodes the frames of one connection. Backpressure is not to call `next()`. Nothing is allocated for what a frame
 * announces, only for what has come; what a whole frame in one chunk carries is read where it lies.
 *
 * @example
 * ```ts ignore
 * decoder.feed(chunk);
 * for (let event = decoder.next(); event !== null; event = decoder.next()) {
 *   if (typeof event === "string" || event instanceof Uint8Array) console.log("message", event);
 *   else console.log(event.type);
 * }
 * ```
 */
export class FrameDecoder {
  readonly #inflate: DecoderOptions["inflate"];
  readonly #maxMessageBytes: number;
  readonly #window: Window = new Window();
  readonly #head: FrameHead;
  readonly #burst: Burst;
  /** The beginning of a head that a chunk's end has cut; null before the first. */
  #cut: Uint8Array | null = null;
  #cutSize = 0;
  #state: State = HEAD;
  /** Of the current frame, what is still to come. */
  #left = 0;
  /** The key for what comes next. */
  #key = 0;
  /** Bytes of the current message, and of the current control frame, that are gathered. */
  #gathered = 0;
  #controlSize = 0;
  #text: TextParts | null = null;
  #bytes: ByteParts | null = null;
  #control: Uint8Array = NOTHING;

  /** Builds a decoder for one connection. */
  constructor(options: DecoderOptions) {
    this.#inflate = options.inflate;
    this.#maxMessageBytes = options.maxMessageBytes;
    this.#head = new FrameHead(options);
    this.#burst = new Burst(this.#window, options);
  }

  /** Bytes that were fed and have not left in an event. */
  get buffered(): number {
    return this.#window.size + this.#cutSize + this.#gathered + this.#controlSize;
  }

  /** Whether part of a frame or of a fragmented message is here; says so once `next()` has given null. */
  get partial(): boolean {
    if (this.#state === DEAD) return false;
    return this.#state !== HEAD || this.#head.isOpen || this.#cutSize > 0 || this.#window.size > 0;
  }

  /** Adds a chunk, which belongs to the decoder from now on. After an error or a Close it is dropped. */
  feed(chunk: Uint8Array): void {
    if (this.#state !== DEAD) this.#window.push(chunk);
  }

  /**
   * The next message or control frame; null when more bytes are needed, and after a Close.
   *
   * @throws {WebSocketError} The peer broke the protocol or a limit: thrown once, then it gives null.
   */
  next(): FrameEvent | null {
    try {
      if (this.#state === HEAD && this.#cutSize === 0) {
        const text = this.#burst.next(this.#head.isOpen);
        if (text !== null) return text;
      }
      return this.#step();
    } catch (error) {
      this.#die();
      throw error;
    }
  }

  #step(): FrameEvent | null {
    for (;;) {
      if (this.#state === HEAD && !this.#takeHead()) return null;
      if (this.#state === DEAD) return null;
      const event = this.#state === DATA ? this.#takeData() : this.#takeControl();
      if (event !== null) return event;
      // Either a frame is over that ends no message, or a chunk is.
      if (this.#state !== HEAD && !this.#window.more()) return null;
    }
  }

  #takeHead(): boolean {
    const w = this.#window;
    if (!w.more()) return false;
    const head = this.#head;
    if (this.#cutSize > 0) return this.#takeCutHead();
    const size = head.read(w.bytes, w.at, w.end);
    if (size === 0) return this.#cutHead();
    w.at += size;
    this.#begin();
    return true;
  }

  #cutHead(): boolean {
    const w = this.#window;
    this.#cut ??= new Uint8Array(MAX_HEADER);
    while (w.at < w.end) this.#cut[this.#cutSize++] = w.bytes[w.at++];
    return this.#takeHead();
  }

  #takeCutHead(): boolean {
    const w = this.#window;
    const cut = this.#cut!;
    while (w.more()) {
      cut[this.#cutSize++] = w.bytes[w.at++];
      if (this.#head.read(cut, 0, this.#cutSize) > 0) {
        this.#cutSize = 0;
        this.#cut = null;
        this.#begin();
        return true;
      }
    }
    return false;
  }

  #begin(): void {
    const head = this.#head;
    this.#left = head.length;
    this.#key = head.key;
    this.#state = head.opcode >= CLOSE ? CONTROL : DATA;
  }

  /** Unmasks what is here of the current frame, and says where it begins. */
  #takePart(): number {
    const w = this.#window;
    const start = w.at;
    const size = Math.min(this.#left, w.end - start);
    w.at = start + size;
    this.#left -= size;
    if (this.#key !== 0) {
      mask(w.bytes, w.words, start, w.at, this.#key);
      this.#key = rotateKey(this.#key, size);
    }
    return start;
  }

  #takeData(): FrameEvent | null {
    const w = this.#window;
    const head = this.#head;
    const start = this.#takePart();
    const over = this.#left === 0;
    if (over) this.#state = HEAD;
    if (!over || !head.fin) {
      this.#gather(w.bytes, start, w.at);
      return null;
    }
    head.endMessage();
    // Most messages are whole in one chunk, or their last frame is all there is to them.
    if (this.#gathered === 0) return this.#whole(w.bytes, start, w.at);
    this.#gather(w.bytes, start, w.at);
    return this.#join();
  }

  #whole(chunk: Uint8Array, start: number, end: number): FrameEvent {
    const { kind, deflated } = this.#head;
    if (deflated) return this.#inflated(new Uint8Array(chunk.buffer, chunk.byteOffset + start, end - start));
    return kind === BINARY ? ownBytes(chunk, start, end) : decodeText(chunk, start, end);
  }

  #gather(chunk: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    const { kind, deflated } = this.#head;
    this.#gathered += end - start;
    if (kind === BINARY || deflated) (this.#bytes ??= new ByteParts()).add(chunk, start, end);
    else (this.#text ??= new TextParts()).add(chunk, start, end);
  }

  #join(): FrameEvent {
    const text = this.#text;
    const parts = this.#bytes;
    this.#gathered = 0;
    this.#text = this.#bytes = null;
    if (text !== null) return text.join();
    const bytes = parts!.join();
    return this.#head.deflated ? this.#inflated(bytes) : bytes;
  }

  #inflated(bytes: Uint8Array): FrameEvent {
    const inflated = this.#inflate!(bytes, this.#maxMessageBytes);
    return this.#head.kind === BINARY ? inflated : decodeText(inflated, 0, inflated.length);
  }

  #takeControl(): FrameEvent | null {
    const w = this.#window;
    const { opcode, length } = this.#head;
    if (this.#controlSize === 0) this.#control = length === 0 ? NOTHING : new Uint8Array(length);
    const start = this.#takePart();
    for (let i = start; i < w.at; i++) this.#control[this.#controlSize++] = w.bytes[i];
    if (this.#left > 0) return null;
    const payload = this.#control;
    this.#control = NOTHING;
    this.#controlSize = 0;
    this.#state = HEAD;
    const event = controlEvent(opcode, payload);
    if (opcode === CLOSE) this.#die();
    return event;
  }

  #die(): void {
    this.#state = DEAD;
    this.#window.clear();
    this.#burst.clear();
    this.#text = this.#bytes = this.#cut = null;
    this.#control = NOTHING;
    this.#gathered = this.#controlSize = this.#cutSize = 0;
  }
}
