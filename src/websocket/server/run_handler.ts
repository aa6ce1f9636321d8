/**
 * From a WebSocket's handler to its end.
 *
 * @module
 */
import type { Takeover } from "../../http/conn/takeover.ts";
import { INTERNAL_ERROR, NORMAL } from "../close_code.ts";
import { WebSocketClosedError } from "../websocket_errors.ts";
import type { WebSocketHandler } from "../websocket_api.ts";
import type { WsConn } from "../conn/ws_conn.ts";

/**
 * Runs the handler, then closes; tells what it threw when the peer has been told. While a handler goes on nothing is
 * kept for it but one promise: of idle WebSockets there are many.
 */
export function serveWebSocket(ws: WsConn, handler: WebSocketHandler, takeover: Takeover): void {
  let serving: void | Promise<void>;
  try {
    serving = handler(ws, ws.conn.ctx!);
  } catch (error) {
    return void fail(ws, error, takeover);
  }
  Promise.resolve(serving).then(() => finish(ws, takeover), (error) => fail(ws, error, takeover));
}

async function finish(ws: WsConn, takeover: Takeover): Promise<void> {
  try {
    await ws.pushed;
    await ws.conn.work.freed();
  } catch (error) {
    return await fail(ws, error, takeover);
  }
  await end(ws, takeover);
}

async function fail(ws: WsConn, error: unknown, takeover: Takeover): Promise<void> {
  const lost = error instanceof WebSocketClosedError && ws.state !== "open";
  ws.leave(INTERNAL_ERROR, "internal error");
  // Whoever logs it will drop the connection, and a reset would overtake the Close.
  await ws.conn.closed;
  if (lost) await end(ws, takeover);
  else takeover.failed(error);
}

async function end(ws: WsConn, takeover: Takeover): Promise<void> {
  ws.leave(NORMAL, "");
  await ws.closed;
  takeover.settled();
}
