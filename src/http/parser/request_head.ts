/**
 * A request's head: the facts that decide how it is read, and the text of its parts for those who ask.
 *
 * @module
 */

import { ASTERISK, SLASH } from "./chars.ts";
import { findField, readFields } from "./field_text.ts";
import type { HeadDraft } from "./head_draft.ts";
import { authorityEnd, authorityStart, isConnect } from "./target.ts";
import { ascii, isText } from "./text.ts";
import { methodText } from "./known_text.ts";

/** The form of a request target (RFC 9112 §3.2). */
export type TargetForm = "origin" | "absolute" | "authority" | "asterisk";

/** `SP HTTP/1.1 CRLF`, which lies between the target and the fields. */
const VERSION_LENGTH = 11;

/** A head that has been found correct; nothing of it is text until asked for. */
export class RequestHead {
  /** The buffer that the head lies in; nobody writes to it any more. */
  readonly bytes: Uint8Array;
  /** Where the method begins. */
  readonly start: number;
  /** Behind the empty line. */
  readonly end: number;
  /** The second digit of the version: 1 for HTTP/1.1. */
  readonly minor: 0 | 1;
  /** The body's length in bytes; -1 if Content-Length is not there. */
  readonly contentLength: number;
  /** The body comes in chunks. */
  readonly chunked: boolean;
  /** The client would send another request on this connection. */
  readonly keepAlive: boolean;
  /** The client waits for a 100 (Continue) before it sends the body. */
  readonly expectContinue: boolean;
  /** The client wants another protocol: there is `Connection: upgrade` and an Upgrade field, in HTTP/1.1. */
  readonly upgrade: boolean;
  readonly #targetStart: number;
  readonly #targetEnd: number;
  #target: string | undefined = undefined;

  /** Takes over what is known when the empty line is there. */
  constructor(bytes: Uint8Array, start: number, end: number, draft: HeadDraft) {
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.minor = draft.minor;
    this.contentLength = draft.contentLength;
    this.chunked = draft.chunked;
    this.keepAlive = !draft.close && (draft.minor === 1 || draft.keepAlive);
    // RFC 9110 §10.1.1 and §7.8: from an HTTP/1.0 client neither of the two means anything.
    this.expectContinue = draft.expectContinue && draft.minor === 1 && (draft.chunked || draft.contentLength > 0);
    this.upgrade = draft.upgrade && draft.upgradeField && draft.minor === 1;
    this.#targetStart = start + draft.targetStart;
    this.#targetEnd = start + draft.targetEnd;
  }

  /** Whether body bytes follow. */
  get hasBody(): boolean {
    return this.chunked || this.contentLength > 0;
  }

  /** The method, in the case that it came in. */
  get method(): string {
    return methodText(this.bytes, this.start, this.#targetStart - 1);
  }

  /** The request target as it came, percent-encoding and all. */
  get target(): string {
    return this.#target ??= ascii(this.bytes, this.#targetStart, this.#targetEnd);
  }

  /** The form of the target. */
  get form(): TargetForm {
    if (this.isConnect) return "authority";
    const first = this.bytes[this.#targetStart];
    if (first === SLASH) return "origin";
    return first === ASTERISK ? "asterisk" : "absolute";
  }

  /** The authority that the request is for: the target's, if it has one (RFC 9112 §3.3), else Host's. */
  get host(): string | null {
    const form = this.form;
    if (form === "authority") return this.target;
    if (form !== "absolute") return this.header("host");
    const start = authorityStart(this.bytes, this.#targetStart, this.#targetEnd);
    return ascii(this.bytes, start, authorityEnd(this.bytes, start, this.#targetEnd));
  }

  /** Whether the method is HEAD. */
  get isHead(): boolean {
    return this.#targetStart - 1 - this.start === 4 && isText(this.bytes, this.start, "HEAD");
  }

  /** Whether the method is CONNECT. */
  get isConnect(): boolean {
    return isConnect(this.bytes, this.start, this.#targetStart - 1 - this.start);
  }

  /** A field's value, null if it is not there; repeated fields joined with ", ", those of Cookie with "; ". */
  header(lowerCaseName: string): string | null {
    return findField(this.bytes, this.#targetEnd + VERSION_LENGTH, lowerCaseName);
  }

  /** All fields in order: name in lower case, and value, each byte a character. */
  fields(): [lowerCaseName: string, value: string][] {
    return readFields(this.bytes, this.#targetEnd + VERSION_LENGTH);
  }
}
