/** Parts of the handlers of WebSockets, and of their clients. */
import type { WebSocketConn, WebSocketHandler } from "../../src/websocket/mod.ts";
import type { Talker } from "./handler_talkers.ts";
import { job, pause } from "./handlers.ts";

/** Its own failure is the connection's. */
export const quietly = () => {};

export function answerLater(ws: WebSocketConn, message: string, ms?: number): void {
  job(message, ms).then((result) => ws.send(result)).catch(quietly);
}

export const readAhead: WebSocketHandler = async (ws) => {
  for await (const message of ws) answerLater(ws, String(message));
};

export async function stream(talker: Talker, count: number, every: number): Promise<void> {
  for (let i = 0; i < count && talker.end === "open"; i++) {
    talker.send(String(i));
    await pause(every);
  }
}

export const ask = (talker: Talker) => talker.ask("a");
