/**
 * A WebSocket client that comes back, for browsers, Deno, Bun and Node, without dependencies.
 *
 * @example
 * ```ts
 * import { ReconnectingWebSocket } from "@sluice/sluice/websocket/reconnect";
 *
 * const socket = new ReconnectingWebSocket("wss://example.net/live", { maxQueued: 100 });
 * socket.addEventListener("message", ({ data }) => console.log(data));
 * socket.addEventListener("state", ({ state, delay }) => console.log(state, delay));
 * await socket.send("hello");
 * ```
 *
 * @module
 */
export { WebSocketClosedError } from "../websocket_errors.ts";
export { type Farewell, FAREWELL_PROTOCOL, type FarewellFlag, parseFarewell } from "../farewell.ts";
export { ConnectionDroppedError, QueueFullError } from "./reconnect_errors.ts";
export {
  ConnectionEndEvent,
  type ReconnectEvents,
  type ReconnectListener,
  type StateChange,
  StateEvent,
} from "./events.ts";
export type { EventHandler } from "./handlers.ts";
export { nativeTransport } from "./native.ts";
export { ReconnectingWebSocket } from "./reconnecting.ts";
export type { ReconnectState } from "./reconnect_states.ts";
export type {
  ConnectionEnd,
  Hello,
  PageTarget,
  ReconnectBinaryType,
  ReconnectHeartbeat,
  ReconnectOptions,
  ReconnectUrl,
  Transport,
  TransportClose,
  TransportEvents,
  TransportSocket,
  WhenFull,
} from "./reconnect_api.ts";
