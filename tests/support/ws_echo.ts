/** Echo servers and clients to play cases to: Sluice's, and those of the package `ws`, which the table is checked with. */
import type { AddressInfo } from "node:net";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { serveHttp } from "../../src/http/mod.ts";
import { silentLogger } from "../../src/log.ts";
import { connectWebSocket, upgradeWebSocket, type WebSocketLimitOptions } from "../../src/websocket/mod.ts";
import type { EchoClient } from "./ws_play.ts";

/** What the catalogue's largest cases need: messages of 16 MiB, and 65,536 fragments. */
const MAX_MESSAGE_BYTES = 32 << 20;
const MAX_FRAGMENTS = 1 << 17;

/** Ours, on either side: nobody forgets, unless the other side asks for it. */
const OPTIONS: WebSocketLimitOptions = {
  maxMessageBytes: MAX_MESSAGE_BYTES,
  maxFragments: MAX_FRAGMENTS,
  compression: { serverNoContextTakeover: false, clientNoContextTakeover: false },
};

/** A server that echoes. */
export interface EchoServer extends AsyncDisposable {
  readonly port: number;
}

/** Ours. */
export async function sluiceEcho(): Promise<EchoServer> {
  const server = await serveHttp(
    { hostname: "127.0.0.1", port: 0, logger: silentLogger },
    (request) =>
      upgradeWebSocket(request, async (ws) => {
        for await (const message of ws) await ws.send(message);
      }, OPTIONS),
  );
  const { address } = server;
  return {
    port: address.transport === "tcp" ? address.port : 0,
    [Symbol.asyncDispose]: async () => {
      await server.close();
    },
  };
}

/** Ours. */
export const sluiceClient: EchoClient = async (url) => {
  const ws = await connectWebSocket(url, OPTIONS);
  for await (const message of ws) await ws.send(message);
  await ws.closed;
};

/** The types of the package don't know of `maxFragments`. */
const WS_OPTIONS: object = { maxPayload: MAX_MESSAGE_BYTES, maxFragments: MAX_FRAGMENTS, perMessageDeflate: true };

function echo(ws: WebSocket): void {
  ws.on("error", () => {});
  ws.on("message", (data: RawData, binary: boolean) => ws.send(data, { binary }));
}

/** That of the package `ws`. */
export async function packageEcho(): Promise<EchoServer> {
  const server = new WebSocketServer({ ...WS_OPTIONS, port: 0, host: "127.0.0.1" });
  server.on("connection", echo);
  await new Promise<void>((resolve) => server.on("listening", () => resolve()));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** That of the package `ws`. */
export const packageClient: EchoClient = (url) => {
  const ws = new WebSocket(url, WS_OPTIONS);
  echo(ws);
  return new Promise((resolve) => ws.on("close", resolve));
};
