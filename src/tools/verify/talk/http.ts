/**
 * Requests and responses of HTTP/1.1.
 *
 * @module
 */
import { RESPONSE_END, type ResponseEvent, ResponseHead, ResponseParser } from "@sluice/sluice/http";
import { contentOf, cut, encode, join, type Talk, type TalkEvents, type TalkOptions } from "./talk.ts";

/** Messages of no more bytes than this have no body. */
const NO_BODY = 0;

const HTTP_1_0 = "the server speaks HTTP/1.0, which ends each connection with its first answer: let it speak 1.1";

/** One connection that speaks HTTP. */
export class HttpTalk implements Talk {
  readonly greeting: null = null;
  readonly #options: TalkOptions;
  readonly #events: TalkEvents;
  readonly #parser: ResponseParser = new ResponseParser();
  /** The bodies that the next answers must have; null for any. */
  readonly #expected: (string | null)[] = [];
  #number = 0;
  #head: ResponseHead | null = null;
  #body: Uint8Array[] = [];
  /** What is not HTTP about the answers, in words; nothing is read behind it. */
  #broken = "";
  #partial = false;

  constructor(options: TalkOptions, events: TalkEvents) {
    this.#options = options;
    this.#events = events;
  }

  get partial(): boolean {
    return this.#partial || this.#parser.partial;
  }

  message(size: number): Uint8Array {
    const { path, uploadPath } = this.#options;
    if (size <= NO_BODY) return this.#request("GET", path, "", null);
    const content = contentOf(this.#options.client, ++this.#number, size);
    const head = this.#request("POST", uploadPath, `Content-Length: ${content.length}\r\n`, content);
    return join([head, encode(content)]);
  }

  upload(size: number, pieces: number): readonly Uint8Array[] {
    const content = contentOf(this.#options.client, ++this.#number, size);
    const parts = cut(encode(content), pieces - 1);
    const { uploadPath } = this.#options;
    if (this.#options.random() < 0.5) {
      return [this.#request("POST", uploadPath, `Content-Length: ${content.length}\r\n`, content), ...parts];
    }
    const chunks = parts.map((part) => join([encode(`${part.length.toString(16)}\r\n`), part, encode("\r\n")]));
    const last = chunks.pop()!;
    const head = this.#request("POST", uploadPath, "Transfer-Encoding: chunked\r\n", content);
    return [head, ...chunks, join([last, encode("0\r\n\r\n")])];
  }

  stream(): Uint8Array {
    return this.#request("GET", this.#options.streamPath, "", null);
  }

  leave(): null {
    return null;
  }

  feed(chunk: Uint8Array): void {
    if (this.#broken !== "") return;
    this.#parser.feed(chunk);
    this.#read();
  }

  end(): void {
    if (this.#broken !== "") return;
    // Read before the end is told: an answer in part stays one.
    this.#partial = this.#parser.partial;
    this.#parser.end();
    this.#read();
  }

  #request(method: string, path: string, fields: string, body: string | null): Uint8Array {
    this.#parser.expect(method);
    this.#expected.push(this.#options.expect === "echo" ? body : null);
    const type = body === null ? "" : "Content-Type: text/plain\r\n";
    return encode(`${method} ${path} HTTP/1.1\r\nHost: ${this.#options.host}\r\n${type}${fields}\r\n`);
  }

  #read(): void {
    try {
      for (let event = this.#parser.next(); event !== null; event = this.#parser.next()) this.#take(event);
    } catch (error) {
      this.#broken = `not HTTP: ${(error as Error).message}`;
      // What breaks off has no answer to show; it is told as part of one.
      if ((error as { truncated?: boolean }).truncated === true) return;
      this.#partial = false;
      this.#events.answered(this.#broken, 0);
    }
  }

  #take(event: ResponseEvent): void {
    if (event instanceof ResponseHead) this.#takeHead(event);
    else if (event === RESPONSE_END) this.#takeEnd();
    else {
      if (this.#expected[0] != null) this.#body.push(event.slice());
      this.#events.flowed();
    }
  }

  #takeHead(head: ResponseHead): void {
    if (head.status < 200) return;
    this.#head = head;
    if (head.minor === 0 && !head.keepAlive) this.#options.remark(HTTP_1_0);
    if (!head.keepAlive) this.#events.lastWords(null);
  }

  #takeEnd(): void {
    const { status } = this.#head!;
    const expected = this.#expected.shift() ?? null;
    const body = this.#body;
    this.#body = [];
    this.#partial = false;
    if (status >= 500) return this.#events.answered(`status ${status}`, status);
    const right = expected === null || status >= 300 || new TextDecoder().decode(join(body)) === expected;
    this.#events.answered(right ? "" : `the body is not an echo of the ${expected!.length} bytes sent`, status);
  }
}
