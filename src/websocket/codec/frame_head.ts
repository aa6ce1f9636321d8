/**
 * Reads the head of a frame and holds it against the rules (RFC 6455 §5.2 to §5.5): role, order, lengths, limits.
 *
 * @module
 */
import { WebSocketError } from "../websocket_errors.ts";
import {
  CLOSE,
  CONTINUATION,
  FIN,
  LENGTH_16,
  LENGTH_64,
  MASKED,
  MAX_16,
  MAX_SHORT,
  PONG,
  readUint64,
  RESERVED,
  type Role,
  RSV1,
} from "./header.ts";
import { readKey } from "./mask.ts";

/** What a deflated message may take beyond what it holds: the worst coding of RFC 1951 spends 9 bits on a byte. */
const DEFLATE_SLACK = 64;

/** What decides whether a head is right. */
export interface HeadRules {
  readonly role: Role;
  readonly maxMessageBytes: number;
  readonly maxFragments: number;
  readonly inflate: unknown;
}

/** The head of the frame at hand, and what the message it belongs to is like. */
export class FrameHead {
  readonly #mask: number;
  readonly #maxMessageBytes: number;
  readonly #maxDeflatedBytes: number;
  readonly #maxFragments: number;
  readonly #inflates: boolean;
  fin = false;
  opcode = 0;
  /** Declared length of the payload. */
  length = 0;
  key = 0;
  /** Of the message: text or binary, and whether it is compressed. */
  kind = 0;
  deflated = false;
  /** A message has begun and not ended. */
  isOpen = false;
  #fragments = 0;
  /** Declared so far, of all frames of the message. */
  #declared = 0;

  constructor(rules: HeadRules) {
    this.#mask = rules.role === "server" ? MASKED : 0;
    this.#maxMessageBytes = rules.maxMessageBytes;
    this.#maxDeflatedBytes = rules.maxMessageBytes + rules.maxMessageBytes / 8 + DEFLATE_SLACK;
    this.#maxFragments = rules.maxFragments;
    this.#inflates = rules.inflate !== null;
  }

  /**
   * Reads the head at `at`, of which `end - at` bytes may be here; returns its size, or 0 if more are needed. What they
   * already show to be wrong is refused.
   *
   * @throws {WebSocketError} 1002, 1008 or 1009.
   */
  read(bytes: Uint8Array, at: number, end: number): number {
    if (at === end) return 0;
    this.#checkFirst(bytes[at]);
    if (at + 1 === end) return 0;
    const second = bytes[at + 1];
    this.#checkSecond(bytes[at], second);
    const size = this.#readLength(bytes, at + 2, end, second & ~MASKED);
    if (size < 0) return 0;
    this.#checkLimits(bytes[at]);
    const payload = at + 2 + size + (this.#mask === 0 ? 0 : 4);
    if (payload > end) return 0;
    this.key = this.#mask === 0 ? 0 : readKey(bytes, payload - 4);
    this.#accept(bytes[at]);
    return payload - at;
  }

  /** The message is over. */
  endMessage(): void {
    this.isOpen = false;
    this.#fragments = this.#declared = 0;
  }

  #checkFirst(first: number): void {
    const opcode = first & 0xf;
    if (opcode > PONG || (opcode > 2 && opcode < CLOSE)) {
      throw new WebSocketError(1002, `Opcode ${opcode} is reserved: use 0, 1, 2, 8, 9 or 10`);
    }
    const reserved = first & RESERVED;
    if (reserved !== 0 && !(reserved === RSV1 && this.#inflates && this.#beginsMessage(opcode))) {
      throw new WebSocketError(1002, `Reserved bits 0x${reserved.toString(16)} are set: leave them 0`);
    }
    if (opcode >= CLOSE) {
      if ((first & FIN) === 0) throw new WebSocketError(1002, "A control frame has no FIN: don't fragment it");
    } else if (opcode === CONTINUATION) {
      if (!this.isOpen) {
        throw new WebSocketError(1002, "A continuation frame continues nothing: begin with text or binary");
      }
    } else if (this.isOpen) {
      throw new WebSocketError(1002, `Opcode ${opcode} came within a fragmented message: finish that first`);
    }
  }

  #beginsMessage(opcode: number): boolean {
    return opcode !== CONTINUATION && opcode < CLOSE;
  }

  #checkSecond(first: number, second: number): void {
    if ((second & MASKED) !== this.#mask) {
      throw new WebSocketError(
        1002,
        this.#mask ? "A frame is not masked: clients must mask" : "A frame is masked: servers must not",
      );
    }
    const length = second & ~MASKED;
    if ((first & 0xf) >= CLOSE && length > MAX_SHORT) {
      throw new WebSocketError(1002, `A control frame is too long: use at most ${MAX_SHORT} bytes`);
    }
  }

  /** Reads what follows a length of 7 bits; returns its size, or -1 if it isn't here. */
  #readLength(bytes: Uint8Array, at: number, end: number, short: number): number {
    if (short <= MAX_SHORT) {
      this.length = short;
      return 0;
    }
    const size = short === LENGTH_64 ? 8 : 2;
    if (at < end && short === LENGTH_64 && bytes[at] >= 0x80) {
      throw new WebSocketError(1002, "A length of 64 bits has its highest bit set: leave it 0");
    }
    if (at + size > end) return -1;
    this.length = short === LENGTH_16 ? (bytes[at] << 8) | bytes[at + 1] : readUint64(bytes, at);
    if (this.length <= (short === LENGTH_16 ? MAX_SHORT : MAX_16)) {
      throw new WebSocketError(1002, `Length ${this.length} takes ${size} bytes: use the shortest form`);
    }
    return size;
  }

  #checkLimits(first: number): void {
    const opcode = first & 0xf;
    if (opcode >= CLOSE) return;
    const deflated = opcode === CONTINUATION ? this.deflated : (first & RSV1) !== 0;
    const size = this.#declared + this.length;
    if (size > (deflated ? this.#maxDeflatedBytes : this.#maxMessageBytes)) {
      throw new WebSocketError(1009, `A message of ${size} bytes is too large: send at most ${this.#maxMessageBytes}`);
    }
    if (this.#fragments >= this.#maxFragments) {
      throw new WebSocketError(1008, `A message has too many frames: use at most ${this.#maxFragments}`);
    }
  }

  #accept(first: number): void {
    this.opcode = first & 0xf;
    this.fin = (first & FIN) !== 0;
    if (this.opcode >= CLOSE) return;
    if (this.opcode !== CONTINUATION) {
      this.kind = this.opcode;
      this.deflated = (first & RSV1) !== 0;
      this.isOpen = true;
    }
    this.#fragments++;
    this.#declared += this.length;
  }
}
