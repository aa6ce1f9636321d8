/**
 * The same with `Deno.serve` and `Deno.upgradeWebSocket`: `ws_deno.ts MODE`.
 *
 * @module
 */
import process from "node:process";

interface DenoServeOptions {
  readonly hostname: string;
  readonly port: number;
  onListen(address: { port: number }): void;
}

interface DenoNamespace {
  serve(options: DenoServeOptions, handler: (request: Request) => Response): unknown;
  upgradeWebSocket(request: Request): { readonly socket: WebSocket; readonly response: Response };
}

const clients = new Set<WebSocket>();

const handlers: Record<string, (socket: WebSocket) => void> = {
  echo(socket) {
    socket.onmessage = ({ data }) => socket.send(data);
  },
  loop(socket) {
    socket.onopen = () => clients.add(socket);
    socket.onclose = () => clients.delete(socket);
    socket.onmessage = ({ data }) => {
      for (const client of clients) {
        if (client.readyState === WebSocket.OPEN) client.send(data);
      }
    };
  },
};

const deno = (globalThis as unknown as { Deno: DenoNamespace }).Deno;
const handle = handlers[process.argv[2]];
const onListen = ({ port }: { port: number }) => console.log(`port ${port}`);
deno.serve({ hostname: "127.0.0.1", port: 0, onListen }, (request) => {
  const { socket, response } = deno.upgradeWebSocket(request);
  socket.binaryType = "arraybuffer";
  socket.onerror = () => {};
  handle(socket);
  return response;
});
