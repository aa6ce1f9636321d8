/**
 * The same with srvx: `http_srvx.ts MODE`.
 *
 * @module
 */
import process from "node:process";
import { FastResponse, serve, type ServerHandler } from "srvx";
import { HELLO, makeStream } from "../bodies.ts";
import { handlers as web } from "./http_web.ts";

const handlers: Record<string, ServerHandler> = {
  "hello fast": () => new FastResponse(HELLO),
  "hello Response": () => new Response(HELLO),
  json: web.json,
  "post collect": async (request) => new FastResponse(await request.arrayBuffer()),
  stream: () => new FastResponse(makeStream()),
};

const fetch = handlers[process.argv[2]];
const server = serve({ hostname: "127.0.0.1", port: 0, silent: true, gracefulShutdown: false, fetch });
await server.ready();
console.log(`port ${new URL(server.url!).port}`);
