/**
 * The answers of one connection on their way out.
 *
 * @module
 */
import type { Connection } from "../../server/conn/connection.ts";
import { latin1 } from "./fields.ts";
import { statusLine } from "./status.ts";

/** A whole answer but for its Connection field, which depends on what else arrives. */
export interface WholeAnswer {
  /** Its head, without Content-Length, the Connection field and the empty line. */
  readonly head: string;
  /** Content-Length; -1 for none. */
  readonly length: number;
  /** Nobody changes it any more. */
  readonly body: Uint8Array | string | null;
  /** The client's minor version. */
  readonly minor: 0 | 1;
  /** The head has characters beyond ASCII: each is one byte. */
  readonly latin: boolean;
}

/** The line that ends a head, with the Connection field before it if there is need for one (RFC 9112 §9.3). */
function headEnd(close: boolean, minor: 0 | 1): string {
  if (close) return "connection: close\r\n\r\n";
  return minor === 0 ? "connection: keep-alive\r\n\r\n" : "\r\n";
}

/** Lengths below this are written once. */
const COMMON = 1024;

/** The last lines of the usual head, by the body's length. */
const ENDS: string[] = [];

/** What follows a head's fields: Content-Length, or none if it is -1, the Connection field and the empty line. */
export function endOf(length: number, close: boolean, minor: 0 | 1): string {
  if (length < 0) return headEnd(close, minor);
  if (close || minor === 0 || length >= COMMON) return `content-length: ${length}\r\n${headEnd(close, minor)}`;
  return ENDS[length] ??= `content-length: ${length}\r\n\r\n`;
}

/** Writes answers, and withholds one. */
export class Outgoing {
  readonly #conn: Connection;
  #withheld: WholeAnswer | null = null;

  constructor(conn: Connection) {
    this.#conn = conn;
  }

  write({ head, length, body, minor, latin }: WholeAnswer, close: boolean): void {
    const text = head + endOf(length, close, minor);
    if (typeof body === "string" && !latin) {
      this.#conn.write(text + body);
      return;
    }
    this.#conn.writeOwn(latin ? latin1(text) : text);
    if (body !== null) this.#conn.writeOwn(body);
  }

  /** An informational answer, at once (RFC 9110 §15.2). */
  inform(status: number, lines: string): void {
    this.#conn.write(latin1(`${statusLine(status)}${lines}\r\n`));
    this.#conn.flush();
  }

  /** Keeps an answer until it is known whether it is the last. */
  withhold(answer: WholeAnswer): void {
    this.#withheld = answer;
  }

  /** Writes what is withheld, if anything is. */
  writeWithheld(close: boolean): void {
    const answer = this.#withheld;
    if (answer === null) return;
    this.#withheld = null;
    this.write(answer, close);
  }
}
