/**
 * From a WebSocket's handler to its end.
 *
 * @module
 */
import type { Takeover } from "../../http/conn/takeover.ts";
import { INTERNAL_ERROR, NORMAL } from "../close_code.ts";
import { WebSocketClosedError } from "../websocket_errors.ts";
import type { PushEar } from "../../server/conn/hand_out.ts";
import type { WebSocketHandler } from "../websocket_api.ts";
import type { WsConn } from "../conn/ws_conn.ts";

/**
 * Runs the handler, then closes; tells what it threw when the peer has been told. Most handlers do nothing but to return
 * their `forEach()`, and of idle WebSockets there are many: then no further promise waits for that one.
 */
export function serveWebSocket(ws: WsConn, handler: WebSocketHandler, takeover: Takeover): void {
  let serving: void | Promise<void>;
  try {
    serving = handler(ws, ws.conn.ctx!);
  } catch (error) {
    return void fail(ws, error, takeover);
  }
  if (!ws.followPush(serving, new Pushed(ws, takeover))) follow(ws, serving, takeover);
}

/** A handler that has returned its `forEach()`. */
class Pushed implements PushEar {
  readonly #ws: WsConn;
  readonly #takeover: Takeover;

  constructor(ws: WsConn, takeover: Takeover) {
    this.#ws = ws;
    this.#takeover = takeover;
  }

  pushEnded(): void {
    follow(this.#ws, this.#ws.pushed!, this.#takeover);
  }
}

function follow(ws: WsConn, serving: void | Promise<void>, takeover: Takeover): void {
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
