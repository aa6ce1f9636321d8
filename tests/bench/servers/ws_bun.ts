/**
 * The same with `Bun.serve`: `ws_bun.ts MODE`.
 *
 * @module
 */
import process from "node:process";

type Message = string | Uint8Array;

interface BunSocket {
  send(message: Message): number;
  subscribe(topic: string): void;
}

interface BunServer {
  readonly port: number;
  upgrade(request: Request): boolean;
  publish(topic: string, message: Message): number;
}

interface BunHandlers {
  open?(socket: BunSocket): void;
  message(socket: BunSocket, message: Message): void;
}

interface BunServeOptions {
  readonly hostname: string;
  readonly port: number;
  fetch(request: Request, server: BunServer): Response | undefined;
  readonly websocket: BunHandlers;
}

interface BunNamespace {
  serve(options: BunServeOptions): BunServer;
}

const TOPIC = "all";

const handlers: Record<string, BunHandlers> = {
  echo: {
    message: (socket, message) => void socket.send(message),
  },
  publish: {
    open: (socket) => socket.subscribe(TOPIC),
    message: (_, message) => void server.publish(TOPIC, message),
  },
};

const bun = (globalThis as unknown as { Bun: BunNamespace }).Bun;
const server = bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, server) => server.upgrade(request) ? undefined : new Response("WebSocket only", { status: 426 }),
  websocket: handlers[process.argv[2]],
});
console.log(`port ${server.port}`);
