/**
 * How a request that a server gave becomes a WebSocket. It stands on the request itself, so that a framework that hands
 * the request on need not know of it.
 *
 * @module
 */
import type { WebSocketHandler, WebSocketOptions } from "./types.ts";

/** Answers the handshake: see `upgradeWebSocket()`. */
export const UPGRADE: unique symbol = Symbol("sluice.upgrade");

/** A request that came over a connection of a server. */
export interface Upgradable {
  [UPGRADE](handler: WebSocketHandler, options?: WebSocketOptions): Response;
}

/**
 * Answers a WebSocket's handshake (RFC 6455 §4.2) and serves it with `handler`: return the `Response` that it gives, of
 * status 101. The handshake's answer leaves when the HTTP handler returns it, with the fields that middleware has added,
 * on it or on a copy; whoever returns another answer refuses the WebSocket. A request that is no handshake is answered
 * with 400, 403, 405 or 426, and with 503 in a drain. The request's context lives as long as the WebSocket.
 *
 * @param request The one that the handler of `serveHttp()` was given, or a framework handed on (Hono: `c.req.raw`).
 * @example
 * ```ts
 * await serveHttp({ port: 8080 }, (request) =>
 *   upgradeWebSocket(request, async (ws) => {
 *     for await (const message of ws) await ws.send(message);
 *   }));
 * ```
 * @throws {TypeError} The request has no connection: it is a copy, or another server's.
 * @throws {OptionError} An option can't be used.
 * @throws {SluiceError} The request is answered already, or its connection is gone.
 */
export function upgradeWebSocket(request: Request, handler: WebSocketHandler, options?: WebSocketOptions): Response {
  const upgradable = request as Partial<Upgradable> | null | undefined;
  if (typeof upgradable?.[UPGRADE] === "function") return upgradable[UPGRADE](handler, options);
  throw new TypeError(
    "upgradeWebSocket() needs the request that the handler of serveHttp() was given, " +
      `got ${describe(request)}; a copy of it has no connection`,
  );
}

function describe(value: unknown): string {
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return Object.getPrototypeOf(value)?.constructor?.name ?? "object";
}
