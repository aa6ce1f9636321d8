/**
 * Connections of `connectWebSocket()` for a reconnecting WebSocket: where there is no WebSocket of the runtime's own, or
 * for what that one can't do, such as headers, Unix sockets, heartbeats and certificates.
 *
 * @module
 */
import { background, type CancelFunc, type Context, withCancel } from "../../context/mod.ts";
import { connectWebSocket, type ConnectWebSocketOptions } from "./connect.ts";
import type { Transport, TransportClose, TransportEvents, TransportSocket } from "../reconnect/reconnect_api.ts";
import type { WebSocketConn } from "../websocket_api.ts";

/**
 * A transport for `ReconnectingWebSocket` that connects with `connectWebSocket()`.
 *
 * @param options For every connection. The subprotocols are those of the `ReconnectingWebSocket`.
 * @example
 * ```ts
 * const transport = webSocketTransport({ headers: { authorization: "Bearer secret" } });
 * const socket = new ReconnectingWebSocket("wss://example.net/live", { transport });
 * ```
 */
export function webSocketTransport(options: Omit<ConnectWebSocketOptions, "protocols"> = {}): Transport {
  return (url, protocols, events) => {
    const [ctx, cancel] = withCancel(options.context ?? background(options.clock));
    const socket = new DialledSocket(cancel, options.heartbeat !== false);
    void socket.run(url, { ...options, protocols, context: ctx }, events);
    return socket;
  };
}

class DialledSocket implements TransportSocket {
  readonly pings: boolean;
  readonly #giveUp: CancelFunc;
  #ws: WebSocketConn | null = null;
  #closing = false;
  /** Bytes of messages whose `send()` has not fulfilled: when all is over, of those that were lost. */
  #pending = 0;

  constructor(giveUp: CancelFunc, pings: boolean) {
    this.#giveUp = giveUp;
    this.pings = pings;
  }

  get bufferedAmount(): number {
    return Math.max(this.#ws?.bufferedAmount ?? 0, this.#pending);
  }

  send(data: string | Uint8Array): boolean {
    if (this.#ws?.state !== "open") return false;
    const { length } = data;
    this.#pending += length;
    this.#ws.send(data).then(() => this.#pending -= length, () => {});
    return true;
  }

  close(code: number, reason: string): void {
    this.#closing = true;
    if (this.#ws === null) this.#giveUp();
    else void this.#ws.close(code, reason);
  }

  async run(url: string, options: ConnectWebSocketOptions & { context: Context }, events: TransportEvents) {
    let close: TransportClose;
    try {
      const ws = await connectWebSocket(url, options);
      if (this.#closing) ws.abort();
      else {
        this.#ws = ws;
        events.open(ws.protocol);
        await ws.forEach((message) => events.message(message));
      }
      close = await ws.closed;
    } catch (error) {
      close = { code: 1006, reason: "", wasClean: false, error: error as Error };
    } finally {
      // From here on the context has nothing to give up, and must not hang on to its parent.
      this.#giveUp();
    }
    events.close(close);
  }
}
