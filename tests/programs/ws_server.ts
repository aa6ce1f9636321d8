/**
 * An HTTP server whose `/ws` echoes, beside the routes of `http_routes.ts`, for a parent that attacks it. Takes one JSON
 * argument, `WsSetup`; prints its port, and at the end what its handlers ran, how its WebSockets ended, and the report.
 *
 * @module
 */
import process from "node:process";
import { silentLogger } from "../../mod.ts";
import type { HttpHandler, HttpStats } from "../../src/http/mod.ts";
import { upgradeWebSocket, type WebSocketConn, type WebSocketOptions } from "../../src/websocket/mod.ts";
import type { Ran } from "./http_server.ts";
import { ranIds, routes } from "./http_routes.ts";
import { serveTold, type ToldSetup } from "./told_server.ts";

/** What the parent asks for. */
export interface WsSetup extends ToldSetup {
  readonly ws?: WebSocketOptions;
}

/** What was run, and the WebSockets: how many began, messages taken, and ends by code. */
export interface WsRan extends Ran {
  readonly began: number;
  readonly messages: number;
  readonly ended: Readonly<Record<number, number>>;
}

const setup: WsSetup = JSON.parse(process.argv[2] ?? "{}");
const ended: Record<number, number> = {};
let began = 0;
let messages = 0;

async function echo(ws: WebSocketConn): Promise<void> {
  began++;
  ws.closed.then(({ code }) => ended[code] = (ended[code] ?? 0) + 1);
  for await (const message of ws) {
    messages++;
    await ws.send(message);
  }
}

// What attackers are told apart by is the codes above; a line for each would be the log's own flood.
const http = { logger: silentLogger, ...setup.http };
const handler: HttpHandler = (request, ctx) => {
  return request.url.endsWith("/ws") ? upgradeWebSocket(request, echo, setup.ws) : routes(request, ctx);
};
const ran = (stats: HttpStats): WsRan => ({ clients: Object.fromEntries(ranIds), stats, began, messages, ended });
await serveTold({ ...setup, http }, handler, ran);
