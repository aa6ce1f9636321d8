/**
 * The parser of HTTP/1.1 responses: fed with bytes, it gives heads, parts of bodies and the ends of responses.
 *
 * @module
 */
import { OptionError, SluiceError } from "../../errors.ts";
import { gotNumber } from "../../names.ts";
import { HttpError, ResponseError } from "../http_errors.ts";
import { BLANK, FIELD, FieldScan, scanField } from "../parser/field_line.ts";
import { HeadDraft } from "../parser/head_draft.ts";
import { applyField, RESPONSE_FIELDS } from "../parser/known_fields.ts";
import { DEAD, FIELDS, MESSAGE_END, START, START_LINE } from "../parser/parser_states.ts";
import { Window } from "../parser/window.ts";
import { BodyReader } from "./body_reader.ts";
import { ResponseHead } from "./response_head.ts";
import { AFTER, OTHER_PROTOCOL, type State } from "./response_states.ts";
import { minorAt, scanStatusLine, statusAt } from "./status_line.ts";

/** What {@linkcode ResponseParser.next} gives when a response is over. */
export const RESPONSE_END: unique symbol = Symbol("RESPONSE_END");

/** What the parser finds: a head, then parts of the body if there is one, then {@linkcode RESPONSE_END}. */
export type ResponseEvent = ResponseHead | Uint8Array | typeof RESPONSE_END;

/** Settings of a {@linkcode ResponseParser}. */
export interface ResponseParserOptions {
  /** Longest head in bytes, from the version to the empty line. @default 65536 */
  readonly maxHeadBytes?: number;
}

/** Four times what servers commonly take in a request: cookies and policies make large heads. */
const MAX_HEAD_BYTES = 65_536;

/** A step has changed the state and found nothing to tell. */
const GO_ON: unique symbol = Symbol("GO_ON");

/** The methods of requests that wait for their responses; where nothing is said, GET is assumed. */
class Expected {
  #methods: string[] = [];
  #taken = 0;

  push(method: string): void {
    this.#methods.push(method);
  }

  take(): string {
    if (this.#taken === this.#methods.length) return "GET";
    const method = this.#methods[this.#taken++];
    if (this.#taken === this.#methods.length) {
      this.#methods.length = 0;
      this.#taken = 0;
    }
    return method;
  }
}

/**
 * A sans-IO parser of the responses on one connection (RFC 9112), with strict framing: whatever two parsers could read
 * in two ways is refused. Interim heads (1xx) are given as heads that no end follows; after a 101, and after a 2xx to
 * CONNECT, `rest()` has the bytes of the other protocol.
 *
 * @example
 * ```ts ignore
 * parser.expect("GET");
 * parser.feed(chunk);
 * for (let event = parser.next(); event !== null; event = parser.next()) {
 *   if (event === RESPONSE_END) console.log("response over");
 *   else if (event instanceof ResponseHead) console.log(event.status, event.reason);
 *   else console.log("body", event.length);
 * }
 * ```
 */
export class ResponseParser {
  readonly #maxHeadBytes: number;
  readonly #window: Window = new Window();
  readonly #draft: HeadDraft = new HeadDraft();
  readonly #fields: FieldScan = new FieldScan(Infinity, "tooManyHeaders");
  readonly #expected: Expected = new Expected();
  readonly #body: BodyReader = new BodyReader(this.#window);
  #state: State = START;
  /** Where the fields begin, from the first byte of the head. */
  #fieldsAt = 0;
  #ended = false;
  #handedOver = false;

  /**
   * Builds a parser for one connection.
   *
   * @throws {OptionError} `maxHeadBytes` is no whole number above 0.
   */
  constructor(options: ResponseParserOptions = {}) {
    const { maxHeadBytes = MAX_HEAD_BYTES } = options;
    if (!Number.isInteger(maxHeadBytes) || maxHeadBytes < 1) {
      throw new OptionError(
        "maxHeadBytes",
        `maxHeadBytes must be a whole number above 0, got ${gotNumber(maxHeadBytes)}`,
      );
    }
    this.#maxHeadBytes = maxHeadBytes;
  }

  /** Bytes that were fed and that `next()` has not consumed. */
  get buffered(): number {
    return this.#window.end - this.#window.from;
  }

  /** Whether part of a response is here and the rest is not; says so once `next()` has given null. */
  get partial(): boolean {
    if (this.#state === START) return this.buffered > 0;
    return this.#state !== OTHER_PROTOCOL && this.#state !== DEAD;
  }

  /** The trailer fields of the response that has just ended, names in lower case; null if there were none. */
  get trailers(): [string, string][] | null {
    return this.#body.trailers;
  }

  /** Says the method of the next request sent: HEAD and CONNECT change how their response is read. Else GET is assumed. */
  expect(method: string): void {
    this.#expected.push(method);
  }

  /**
   * Adds a chunk, which belongs to the parser from now on. After an error it is dropped.
   *
   * @throws {SluiceError} After `rest()`: the bytes would be lost.
   */
  feed(chunk: Uint8Array): void {
    if (this.#state !== DEAD) this.#window.push(chunk);
    else if (this.#handedOver) {
      throw new SluiceError("ERR_HTTP_PARSER_UNREAD", "The parser has handed its bytes over: feed their new owner");
    }
  }

  /** Says that nothing more will come: it completes a body that has no other end. */
  end(): void {
    this.#ended = true;
  }

  /**
   * The next head, part of a body, or end of a response; null when more bytes are needed.
   *
   * @throws {ResponseError} The peer broke the protocol or ended inside a response; thrown once, null from then on.
   */
  next(): ResponseEvent | null {
    try {
      for (;;) {
        const event = this.#step();
        if (event !== GO_ON) return event;
      }
    } catch (error) {
      this.#state = DEAD;
      this.#window.clear();
      throw error instanceof HttpError ? new ResponseError(error.message, false, { cause: error }) : error;
    }
  }

  /** Hands over the bytes that were not consumed, for whoever takes the connection; then the parser is dead. */
  rest(): Uint8Array {
    const { bytes, from, end } = this.#window;
    this.#state = DEAD;
    this.#handedOver = true;
    this.#window.clear();
    return bytes.subarray(from, end);
  }

  #step(): ResponseEvent | null | typeof GO_ON {
    switch (this.#state) {
      case START:
        return this.#begin();
      case START_LINE:
        return this.#statusLine();
      case FIELDS:
        return this.#headFields();
      case MESSAGE_END:
        this.#state = AFTER.messageEnd.told;
        return RESPONSE_END;
      case OTHER_PROTOCOL:
      case DEAD:
        return null;
      default:
        return this.#bodyPart();
    }
  }

  #begin(): null | typeof GO_ON {
    if (this.#window.at === this.#window.end) {
      this.#window.forgetUsed();
      return null;
    }
    this.#draft.reset();
    this.#body.trailers = null;
    this.#state = AFTER.start.firstByte;
    return GO_ON;
  }

  #statusLine(): null | typeof GO_ON {
    const w = this.#window;
    const end = Math.min(w.end, w.from + this.#maxHeadBytes);
    if (!scanStatusLine(w, end)) return this.#more(end);
    this.#draft.minor = minorAt(w.bytes, w.from);
    this.#fieldsAt = w.at - w.from;
    this.#fields.begin(this.#fieldsAt);
    this.#state = AFTER.startLine.complete;
    return GO_ON;
  }

  #headFields(): ResponseHead | null {
    const w = this.#window;
    const fields = this.#fields;
    const end = Math.min(w.end, w.from + this.#maxHeadBytes);
    let found = scanField(w, end, fields);
    while (found === FIELD) {
      applyField(this.#draft, w.bytes, w.from, fields, RESPONSE_FIELDS);
      fields.nameStart = w.at - w.from;
      found = scanField(w, end, fields);
    }
    return found === BLANK ? this.#headComplete() : this.#more(end);
  }

  #headComplete(): ResponseHead {
    const w = this.#window;
    const draft = this.#draft;
    this.#state = this.#afterHead(statusAt(w.bytes, w.from));
    const head = new ResponseHead(w.bytes, w.from, w.from + this.#fieldsAt, draft);
    w.from = w.at;
    return head;
  }

  /** RFC 9112 §6.3: the first rule that fits decides how the body ends. */
  #afterHead(status: number): State {
    if (status === 101) return AFTER.fields.switching;
    if (status < 200) return AFTER.fields.interim;
    const method = this.#expected.take();
    if (method === "CONNECT" && status < 300) return AFTER.fields.switching;
    if (method === "HEAD" || status === 204 || status === 304) return AFTER.fields.withoutBody;
    const { chunked, contentLength } = this.#draft;
    if (chunked && contentLength !== -1) throw new HttpError("lengthWithTransferEncoding");
    if (contentLength > Number.MAX_SAFE_INTEGER) throw new HttpError("badContentLength");
    if (contentLength === 0) return AFTER.fields.withoutBody;
    return this.#body.begin(chunked, contentLength);
  }

  #bodyPart(): Uint8Array | null | typeof GO_ON {
    const part = this.#body.next();
    if (part !== null) return part;
    if (this.#body.state === MESSAGE_END || (this.#ended && this.#body.end())) {
      this.#state = MESSAGE_END;
      return GO_ON;
    }
    return this.#starved(this.#body.progress);
  }

  #more(end: number): null {
    if (this.#window.end > end) throw new HttpError("headTooLarge");
    const { from } = this.#window;
    return this.#starved(() => `after ${end - from} bytes of its head`);
  }

  #starved(progress: () => string): null {
    if (this.#ended) throw new ResponseError(`The connection ended inside a response, ${progress()}`, true);
    this.#window.forgetUsed();
    return null;
  }
}
