/**
 * A server for pages: a blank one at `/`, and a WebSocket at each other path. Takes a port, or finds a free one; prints
 * it, and for each WebSocket that has ended `closed` with what it saw as JSON, `PageWebSocket`.
 *
 * @module
 */
import process from "node:process";
import { run } from "../../mod.ts";
import { reply, serveHttp } from "../../src/http/mod.ts";
import {
  upgradeWebSocket,
  type WebSocketConn,
  type WebSocketHandler,
  type WebSocketOptions,
} from "../../src/websocket/mod.ts";

/** One WebSocket that has ended. */
export interface PageWebSocket {
  /** What stands behind the path: `?name`. */
  readonly name: string;
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;
  /** Bytes on the wire each way, the handshake included. */
  readonly received: number;
  readonly sent: number;
}

type Route = readonly [handler: WebSocketHandler, options: WebSocketOptions];

const echo: WebSocketHandler = (ws) => ws.forEach((message) => ws.send(message));

function routes(port: number): ReadonlyMap<string, Route> {
  return new Map<string, Route>([
    ["/echo", [echo, {}]],
    ["/listed", [echo, { allowedOrigins: [`http://localhost:${port}`] }]],
    ["/all", [echo, { allowedOrigins: "*" }]],
    ["/large", [echo, { maxMessageBytes: 8 << 20 }]],
    ["/deflate", [echo, { compression: true }]],
    ["/forgetful", [echo, {
      compression: { clientNoContextTakeover: true, serverNoContextTakeover: true, serverMaxWindowBits: 10 },
    }]],
    ["/chat", [echo, { protocols: ["chat.v2", "chat.v1"] }]],
    ["/bye", [(ws) => void ws.close(4001, "schönen Tag"), {}]],
    ["/ping", [async (ws) => await ws.send(String(await ws.ping())), {}]],
    ["/fails", [() => Promise.reject(new Error("asked to")), {}]],
  ]);
}

async function tellEnd(name: string, ws: WebSocketConn): Promise<void> {
  const { code, reason, wasClean } = await ws.closed;
  const { bytesRead: received, bytesWritten: sent } = ws.conn;
  console.log(`closed ${JSON.stringify({ name, code, reason, wasClean, received, sent } satisfies PageWebSocket)}`);
}

const server = await serveHttp({ hostname: "127.0.0.1", port: Number(process.argv[2] ?? 0) }, (request) => {
  const { pathname, search } = new URL(request.url);
  const route = known.get(pathname);
  if (route === undefined) return reply("<!doctype html>", { headers: { "content-type": "text/html" } });
  const [handler, options] = route;
  return upgradeWebSocket(request, (ws, wsContext) => {
    void tellEnd(search, ws);
    return handler(ws, wsContext);
  }, options);
});
const port = server.address.transport === "tcp" ? server.address.port : 0;
const known = routes(port);
console.log(`port ${port}`);
await run(server, { grace: 5000 });
