/**
 * The same with the package ws: `ws_node.ts MODE`. It compresses nothing unless told to.
 *
 * @module
 */
import type { AddressInfo } from "node:net";
import process from "node:process";
import { WebSocket, WebSocketServer } from "ws";

const handlers: Record<string, (socket: WebSocket) => void> = {
  echo(socket) {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  },
  loop(socket) {
    socket.on("message", (data, isBinary) => {
      for (const client of server.clients) {
        if (client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary });
      }
    });
  },
};

const handle = handlers[process.argv[2]];
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, backlog: 1024, perMessageDeflate: false });
server.on("connection", (socket) => {
  socket.on("error", () => {});
  handle(socket);
});
server.on("listening", () => console.log(`port ${(server.address() as AddressInfo).port}`));
