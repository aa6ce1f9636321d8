/**
 * The parser of HTTP/1.1 requests: fed with bytes, it gives heads, parts of bodies and the ends of messages.
 *
 * @module
 */

import { SluiceError } from "../../errors.ts";
import { HttpError } from "../http_errors.ts";
import { CR, LF } from "./chars.ts";
import { ChunkScan, scanChunkSize } from "./chunk_size.ts";
import { BLANK, FIELD, FieldScan, scanField } from "./field_line.ts";
import { checkBodySize, checkHead } from "./head_check.ts";
import { HeadDraft } from "./head_draft.ts";
import { applyField, REQUEST_FIELDS } from "./known_fields.ts";
import { MAX_EMPTY_LINES, MAX_TRAILER_BYTES, MAX_TRAILERS, type ParserLimits } from "./limits.ts";
import { takeCrlf } from "./line.ts";
import { RequestHead } from "./request_head.ts";
import { scanRequestLine } from "./request_line.ts";
import {
  AFTER,
  CHUNK_DATA,
  CHUNK_END,
  CHUNK_SIZE,
  DEAD,
  FIELDS,
  FIXED,
  MESSAGE_END,
  START,
  START_LINE,
  type State,
  TRAILERS,
} from "./parser_states.ts";
import { readTrailers } from "./trailers.ts";
import { Window } from "./window.ts";

/** What {@linkcode RequestParser.next} gives when a message is over. */
export const END: unique symbol = Symbol("END");

/** What the parser finds: a head, then parts of the body if there is one, then {@linkcode END}; null for more bytes. */
export type ParserEvent = RequestHead | Uint8Array | typeof END | null;

/** A step has changed the state and found nothing to tell. */
const GO_ON: unique symbol = Symbol("GO_ON");

/**
 * A sans-IO parser of the requests of one connection (RFC 9112), with strict framing: whatever two parsers could read in
 * two ways is refused. Backpressure is not to call `next()`.
 *
 * @example
 * ```ts ignore
 * parser.feed(chunk);
 * for (let event = parser.next(); event !== null; event = parser.next()) {
 *   if (event === END) console.log("message over");
 *   else if (event instanceof RequestHead) console.log(event.method, event.target);
 *   else console.log("body", event.length);
 * }
 * ```
 */
export class RequestParser {
  readonly #limits: ParserLimits;
  readonly #window: Window = new Window();
  readonly #head: HeadDraft = new HeadDraft();
  readonly #fields: FieldScan;
  readonly #trailerFields: FieldScan = new FieldScan(MAX_TRAILERS, "tooManyTrailers");
  readonly #chunk: ChunkScan = new ChunkScan();
  #state: State = START;
  #emptyLines = 0;
  /** Body bytes still to come: of the whole body, or of the current chunk. */
  #left = 0;
  /** Bytes of all chunks that were announced. */
  #announced = 0;
  #trailers: [string, string][] | null = null;
  #error: HttpError | null = null;

  /** Builds a parser for one connection. */
  constructor(limits: ParserLimits) {
    this.#limits = limits;
    this.#fields = new FieldScan(limits.maxHeaders, "tooManyHeaders");
  }

  /** Bytes that were fed and that `next()` has not consumed. */
  get buffered(): number {
    return this.#window.end - this.#window.from;
  }

  /** Whether an incomplete head is here, or at least its first byte; says so once `next()` has given null. */
  get partial(): boolean {
    return this.#state <= FIELDS && this.buffered > 0;
  }

  /** The trailer fields of the message that has just ended, names in lower case; null if there were none. */
  get trailers(): [string, string][] | null {
    return this.#trailers;
  }

  /**
   * Adds a chunk, which belongs to the parser from now on. After an error it is dropped.
   *
   * @throws {SluiceError} After `unread()`: the bytes would be lost.
   */
  feed(chunk: Uint8Array): void {
    if (this.#takes()) this.#window.push(chunk);
  }

  /**
   * The next head, part of a body, or end of a message; null when more bytes are needed.
   *
   * @throws {HttpError} The peer broke the protocol or a limit; from then on every call throws the same error.
   */
  next(): ParserEvent {
    try {
      for (;;) {
        const event = this.#step();
        if (event !== GO_ON) return event;
      }
    } catch (error) {
      this.#state = DEAD;
      this.#window.clear();
      if (error instanceof HttpError) this.#error = error;
      throw error;
    }
  }

  /**
   * As `feed`, with the first bytes of a buffer that is another's. Until `keep()` parts of bodies lie in it (`isLent`),
   * and are overwritten behind that.
   */
  lend(buffer: Uint8Array, length: number): void {
    if (this.#takes()) this.#window.lend(buffer, length);
  }

  /** What was lent and is not consumed is the parser's own from now on. */
  keep(): void {
    this.#window.keep();
  }

  /** Whether the parts that `next()` gives lie in what was lent. */
  get isLent(): boolean {
    return this.#window.isLent;
  }

  /** Hands over the bytes that were not consumed, for whoever takes the connection; then the parser is dead. */
  unread(): Uint8Array {
    this.#window.keep();
    const { bytes, from, end } = this.#window;
    this.#state = DEAD;
    this.#window.clear();
    return bytes.subarray(from, end);
  }

  #takes(): boolean {
    if (this.#state !== DEAD) return true;
    if (this.#error !== null) return false;
    throw new SluiceError("ERR_HTTP_PARSER_UNREAD", "The parser has handed its bytes over: feed their new owner");
  }

  #step(): ParserEvent | typeof GO_ON {
    switch (this.#state) {
      case START:
        return this.#begin();
      case START_LINE:
        return this.#requestLine();
      case FIELDS:
        return this.#headFields();
      case FIXED:
        return this.#data(AFTER.fixed.complete);
      case CHUNK_SIZE:
        return this.#chunkSize();
      case CHUNK_DATA:
        return this.#data(AFTER.chunkData.complete);
      case CHUNK_END:
        return this.#chunkEnd();
      case TRAILERS:
        return this.#trailerSection();
      case MESSAGE_END:
        this.#state = AFTER.messageEnd.told;
        return END;
      case DEAD:
        return this.#dead();
    }
  }

  #begin(): null | typeof GO_ON {
    const w = this.#window;
    while (w.at < w.end && (w.bytes[w.at] === CR || w.bytes[w.at] === LF)) {
      if (!takeCrlf(w, w.end, "badRequestLine")) return null;
      if (++this.#emptyLines > MAX_EMPTY_LINES) throw new HttpError("badRequestLine");
      w.from = w.at;
    }
    if (w.at === w.end) return this.#starved();
    this.#emptyLines = 0;
    this.#trailers = null;
    this.#head.reset();
    this.#state = AFTER.start.firstByte;
    return GO_ON;
  }

  #requestLine(): null | typeof GO_ON {
    const w = this.#window;
    const end = this.#sectionEnd(this.#limits.maxHeadBytes);
    if (!scanRequestLine(w, end, this.#head, this.#limits.maxTargetBytes)) return this.#more(end, "headTooLarge");
    this.#fields.begin(w.at - w.from);
    this.#state = AFTER.startLine.complete;
    return GO_ON;
  }

  #headFields(): RequestHead | null {
    const w = this.#window;
    const fields = this.#fields;
    const end = this.#sectionEnd(this.#limits.maxHeadBytes);
    let found = scanField(w, end, fields);
    while (found === FIELD) {
      applyField(this.#head, w.bytes, w.from, fields, REQUEST_FIELDS);
      fields.nameStart = w.at - w.from;
      found = scanField(w, end, fields);
    }
    return found === BLANK ? this.#headComplete() : this.#more(end, "headTooLarge");
  }

  #headComplete(): RequestHead {
    const w = this.#window;
    checkHead(this.#head, w.bytes, w.from, this.#limits.maxBodyBytes);
    const head = w.isLent
      ? new RequestHead(w.copy(w.from, w.at), 0, w.at - w.from, this.#head)
      : new RequestHead(w.bytes, w.from, w.at, this.#head);
    w.from = w.at;
    if (head.chunked) {
      this.#announced = 0;
      this.#chunk.beginBody();
      this.#state = AFTER.fields.withChunks;
    } else if (head.hasBody) {
      this.#left = head.contentLength;
      this.#state = AFTER.fields.withLength;
    } else {
      this.#state = AFTER.fields.withoutBody;
    }
    return head;
  }

  /** A part of the body, as long as the bytes that are here. */
  #data(complete: State): Uint8Array | null {
    const w = this.#window;
    const size = Math.min(this.#left, w.end - w.at);
    if (size === 0) return this.#starved();
    const part = w.bytes.subarray(w.at, w.at + size);
    w.from = w.at += size;
    this.#left -= size;
    if (this.#left === 0) this.#state = complete;
    return part;
  }

  #chunkSize(): null | typeof GO_ON {
    const chunk = this.#chunk;
    if (!scanChunkSize(this.#window, chunk)) return this.#starved();
    if (chunk.size === 0) {
      this.#trailerFields.begin(0);
      this.#state = AFTER.chunkSize.zero;
      return GO_ON;
    }
    this.#announced += chunk.size;
    checkBodySize(this.#announced, this.#limits.maxBodyBytes);
    this.#left = chunk.size;
    this.#state = AFTER.chunkSize.aboveZero;
    return GO_ON;
  }

  #chunkEnd(): null | typeof GO_ON {
    const w = this.#window;
    if (!takeCrlf(w, w.end, "badChunkEnd")) return this.#starved();
    w.from = w.at;
    this.#chunk.beginChunk();
    this.#state = AFTER.chunkEnd.complete;
    return GO_ON;
  }

  #trailerSection(): null | typeof GO_ON {
    const w = this.#window;
    const fields = this.#trailerFields;
    const end = this.#sectionEnd(MAX_TRAILER_BYTES);
    let found = scanField(w, end, fields);
    while (found === FIELD) {
      fields.nameStart = w.at - w.from;
      found = scanField(w, end, fields);
    }
    if (found !== BLANK) return this.#more(end, "trailersTooLarge");
    this.#trailers = readTrailers(w.bytes, w.from);
    w.from = w.at;
    this.#state = AFTER.trailers.complete;
    return GO_ON;
  }

  /** How far a section may be read: a byte beyond its limit is not even looked at. */
  #sectionEnd(max: number): number {
    const w = this.#window;
    return Math.min(w.end, w.from + max);
  }

  #more(end: number, reason: "headTooLarge" | "trailersTooLarge"): null {
    if (this.#window.end > end) throw new HttpError(reason);
    return this.#starved();
  }

  #starved(): null {
    this.#window.forgetUsed();
    return null;
  }

  #dead(): null {
    if (this.#error !== null) throw this.#error;
    return null;
  }
}
