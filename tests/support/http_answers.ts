/**
 * A reader of HTTP/1.1 answers: bytes in, whole answers out. It knows nothing of Sluice and forgives nothing.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { concat } from "./rig.ts";

/** One whole answer. */
export interface Answer {
  readonly status: number;
  /** Names in lower case; repeated fields joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
  /** It says `Connection: close`, or is one of HTTP/1.0 without keep-alive. */
  readonly closes: boolean;
}

/** What the reader waits for; `left` counts bytes of a body. */
type State = "head" | "body" | "size" | "chunk" | "chunkEnd" | "trailers" | "untilEnd";

type Head = Omit<Answer, "body">;

const CRLF = "\r\n";
const empty = new Uint8Array(0);

/** Reads the answers of one connection. */
export class AnswerReader {
  /** Methods of the requests that were sent, oldest first, so that HEAD's answers have no body. */
  readonly methods: string[] = [];
  /** Interim answers seen: 100, 103. */
  readonly interim: number[] = [];
  #rest: Uint8Array = empty;
  #state: State = "head";
  #head: Head | null = null;
  #left = 0;
  #body: Uint8Array[] = [];
  #done: Answer[] = [];

  /** Part of an answer is here. */
  get partial(): boolean {
    return this.#rest.length > 0 || this.#state !== "head";
  }

  /** Bytes of the unfinished body so far. */
  get bodyBytes(): number {
    return this.#body.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Whole answers that these bytes complete; throws at what isn't HTTP. */
  feed(chunk: Uint8Array): Answer[] {
    this.#rest = this.#rest.length === 0 ? chunk : concat([this.#rest, chunk]);
    while (this.#step());
    return this.#take();
  }

  /** The input has ended, which ends a body without a length. */
  finish(): Answer[] {
    if (this.#state === "untilEnd") this.#complete();
    return this.#take();
  }

  #take(): Answer[] {
    return this.#done.splice(0);
  }

  /** One step on; false if more bytes are needed. */
  #step(): boolean {
    switch (this.#state) {
      case "head":
        return this.#readHead();
      case "size":
        return this.#readSize();
      case "body":
        return this.#readBody(() => this.#complete());
      case "chunk":
        return this.#readBody(() => this.#state = "chunkEnd");
      case "chunkEnd":
        return this.#readChunkEnd();
      case "trailers":
        return this.#readTrailer();
      case "untilEnd":
        this.#left = Infinity;
        return this.#readBody(() => {});
    }
  }

  #readHead(): boolean {
    const text = this.#upTo(CRLF + CRLF);
    if (text === null) return false;
    const head = parseHead(text);
    if (head.status < 200) {
      this.interim.push(head.status);
      return true;
    }
    this.#head = head;
    this.#frame(head, this.methods.shift());
    return true;
  }

  #frame(head: Head, method: string | undefined): void {
    const length = head.headers.get("content-length");
    if (method === undefined) throw new Error(`answer ${head.status} to no request`);
    if (method === "HEAD" || head.status === 204 || head.status === 304) return this.#complete();
    if (head.headers.get("transfer-encoding") === "chunked") {
      if (length !== undefined) throw new Error("both Content-Length and Transfer-Encoding");
      this.#state = "size";
    } else if (length === undefined) {
      if (!head.closes) throw new Error(`answer ${head.status} without framing on a connection that stays`);
      this.#state = "untilEnd";
    } else {
      if (!/^\d+$/.test(length)) throw new Error(`Content-Length ${length}`);
      this.#left = Number(length);
      if (this.#left === 0) this.#complete();
      else this.#state = "body";
    }
  }

  #readSize(): boolean {
    const line = this.#upTo(CRLF);
    if (line === null) return false;
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`chunk size ${JSON.stringify(line.slice(0, 40))}`);
    this.#left = parseInt(line, 16);
    this.#state = this.#left === 0 ? "trailers" : "chunk";
    return true;
  }

  #readBody(next: () => void): boolean {
    const piece = this.#rest.subarray(0, this.#left);
    if (piece.length === 0) return false;
    this.#body.push(piece);
    this.#left -= piece.length;
    this.#rest = this.#rest.subarray(piece.length);
    if (this.#left === 0) next();
    return true;
  }

  #readChunkEnd(): boolean {
    const line = this.#upTo(CRLF);
    if (line === null) return false;
    if (line !== "") throw new Error("no CRLF after a chunk");
    this.#state = "size";
    return true;
  }

  #readTrailer(): boolean {
    const line = this.#upTo(CRLF);
    if (line === null) return false;
    if (line === "") this.#complete();
    return true;
  }

  /** The text before the mark, which is taken too; null if it isn't here yet. */
  #upTo(mark: string): string | null {
    const rest = Buffer.from(this.#rest.buffer, this.#rest.byteOffset, this.#rest.length);
    const at = rest.indexOf(mark);
    if (at < 0) return null;
    this.#rest = this.#rest.subarray(at + mark.length);
    return rest.toString("latin1", 0, at);
  }

  #complete(): void {
    const body = this.#body.length === 1 ? this.#body[0] : concat(this.#body);
    this.#done.push({ ...this.#head!, body });
    this.#body = [];
    this.#state = "head";
  }
}

function parseHead(text: string): Head {
  const [first, ...lines] = text.split(CRLF);
  const status = /^HTTP\/1\.1 (\d{3}) [ -~]*$/.exec(first);
  if (status === null) throw new Error(`status line ${JSON.stringify(first.slice(0, 80))}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const field = /^([!#$%&'*+.^_`|~0-9a-z-]+):[ \t]*(.*?)[ \t]*$/i.exec(line);
    if (field === null) throw new Error(`field line ${JSON.stringify(line.slice(0, 80))}`);
    const name = field[1].toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? field[2] : `${before}, ${field[2]}`);
  }
  return { status: Number(status[1]), headers, closes: /\bclose\b/i.test(headers.get("connection") ?? "") };
}
