/**
 * The two kinds of WebSocket that the soak uses: raw ones, cheap and able to do wrong, and those of the package `ws`,
 * which compress.
 *
 * @module
 */
import { WebSocket } from "ws";
import { messageBytes, WsClient } from "../support/ws_client.ts";

/** Text, or bytes. */
export type Message = string | Uint8Array;

/** How a line ended: after a Close each way, with a FIN only, or otherwise. */
export type LineEnd = "clean" | "fin" | "broken";

/** One WebSocket to the server. */
export interface Line {
  onOpen: () => void;
  onMessage: (message: Message) => void;
  /** Called once; `words` are for people. */
  onEnd: (end: LineEnd, words: string) => void;
  send(message: Message): void;
  /** Drops it, perhaps in the middle of a frame. */
  reset(halfFrame: boolean): void;
  /** FIN without a Close. */
  finish(): void;
  /** Close 1000. */
  close(): void;
  /** Stops reading. */
  pause(): void;
  resume(): void;
}

const nothing = () => {};

/** A line of `ws_client.ts`. */
export function rawLine(port: number): Line {
  const client = new WsClient(port, "/echo");
  const { socket } = client.net;
  const line: Line = {
    onOpen: nothing,
    onMessage: nothing,
    onEnd: nothing,
    send: (message) => client.send(message),
    reset: (halfFrame) => {
      if (halfFrame) client.write(messageBytes("only half of this is sent").subarray(0, 15));
      // What was written must have left, or nothing of it has.
      setImmediate(() => client.net.reset());
    },
    finish: () => client.net.finish(),
    close: () => client.sayClose(1000),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  };
  client.onMessage = (message) => line.onMessage(message);
  client.opened(60_000).then(() => line.onOpen(), nothing);
  client.net.over(2 ** 31 - 1).then((end) => {
    const whole = end === "fin" && client.problem === null && !client.partial;
    line.onEnd(whole ? client.close?.code === 1000 ? "clean" : "fin" : "broken", client.describe());
  }, nothing);
  return line;
}

/** A line of `ws`, with permessage-deflate. */
export function deflatedLine(port: number): Line {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/echo`, { perMessageDeflate: { threshold: 128 } });
  let words = "";
  const line: Line = {
    onOpen: nothing,
    onMessage: nothing,
    onEnd: nothing,
    send: (message) => ws.send(message),
    reset: () => ws.terminate(),
    finish: () => ws.terminate(),
    close: () => ws.close(1000),
    pause: () => ws.pause(),
    resume: () => ws.resume(),
  };
  ws.on("open", () => {
    words = ws.extensions;
    line.onOpen();
  });
  ws.on("message", (data, isBinary) => line.onMessage(isBinary ? data as Uint8Array : String(data)));
  ws.on("error", (error) => words += `, ${error.message}`);
  ws.on("close", (code) => line.onEnd(code === 1000 ? "clean" : "broken", `ws ${code}, ${words}`));
  return line;
}
