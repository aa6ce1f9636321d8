/**
 * The same with a bare `Hub`: no history, no positions, nobody who comes back.
 *
 * @module
 */
import { run, silentLogger } from "../../../mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { Hub, upgradeWebSocket, type WebSocketConn } from "../../../src/websocket/mod.ts";

const hub = new Hub();
const logger = silentLogger;

function take(ws: WebSocketConn, message: string): void {
  const [word, channel] = message.split(" ", 2);
  if (word === "pub") return void hub.publish(channel, message.slice(word.length + channel.length + 2));
  hub.subscribe(ws, channel);
  void ws.send("subscribed");
}

const server = await serveHttp(
  { hostname: "127.0.0.1", logger },
  (request) => upgradeWebSocket(request, (ws) => ws.forEach((message) => take(ws, message as string))),
);
if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
await run(server, { logger });
