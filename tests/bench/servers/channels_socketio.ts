/**
 * The same with Socket.IO and its connection state recovery, in memory, on WebSockets alone.
 *
 * @module
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "socket.io";

const RECOVERY = { maxDisconnectionDuration: 120_000 };
/** No ping comes among what is counted. */
const PING_EVERY = 3_600_000;

const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  connectionStateRecovery: RECOVERY,
  pingInterval: PING_EVERY,
});
io.on("connection", (socket) => {
  socket.on("sub", (channel: string) => {
    void socket.join(channel);
    socket.emit("subscribed");
  });
  socket.on("pub", (channel: string, message: string) => void io.to(channel).emit("m", channel, message));
});
http.listen(0, "127.0.0.1", 1024, () => console.log(`port ${(http.address() as AddressInfo).port}`));
