/**
 * What is asked over HTTP, byte for byte, and what must come back.
 *
 * @module
 */
import { ACCEPTED, HELLO, makeChunk, ORDER, STREAM_BYTES, USER } from "../bodies.ts";
import { bytesOf, type Expected } from "./answers.ts";
import type { HttpJob } from "./jobs.ts";

/** A request's line and body, and the body of its answer. */
export interface Exchange {
  readonly line: string;
  readonly type?: string;
  readonly body: Uint8Array | null;
  readonly expected: Expected;
}

export const exchanges: Record<HttpJob["exchange"], () => Exchange> = {
  hello: () => ({ line: "GET / HTTP/1.1", body: null, expected: textOf(HELLO) }),
  json: () => ({
    line: "POST /orders HTTP/1.1",
    type: "application/json",
    body: bytesOf(ORDER),
    expected: textOf(ACCEPTED),
  }),
  hono: () => ({ line: `GET /users/${USER.id} HTTP/1.1`, body: null, expected: textOf(JSON.stringify(USER)) }),
  post() {
    const body = makeChunk();
    return { line: "POST /echo HTTP/1.1", body, expected: { block: body, bytes: body.length } };
  },
  stream() {
    return { line: "GET /stream HTTP/1.1", body: null, expected: { block: makeChunk(), bytes: STREAM_BYTES } };
  },
};

/** As curl says it: three fields, and what a body needs. */
export function requestBytes(
  { line, type = "application/octet-stream", body }: Exchange,
  port: number,
  count: number,
): Uint8Array {
  const fields = [`Host: 127.0.0.1:${port}`, "User-Agent: bench/1.0", "Accept: */*"];
  if (body !== null) fields.push(`Content-Type: ${type}`, `Content-Length: ${body.length}`);
  const head = bytesOf([line, ...fields, "", ""].join("\r\n"));
  const one = new Uint8Array(head.length + (body?.length ?? 0));
  one.set(head);
  if (body !== null) one.set(body, head.length);
  const all = new Uint8Array(one.length * count);
  for (let i = 0; i < count; i++) all.set(one, i * one.length);
  return all;
}

function textOf(text: string): Expected {
  const block = bytesOf(text);
  return { block, bytes: block.length };
}
