/**
 * A server whose handlers write for ever, each in its own way, for a parent that leaves them: `/stream`, `/empty`,
 * `/send`, `/drop`, `/late` over HTTP and WebSocket; the lines `write`, `writable`, `small` over TCP.
 */
import { type Conn, lines, run, serve, silentLogger } from "../../mod.ts";
import { serveHttp } from "../../src/http/mod.ts";
import { upgradeWebSocket, type WebSocketConn } from "../../src/websocket/mod.ts";

const CHUNK = new Uint8Array(65_536);

function streamOf(chunk: () => Uint8Array): Response {
  return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(chunk()) }));
}

async function sendFor(ws: WebSocketConn): Promise<never> {
  for (;;) await ws.send(CHUNK);
}

const http = await serveHttp({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, (request) => {
  switch (new URL(request.url).pathname) {
    case "/stream":
      return streamOf(() => CHUNK);
    case "/empty":
      return streamOf(() => new Uint8Array(0));
    case "/send":
      return upgradeWebSocket(request, sendFor);
    case "/drop":
      return upgradeWebSocket(request, sendFor, { slowConsumer: "drop" });
    case "/late":
      return upgradeWebSocket(request, (ws) => {
        void ws.close();
        return sendFor(ws);
      });
  }
  return new Response("here");
});

const ways: Readonly<Record<string, (conn: Conn) => Promise<unknown>>> = {
  write: async (conn) => {
    for (;;) await conn.write(CHUNK);
  },
  small: async (conn) => {
    for (;;) await conn.write("x");
  },
  writable: (conn) => new ReadableStream({ pull: (c) => c.enqueue(CHUNK) }).pipeTo(conn.writable),
};
const tcp = await serve({ port: 0, hostname: "127.0.0.1", logger: silentLogger }, async (conn) => {
  for await (const line of lines(conn)) await ways[line](conn);
});
console.log(`ports ${(http.address as { port: number }).port} ${(tcp.address as { port: number }).port}`);
await run([http, tcp], { grace: 700, logger: silentLogger });
