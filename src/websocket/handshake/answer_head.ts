/**
 * The head of the server's answer, as its bytes come.
 *
 * @module
 */
import { HandshakeError } from "../websocket_errors.ts";
import { isToken, trimmed } from "../fields.ts";

/** What Node, nginx and most others take at most; a handshake's answer has a few hundred bytes. */
const MAX_HEAD_BYTES = 16 * 1024;

const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const DEL = 0x7f;
const EMPTY: Uint8Array = new Uint8Array(0);

/** What every answer begins with (RFC 9112 §4). */
const BEGINNING = "HTTP/1.";
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: .*)?$/;
/** Content types of TLS records, alert and handshake (RFC 8446 §5.1): what a server says that was not greeted in TLS. */
const TLS_RECORDS: readonly number[] = [0x15, 0x16];

/** Takes bytes until a head is complete. Informational answers before it (RFC 9110 §15.2) are passed over. */
export class AnswerHead {
  /** Of the answer; 0 while it is not complete. */
  status = 0;
  /** HTTP/1.`minor`. */
  minor = 0;
  /** What came behind the head. */
  rest: Uint8Array = EMPTY;
  #fields: Map<string, string> = new Map();
  #bytes: Uint8Array = new Uint8Array(512);
  #length = 0;
  /** Bytes of passed-over heads: the limit holds for all together. */
  #passed = 0;
  #lineStart = 0;

  /** Takes bytes; true when the head is complete. Nothing may be fed afterwards. @throws {HandshakeError} No HTTP. */
  feed(chunk: Uint8Array): boolean {
    for (let i = 0; i < chunk.length; i++) {
      if (!this.#take(chunk[i]) || !this.#read()) continue;
      this.rest = chunk.subarray(i + 1);
      return true;
    }
    return false;
  }

  /** The value of a field, repetitions joined; null if it is not there. `name` in lower case. */
  header(name: string): string | null {
    return this.#fields.get(name) ?? null;
  }

  /** True if the byte ends the head. */
  #take(byte: number): boolean {
    const at = this.#length;
    if (at < BEGINNING.length && byte !== BEGINNING.charCodeAt(at)) throw notHttp(at, byte);
    const afterCr = at > 0 && this.#bytes[at - 1] === CR;
    if (byte === LF ? !afterCr : afterCr) throw broken("has a line that doesn't end in CR LF");
    if ((byte < 0x20 && byte !== HTAB && byte !== CR && byte !== LF) || byte === DEL) {
      throw broken(`has the control character ${byte} in its head`);
    }
    if (this.#passed + at >= MAX_HEAD_BYTES) throw broken(`has a head of more than ${MAX_HEAD_BYTES} bytes`);
    if (at === this.#bytes.length) this.#grow();
    this.#bytes[at] = byte;
    this.#length = at + 1;
    if (byte !== LF) return false;
    const empty = at - 1 === this.#lineStart;
    this.#lineStart = at + 1;
    return empty;
  }

  #grow(): void {
    const bytes = new Uint8Array(this.#bytes.length * 2);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }

  /** False if more answers follow. */
  #read(): boolean {
    const [statusLine, ...lines] = latin1(this.#bytes.subarray(0, this.#length - 4)).split("\r\n");
    const parts = STATUS_LINE.exec(statusLine);
    if (parts === null) throw broken(`begins with ${JSON.stringify(statusLine.slice(0, 80))}, which is no status line`);
    const status = Number(parts[2]);
    this.#fields = readFields(lines);
    if (status >= 200 || status === 101) {
      this.minor = Number(parts[1]);
      this.status = status;
      this.#bytes = EMPTY;
      return true;
    }
    this.#passed += this.#length;
    this.#length = this.#lineStart = 0;
    return false;
  }
}

function readFields(lines: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (!isToken(name)) throw broken(`has the line ${JSON.stringify(line.slice(0, 80))}, which is no field`);
    const value = trimmed(line.slice(colon + 1));
    const before = fields.get(name);
    fields.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return fields;
}

/** The text of bytes, each one a character. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096));
  return text;
}

function broken(problem: string): HandshakeError {
  return new HandshakeError(0, `The server's answer ${problem}: check that the url leads to a WebSocket server`);
}

function notHttp(at: number, byte: number): HandshakeError {
  if (at === 0 && TLS_RECORDS.includes(byte)) {
    return new HandshakeError(0, "The server answered in TLS, use a url that begins with wss:");
  }
  return broken("is not HTTP/1.1");
}
