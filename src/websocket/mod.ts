/**
 * WebSockets (RFC 6455) on Sluice's own connections: `upgradeWebSocket()` gives them to a server of `./http`,
 * `connectWebSocket()` to a client.
 *
 * @module
 */
export { connectWebSocket, type ConnectWebSocketOptions } from "./client/connect.ts";
export {
  HandshakeError,
  type HandshakeErrorOptions,
  type HandshakeFailure,
  WebSocketClosedError,
  WebSocketError,
} from "./websocket_errors.ts";
export { type Farewell, type FarewellFlag, parseFarewell } from "./farewell.ts";
export { Hub, type HubStats, type PublishOptions } from "./hub.ts";
export type { HubBridgeOptions, HubChannels, HubMessage } from "./hub_bridge.ts";
export { webSocketTransport } from "./client/transport.ts";
export { upgradeWebSocket } from "./server/upgrade.ts";
export type {
  CompressionOptions,
  HeartbeatOptions,
  SlowConsumerPolicy,
  WebSocketClose,
  WebSocketConn,
  WebSocketHandler,
  WebSocketLimitOptions,
  WebSocketMessage,
  WebSocketOptions,
  WebSocketSendOptions,
  WebSocketState,
} from "./websocket_api.ts";
