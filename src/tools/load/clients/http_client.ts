/**
 * A client that sends HTTP requests over one connection.
 *
 * @module
 */
import type { Conn, Consumer } from "@sluice/sluice";
import { RESPONSE_END, ResponseError, ResponseHead, ResponseParser } from "@sluice/sluice/http";
import { BaseClient } from "./base_client.ts";
import type { ClientEvents, ResolvedClientOptions } from "./load_client.ts";
import type { Content } from "./content.ts";
import { HttpJudge } from "./http_judge.ts";
import type { HttpRequests } from "./http_request.ts";
import type { HttpShared } from "./http_shared.ts";
import { sameBytes } from "./same_bytes.ts";
import { reasonOf } from "./words.ts";

/** Longest answer that is kept to know others by. */
const MAX_KNOWN_BYTES = 64 * 1024;
const SWITCHING = 101;
const NOTHING = new Uint8Array(0);

/** What the clients of one target share. */
export interface HttpCommon {
  readonly requests: HttpRequests;
  readonly shared: HttpShared;
}

/** One connection that speaks HTTP/1.1. */
export class HttpClient extends BaseClient implements Consumer {
  readonly #requests: HttpRequests;
  readonly #shared: HttpShared;
  readonly #content: Content | null;
  readonly #judge: HttpJudge;
  readonly #parser: ResponseParser = new ResponseParser();
  /** Bytes fed to the parser, and of those the ones before the answer at hand. */
  #fed = 0;
  #before = 0;
  /** Where in the chunk at hand the answer begins; negative if it began before. */
  #begin = -1;
  /** The head of the answer at hand. */
  #head: ResponseHead | null = null;
  /** Nobody asked for the answer at hand. */
  #isStray = false;
  /** The parser knows the method of the next answer's request. */
  #isExpected = false;

  constructor(
    conn: Conn,
    events: ClientEvents,
    options: ResolvedClientOptions,
    common: HttpCommon,
    content: Content | null,
  ) {
    // With `Connection: close` there is one request, whatever was asked for.
    super(conn, events, common.requests.closes ? 1 : options.pipeline, options.timeout);
    this.#requests = common.requests;
    this.#shared = common.shared;
    this.#content = content;
    this.#judge = new HttpJudge(options.check, common.shared, common.requests.body, content);
    conn.consume(this);
  }

  data(chunk: Uint8Array): void {
    if (this.isOver) return;
    const at = this.#parser.partial || this.#head !== null ? 0 : this.#takeKnown(chunk);
    if (at < chunk.length) this.#parse(at === 0 ? chunk : chunk.subarray(at));
    this.settle();
  }

  end(): void {
    this.#parser.end();
    if (!this.isOver) this.#drain(NOTHING);
    const how = "The server closed the connection (FIN)";
    if (!this.isOver) this.lose(true, "reset", `${how} without an answer`);
    void this.conn.close();
  }

  closed(error?: Error): void {
    if (this.isOver) return;
    const how = error === undefined ? "The connection ended" : reasonOf(error);
    if (this.#parser.partial && this.flight.size > 0) this.fail("truncated", `${how} inside an answer`);
    this.lose(false, "reset", `${how} without an answer`);
  }

  protected write(n: number): void {
    void this.conn.write(this.#requests.make(n, this.#content));
  }

  protected leave(): Promise<unknown> {
    return this.conn.close();
  }

  /** Answers that are the last right one again; returns where the first other one begins. */
  #takeKnown(chunk: Uint8Array): number {
    const { known } = this.#shared;
    if (known === null || this.unasked !== null) return 0;
    const { length } = known;
    let at = 0;
    while (this.flight.size > 0 && chunk.length - at >= length && sameBytes(chunk, at, known, 0, length)) {
      at += length;
      this.right(length);
    }
    return at;
  }

  #parse(chunk: Uint8Array): void {
    this.#begin = -1;
    this.#parser.feed(chunk);
    this.#fed += chunk.length;
    this.#drain(chunk);
  }

  #drain(chunk: Uint8Array): void {
    const parser = this.#parser;
    try {
      while (!this.isOver) {
        if (!this.#isExpected) this.#expect();
        const begin = chunk.length - parser.buffered;
        const event = parser.next();
        if (event === null) return;
        if (event === RESPONSE_END) this.#complete(chunk);
        else if (event instanceof ResponseHead) this.#begun(event, begin);
        else this.#judge.part(event);
      }
    } catch (error) {
      if (!(error instanceof ResponseError)) throw error;
      this.#broken(error);
    }
  }

  /** Only now, not at each request: answers that were known have not been through the parser. */
  #expect(): void {
    this.#isExpected = true;
    if (this.#requests.isHead) this.#parser.expect("HEAD");
  }

  #begun(head: ResponseHead, begin: number): void {
    if (head.status < 200 && head.status !== SWITCHING) return;
    this.#isExpected = false;
    this.#isStray = this.flight.size === 0;
    this.#head = head;
    this.#begin = begin;
    this.#judge.begin(head, this.flight.number);
    if (head.status === SWITCHING) {
      this.#broken(new ResponseError("The server switches to a protocol nobody asked for"));
    }
  }

  #complete(chunk: Uint8Array): void {
    const head = this.#head!;
    const { buffered } = this.#parser;
    const bytes = this.#fed - buffered - this.#before;
    this.#before += bytes;
    this.#head = null;
    const fault = this.#judge.end();
    const lasts = this.#lasts(head);
    if (this.#isStray) this.unasked ??= `a response with ${head.status}`;
    else if (fault !== null || this.unasked !== null) this.wrong(fault ?? "");
    else {
      if (lasts && this.#begin >= 0 && bytes <= MAX_KNOWN_BYTES && this.#judge.isConstant) {
        // A copy, which slice() of the runtime's own class need not be.
        this.#shared.known = new Uint8Array(chunk.subarray(this.#begin, chunk.length - buffered));
      }
      this.right(bytes);
    }
    if (!lasts) this.#depart();
  }

  /** Whether the connection takes another request: a body that only the end ends leaves none. */
  #lasts(head: ResponseHead): boolean {
    const { isHead, closes } = this.#requests;
    if (!head.keepAlive || closes) return false;
    return isHead || head.chunked || head.contentLength !== -1 || hasNoBody(head.status);
  }

  /** The server takes no more requests on this connection. */
  #depart(): void {
    if (!this.isOver) this.lose(true, "reset", "An earlier answer said Connection: close");
    void this.conn.close();
  }

  #broken(error: ResponseError): void {
    if (this.flight.size > 0) this.fail(error.truncated ? "truncated" : "wrong", error.message);
    if (error.truncated) return;
    this.failAll("wrong", "An answer before it can't be read");
    this.drop(false);
  }
}

/** RFC 9110 §15.3.5 and §15.4.5. */
function hasNoBody(status: number): boolean {
  return status === 204 || status === 304;
}
