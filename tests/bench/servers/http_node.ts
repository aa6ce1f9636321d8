/**
 * The same with `node:http`, or `node:https`: `http_node.ts MODE [tls]`.
 *
 * @module
 */
import http, { type IncomingMessage, type RequestListener } from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { Readable } from "node:stream";
import { CHUNK_BYTES, HELLO, makeChunk, makeStream, STREAM_CHUNKS } from "../bodies.ts";
import { secure } from "./secure.ts";

const chunk = makeChunk();

const handlers: Record<string, RequestListener> = {
  hello(_, response) {
    response.writeHead(200, { "Content-Type": "text/plain" });
    response.end(HELLO);
  },
  // By writeHead(), as the documentation has it, an answer is chunked; by setHeader() it gets its length.
  "hello length"(_, response) {
    response.setHeader("Content-Type", "text/plain");
    response.end(HELLO);
  },
  json(request, response) {
    collectText(request, (text) => {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.end(accept(text));
    });
  },
  "json length"(request, response) {
    collectText(request, (text) => {
      response.setHeader("Content-Type", "application/json");
      response.end(accept(text));
    });
  },
  "post collect"(request, response) {
    const chunks: Uint8Array[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => response.end(Buffer.concat(chunks)));
  },
  "post body"(request, response) {
    request.pipe(response);
  },
  stream(_, response) {
    let left = STREAM_CHUNKS;
    const source = new Readable({
      highWaterMark: CHUNK_BYTES,
      read() {
        this.push(left-- > 0 ? chunk : null);
      },
    });
    source.pipe(response);
  },
  "stream fromWeb"(_, response) {
    Readable.fromWeb(makeStream() as Parameters<typeof Readable.fromWeb>[0]).pipe(response);
  },
};

function collectText(request: IncomingMessage, use: (text: string) => void): void {
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (piece) => text += piece);
  request.on("end", () => use(text));
}

function accept(order: string): string {
  return JSON.stringify({ ...JSON.parse(order), accepted: true });
}

const handler = handlers[process.argv[2]];
const server = secure === null ? http.createServer(handler) : https.createServer(secure, handler);
server.listen(0, "127.0.0.1", 1024, () => console.log(`port ${(server.address() as AddressInfo).port}`));
