/**
 * The body of a response: of known length, in chunks, or up to the end of the connection.
 *
 * @module
 */
import { HttpError } from "../http_errors.ts";
import { ChunkScan, scanChunkSize } from "../parser/chunk_size.ts";
import { BLANK, FIELD, FieldScan, scanField } from "../parser/field_line.ts";
import { MAX_TRAILER_BYTES, MAX_TRAILERS } from "../parser/limits.ts";
import { takeCrlf } from "../parser/line.ts";
import { CHUNK_DATA, CHUNK_END, CHUNK_SIZE, FIXED, MESSAGE_END, TRAILERS } from "../parser/parser_states.ts";
import { readTrailers } from "../parser/trailers.ts";
import type { Window } from "../parser/window.ts";
import { AFTER, type State, UNTIL_END } from "./response_states.ts";

/** Takes bodies out of a parser's window. */
export class BodyReader {
  readonly #window: Window;
  readonly #fields: FieldScan = new FieldScan(MAX_TRAILERS, "tooManyTrailers");
  readonly #chunk: ChunkScan = new ChunkScan();
  /** Bytes still to come: of the body, or of the current chunk. */
  #left = 0;
  /** Bytes that came. */
  #taken = 0;
  #length = 0;
  /** Where in the body it is. */
  state: State = MESSAGE_END;
  /** The trailer fields of the last body; null if there were none. */
  trailers: [string, string][] | null = null;

  constructor(window: Window) {
    this.#window = window;
  }

  /** Another body begins; a length of -1 means that there is none. */
  begin(chunked: boolean, length: number): State {
    this.#taken = 0;
    this.#length = length;
    if (chunked) {
      this.#chunk.beginBody();
      this.state = AFTER.fields.withChunks;
    } else {
      this.#left = length === -1 ? Infinity : length;
      this.state = length === -1 ? AFTER.fields.withoutLength : AFTER.fields.withLength;
    }
    return this.state;
  }

  /** The next part; null if more bytes are needed or the body is over. */
  next(): Uint8Array | null {
    for (;;) {
      switch (this.state) {
        case FIXED:
          return this.#data(AFTER.fixed.complete);
        case UNTIL_END:
          return this.#data(AFTER.untilEnd.ended);
        case CHUNK_DATA:
          return this.#data(AFTER.chunkData.complete);
        case CHUNK_SIZE:
          if (!this.#chunkSize()) return null;
          break;
        case CHUNK_END:
          if (!this.#chunkEnd()) return null;
          break;
        case TRAILERS:
          if (!this.#trailerSection()) return null;
          break;
        default:
          return null;
      }
    }
  }

  /** Nothing more will come; whether that completes the body. */
  end(): boolean {
    if (this.state !== UNTIL_END) return false;
    this.state = AFTER.untilEnd.ended;
    return true;
  }

  /** How far it came, in words. */
  readonly progress = (): string => {
    const taken = `after ${this.#taken} ${this.#taken === 1 ? "byte" : "bytes"} of its body`;
    return this.state === FIXED ? `${taken}, which has ${this.#length}` : `${taken}, before the last chunk`;
  };

  #data(complete: State): Uint8Array | null {
    const w = this.#window;
    const size = Math.min(this.#left, w.end - w.at);
    if (size === 0) return null;
    const part = w.bytes.subarray(w.at, w.at + size);
    w.from = w.at += size;
    this.#left -= size;
    this.#taken += size;
    if (this.#left === 0) this.state = complete;
    return part;
  }

  #chunkSize(): boolean {
    const chunk = this.#chunk;
    if (!scanChunkSize(this.#window, chunk)) return false;
    if (chunk.size > Number.MAX_SAFE_INTEGER) throw new HttpError("badChunkSize");
    this.#left = chunk.size;
    if (chunk.size === 0) this.#fields.begin(0);
    this.state = chunk.size === 0 ? AFTER.chunkSize.zero : AFTER.chunkSize.aboveZero;
    return true;
  }

  #chunkEnd(): boolean {
    const w = this.#window;
    if (!takeCrlf(w, w.end, "badChunkEnd")) return false;
    w.from = w.at;
    this.#chunk.beginChunk();
    this.state = AFTER.chunkEnd.complete;
    return true;
  }

  #trailerSection(): boolean {
    const w = this.#window;
    const fields = this.#fields;
    const end = Math.min(w.end, w.from + MAX_TRAILER_BYTES);
    let found = scanField(w, end, fields);
    while (found === FIELD) {
      fields.nameStart = w.at - w.from;
      found = scanField(w, end, fields);
    }
    if (found !== BLANK && w.end > end) throw new HttpError("trailersTooLarge");
    if (found !== BLANK) return false;
    this.trailers = readTrailers(w.bytes, w.from);
    w.from = w.at;
    this.state = AFTER.trailers.complete;
    return true;
  }
}
