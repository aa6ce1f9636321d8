/**
 * Connections of the runtime's own `WebSocket`.
 *
 * @module
 */
import { UnsupportedError } from "../../errors.ts";
import { ABNORMAL, CONNECTING, NO_CLOSE, OPEN } from "./close_codes.ts";
import type { TransportEvents, TransportSocket } from "./reconnect_api.ts";

/** Makes connections of `globalThis.WebSocket`: browsers, Deno, Bun, Node from 22 on. */
export function nativeTransport(url: string, protocols: readonly string[], events: TransportEvents): TransportSocket {
  requireNative();
  const socket = new WebSocket(url, [...protocols]);
  socket.binaryType = "arraybuffer";
  listen(socket, events);
  return {
    get bufferedAmount() {
      return socket.bufferedAmount;
    },
    // A closing WebSocket would count the message as buffered, and lose it without a word.
    send(data) {
      const isOpen = socket.readyState === OPEN;
      if (isOpen) socket.send(data as string | Uint8Array<ArrayBuffer>);
      return isOpen;
    },
    // A script may send 1000 and 3000 to 4999 only.
    close: (code, reason) => socket.close(code >= 3000 ? code : 1000, reason),
  };
}

/** @throws {UnsupportedError} This runtime has no WebSocket of its own. */
export function requireNative(): void {
  if (typeof globalThis.WebSocket === "function") return;
  throw new UnsupportedError(
    "No WebSocket: pass transport: webSocketTransport() of @sluice/sluice/websocket",
  );
}

function listen(socket: WebSocket, events: TransportEvents): void {
  let error: Error | undefined;
  let isOver = false;
  const end = ({ code, reason, wasClean }: Pick<CloseEvent, "code" | "reason" | "wasClean">): void => {
    if (isOver) return;
    isOver = true;
    // Deno says 0 where there was no Close.
    events.close({ code: code || ABNORMAL, reason, wasClean, error });
  };
  socket.onopen = () => events.open(socket.protocol);
  socket.onmessage = ({ data }) => events.message(typeof data === "string" ? data : new Uint8Array(data));
  socket.onerror = (event) => {
    error = errorOf(event);
    // Everywhere else the end follows at once; Node 22 says no more of a connection that has not come about (issue 13).
    if (socket.readyState === CONNECTING) setTimeout(() => end(NO_CLOSE), 0);
  };
  socket.onclose = end;
}

/** Browsers don't tell why; the others have it in `error` or in `message`. */
function errorOf(event: Event): Error | undefined {
  const { error, message } = event as { error?: unknown; message?: unknown };
  return error instanceof Error ? error : message ? new Error(message as string) : undefined;
}
