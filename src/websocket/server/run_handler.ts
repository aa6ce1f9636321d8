/**
 * From a WebSocket's handler to its end.
 *
 * @module
 */
import type { HandlerContext } from "../../server/conn/handler_context.ts";
import { INTERNAL_ERROR, NORMAL } from "../close_code.ts";
import { WebSocketClosedError } from "../websocket_errors.ts";
import type { WebSocketHandler } from "../websocket_api.ts";
import type { WsConn } from "../conn/ws_conn.ts";

/** Runs the handler, then closes; rejects with what it threw when the peer has been told. */
export async function serveWebSocket(ws: WsConn, handler: WebSocketHandler, ctx: HandlerContext): Promise<void> {
  try {
    await handler(ws, ctx);
    await ws.pushed;
    await ws.conn.work.freed();
  } catch (error) {
    const lost = error instanceof WebSocketClosedError && ws.state !== "open";
    ws.leave(INTERNAL_ERROR, "internal error");
    // Whoever logs it will drop the connection, and a reset would overtake the Close.
    await ws.conn.closed;
    if (!lost) throw error;
  }
  ws.leave(NORMAL, "");
  await ws.closed;
}
