/**
 * A conversation with a server through the web's WebSocket interface, which the runtimes, undici and ws all have.
 *
 * @module
 */
import { within } from "./rig.ts";

/** A class of WebSockets. */
export type WebSocketClass = new (url: string, protocols?: string[]) => WebSocket;

/** What one WebSocket saw. */
export interface Talk {
  opened: boolean;
  protocol: string;
  extensions: string;
  readonly messages: (string | Uint8Array)[];
  code: number;
  reason: string;
  wasClean: boolean;
}

/** What it does. */
export interface TalkOptions {
  readonly protocols?: string[];
  /** Sent all at once when it is open. */
  readonly messages?: readonly (string | Uint8Array)[];
  /** Said when so many messages as were sent are back; without it, it waits for the other side's. */
  readonly close?: readonly [code?: number, reason?: string];
  /** Called when it is open. */
  readonly onOpen?: () => void;
}

/** Talks to the end. */
export function talk(Class: WebSocketClass, url: string, options: TalkOptions = {}): Promise<Talk> {
  const { protocols = [], messages = [], close } = options;
  const seen: Talk = {
    opened: false,
    protocol: "",
    extensions: "",
    messages: [],
    code: 0,
    reason: "",
    wasClean: false,
  };
  const ws = new Class(url, protocols);
  ws.binaryType = "arraybuffer";
  const closeWhenDone = () => {
    if (close !== undefined && seen.messages.length === messages.length) ws.close(...close);
  };
  ws.onopen = () => {
    Object.assign(seen, { opened: true, protocol: ws.protocol, extensions: ws.extensions });
    options.onOpen?.();
    for (const message of messages) ws.send(message as string | Uint8Array<ArrayBuffer>);
    closeWhenDone();
  };
  ws.onmessage = ({ data }) => {
    seen.messages.push(typeof data === "string" ? data : new Uint8Array(data));
    closeWhenDone();
  };
  const closed = new Promise<Talk>((resolve) => {
    // What it says of an error is its own affair; the close follows, but on Node 22 before there is a connection.
    ws.onerror = () => ws.readyState === 0 && setTimeout(() => resolve(seen), 0);
    ws.onclose = ({ code, reason, wasClean }) => resolve(Object.assign(seen, { code, reason, wasClean }));
  });
  return within(`the end of a talk with ${url}`, closed);
}
