/** `Deno.serve` with `server.shutdown()` on SIGTERM; WebSockets at `/ws`. */
import process from "node:process";
import { answer } from "./answers.ts";

interface DenoServer {
  shutdown(): Promise<void>;
}

interface DenoNamespace {
  serve(options: { hostname: string; port: number }, answer: (request: Request) => unknown): DenoServer;
  upgradeWebSocket(request: Request): { socket: WebSocket; response: Response };
  addSignalListener(name: string, listener: () => void): void;
}

const { Deno: deno } = globalThis as unknown as { Deno: DenoNamespace };

function echo(request: Request): Response {
  const { socket, response } = deno.upgradeWebSocket(request);
  socket.onmessage = ({ data }) => socket.send(data);
  return response;
}

const server = deno.serve({ hostname: "127.0.0.1", port: Number(process.env.PORT) }, (request) => {
  return new URL(request.url).pathname === "/ws" ? echo(request) : answer(request);
});
deno.addSignalListener("SIGTERM", () => void server.shutdown());
