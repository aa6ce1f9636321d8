/**
 * Answers that flow: a stream is read no faster than the client takes it.
 *
 * @module
 */
import { bytesOf } from "../../bytes.ts";
import { SMALL_BYTES } from "../../server/conn/write_queue.ts";
import type { HttpExchange } from "./exchange.ts";
import { latin1, type OwnFields } from "../answer/fields.ts";
import { discardReader } from "../answer/discard.ts";
import { endOf } from "../answer/outgoing.ts";
import type { PartSource, Passing } from "../answer/passing.ts";
import { isBodyless } from "../answer/reply.ts";
import { openHead, sendWhole } from "./whole_answer.ts";

/** Whoever gives the parts of a body: a stream's reader, or what is as good as one. */
interface Reader extends Pick<ReadableStreamDefaultReader<Uint8Array>, "read" | "cancel"> {
  /** Trailer fields behind the end, each with its CRLF. */
  trailers?(): string;
}
type Part = ReadableStreamReadResult<Uint8Array>;

/** Microtasks that a stream gets to show a body that is in memory already. */
const PROMPT_TURNS = 4;

/** Who takes the chunks, in errors. */
const STREAM = "A body's stream";

/** How the parts are framed (RFC 9112 §6). */
interface Framing {
  readonly chunked: boolean;
  /** Declared by the handler; -1 for none. */
  readonly length: number;
  readonly close: boolean;
  /** What the last chunk still lacks. */
  owed: string;
}

/** Sends an answer from a stream. */
export function sendStream(
  exchange: HttpExchange,
  status: number,
  phrase: string,
  own: OwnFields,
  stream: ReadableStream<Uint8Array>,
): void {
  const { head } = exchange;
  if (isBodyless(status) || (head.isHead && !isMeasured(exchange, own, stream))) {
    discardReader(stream.getReader(), own);
    return sendWhole(exchange, status, phrase, own, null);
  }
  sendFrom(exchange, stream.getReader(), status, phrase, own, head.isHead ? sendHead : pump);
}

/** Sends what is passed on from elsewhere: whole if all of it is here, else as it comes. */
export function sendParts(exchange: HttpExchange, { status, statusText, fields, source }: Passing): void {
  if (isBodyless(status) || exchange.head.isHead) {
    source.cancel(undefined);
    return sendWhole(exchange, status, statusText, fields, null);
  }
  const first = source.take();
  const second = first instanceof Uint8Array ? source.take() : first;
  if (second === null && source.trailers() === "") {
    return sendWhole(exchange, status, statusText, fields, first ?? null);
  }
  sendFrom(exchange, readerOf(source, [first, second]), status, statusText, fields, pump);
}

/** As a stream's reader reads, without a stream. @param here What was taken; undefined for nothing. */
function readerOf(source: PartSource, here: (Uint8Array | null | undefined)[]): Reader {
  const taken = here.filter((part) => part instanceof Uint8Array);
  return {
    async read(): Promise<Part> {
      const value = taken.shift() ?? await source.read();
      return value === null
        ? { done: true, value: undefined }
        : { done: false, value: value as Uint8Array<ArrayBuffer> };
    },
    cancel: (reason) => Promise.resolve(source.cancel(reason)),
    trailers: () => source.trailers(),
  };
}

function sendFrom(
  exchange: HttpExchange,
  reader: Reader,
  status: number,
  phrase: string,
  own: OwnFields,
  sending: typeof pump,
): void {
  const { http } = exchange;
  let stopped = false;
  exchange.stop = (reason) => {
    if (stopped) return;
    stopped = true;
    discardReader(reader, own, reason);
  };
  sending(exchange, reader, status, phrase, own)
    .catch((error) => http.outside(() => http.failed(exchange, error)))
    .catch((error) => http.conn.abort(error));
}

/**
 * Whether HEAD has to read a body to know its length: the handler didn't say it, and a Response doesn't show here what
 * it was made of. The runtime's own are streams of bytes: a handler's of any other kind is not read for HEAD.
 */
function isMeasured(exchange: HttpExchange, own: OwnFields, stream: ReadableStream<Uint8Array>): boolean {
  if (own.length >= 0 || exchange.http.service.server.adapter!.responseBody !== undefined) return false;
  try {
    stream.getReader({ mode: "byob" }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

/** Answers HEAD with the length that GET would have, if the body is in memory. */
async function sendHead(exchange: HttpExchange, reader: Reader, status: number, phrase: string, own: OwnFields) {
  const first = await promptly(reader.read());
  const second = first === undefined || first.done ? first : await promptly(reader.read());
  if (exchange.state !== "none") return;
  const length = !second?.done ? -1 : first!.done ? 0 : bytesOf(first!.value, STREAM).length;
  discardReader(reader, own);
  exchange.http.outside(() => sendWhole(exchange, status, phrase, { ...own, length }, null));
}

async function pump(exchange: HttpExchange, reader: Reader, status: number, phrase: string, own: OwnFields) {
  let next = reader.read();
  let opening: Uint8Array | null = null;
  if (own.length < 0) {
    // Where a Response doesn't show what it was made of, a body in memory is a stream of one part.
    const first = await promptly(next);
    if (first !== undefined && !first.done) {
      // What can't be sent is found before the head is. Whoever is asked for the next part may use this one's memory.
      opening = new Uint8Array(bytesOf(first.value, STREAM));
      next = reader.read();
    }
    const second = first === undefined || first.done ? first : await promptly(next);
    if (exchange.state !== "none") return;
    if (second?.done && trailersOf(reader) === "") {
      return exchange.http.outside(() => sendWhole(exchange, status, phrase, own, opening));
    }
  }
  if (exchange.state !== "none" || (own.length < 0 && !exchange.http.opens(exchange))) return;
  const framing = begin(exchange, status, phrase, own);
  if (opening !== null) await send(exchange, opening, framing);
  for (let part = await next; !part.done; part = await reader.read()) {
    await send(exchange, bytesOf(part.value, STREAM), framing);
  }
  if (framing.length >= 0 && exchange.bytesOut < framing.length) {
    throw new TypeError(`The body has ${exchange.bytesOut} bytes, its Content-Length says ${framing.length}`);
  }
  exchange.http.sent(exchange, framing.chunked ? `${framing.owed}0\r\n${trailersOf(reader)}\r\n` : "", framing.close);
}

function trailersOf(reader: Reader): string {
  return reader.trailers?.() ?? "";
}

/** What the promise has within a few microtasks; undefined if it needs longer. @throws What it rejects with by then. */
async function promptly<T>(promise: Promise<T>): Promise<T | undefined> {
  let got: T | undefined;
  let failed = false;
  promise.then((value) => got = value, () => failed = true);
  for (let i = 0; i < PROMPT_TURNS && got === undefined && !failed; i++) await undefined;
  return failed ? promise : got;
}

function begin(exchange: HttpExchange, status: number, phrase: string, own: OwnFields): Framing {
  const { http, head } = exchange;
  const chunked = own.length < 0 && head.minor === 1;
  // Without length or chunks the end of the connection is the end of the body (HTTP/1.0).
  const close = http.closes(exchange, own.close || (own.length < 0 && !chunked), false);
  const end = endOf(own.length, close, head.minor);
  const text = openHead(exchange, status, phrase, own) + (chunked ? "transfer-encoding: chunked\r\n" : "") + end;
  http.conn.output.gather(false);
  http.conn.write(exchange.latin ? latin1(text) : text);
  return { chunked, length: own.length, close, owed: "" };
}

function send(exchange: HttpExchange, bytes: Uint8Array, framing: Framing): Promise<void> {
  const { http } = exchange;
  if (bytes.length === 0) return http.conn.write(bytes);
  exchange.bytesOut += bytes.length;
  if (framing.length >= 0 && exchange.bytesOut > framing.length) {
    throw new TypeError(`The body is longer than its Content-Length ${framing.length}`);
  }
  const isSmall = bytes.length < SMALL_BYTES;
  http.conn.output.cork();
  if (framing.chunked) http.conn.write(`${framing.owed}${bytes.length.toString(16)}\r\n`);
  let written = http.conn.write(bytes);
  // The line end behind a large chunk goes out with what follows it: one system call less.
  framing.owed = isSmall ? "" : "\r\n";
  if (framing.chunked && isSmall) written = http.conn.write("\r\n");
  http.conn.output.uncork(isSmall);
  // In a drain answers may be withheld; one that flows must not be.
  if (http.isDraining) http.conn.flush();
  return written;
}
