/**
 * Socket.IO as its manual has it: connection state recovery, and the adapter of Redis streams, on the port in PORT.
 * `socket_io_channels.ts URL`: where Redis is.
 *
 * @module
 */
import { createServer } from "node:http";
import process from "node:process";
import { createAdapter } from "@socket.io/redis-streams-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";

const redis = new Redis(process.argv[2], { maxRetriesPerRequest: null, retryStrategy: () => 50 });
redis.on("error", () => {});
const http = createServer();
const io = new Server(http, {
  adapter: createAdapter(redis, { maxLen: 100_000 }),
  connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true },
});
io.on("connection", (socket) => {
  socket.on("subscribe", (channel: string, done: () => void) => {
    void socket.join(channel);
    done();
  });
  socket.on("publish", (channel: string, data: unknown, done: () => void) => {
    io.to(channel).emit("message", channel, data);
    done();
  });
});
process.on("SIGTERM", () => void io.close(() => process.exit(0)));
http.listen(Number(process.env.PORT), "127.0.0.1");
