/** `Bun.serve` with `server.stop()` on SIGTERM; WebSockets at `/ws`. */
import process from "node:process";
import { answer } from "./answers.ts";

interface Socket {
  send(message: string | Uint8Array): number;
}

interface BunServer {
  upgrade(request: Request): boolean;
  stop(): Promise<void>;
}

interface BunNamespace {
  serve(options: {
    hostname: string;
    port: number;
    fetch(request: Request, server: BunServer): Promise<Response> | undefined;
    websocket: { message(socket: Socket, message: string | Uint8Array): void };
  }): BunServer;
}

const { Bun: bun } = globalThis as unknown as { Bun: BunNamespace };

const server = bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT),
  fetch(request, self) {
    const isWebSocket = new URL(request.url).pathname === "/ws" && self.upgrade(request);
    return isWebSocket ? undefined : answer(request);
  },
  websocket: { message: (socket, message) => void socket.send(message) },
});
process.on("SIGTERM", async () => {
  await server.stop();
  process.exit(0);
});
