/**
 * Whether an HTTP answer is the right one.
 *
 * @module
 */
import type { ResponseHead } from "@sluice/sluice/http";
import type { LoadCheck } from "../load_api.ts";
import type { Content } from "./content.ts";
import { BodyKeeper, type FirstAnswer, type HttpShared } from "./http_shared.ts";
import { sameBytes } from "./same_bytes.ts";
import { show } from "./words.ts";

const EMPTY = new Uint8Array(0);

/** Judges the answers of one connection, one after the other, a part at a time. */
export class HttpJudge {
  readonly #check: LoadCheck;
  readonly #shared: HttpShared;
  /** What each request's body is, unless it is in `content`. */
  readonly #sent: Uint8Array;
  readonly #content: Content | null;
  #head: ResponseHead | null = null;
  #number = 0;
  #length = 0;
  /** Something differs; it came in this part. */
  #differs: Uint8Array | null = null;
  #keeper: BodyKeeper | null = null;
  #first: FirstAnswer | null = null;

  constructor(check: LoadCheck, shared: HttpShared, sent: Uint8Array | null, content: Content | null) {
    this.#check = check;
    this.#shared = shared;
    this.#sent = sent ?? EMPTY;
    this.#content = content;
  }

  /** Whether the answer to every request may be the same, byte for byte. */
  get isConstant(): boolean {
    return this.#check !== "echo" || this.#content === null;
  }

  /** The head of the answer to request `n`. */
  begin(head: ResponseHead, n: number): void {
    this.#head = head;
    this.#number = n;
    this.#length = 0;
    this.#differs = null;
    this.#first = this.#shared.first;
    this.#keeper = this.#check === "same" && this.#first === null ? new BodyKeeper() : null;
  }

  /** A part of its body. */
  part(bytes: Uint8Array): void {
    if (this.#keeper !== null) this.#keeper.add(bytes);
    else if (this.#differs === null && !this.#fits(bytes)) this.#differs = bytes;
    this.#length += bytes.length;
  }

  /** The answer is whole: what is wrong with it, or null. */
  end(): string | null {
    const head = this.#head!;
    this.#head = null;
    if (head.status >= 400) return `The answer is ${head.status} ${head.reason}`.trimEnd();
    if (this.#check === "echo") return this.#echoFault();
    return this.#check === "same" ? this.#sameFault(head) : null;
  }

  #fits(bytes: Uint8Array): boolean {
    if (this.#check === "whole") return true;
    if (this.#check === "same") return isPart(this.#first!.body, this.#first!.length, this.#length, bytes);
    if (this.#content === null) return isPart(this.#sent, this.#sent.length, this.#length, bytes);
    return this.#content.matches(this.#number, this.#length, bytes, 0, bytes.length);
  }

  #echoFault(): string | null {
    const size = this.#content?.size(this.#number) ?? this.#sent.length;
    if (this.#differs === null && this.#length === size) return null;
    const got = this.#differs === null ? "" : `, ${show(this.#differs)}`;
    return `Sent a body of ${size} bytes to be echoed, got ${this.#length} bytes${got} that differ; ` +
      "--check whole takes any answer";
  }

  #sameFault(head: ResponseHead): string | null {
    const { status } = head;
    if (this.#keeper !== null) {
      const got = { status, length: this.#length, body: this.#keeper.take() };
      // Many requests may have been under way before there was a first answer.
      if (this.#shared.first === null) this.#shared.first = got;
      this.#first = this.#shared.first;
      this.#length = 0;
      if (!this.#fits(got.body)) this.#differs = got.body;
      this.#length = got.length;
    }
    const first = this.#first!;
    if (status !== first.status) return `The answer is ${status} ${head.reason}, the first one was ${first.status}`;
    if (this.#differs === null && this.#length === first.length) return null;
    const got = this.#differs === null ? `${this.#length} bytes` : show(this.#differs);
    return `The body differs from the first answer's (${first.length} bytes), got ${got}; ` +
      "--check whole allows bodies that vary";
  }
}

/** Whether `bytes` are those of `whole` from `from` on; of a longer body only the beginning is known. */
function isPart(whole: Uint8Array, length: number, from: number, bytes: Uint8Array): boolean {
  if (from + bytes.length > length) return false;
  return sameBytes(bytes, 0, whole, from, Math.max(0, Math.min(bytes.length, whole.length - from)));
}
