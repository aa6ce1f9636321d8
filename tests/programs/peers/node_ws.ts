/** The package `ws`: on SIGTERM it takes no more, and every client gets a Close 1001. */
import process from "node:process";
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.env.PORT) });
server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
});
process.on("SIGTERM", () => {
  server.close();
  for (const client of server.clients) client.close(1001);
});
