/**
 * The far end of a client's connection, as channels see it: a WebSocket or length-prefixed frames on TCP.
 *
 * @module
 */
import type { Conn } from "../../server/conn/conn.ts";
import type { WsConn } from "../../websocket/conn/ws_conn.ts";
import { type Outgoing, prefixed } from "./outgoing.ts";

/** Takes frames, and says when it can't. */
export interface Peer {
  /** Sends a frame of its own; nobody waits. Does nothing when the connection has ended. */
  say(message: string | Uint8Array): void;
  /** Sends a frame that many get; false if the peer is slow, or no more can be sent. */
  give(frame: Outgoing): boolean;
  /** Fulfils when the kernel has all that was sent; rejects when it never will. */
  drained(): Promise<void>;
  /** Says goodbye for a reason: a close code of channels. */
  close(code: number, reason: string): void;
  /** The connection is not told goodbye before this has settled. */
  hold(work: Promise<unknown>): void;
  /** A drain waits for what is held, and for nothing else any more. */
  readonly isDue: boolean;
}

/** On a WebSocket. */
export class WebSocketPeer implements Peer {
  readonly #ws: WsConn;

  constructor(ws: WsConn) {
    this.#ws = ws;
  }

  say(message: string | Uint8Array): void {
    if (this.#ws.state === "open") void this.#ws.send(message).catch(ignore);
  }

  give(frame: Outgoing): boolean {
    return this.#ws.sendShared(frame.shared);
  }

  drained(): Promise<void> {
    return this.#ws.conn.flush();
  }

  close(code: number, reason: string): void {
    void this.#ws.close(code, reason);
  }

  hold(work: Promise<unknown>): void {
    this.#ws.waitUntil(work);
  }

  get isDue(): boolean {
    return this.#ws.conn.ending.isDue;
  }
}

/** On a TCP connection. */
export class ConnPeer implements Peer {
  readonly #conn: Conn;
  readonly #maxUnsent: number;
  /** Bytes of its own frames that were sent though the peer was slow already. */
  #piled = 0;

  constructor(conn: Conn, maxUnsent: number) {
    this.#conn = conn;
    this.#maxUnsent = maxUnsent;
  }

  say(message: string | Uint8Array): void {
    const bytes = prefixed(message);
    this.#piled = this.#isSlow ? this.#piled + bytes.length : 0;
    this.#write(bytes);
  }

  /** Before more of its frames are taken: who asks, and does not read the answers, has to wait. */
  room(): void | Promise<void> {
    if (this.#isSlow && this.#piled > this.#maxUnsent / 2) return this.drained().catch(ignore);
  }

  give(frame: Outgoing): boolean {
    const { state } = this.#conn;
    if (this.#isSlow || state === "closing" || state === "closed") return false;
    this.#write(frame.prefixed);
    return true;
  }

  drained(): Promise<void> {
    return this.#conn.flush();
  }

  close(code: number, reason: string): void {
    this.say(JSON.stringify(["close", code, reason]));
    void this.#conn.close();
  }

  hold(work: Promise<unknown>): void {
    this.#conn.waitUntil(work);
  }

  get isDue(): boolean {
    return (this.#conn as WsConn["conn"]).ending.isDue;
  }

  get #isSlow(): boolean {
    const { bytesWritten, bytesFlushed } = this.#conn;
    return bytesWritten - bytesFlushed > this.#maxUnsent;
  }

  #write(bytes: Uint8Array): void {
    void this.#conn.write(bytes).catch(ignore);
  }
}

function ignore(): void {}
