/**
 * Client WebSockets.
 *
 * @module
 */
import type { Connection } from "../../server/conn/connection.ts";
import { Decoders, FrameEncoder } from "../codec/mod.ts";
import { WebSocketCounts } from "../conn/counts.ts";
import { PerMessageDeflate } from "../deflate/mod.ts";
import { type ConnectWebSocketOptions, type Dialled, dialWebSocket } from "./dial.ts";
import { farewellOptions } from "../websocket_options.ts";
import type { WebSocketConn } from "../websocket_api.ts";
import { WsConn } from "../conn/ws_conn.ts";

export type { ConnectWebSocketOptions } from "./dial.ts";

/**
 * Opens a WebSocket (RFC 6455 §4.1). Redirects are not followed: they may lead to another's server.
 *
 * @param url `ws:` or `wss:`; `http:` and `https:` stand for them.
 * @throws {OptionError} The url or an option can't be used.
 * @throws {ConnectError} Refused, unreachable, timed out, or the name or certificate is wrong.
 * @throws {HandshakeError} The server doesn't answer, or not as a WebSocket server; `status` tells its answer's status.
 * @example
 * ```ts
 * const ws = await connectWebSocket("ws://localhost:8080/ws", { protocols: ["chat"] });
 * await ws.send("hello");
 * for await (const message of ws) console.log(message);
 * ```
 */
export async function connectWebSocket(
  url: string | URL,
  options: ConnectWebSocketOptions = {},
): Promise<WebSocketConn> {
  return open(await dialWebSocket(url, options));
}

/** Nothing may be awaited from here to `start()`. */
function open({ conn, agreement, limits, adapter }: Dialled): WebSocketConn {
  const { deflate: params } = agreement;
  const deflate = params === null ? null : new PerMessageDeflate(adapter, "client", params, limits.compression!);
  const settings = {
    role: "client" as const,
    limits,
    encoder: new FrameEncoder("client"),
    decoders: new Decoders({ role: "client", ...limits }),
    manners: farewellOptions({}),
    counts: new WebSocketCounts(),
    ended: () => {},
    failed: () => {},
  };
  const ws = new WsConn(conn as Connection, settings, { ...agreement, deflate, beats: false });
  ws.start();
  return ws;
}
