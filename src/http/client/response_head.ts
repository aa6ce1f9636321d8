/**
 * A response's head: the facts that decide how it is read, and the text of its parts for those who ask.
 *
 * @module
 */
import { findField, readFields } from "../parser/field_text.ts";
import { lineEnd } from "../parser/field_line.ts";
import type { HeadDraft } from "../parser/head_draft.ts";
import { latin1 } from "../parser/text.ts";
import { REASON_AT, statusAt } from "./status_line.ts";

/** A head that has been found correct; nothing of it is text until asked for. */
export class ResponseHead {
  /** The status code, 100 to 999. */
  readonly status: number;
  /** The second digit of the version: 1 for HTTP/1.1. */
  readonly minor: 0 | 1;
  /** What Content-Length says, in bytes; -1 if it is not there. */
  readonly contentLength: number;
  /** The body comes in chunks. */
  readonly chunked: boolean;
  /** The server takes another request on this connection: false for `Connection: close` and plain HTTP/1.0. */
  readonly keepAlive: boolean;
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #fields: number;

  /** Takes over what is known when the empty line is there; the fields begin at `fields`. */
  constructor(bytes: Uint8Array, start: number, fields: number, draft: HeadDraft) {
    this.status = statusAt(bytes, start);
    this.minor = draft.minor;
    this.contentLength = draft.contentLength;
    this.chunked = draft.chunked;
    this.keepAlive = !draft.close && (draft.minor === 1 || draft.keepAlive);
    this.#bytes = bytes;
    this.#start = start;
    this.#fields = fields;
  }

  /** The reason phrase, each byte a character; it may be empty. */
  get reason(): string {
    const start = this.#start + REASON_AT;
    return latin1(this.#bytes, start, Math.max(start, lineEnd(this.#bytes, start - 1)));
  }

  /** A field's value, null if it is not there; repeated fields joined with ", ". */
  header(name: string): string | null {
    return findField(this.#bytes, this.#fields, name.toLowerCase());
  }

  /** All fields in order: name in lower case, and value, each byte a character. */
  headers(): Iterable<[lowerCaseName: string, value: string]> {
    return readFields(this.#bytes, this.#fields);
  }
}
