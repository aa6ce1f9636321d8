/** Sluice's WebSockets: an echo, and at `/flow` a message every 10 ms. */
import process from "node:process";
import { run, silentLogger } from "../../../mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { upgradeWebSocket, type WebSocketConn } from "../../../src/websocket/mod.ts";

async function flow(ws: WebSocketConn): Promise<void> {
  for (let i = 0; ws.state === "open"; i++) {
    await ws.send(`message ${i}`).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const logger = silentLogger;
const server = serveHttp({ hostname: "127.0.0.1", port: Number(process.env.PORT), logger }, (request) => {
  return upgradeWebSocket(request, (ws) => {
    if (new URL(request.url).pathname === "/flow") void flow(ws);
    return ws.forEach((message) => ws.send(message));
  });
});
await run(server, { grace: 3000, logger });
