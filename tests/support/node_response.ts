/** What Node's own HTTP client makes of the bytes of a response, without a network. */
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { Duplex } from "node:stream";
import { RESPONSE_END, ResponseHead, ResponseParser } from "../../src/http/mod.ts";

/** The final response to one request. */
export interface Verdict {
  /** `switched`: another protocol has the connection. */
  readonly outcome: "whole" | "failed" | "switched";
  readonly status: number;
  readonly reason: string;
  /** Names in lower case. */
  readonly fields: [string, string][];
  /** Each byte a character. */
  readonly body: string;
  readonly trailers: [string, string][];
  /** Why it failed; not to be compared. */
  readonly why: string;
  /** Bytes that the response is made of, with interim ones before it; of our own verdict. */
  readonly size: number;
}

const NOTHING: Verdict = {
  outcome: "failed",
  status: 0,
  reason: "",
  fields: [],
  body: "",
  trailers: [],
  why: "",
  size: 0,
};

/** What our parser makes of the chunks, and a FIN behind them. */
export function ourVerdict(chunks: readonly Uint8Array[], method: string): Verdict {
  const parser = new ResponseParser();
  parser.expect(method);
  let verdict = NOTHING;
  let fed = 0;
  const isOver = (): boolean => {
    for (let event = parser.next(); event !== null; event = parser.next()) {
      if (event === RESPONSE_END) verdict = { ...verdict, outcome: "whole", trailers: parser.trailers ?? [] };
      else if (!(event instanceof ResponseHead)) verdict = { ...verdict, body: verdict.body + latin1(event) };
      else if (event.status >= 200 || event.status === 101) verdict = ofHead(event);
      if (verdict.outcome !== "failed") return true;
    }
    return false;
  };
  try {
    for (const chunk of chunks) {
      fed += chunk.length;
      parser.feed(chunk.slice());
      if (isOver()) return { ...verdict, size: fed - parser.buffered };
    }
    parser.end();
    isOver();
    return { ...verdict, size: fed };
  } catch (error) {
    return { ...verdict, outcome: "failed", why: (error as Error).message };
  }
}

/** What Node's HTTP client makes of the chunks, and a FIN behind them. */
export function nodeVerdict(chunks: readonly Uint8Array[], method: string): Promise<Verdict> {
  return new Promise((resolve) => {
    const asked = request({ method, path: "/", host: "a", createConnection: () => new Wire(chunks) });
    const failed = (error?: Error & { code?: string }) =>
      resolve({ ...NOTHING, why: error?.code ?? error?.message ?? "closed" });
    asked.on("error", failed);
    asked.on("upgrade", (response) => resolve(ofMessage(response, "switched")));
    asked.on("response", (response) => {
      asked.off("close", failed);
      follow(asked, response, resolve);
    });
    asked.on("close", failed);
    asked.end();
  });
}

/** The first so many bytes of the chunks. */
export function firstOf(chunks: readonly Uint8Array[], size: number): Uint8Array[] {
  const taken: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (size > 0) taken.push(chunk.slice(0, size));
    size -= chunk.length;
  }
  return taken;
}

/** A socket whose peer has sent these chunks, and then FIN. */
class Wire extends Duplex {
  readonly #chunks: readonly Uint8Array[];
  #next = 0;

  constructor(chunks: readonly Uint8Array[]) {
    super();
    this.#chunks = chunks;
  }

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }

  override _read(): void {
    if (this.#next < this.#chunks.length) this.push(this.#chunks[this.#next++]);
    else this.push(null);
  }
}

function follow(asked: ClientRequest, response: IncomingMessage, resolve: (verdict: Verdict) => void): void {
  let body = "";
  let why = "";
  const failed = (error: Error & { code?: string }) => why ||= error.code ?? error.message;
  response.setEncoding("latin1");
  response.on("data", (text: string) => body += text);
  response.on("error", failed);
  asked.on("error", failed);
  response.on("close", () => {
    const head = ofMessage(response, response.complete && why === "" ? "whole" : "failed");
    resolve({ ...head, body, trailers: pairs(response.rawTrailers), why });
  });
}

function ofHead(head: ResponseHead): Verdict {
  const { status, reason } = head;
  return { ...NOTHING, outcome: status === 101 ? "switched" : "failed", status, reason, fields: [...head.headers()] };
}

function ofMessage(response: IncomingMessage, outcome: Verdict["outcome"]): Verdict {
  const { statusCode = 0, statusMessage = "", rawHeaders } = response;
  return { ...NOTHING, outcome, status: statusCode, reason: statusMessage, fields: pairs(rawHeaders) };
}

function pairs(raw: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i < raw.length; i += 2) found.push([raw[i].toLowerCase(), raw[i + 1]]);
  return found;
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
