/**
 * Sluice's WebSockets under load: `ws_ours.ts MODE`; SIGTERM drains it.
 *
 * @module
 */
import process from "node:process";
import { run, silentLogger } from "../../../mod.ts";
import { serveHttp } from "../../../src/http/mod.ts";
import { Hub, upgradeWebSocket, type WebSocketHandler } from "../../../src/websocket/mod.ts";

const MAX_MESSAGE_BYTES = 16_777_216;
const TOPIC = "all";

const hub = new Hub();

const handlers: Record<string, WebSocketHandler> = {
  forEach: (ws) => ws.forEach((message) => void ws.send(message)),
  async "for-await"(ws) {
    for await (const message of ws) await ws.send(message);
  },
  publish(ws) {
    hub.subscribe(ws, TOPIC);
    return ws.forEach((message) => void hub.publish(TOPIC, message));
  },
};

const handler = handlers[process.argv[2]];
const logger = silentLogger;
const server = await serveHttp(
  { hostname: "127.0.0.1", logger },
  (request) => upgradeWebSocket(request, handler, { maxMessageBytes: MAX_MESSAGE_BYTES }),
);
if (server.address.transport === "tcp") console.log(`port ${server.address.port}`);
await run(server, { logger });
